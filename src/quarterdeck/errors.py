"""The error tree.

    QuarterdeckError             every error we raise on purpose; carries an exit code
    |-- ConfigError              a file, a key, a value and what is allowed        (exit 2)
    |-- DataError                a data file, its row and what is wrong            (exit 2)
    |-- JournalError             the journal cannot be used as asked               (exit 1)
    |   |-- JournalCorrupt       a sealed record is not what was written           (exit 1)
    |   |-- JournalCutBack       what was read from the journal is not in it     (exit 1)
    |   |-- JournalFull          the disk took no more: trading has stopped        (exit 1)
    |   `-- JournalLocked        another process writes this journal               (exit 1)
    |-- ReplayError              a replay did not give the recorded digest         (exit 1)
    |-- AuditError               a key, an anchor or a record of pruning fails     (exit 1)
    |-- BackupError              a backup cannot be made, believed or restored     (exit 1)
    |-- LedgerError              the ledger is not what the journal says           (exit 1)
    |-- DeskError                the desk is not in a state to do this             (exit 1)
    |   |-- LeaseLost            another process leads the desk, or will           (exit 1)
    |   `-- StoreUnreachable     what two processes share does not answer          (exit 1)
    |-- ChainError               a blockchain cannot be asked, or says no          (exit 1)
    |   |-- RpcFailed            an endpoint did not answer, or answered nonsense  (exit 1)
    |   |-- RpcRefused           an endpoint answered: no                          (exit 1)
    |   |-- AllDown              no endpoint is left that may be asked             (exit 1)
    |   `-- TransactionRefused   a transaction that was not sent                   (exit 1)
    |-- OpsError                 the ops plane cannot do it                        (exit 1)
    |-- StrategyError            a strategy broke its contract                     (exit 1)
    `-- SwapRefused              a swap that its contract would revert             (exit 1)

What went wrong comes first, then where, then the way out: one line, whole.
"""

__all__ = [
    "AllDown",
    "AuditError",
    "BackupError",
    "ChainError",
    "ConfigError",
    "DataError",
    "DeskError",
    "JournalCorrupt",
    "JournalCutBack",
    "JournalError",
    "JournalFull",
    "JournalLocked",
    "LeaseLost",
    "LedgerError",
    "OpsError",
    "QuarterdeckError",
    "ReplayError",
    "RpcFailed",
    "RpcRefused",
    "StoreUnreachable",
    "StrategyError",
    "SwapRefused",
    "TransactionRefused",
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


class JournalCutBack(JournalError):
    """The journal's end went back behind what a follower has read, as only the death of a machine can do it.

    `sequence` is the first record that cannot be trusted; whoever has applied it begins again at a snapshot.
    """

    def __init__(self, file: str, sequence: int, problem: str) -> None:
        self.file, self.sequence, self.problem = file, sequence, problem
        super().__init__(f"{file}: record {sequence}: {problem}; begin again at a snapshot")


class JournalFull(JournalError):
    """The disk took no more bytes. Nothing that was acknowledged is lost; trading stops."""


class JournalLocked(JournalError):
    """Another process writes this journal."""


class ReplayError(QuarterdeckError):
    """A replay did not arrive at the recorded digest."""


class AuditError(QuarterdeckError):
    """A key, an anchor or a record of pruning that cannot be used or believed."""


class BackupError(QuarterdeckError):
    """A backup that cannot be made, believed or restored."""


class LedgerError(QuarterdeckError):
    """The ledger is not what the journal says, or its database cannot be used."""


class DeskError(QuarterdeckError):
    """The desk is not in a state in which this can be done."""


class LeaseLost(DeskError):
    """This process no longer leads its desk: nothing more may be sent."""


class StoreUnreachable(DeskError):
    """The store that a leader and its standby share does not answer; what was asked of it may or may not be done."""


class ChainError(QuarterdeckError):
    """A blockchain cannot be asked, or says no, or is not in a state to be used."""


class RpcFailed(ChainError):
    """An endpoint did not answer in time, broke the line, or answered what cannot be understood.

    A question may be asked elsewhere. `left`: what was asked may have reached it, so whether it was done is not known.
    """

    def __init__(self, problem: str, *, left: bool = True) -> None:
        self.left = left
        super().__init__(problem)


class RpcRefused(ChainError):
    """An endpoint answered with an error: its word counts, and no other endpoint is asked.

    `code` is JSON-RPC's (3: a call reverted), `data` what came with it, of a revert its bytes in hex.
    """

    def __init__(self, code: int, message: str, data: object = None) -> None:
        self.code, self.message, self.data = code, message, data
        super().__init__(f"the node refused: {message} (code {code})")


class AllDown(ChainError):
    """No endpoint of a chain is left that may be asked. Each one's reason is in the message."""


class TransactionRefused(ChainError):
    """A transaction that was not sent: over a limit, or node or relay said no. Nothing of it left."""


class OpsError(QuarterdeckError):
    """The ops plane cannot do what was asked: its database, a channel, a token."""


class StrategyError(QuarterdeckError):
    """A strategy broke its contract."""


class SwapRefused(QuarterdeckError):
    """A swap that the contract would revert: too large, too small, of an unknown token, or out of its range."""
