"""Facts for people: one a line, names and values in two columns."""

from typing import cast

__all__ = ["fact_lines"]


def fact_lines(facts: dict[str, object]) -> list[str]:
    """Returns a line for each fact that says something; what is listed is put in one line."""
    shown = {
        name: "; ".join(map(str, cast(list[object], value))) if isinstance(value, list) else value
        for name, value in facts.items()
    }
    width = max(map(len, facts), default=0)
    return [f"{name:<{width}}  {value}" for name, value in shown.items() if value not in (None, "")]
