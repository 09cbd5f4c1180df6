"""HTML as values: what is not Markup is text, and text is escaped. A page cannot forget it."""

from collections.abc import Iterable
from html import escape
from typing import Final, TypeAlias

__all__ = ["EMPTY", "Child", "Markup", "tag"]

_VOID: Final = frozenset(("br", "hr", "img", "input", "link", "meta"))


class Markup(str):
    """HTML that is whole and safe to show as it is."""

    __slots__ = ()


EMPTY: Final = Markup("")
Child: TypeAlias = "str | Markup | Iterable[Child] | None"


def tag(name: str, /, *children: Child, **attributes: object) -> Markup:
    """One element. `class_` is class, aria_label is aria-label; True is a bare attribute, None and False are left out.

    A child that is None is left out, a list is its members.
    """
    words = "".join(map(_attribute, attributes, attributes.values()))
    if name in _VOID:
        return Markup(f"<{name}{words}>")
    return Markup(f"<{name}{words}>{_inside(children)}</{name}>")


def _inside(child: Child) -> str:
    if isinstance(child, Markup):
        return child
    if isinstance(child, str):
        return escape(child, quote=False)
    return "" if child is None else "".join(map(_inside, child))


def _attribute(name: str, value: object) -> str:
    name = name.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
