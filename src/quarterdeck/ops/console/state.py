"""What one browser's page is showing: where it is, what was typed, which dialogue is open, what was answered."""

import time
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

__all__ = ["ALL_DESKS", "APPROVE", "TABS", "Asked", "Place", "Toast", "View", "tab_name"]

Place: TypeAlias = Literal["overview", "desk", "alarms"]
ALL_DESKS: Final = "all desks"
APPROVE: Final = "approve"  # the dialogue of a second person; the others are named by their words
TABS: Final = (
    ("trading", "Trading"),
    ("charts", "Charts"),
    ("rails", "Rails"),
    ("strategies", "Strategies"),
    ("venues", "Venues"),
    ("reconciliation", "Reconciliation"),
    ("health", "Health"),
    ("reports", "Reports"),
    ("audit", "Audit"),
    ("logs", "Logs"),
)
_TOAST_S: Final = {"good": 8.0, "bad": 60.0}
_TOASTS: Final = 4


def tab_name(word: str) -> str:
    """The tab of that name, the first one where there is none such."""
    return word if any(word == name for name, _ in TABS) else TABS[0][0]


@dataclass(frozen=True, slots=True)
class Toast:
    """What was answered: a heading and a line for each desk."""

    number: int
    tone: Literal["good", "bad"]
    heading: str
    lines: tuple[str, ...]
    until_s: float


@dataclass(slots=True)
class Asked:
    """An open dialogue: the word that a person is about to say, and to which desks."""

    word: str
    names: tuple[str, ...]
    number: int
    error: str = ""
    busy: bool = False
    about: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(slots=True)
class View:
    """One page's state."""

    place: Place
    desk: str = ""
    tab: str = TABS[0][0]
    dark: bool = False
    fields: dict[str, str] = field(default_factory=dict[str, str])
    asked: Asked | None = None
    toasts: list[Toast] = field(default_factory=list[Toast])
    told: int = 0

    def text(self, name: str) -> str:
        """What was typed into a field."""
        return self.fields.get(name, "")

    def ask(self, word: str, names: tuple[str, ...], **about: str) -> None:
        """Opens a dialogue."""
        self.told += 1
        self.asked = Asked(word, names, self.told, about=about)

    def tell(self, tone: Literal["good", "bad"], heading: str, *lines: str) -> None:
        """Shows an answer for a while; what went wrong for longer."""
        self.told += 1
        self.toasts.append(Toast(self.told, tone, heading, lines, time.monotonic() + _TOAST_S[tone]))
        del self.toasts[:-_TOASTS]

    def forget(self, number: int | None = None) -> None:
        """Takes away one answer, or those that have been shown long enough."""
        now = time.monotonic()
        self.toasts = [one for one in self.toasts if one.number != number and (number is not None or one.until_s > now)]
