"""The error tree.

    QuarterdeckError             every error we raise on purpose; carries an exit code
    |-- ConfigError              a file, a key, a value and what is allowed        (exit 2)
    |-- DataError                a data file, its row and what is wrong            (exit 2)
    |-- JournalError             the journal cannot be used as asked               (exit 1)
    |   |-- JournalCorrupt       a sealed record is not what was written           (exit 1)
    |   |-- JournalFull          the disk took no more: trading has stopped        (exit 1)
    |   `-- JournalLocked        another process writes this journal               (exit 1)
    |-- ReplayError              a replay did not give the recorded digest         (exit 1)
    |-- DeskError                the desk is not in a state to do this             (exit 1)
    `-- StrategyError            a strategy broke its contract                     (exit 1)

What went wrong comes first, then where, then the way out: one line, whole.
"""

__all__ = [
    "ConfigError",
    "DataError",
    "DeskError",
    "JournalCorrupt",
    "JournalError",
    "JournalFull",
    "JournalLocked",
    "QuarterdeckError",
    "ReplayError",
    "StrategyError",
]


class QuarterdeckError(Exception):
    """Base of every error that Quarterdeck raises on purpose."""

    exit_code = 1


class ConfigError(QuarterdeckError):
    """A configuration that cannot be used.

    `file` names the file, `key` the dotted key, `value` what stood there, `allowed` what may stand there.
    """

    exit_code = 2

    def __init__(self, file: str, key: str, value: object, allowed: str) -> None:
        self.file, self.key, self.value, self.allowed = file, key, value, allowed
        super().__init__(f"{file}: {key} = {value!r} is not allowed: {allowed}")


class DataError(QuarterdeckError):
    """A data file that cannot be used. `row` counts from 1 for the first data row; None: the whole file."""

    exit_code = 2

    def __init__(self, file: str, problem: str, row: int | None = None) -> None:
        self.file, self.problem, self.row = file, problem, row
        where = file if row is None else f"{file}, row {row}"
        super().__init__(f"{where}: {problem}")


class JournalError(QuarterdeckError):
    """The journal cannot be used as asked."""


class JournalCorrupt(JournalError):
    """A sealed record is not what was written. `sequence` is the first record that cannot be trusted."""

    def __init__(self, file: str, sequence: int, problem: str) -> None:
        self.file, self.sequence, self.problem = file, sequence, problem
        super().__init__(f"{file}: record {sequence}: {problem}")


class JournalFull(JournalError):
    """The disk took no more bytes. Nothing that was acknowledged is lost; trading stops."""


class JournalLocked(JournalError):
    """Another process writes this journal."""


class ReplayError(QuarterdeckError):
    """A replay did not arrive at the recorded digest."""


class DeskError(QuarterdeckError):
    """The desk is not in a state in which this can be done."""


class StrategyError(QuarterdeckError):
    """A strategy broke its contract."""
