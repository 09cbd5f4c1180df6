"""What requests may say: bodies with nothing misspelt in them."""

from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "ActionWords",
    "ApprovalWords",
    "CommandWords",
    "EnabledWords",
    "FlagWords",
    "IncidentNote",
    "IncidentWords",
    "NoteWords",
    "ResolutionWords",
    "RiskWords",
    "ShutdownWords",
    "SilenceWords",
    "ThrottleWords",
    "TokenWords",
    "Words",
]

_PLAIN: Final = "^[^\\x00]*$"  # databases take no NUL
_NAME: Final = "^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$"
Text = Annotated[str, Field(max_length=1_000, pattern=_PLAIN)]
Why = Annotated[str, Field(max_length=500, pattern=_PLAIN)]
Name = Annotated[str, Field(max_length=100, pattern=_PLAIN)]


class Words(BaseModel):
    """A request's body: nothing in it may be misspelt."""

    model_config = ConfigDict(extra="forbid")


class CommandWords(Words):
    """What may be said with a command. No body is a command for the whole desk."""

    why: Why = Field(default="", description="Goes into the journal.")
    strategy: Name | None = Field(default=None, description="Only this strategy.")
    instrument: Name | None = Field(default=None, description="Only this instrument.")
    protective: bool = Field(default=False, description="Cancel protective orders too (kill, cancel).")


class FlagWords(Words):
    """What may be said with a command for the whole desk."""

    why: Why = Field(default="", description="Goes into the journal.")


class EnabledWords(Words):
    """/kill as the runbook says it: false stops trading, true lets it go on. No body stops it."""

    enabled: bool = False
    why: Why = ""


class ShutdownWords(Words):
    keep_orders: bool | None = Field(default=None, description="null: as the desk's policy says.")
    why: Why = ""


class RiskWords(Words):
    """Limits to change; those left out stay. Money in the desk's base currency, shares of one."""

    max_daily_loss: Decimal | None = Field(default=None, description="Its amount counts: -500 and 500 are the same.")
    portfolio_heat_limit: Decimal | None = Field(default=None, ge=0, le=1)
    max_drawdown: Decimal | None = Field(default=None, ge=0, le=1)
    max_position_size: Decimal | None = Field(default=None, ge=0, description="Exposure of each instrument, in money.")
    equity_floor: Decimal | None = Field(default=None, ge=0)
    max_exposure: Decimal | None = Field(default=None, ge=0)
    why: Why = ""


class ThrottleWords(Words):
    max_orders_per_minute: int | None = Field(default=None, ge=1, le=1_000_000)
    enabled: bool | None = Field(default=None, description="false: the limit is off.")
    why: Why = ""


class NoteWords(Words):
    note: Text = ""


class SilenceWords(Words):
    """What is held back: names, or patterns as of a shell. It ends after so many hours, or comes again (`every`)."""

    rule: Name = "*"
    desk: Name = "*"
    subject: Name = "*"
    reason: Annotated[str, Field(min_length=1, max_length=1_000, pattern=_PLAIN)]
    hours: float | None = Field(default=None, gt=0, le=24 * 366)
    every: Name = Field(default="", description="as weekly sunday 02:00-04:00, in UTC")


class TokenWords(Words):
    person: str = Field(pattern=_NAME)
    role: Literal["viewer", "operator", "risk", "admin"]
    desks: list[Annotated[str, Field(max_length=64)]] = Field(default=[], max_length=64, description="None: all.")
    days: float | None = Field(default=None, gt=0, le=3_650)


class ApprovalWords(Words):
    """The command that a second person is to approve."""

    action: Literal["unlock", "configure", "resume"]
    desks: list[Name] = Field(min_length=1, max_length=64)
    strategy: Name | None = None
    instrument: Name | None = None
    settings: dict[str, str | float | int | bool] = Field(default={}, max_length=32, description="Of configure.")


class IncidentWords(Words):
    """An incident by hand, or about an alert, whose words and desk it then has."""

    title: Annotated[str, Field(max_length=200, pattern=_PLAIN)] = ""
    severity: Literal["P0", "P1", "P2", "P3", "P4"]
    desk: Name = ""
    alert: int | None = Field(default=None, ge=1, le=2**31 - 1)


class IncidentNote(Words):
    text: Annotated[str, Field(min_length=1, max_length=4_000, pattern=_PLAIN)]
    kind: Literal["note", "impact", "cause", "mitigation", "resolution", "lesson", "prevention"] = "note"


class ResolutionWords(Words):
    text: Annotated[str, Field(max_length=4_000, pattern=_PLAIN)] = ""


class ActionWords(Words):
    text: Annotated[str, Field(min_length=1, max_length=4_000, pattern=_PLAIN)]
    owner: Annotated[str, Field(min_length=1, max_length=64, pattern=_NAME)]
    due: Annotated[str, Field(max_length=10, pattern=r"^(\d{4}-\d{2}-\d{2})?$")] = ""
