"""What every page has: where one can go, the emergency bar, its dialogue, and what was answered."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from quarterdeck.ops.console.commanding import WORDS, Word
from quarterdeck.ops.console.markup import EMPTY, Child, Markup, tag
from quarterdeck.ops.console.memory import DeskMemory
from quarterdeck.ops.console.pieces import icon
from quarterdeck.ops.console.state import ALL_DESKS, APPROVE, Asked, Toast, View
from quarterdeck.ops.console.wording import signed

__all__ = ["Person", "answers", "chosen_desks", "desk_state", "dialogue", "emergency_bar", "header"]

_FIRST: Final = ("pause", "kill", "flatten")
_MORE: Final = ("resume", "cancel", "acknowledge", "lock", "unlock", "stop")


class Person(msgspec.Struct, frozen=True):
    """Who looks: for the header, and what the sign-out form must carry."""

    name: str
    role: str
    sign_out_word: str
    desks: tuple[str, ...]


def desk_state(memory: DeskMemory) -> tuple[str, str]:
    """The one word for how a desk stands, and its tone."""
    seen = memory.figures
    if seen is None:
        return ("unreadable", "bad") if memory.problem else ("never ran", "quiet")
    table = (
        (bool(seen.failure), "failed", "bad"),
        (not seen.alive, "not running", "bad"),
        (seen.stopping, "stopping", "warn"),
        (seen.breaker.locked, "locked", "bad"),
        (seen.breaker.killed_ns is not None and not seen.breaker.multiplier, "killed", "bad"),
        (seen.flattening, "flattening", "warn"),
        (not seen.recovered, "recovering", "warn"),
        (seen.paused, "paused", "warn"),
        (not seen.trading, "held back", "warn"),
    )
    return next(((word, tone) for so, word, tone in table if so), ("trading", "good"))


def header(view: View, person: Person, memories: Mapping[str, DeskMemory], alarms_open: int) -> Markup:
    """Brand, navigation, who is signed in."""
    entries = [
        _entry("/", "grid", "Overview", current=view.place == "overview"),
        *(_desk_entry(memories[name], current=view.desk == name) for name in person.desks),
        _entry("/alarms", "bell", "Alerts", _count(alarms_open), current=view.place == "alarms"),
    ]
    return tag(
        "div",
        tag("a", "Skip to the page", href="#page", class_="skip"),
        tag("a", _mark(), tag("span", "Quarterdeck"), href="/", class_="brand", aria_label="Quarterdeck, overview"),
        tag("nav", tag("ul", entries), aria_label="Desks and pages"),
        tag(
            "div",
            tag("div", tag("strong", person.name), tag("span", person.role, class_="role"), class_="who"),
            tag("button", icon("theme"), tag("span", "Light or dark", class_="unseen"), type="button",
                class_="quiet-button", title="Light or dark", data_theme_switch=""),
            tag(
                "form",
                tag("input", type="hidden", name="word", value=person.sign_out_word),
                tag("button", icon("leave"), tag("span", "Sign out", class_="unseen"), class_="quiet-button",
                    title="Sign out"),
                method="post", action="/sign-out",
            ),
            class_="session",
        ),
        class_="header-inside",
        data_wants_theme="",
    )  # fmt: skip


def _mark() -> Markup:
    return tag(
        "svg",
        tag("path", d="M3 20h18l-2-4H5zM12 3v10M12 4l6 7h-6M10 6l-4 5h4"),
        viewBox="0 0 24 24", class_="mark", aria_hidden="true", focusable="false",
    )  # fmt: skip


def _count(number: int) -> Markup:
    if not number:
        return EMPTY
    return tag("span", str(number), tag("span", " open", class_="unseen"), class_="count")


def _entry(address: str, sign: str, words: str, aside: Child = None, *, current: bool) -> Markup:
    link = tag(
        "a", icon(sign), tag("span", words, class_="nav-words"), aside,
        href=address, aria_current="page" if current else None,
    )  # fmt: skip
    return tag("li", link, data_key=address)


def _desk_entry(memory: DeskMemory, *, current: bool) -> Markup:
    word, tone = desk_state(memory)
    seen = memory.figures
    profit = EMPTY if seen is None else tag("span", signed(seen.pnl_day), class_="nav-figure figure")
    name = memory.desk.name
    link = tag(
        "a",
        tag("span", class_=f"dot {tone}", aria_hidden="true"),
        tag("span", name, tag("span", f", {word}", class_="unseen"), class_="nav-words"),
        profit,
        href=f"/desk/{name}", aria_current="page" if current else None, title=f"{name}: {word}",
    )  # fmt: skip
    return tag("li", link, data_key=name)


def emergency_bar(view: View, person: Person, memories: Mapping[str, DeskMemory]) -> Markup:
    """Which desk, and the words that one may have to say quickly."""
    chosen = chosen_desks(view, person)
    options = [ALL_DESKS, *person.desks] if len(person.desks) > 1 else list(person.desks)
    scope = view.text("scope") or view.desk or options[0]
    words = [word for word, _ in (desk_state(memories[name]) for name in chosen)]
    standing = (
        words[0] if len(set(words)) == 1 else f"{sum(word == 'trading' for word in words)} of {len(words)} trading"
    )
    select = tag(
        "select",
        [tag("option", name, value=name, selected=name == scope, data_key=name) for name in options],
        data_field="scope", aria_label="Which desk the emergency commands are for",
    )  # fmt: skip
    first = [_command(WORDS[word], chosen) for word in _FIRST]
    more = [tag("li", _command(WORDS[word], chosen, plain=True), data_key=word) for word in _MORE]
    menu = tag(
        "details",
        tag("summary", icon("more"), tag("span", "More", class_="bar-words"), class_="button"),
        tag("ul", more),
        class_="menu",
    )
    return tag(
        "div",
        tag("div", tag("span", "Commands for", class_="bar-label"), select,
            tag("span", standing, class_="bar-state"), class_="bar-scope"),
        tag("div", first, menu, class_="bar-buttons"),
        class_="bar-inside",
    )  # fmt: skip


def chosen_desks(view: View, person: Person) -> tuple[str, ...]:
    """The desks that the emergency bar means now."""
    scope = view.text("scope") or view.desk
    return (scope,) if scope in person.desks else person.desks


def _command(word: Word, names: Sequence[str], *, plain: bool = False) -> Markup:
    return tag(
        "button", icon(word.sign), tag("span", word.title, class_="bar-words"),
        type="button", class_=f"button {'plain' if plain else word.tone}", data_act="ask", data_word=word.name,
        data_key=word.name, title=word.meaning, disabled=not names,
    )  # fmt: skip


def dialogue(asked: Asked | None, memories: Mapping[str, DeskMemory], *, totp: bool, approval: bool) -> Markup:
    """What a person fills in before a desk is told anything."""
    if asked is None:
        return EMPTY
    if asked.word == APPROVE:
        return _approve(asked, totp=totp)
    word, one = WORDS[asked.word], asked.names[0] if len(asked.names) == 1 else ""
    typed = one or ALL_DESKS
    fields: list[Child] = []
    if word.scoped and one:
        names = memories[one].desk.names
        fields.append(_choice("strategy", "Strategy", "the whole desk", tuple(names.strategies), asked.about))
        fields.append(_choice("instrument", "Instrument", "every instrument", tuple(names.instruments), asked.about))
    if word.protective:
        box = tag("input", type="checkbox", name="protective", value="yes")
        fields.append(tag("label", box, tag("span", "Cancel protective stops too"), class_="check"))
    fields.append(_field("why", "Why", "goes into the journal", required=False, maxlength="500"))
    fields.append(
        _field(
            "typed", f"Type {typed} to confirm", "", autocapitalize="none", spellcheck="false", pattern=_literal(typed)
        )
    )
    if totp:
        fields.append(_code())
    if approval:
        fields.append(
            _field("approval", "Approval of a second person", "its number; empty to ask for one", required=False)
        )
    return _dialogue(asked, f"{word.title}: {typed}", word.meaning, fields, (word.title, word.sign, word.tone))


def _approve(asked: Asked, *, totp: bool) -> Markup:
    """What a second person approves, in the words of the command that will then be given."""
    fields: list[Child] = [tag("p", asked.about.get("said", ""), class_="code said")]
    if totp:
        fields.append(_code())
    meaning = "Another person asked for this. It can be done once, within some minutes."
    return _dialogue(asked, "Approve", meaning, fields, ("Approve", "good", "caution"))


def _dialogue(asked: Asked, title: str, about: str, fields: list[Child], sure: tuple[str, str, str]) -> Markup:
    name, (words, sign, tone) = f"dialogue-{asked.number}", sure
    form = tag(
        "form",
        tag("h2", icon(sign), title, id=f"{name}-title"),
        tag("p", about, id=f"{name}-about", class_="about"),
        tag("div", fields, class_="fields"),
        tag("p", icon("bad"), asked.error, role="alert", class_="form-error") if asked.error else None,
        tag(
            "div",
            tag("button", "Leave it", type="button", class_="button", data_act="close"),
            tag("button", icon(sign), "Sending…" if asked.busy else words, type="submit", class_=f"button {tone} sure",
                disabled=asked.busy),
            class_="dialogue-buttons",
        ),
        data_act="confirm", autocomplete="off",
    )  # fmt: skip
    return tag(
        "dialog", form, data_open="", data_key=name, aria_labelledby=f"{name}-title", aria_describedby=f"{name}-about",
        class_=tone,
    )  # fmt: skip


def _code() -> Markup:
    return _field("totp", "Code of your authenticator", "six digits", inputmode="numeric", maxlength="8",
                  autocomplete="one-time-code")  # fmt: skip


def _literal(text: str) -> str:
    return "".join(letter if letter.isalnum() or letter == " " else f"\\{letter}" for letter in text)


def _field(name: str, label: str, hint: str, *, required: bool = True, **attributes: str) -> Markup:
    entry = tag("input", name=name, type="text", required=required, **{"autocomplete": "off", **attributes})
    return tag("label", tag("span", label), entry, tag("small", hint) if hint else None, data_key=name)


def _choice(name: str, label: str, all_of_them: str, names: Sequence[str], about: Mapping[str, str]) -> Markup:
    given = about.get(name, "")
    options = [tag("option", all_of_them, value="")]
    options += [tag("option", one, value=one, selected=one == given) for one in names]
    return tag("label", tag("span", label), tag("select", options, name=name), data_key=name)


def answers(toasts: Sequence[Toast]) -> Markup:
    """What was answered last. It is said aloud: politely what went well, at once what did not."""
    shown = [
        tag(
            "div",
            icon(one.tone),
            tag("div", tag("strong", one.heading), [tag("p", line) for line in one.lines]),
            tag("button", icon("close"), tag("span", "Dismiss", class_="unseen"), type="button", class_="quiet-button",
                data_act="dismiss", data_number=one.number),
            class_=f"toast {one.tone}", data_key=one.number, role="alert" if one.tone == "bad" else "status",
        )
        for one in toasts
    ]  # fmt: skip
    return tag("div", shown, class_="toasts")
