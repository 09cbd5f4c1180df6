"""[backup]: what is kept of a desk, where, for how long, and who can open it."""

from typing import Annotated, Final, Self, TypeAlias

from pydantic import Field, model_validator

from quarterdeck.config.figures import Settings, Text, Within, refusal

__all__ = ["DAY_NS", "MINUTE_NS", "NEVER", "Backup"]

NEVER: Final = "never"
MINUTE_NS: Final = 60_000_000_000
DAY_NS: Final = 1440 * MINUTE_NS

_DIGITS: Final = "0123456789"
_PRINTABLE: Final = "".join(map(chr, range(32, 127)))
TimeOfDay: TypeAlias = Annotated[
    str, Text(_DIGITS + "n", _DIGITS + ":never", 5, 'a time of day in UTC, "00:30", or "never"')
]
Place: TypeAlias = Annotated[str, Text(_PRINTABLE, _PRINTABLE, 1024, "a folder or file; relative to the desk's folder")]
Recipient: TypeAlias = Annotated[
    str, Text("as", _PRINTABLE, 4096, 'a public key that age knows: "age1...", "ssh-ed25519 ..." or "ssh-rsa ..."')
]
Days: TypeAlias = Annotated[int, Within("1", "36500", "days")]


class Backup(Settings):
    """[backup]: nothing is copied before it says who can open the copy, and nothing young is deleted."""

    directory: Place = "backups"
    """The folder of the desk's backups, in a folder of the desk's name; relative to the desk's own folder."""
    schedule: TimeOfDay = "00:30"
    """When the running desk makes its daily backup, in UTC; "never" where something else calls `quarterdeck backup`."""
    recipients: Annotated[tuple[Recipient, ...], Field(strict=False)] = ()
    """Public keys; whoever holds one of their identities can restore."""
    recipients_file: Place | None = None
    """More of them, one a line."""
    unencrypted: bool = False
    """Says plainly that whoever reads the folder may read the backups."""
    keep_days: Days = 2
    """Every backup younger than this stays."""
    keep_daily: Annotated[int, Within("1", "3650", "days")] = 14
    """Of the latest so many days that have one, each day's newest stays."""
    keep_weekly: Annotated[int, Within("1", "1040", "weeks")] = 8
    """Of the latest so many weeks that have one, each week's newest stays."""
    journal_keep_days: Days = 2557
    """Segments of the journal younger than this stay; 2557 is seven years."""
    log_keep_days: Days = 365
    """Logs younger than this stay."""
    log_roll_mib: Annotated[int, Within("1", "4096", "MiB")] = 64
    """A log of that size, or one begun on an earlier day, is rolled; a rolled one is compressed."""
    encrypt_logs: bool = False
    """Rolled logs are encrypted to the recipients."""

    @property
    def schedule_ns(self) -> int | None:
        """Nanoseconds after midnight UTC; None for never."""
        if self.schedule == NEVER:
            return None
        hours, _, minutes = self.schedule.partition(":")
        return (int(hours) * 60 + int(minutes)) * MINUTE_NS

    @property
    def answered(self) -> bool:
        """Whether it is said who can open the backups; without that none is made."""
        return bool(self.recipients) or self.recipients_file is not None or self.unencrypted

    @model_validator(mode="after")
    def _possible(self) -> Self:
        hours, colon, minutes = self.schedule.partition(":")
        plain = len(hours) == len(minutes) == 2 and (hours + minutes).isdecimal() and colon == ":"
        if self.schedule != NEVER and not (plain and int(hours) < 24 and int(minutes) < 60):
            raise refusal("schedule", self.schedule, 'a time of day in UTC, such as "00:30", or "never"')
        named = bool(self.recipients) or self.recipients_file is not None
        if self.unencrypted and named:
            raise refusal("unencrypted", True, "false where recipients are named")
        if self.encrypt_logs and not named:
            raise refusal("encrypt_logs", True, "false where no recipients are named")
        return self
