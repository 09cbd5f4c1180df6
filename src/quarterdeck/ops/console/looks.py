"""Colours, light and dark, and the style sheet that uses them. One accent; what is good or bad has a sign as well."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias

__all__ = ["DARK", "LIGHT", "PAIRS", "Palette", "asset", "asset_hash", "contrast", "style_sheet"]

Palette: TypeAlias = dict[str, str]
_FOLDER: Final = Path(__file__).parent

LIGHT: Final[Palette] = {
    "ground": "#f4f6f8",
    "surface": "#ffffff",
    "sunken": "#edf0f3",
    "rail": "#ffffff",
    "line": "#dde2e8",
    "line-strong": "#b6bfc9",
    "text": "#15202b",
    "muted": "#55616e",
    "accent": "#0b5cad",
    "accent-soft": "#e3eefa",
    "on-accent": "#ffffff",
    "good": "#0a6b41",
    "good-soft": "#def3e7",
    "bad": "#b3202a",
    "bad-soft": "#fce6e6",
    "warn": "#7d4e00",
    "warn-soft": "#fbefd5",
    "danger": "#b3202a",
    "on-danger": "#ffffff",
}
DARK: Final[Palette] = {
    "ground": "#0c1116",
    "surface": "#141b22",
    "sunken": "#0f151b",
    "rail": "#10161c",
    "line": "#242e38",
    "line-strong": "#46535f",
    "text": "#e4eaf0",
    "muted": "#9aa7b4",
    "accent": "#74b4f5",
    "accent-soft": "#16293d",
    "on-accent": "#08131f",
    "good": "#58c794",
    "good-soft": "#11291f",
    "bad": "#ff8a87",
    "bad-soft": "#331a1c",
    "warn": "#e6b450",
    "warn-soft": "#2e2411",
    "danger": "#c93a41",
    "on-danger": "#ffffff",
}
# What is written on what.
PAIRS: Final = (
    *((ink, ground) for ink in ("text", "muted", "accent", "good", "bad", "warn") for ground in ("ground", "surface")),
    *((ink, "sunken") for ink in ("text", "muted", "accent", "good", "bad", "warn")),
    *((ink, f"{ink}-soft") for ink in ("accent", "good", "bad", "warn")),
    ("text", "rail"),
    ("muted", "rail"),
    ("text", "accent-soft"),
    ("text", "bad-soft"),
    ("text", "warn-soft"),
    ("on-accent", "accent"),
    ("on-danger", "danger"),
)


def contrast(ink: str, ground: str) -> float:
    """The contrast of two colours as WCAG 2.2 defines it: from 1 to 21."""
    lighter, darker = sorted((_luminance(ink), _luminance(ground)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@cache
def style_sheet() -> str:
    """The whole style sheet: the palettes as variables, then the rules."""
    light, dark = _variables(LIGHT, "light"), _variables(DARK, "dark")
    return (
        f":root{{{light}}}\n"
        f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}\n"
        f":root[data-theme=dark]{{{dark}}}\n" + (_FOLDER / "console.css").read_text(encoding="utf-8")
    )


def _variables(palette: Palette, scheme: str) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in palette.items()) + f"color-scheme:{scheme};"


@cache
def asset(name: str) -> str:
    """A file that browsers are given as it is."""
    return style_sheet() if name == "console.css" else (_FOLDER / name).read_text(encoding="utf-8")


@cache
def asset_hash(name: str) -> str:
    """What an asset's address carries, so that a browser may keep it for good."""
    return hashlib.sha256(asset(name).encode()).hexdigest()[:12]
