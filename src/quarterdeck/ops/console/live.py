"""The one NiceGUI element that pages are made of: markup that the browser changes only where it differs."""

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from nicegui.element import Element

from quarterdeck.ops.console.markup import Markup

__all__ = ["Live", "Told"]

Told = Callable[[str, Mapping[str, Any]], Any]
_HTML: Final = "html"


class Live(Element, component="live.js"):
    """Shows markup in an element of its own. `told` gets what was clicked, typed or sent: the act and its words."""

    def __init__(self, told: Told, tag: str = "div", **attributes: str) -> None:
        super().__init__()
        words = cast("dict[str, Any]", self._props)
        words["tag"] = tag
        words[_HTML] = ""
        words.update({name.replace("_", "-"): value for name, value in attributes.items()})
        self._shown = ""

        def heard(event: Any) -> Any:
            said = cast("object", event.args)
            if not isinstance(said, dict):
                return None
            given = cast("dict[str, Any]", said)
            return told(str(given.get("act", "")), given)

        self.on("act", heard)

    def show(self, markup: Markup) -> None:
        """Sends it when it differs from what is shown."""
        if markup != self._shown:
            self._shown = markup
            cast("dict[str, Any]", self._props)[_HTML] = str(markup)
            self.update()
