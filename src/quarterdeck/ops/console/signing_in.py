"""The sign-in page: plain HTML that needs no script, so that it opens at once and works when nothing else does."""

from typing import Final
from urllib.parse import parse_qs

from nicegui import __version__ as nicegui_version

from quarterdeck.ops.console.looks import asset_hash
from quarterdeck.ops.console.markup import Markup, tag
from quarterdeck.ops.console.pieces import icon

__all__ = ["FIELDS", "form_values", "head_links", "sign_in_page"]

FIELDS: Final = ("person", "password", "totp", "word")
_FORM_MAX: Final = 4_096


def head_links() -> Markup:
    """What stands in every page's head: the style sheet, and light or dark before anything is painted."""
    return Markup(
        tag("link", rel="stylesheet", href=f"/assets/console.css?{asset_hash('console.css')}")
        + tag("script", src=f"/assets/theme.js?{asset_hash('theme.js')}")
        + tag("meta", name="referrer", content="same-origin")
    )


def sign_in_page(word: str, error: str = "", person: str = "") -> str:
    """The whole page. `word` proves that the form which comes back is ours; `error` is said aloud."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("title", "Sign in – Quarterdeck"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("link", rel="stylesheet", href=f"/_nicegui/{nicegui_version}/static/fonts.css"),
        head_links(),
    )
    mark = tag(
        "svg", tag("path", d="M3 20h18l-2-4H5zM12 3v10M12 4l6 7h-6M10 6l-4 5h4"),
        viewBox="0 0 24 24", class_="mark", aria_hidden="true", focusable="false",
    )  # fmt: skip
    form = tag(
        "form",
        tag("h1", mark, "Quarterdeck"),
        tag("p", "Sign in to see and command the desks.", class_="about"),
        tag("p", icon("bad"), error, role="alert", class_="form-error", id="error") if error else None,
        _field("person", "Person", "username", value=person, autofocus=not person),
        _field("password", "Password", "current-password", type_="password", autofocus=bool(person)),
        _field("totp", "Code of your authenticator", "one-time-code", hint="six digits, if you have set one up",
               required=False, inputmode="numeric"),
        tag("input", type="hidden", name="word", value=word),
        tag("button", "Sign in", type="submit", class_="button primary"),
        method="post", action="/sign-in", class_="sign-in", aria_describedby="error" if error else None,
    )  # fmt: skip
    body = tag("body", tag("main", form), class_="sign-in-page")
    return "<!doctype html>" + tag("html", head, body, lang="en")


def _field(
    name: str, label: str, complete: str, *, hint: str = "", type_: str = "text", required: bool = True,
    value: str = "", autofocus: bool = False, inputmode: str | None = None,
) -> Markup:  # fmt: skip
    entry = tag(
        "input", name=name, type=type_, autocomplete=complete, required=required, value=value or None,
        autofocus=autofocus, inputmode=inputmode, autocapitalize="none", spellcheck="false", maxlength="200",
    )  # fmt: skip
    return tag("label", tag("span", label), entry, tag("small", hint) if hint else None)


def form_values(raw: bytes) -> dict[str, str]:
    """The fields of a form that a browser sent, each once; none where it is too long to be ours."""
    if len(raw) > _FORM_MAX:
        return {}
    found = parse_qs(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=10)
    return {name: values[0] for name, values in found.items() if name in FIELDS}
