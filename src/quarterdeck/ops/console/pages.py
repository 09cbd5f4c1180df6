"""One browser's page: what it shows, kept up to date a few times a second, and what becomes of what is clicked."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from nicegui import ui

from quarterdeck.errors import DeskError, OpsError
from quarterdeck.ops.access import ACTIONS, Action, Identity, Refusal, Refused
from quarterdeck.ops.commands import approval_words
from quarterdeck.ops.console.alarms import alarms_page
from quarterdeck.ops.console.charts import CHARTS, chart_options, chart_words
from quarterdeck.ops.console.commanding import WORDS, answer_words, command_of, typed_rightly
from quarterdeck.ops.console.frame import Person, answers, chosen_desks, dialogue, emergency_bar, header
from quarterdeck.ops.console.live import Live
from quarterdeck.ops.console.markup import EMPTY, Markup, tag
from quarterdeck.ops.console.memory import DeskMemory
from quarterdeck.ops.console.overview import overview
from quarterdeck.ops.console.plane import ConsolePlane
from quarterdeck.ops.console.records import audit_tab, logs_tab, reports_tab
from quarterdeck.ops.console.standing import (
    health_tab,
    rails_tab,
    reconciliation_tab,
    strategies_tab,
    venues_tab,
)
from quarterdeck.ops.console.state import APPROVE, Asked, View, tab_name
from quarterdeck.ops.console.trading import desk_head, trading_tab
from quarterdeck.ops.figures import DeskFigures

__all__ = ["Page"]

_EVERY_S: Final = 0.25
_CHARTS_EVERY_S: Final = 1.0
_SESSION_EVERY_S: Final = 5.0
_FIELD_MAX: Final = 200


class Page:
    """Call `build` inside a NiceGUI page. Refused: whoever asks for it is not signed in, or may not see this desk."""

    def __init__(self, plane: ConsolePlane, view: View, secret: str, origin: str) -> None:
        self._plane, self._view, self._secret, self._origin = plane, view, secret, origin
        self._identity = plane.gate.identify(secret, origin)
        if view.desk and not self._identity.may_see(view.desk):
            raise Refused(Refusal.DESK_NOT_YOURS, view.desk)
        self._seen_turn = -1
        self._charts: dict[str, Any] = {}
        self._charted_s = 0.0
        self._identified_s = time.monotonic()
        self._acts: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
            "theme": self._theme,
            "field": self._field,
            "tab": self._tab,
            "ask": self._ask,
            "close": self._close,
            "dismiss": self._dismiss,
            "confirm": self._confirm,
            "approve": self._approve,
            "alarm": self._alarm,
        }

    def build(self) -> None:
        """Lays out the page's parts, in the order in which they are read and reached by keyboard."""
        layout = cast(Any, ui.context.client).layout
        ui.add_head_html(str(self._plane.head))
        if self._view.desk:
            ui.page_title(f"{self._view.desk} – Quarterdeck")
        with layout:
            self._header = Live(self._told, "header", role="banner")
            self._header.move(target_index=0)
        self._head = Live(self._told)
        self._panel = Live(self._told, **({"role": "tabpanel", "id": "tab-panel"} if self._view.desk else {}))
        self._figures = ui.element("div").classes("charts")
        with layout:
            self._bar = Live(self._told, "section", aria_label="Emergency commands", class_="bar")
            self._answers = Live(self._told, "section", aria_label="Answers", aria_live="polite")
            self._dialogue = Live(self._told)
        self._bar.classes("bar")
        self._show()
        ui.timer(_EVERY_S, self._turn)

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(name for name in self._plane.console.memories if self._identity.may_see(name))

    @property
    def _memory(self) -> DeskMemory:
        return self._plane.console.memories[self._view.desk]

    # showing

    def _turn(self) -> None:
        now = time.monotonic()
        if now - self._identified_s > _SESSION_EVERY_S:
            self._identified_s = now
            try:
                self._identity = self._plane.gate.identify(self._secret, self._origin)
            except Refused:
                ui.navigate.to("/sign-in")
                return
        shown = len(self._view.toasts)
        self._view.forget()
        if self._seen_turn != self._plane.console.turns or shown != len(self._view.toasts):
            self._show()

    def _show(self) -> None:
        plane, view = self._plane, self._view
        self._seen_turn = plane.console.turns
        memories = plane.console.memories
        person = Person(
            self._identity.person, str(self._identity.role), plane.words.of(self._secret, "sign-out"), self._names
        )
        alarms_open = plane.alarms.open_count(self._names)
        self._header.show(header(view, person, memories, alarms_open))
        self._head.show(self._head_markup(alarms_open))
        self._panel.show(self._panel_markup())
        self._bar.show(emergency_bar(view, person, memories))
        self._answers.show(answers(view.toasts))
        totp, approval = (False, False) if view.asked is None else self._needs(view.asked)
        self._dialogue.show(dialogue(view.asked, memories, totp=totp, approval=approval))
        if view.tab == "charts":
            self._chart()
        self._figures.set_visibility(view.tab == "charts")

    def _head_markup(self, alarms_open: int) -> Markup:
        view = self._view
        if view.place == "overview":
            return overview(self._plane.console.memories, self._names, alarms_open)
        if view.place == "desk":
            return desk_head(self._memory, view)
        may, approve = self._may(Action.ACKNOWLEDGE), self._may(Action.APPROVE)
        return alarms_page(self._plane.alarms, self._names, view, may=may, may_approve=approve)

    def _panel_markup(self) -> Markup:
        view = self._view
        if view.place != "desk":
            return EMPTY
        seen = self._memory.figures
        shown = EMPTY if seen is None else self._tab_markup(seen)
        return tag("div", shown, class_="page", data_key=view.tab)

    def _tab_markup(self, seen: DeskFigures) -> Markup:
        plane, view, memory = self._plane, self._view, self._memory
        tabs: Mapping[str, Callable[[], Markup]] = {
            "trading": lambda: trading_tab(memory, seen, view),
            "charts": lambda: _chart_choice(memory, view),
            "rails": lambda: rails_tab(seen, view),
            "strategies": lambda: strategies_tab(seen, memory.desk.config),
            "venues": lambda: venues_tab(seen),
            "reconciliation": lambda: reconciliation_tab(seen),
            "health": lambda: health_tab(plane.health_of(memory.desk)),
            "reports": lambda: reports_tab(memory.desk, view),
            "audit": lambda: audit_tab(plane.commands_of(memory.desk), plane.access(), view),
            "logs": lambda: logs_tab(memory, view),
        }
        return tabs[view.tab]()

    def _chart(self) -> None:
        now = time.monotonic()
        if self._charts and now - self._charted_s < _CHARTS_EVERY_S:
            return
        self._charted_s = now
        memory, view = self._memory, self._view
        instrument = _instrument(memory, view)
        for name, words in CHARTS:
            options = chart_options(name, memory, instrument, dark=view.dark)
            if name not in self._charts:
                with self._figures, ui.element("figure").classes("panel"):
                    caption = Live(self._told, "figcaption")
                    self._charts[name] = (caption, ui.echart(options).classes("chart"))
            caption, chart = self._charts[name]
            said = chart_words(name, memory, instrument)
            caption.show(Markup(tag("h2", words) + tag("p", said, class_="aside")))
            chart.options.clear()
            chart.options.update(options)
            chart.update()

    # what is clicked

    def _told(self, act: str, words: Mapping[str, Any]) -> Any:
        heard = self._acts.get(act)
        if heard is None:
            return None
        answer = heard(words)
        if asyncio.iscoroutine(answer):
            return cast("object", answer)
        self._show()
        return None

    def _theme(self, words: Mapping[str, Any]) -> None:
        self._view.dark = bool(words.get("dark"))
        self._charted_s = 0.0

    def _field(self, words: Mapping[str, Any]) -> None:
        self._view.fields[str(words.get("field", ""))[:_FIELD_MAX]] = str(words.get("value", ""))[:_FIELD_MAX]
        self._charted_s = 0.0

    def _tab(self, words: Mapping[str, Any]) -> None:
        self._view.tab = tab_name(str(words.get("name", "")))
        address = f"/desk/{self._view.desk}/{self._view.tab}"
        ui.run_javascript(f"history.replaceState(null, '', {address!r})")

    def _ask(self, words: Mapping[str, Any]) -> None:
        word = str(words.get("word", ""))
        person = Person("", "", "", self._names)
        if word in WORDS:
            self._view.ask(word, chosen_desks(self._view, person))

    def _approve(self, words: Mapping[str, Any]) -> None:
        self._view.ask(APPROVE, (), approval=str(words.get("approval", "")), said=str(words.get("said", "")))

    def _close(self, words: Mapping[str, Any]) -> None:
        asked, key = self._view.asked, words.get("key")
        if asked is not None and not asked.busy and key in (None, f"dialogue-{asked.number}"):
            self._view.asked = None

    def _dismiss(self, words: Mapping[str, Any]) -> None:
        self._view.forget(int(words.get("number") or 0))

    def _may(self, action: Action) -> bool:
        return self._identity.role.covers(ACTIONS[action].role)

    def _needs(self, asked: Asked) -> tuple[bool, bool]:
        """Whether the dialogue asks for a second factor, and for a second person."""
        settings = self._plane.config
        action = Action.APPROVE.value if asked.word == APPROVE else WORDS[asked.word].action
        return settings.ops.production and ACTIONS[Action(action)].dangerous, action in settings.access.four_eyes

    async def _confirm(self, words: Mapping[str, Any]) -> None:
        asked = self._view.asked
        if asked is None or asked.busy:
            return
        values = cast("Mapping[str, Any]", words.get("values") or {})
        if asked.word != APPROVE and not typed_rightly(asked, str(values.get("typed", ""))):
            asked.error = "What was typed is not the name: nothing was sent"
            self._show()
            return
        asked.busy, asked.error = True, ""
        self._show()
        try:
            self._identity = self._plane.gate.identify(self._secret, self._origin)
            await self._send(asked, self._identity, values)
            self._view.asked = None
        except Refused as refused:
            asked.error = str(refused)
            if refused.code is Refusal.SESSION_EXPIRED:
                ui.navigate.to("/sign-in")
        except OpsError as error:
            asked.error = str(error)
        finally:
            asked.busy = False
            self._show()

    async def _send(self, asked: Asked, identity: Identity, values: Mapping[str, Any]) -> None:
        totp, approval = (str(values.get(name) or "").strip() or None for name in ("totp", "approval"))
        if asked.word == APPROVE:
            done = self._plane.gate.approve(identity, asked.about["approval"], totp)
            self._view.tell("good", f"Approved: {done.action.value}", f"{done.person} may do it now, once")
            return
        word = WORDS[asked.word]
        begun = time.monotonic()
        if approval is None and self._needs(asked)[1]:
            self._request(asked, identity, values)
            return
        outcomes = await self._plane.commander.send(
            identity, Action(word.action), asked.names, command_of(word, values),
            totp=totp, approval=approval,
        )  # fmt: skip
        took_ms = 1e3 * (time.monotonic() - begun)
        refused = {name: said for name, said in outcomes.items() if isinstance(said, DeskError)}
        good = [answer_words(name, said) for name, said in outcomes.items() if not isinstance(said, DeskError)]
        bad = [f"{name}: {said}" for name, said in refused.items()]
        if good:
            count = "" if len(outcomes) == 1 else f" by {len(good)} of {len(outcomes)} desks"
            self._view.tell("good", f"{word.title}: acknowledged{count} in {took_ms:.0f} ms", *good)
        if bad:
            self._view.tell("bad", f"{word.title}: not done", *bad)

    def _request(self, asked: Asked, identity: Identity, values: Mapping[str, Any]) -> None:
        """Asks a second person; nothing is sent until that one has approved."""
        word = WORDS[asked.word]
        said = approval_words(command_of(word, values))
        number = self._plane.gate.ask_approval(identity, Action(word.action), asked.names, said)
        self._view.tell(
            "good", f"{word.title}: a second person must approve it", f"Nothing was sent. Approval {number}"
        )

    async def _alarm(self, words: Mapping[str, Any]) -> None:
        """Acknowledges an alert or an incident in the name of who is signed in."""
        number, kind = int(words.get("number") or 0), str(words.get("kind", ""))
        try:
            identity = self._plane.gate.identify(self._secret, self._origin)
            desk = self._plane.alarms.desk_of(kind, number)
            action = Action.ACKNOWLEDGE if kind == "alert" else Action.INCIDENT
            self._plane.gate.permit(identity, action, desk=desk or None)
            said = await asyncio.to_thread(self._plane.alarms.acknowledge, kind, number, identity.person)
            self._view.tell("good", "Incident opened" if kind == "open" else "Acknowledged", said)
        except OpsError as error:
            self._view.tell("bad", "Not done", str(error))
        await asyncio.to_thread(self._plane.alarms.turn)
        self._show()


def _instrument(memory: DeskMemory, view: View) -> str:
    names: Sequence[str] = tuple(memory.desk.names.instruments)
    chosen = view.text("instrument")
    return chosen if chosen in names else names[0]


def _chart_choice(memory: DeskMemory, view: View) -> Markup:
    chosen = _instrument(memory, view)
    options = [tag("option", name, value=name, selected=name == chosen) for name in memory.desk.names.instruments]
    since = "Curves begin when this console did; fills are from the log"
    return tag(
        "div",
        tag("select", options, data_field="instrument", aria_label="Instrument of the price chart"),
        tag("p", since, class_="aside"),
        class_="toolbar",
    )
