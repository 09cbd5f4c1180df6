"""What pages show: pure functions from figures to markup, and the colours that they are painted with.

What is tested: `quarterdeck.ops.console.markup`, `quarterdeck.ops.console.wording`, `quarterdeck.ops.console.looks`,
`quarterdeck.ops.console.pieces`, `quarterdeck.ops.console.frame`, `quarterdeck.ops.console.overview`,
`quarterdeck.ops.console.trading`, `quarterdeck.ops.console.standing`, `quarterdeck.ops.console.records`,
`quarterdeck.ops.console.charts`, `quarterdeck.ops.console.alarms`, `quarterdeck.ops.console.state`,
`quarterdeck.ops.console.commanding`.
"""

import re
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from quarterdeck.audit.operators import OperatorCommand
from quarterdeck.desk.wire import Verb
from quarterdeck.errors import OpsError
from quarterdeck.ops.access import ACTIONS, Action, Gate
from quarterdeck.ops.alerts.book import AlertBook, fire
from quarterdeck.ops.alerts.model import Finding, Severity
from quarterdeck.ops.console.alarms import Alarms, alarms_page
from quarterdeck.ops.console.charts import CHARTS, chart_options, chart_words
from quarterdeck.ops.console.commanding import WORDS, answer_words, command_of, typed_rightly
from quarterdeck.ops.console.frame import Person, answers, chosen_desks, desk_state, dialogue, emergency_bar, header
from quarterdeck.ops.console.looks import DARK, LIGHT, PAIRS, asset, contrast
from quarterdeck.ops.console.markup import Markup, tag
from quarterdeck.ops.console.overview import is_old, overview, stale
from quarterdeck.ops.console.pieces import Column, meter, sparkline, table
from quarterdeck.ops.console.records import access_lines, audit_tab, logs_tab, reports_tab
from quarterdeck.ops.console.standing import health_tab, rails_tab, reconciliation_tab, strategies_tab, venues_tab
from quarterdeck.ops.console.state import TABS, Asked, View, tab_name
from quarterdeck.ops.console.trading import desk_head, matching, trading_tab
from quarterdeck.ops.console.wording import (
    age_text,
    clock_text,
    count_text,
    duration_text,
    exact,
    money,
    plain_words,
    share_text,
    signed,
    stamp_text,
)
from quarterdeck.ops.health.components import Component, HealthReport, Status
from quarterdeck.ops.incidents.incidents import Incidents
from quarterdeck.ops.store import Store
from tests.ops.access.rig import Rig as AccessRig
from tests.ops.console.builders import EVIL, NOW_NS, breaker, desk_figures, memory, order, rail

OPERATOR = Person("operator-1", "operator", "word", ("xrpliquid",))


class Wellformed(HTMLParser):
    """Fails on what is opened and never closed, or closed and never opened."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == [], text

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"br", "hr", "img", "input", "link", "meta"}:
            self.open.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs), attrs
        assert tag not in {"script", "img"}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def text_of(markup: str) -> str:
    return re.sub(r"\s+", " ", " ".join(Wellformed(markup).texts))


def test_text_is_escaped_and_markup_is_not() -> None:
    inner = tag("b", EVIL)
    assert tag("p", inner, title='"quoted"') == (
        '<p title="&quot;quoted&quot;"><b>&lt;img src=x onerror="alert(1)"&gt;</b></p>'
    )
    assert tag("input", disabled=True, value=None, class_="a") == '<input disabled class="a">'
    assert isinstance(tag("p", [None, "a", [Markup("<i></i>")]]), Markup)


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        (money(Decimal("-1234567.891")), "−1,234,567.89"),
        (money(None), "–"),
        (signed(Decimal("12.5")), "+12.50"),
        (signed(Decimal("-0.001")), "0.00"),
        (exact(Decimal("1.20000")), "1.2"),
        (exact(Decimal("1200")), "1,200"),
        (share_text(Decimal("0.0312")), "3.12\N{NO-BREAK SPACE}%"),
        (age_text(0.24), "0.2\N{NO-BREAK SPACE}s"),
        (age_text(600.0), "10\N{NO-BREAK SPACE}min"),
        (age_text(None), "–"),
        (duration_text(0.000524), "524\N{NO-BREAK SPACE}µs"),
        (duration_text(0.0168), "16.8\N{NO-BREAK SPACE}ms"),
        (duration_text(5e-8), "50\N{NO-BREAK SPACE}ns"),
        (clock_text(NOW_NS), "22:13:20"),
        (stamp_text(NOW_NS), "2023-11-14 22:13:20"),
        (stamp_text(None), "–"),
        (count_text(12_000), "12,000"),
        (plain_words("PORTFOLIO_HEAT"), "Portfolio heat"),
    ],
)
def test_figures_are_written_for_people(shown: str, wanted: str) -> None:
    assert shown == wanted


def test_every_colour_can_be_read() -> None:
    for palette in (LIGHT, DARK):
        assert palette.keys() == LIGHT.keys()
        for ink, ground in PAIRS:
            assert contrast(palette[ink], palette[ground]) >= 4.5, (ink, ground)
        for edge in ("line-strong",):
            assert contrast(palette[edge], palette["surface"]) >= 1.4
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


def test_the_style_sheet_asks_nobody_and_knows_its_colours() -> None:
    sheet = asset("console.css")
    assert "url(" not in sheet
    assert "@import" not in sheet
    assert set(re.findall(r"var\(--([\w-]+)\)", sheet)) <= LIGHT.keys()
    assert "prefers-color-scheme:dark" in sheet
    assert "//" not in re.sub(r"(?m)^\s*//.*$", "", asset("theme.js"))


def test_a_row_of_a_table_says_its_columns_on_a_phone() -> None:
    shown = table("Things", (Column("Name", head=True), Column("Much", figure=True)), [("a", ["x", ""])], found=5)
    assert 'data-label="Much"' in shown
    assert 'scope="row"' in shown
    assert "1 of 5 are shown" in text_of(shown)
    assert table("Things", (Column("Name"),), []) == ""


def test_a_meter_says_in_words_how_full_it_is() -> None:
    assert 'class="meter"' in meter("heat", 0.5, "1 %")
    assert 'class="meter warn"' in meter("heat", 0.8, "1 %")
    assert 'class="meter bad"' in meter("heat", 3.0, "3 %")
    assert 'aria-valuenow="100"' in meter("heat", 3.0, "3 %")
    assert "polyline" in sparkline([1.0, 2.0, 1.5], "equity")
    assert "polyline" not in sparkline([1.0], "equity")


def test_a_desk_has_one_word_for_how_it_stands(tmp_path: Path) -> None:
    held = memory(tmp_path, desk_figures())
    table_of = {
        "trading": desk_figures(),
        "not running": desk_figures(alive=False),
        "failed": desk_figures(failure="the disk is full"),
        "killed": desk_figures(breaker=breaker(stage="KILLED", killed_ns=1, multiplier=Decimal(0))),
        "locked": desk_figures(breaker=breaker(locked=True)),
        "paused": desk_figures(paused=True),
        "recovering": desk_figures(recovered=False),
        "held back": desk_figures(trading=False),
        "never ran": None,
    }
    for word, figures in table_of.items():
        held.figures = figures
        assert desk_state(held)[0] == word


def test_the_overview_shows_what_one_must_know(tmp_path: Path) -> None:
    held = memory(tmp_path, desk_figures(holding_back=("entries are paused",), paused=True, trading=False))
    said = text_of(overview({"xrpliquid": held}, ("xrpliquid",), 2))
    for words in ("9,998.25", "−1.75", "entries are paused", "Normal", "0.2", "16.8", "Alerts open 2", "0 of 1"):
        assert words in said.replace("\N{NO-BREAK SPACE}", " ")
    held.figures, held.problem = None, "another version"
    assert "another version" in text_of(overview({"xrpliquid": held}, ("xrpliquid",), 0))


def test_a_feed_is_old_when_its_own_rail_says_so() -> None:
    seen = desk_figures()
    feed = msgspec.structs.replace(seen.feeds[0], age_s=20.0)
    assert not is_old(seen, feed)
    limit = rail("STALE_DATA", 2.0, scope="instrument:XRP", limit=Decimal(10), unit="s")
    strict = desk_figures(rails=(limit,), feeds=(feed,))
    assert is_old(strict, feed)
    assert stale(strict)
    assert stale(desk_figures(alive=False))
    assert not stale(seen)


def test_the_bar_and_the_header_name_what_they_are_for(tmp_path: Path) -> None:
    held = {"xrpliquid": memory(tmp_path, desk_figures())}
    bar = emergency_bar(View("overview"), OPERATOR, held)
    assert [words for words in ("Pause", "Kill", "Flatten", "Lock", "Shut down") if words not in text_of(bar)] == []
    shown = header(View("desk", desk="xrpliquid"), OPERATOR, held, 3)
    assert shown.count('aria-current="page"') == 1
    assert "operator-1" in text_of(shown)
    many = msgspec.structs.replace(OPERATOR, desks=("a", "b"))
    assert chosen_desks(View("overview"), many) == ("a", "b")
    assert chosen_desks(View("overview", fields={"scope": "b"}), many) == ("b",)
    assert chosen_desks(View("desk", desk="a"), many) == ("a",)


def test_a_dialogue_asks_for_what_the_gate_will_ask(tmp_path: Path) -> None:
    held = {"xrpliquid": memory(tmp_path, desk_figures())}
    view = View("desk", desk="xrpliquid")
    assert dialogue(None, held, totp=True, approval=False) == ""
    for word in WORDS:
        view.ask(word, ("xrpliquid",))
        assert view.asked is not None
        view.asked.error = EVIL
        said = text_of(dialogue(view.asked, held, totp=True, approval=True))
        assert "Type xrpliquid to confirm" in said
        assert "Code of your authenticator" in said
        assert EVIL in said
    plain = dialogue(Asked("pause", ("a", "b"), 1), held, totp=False, approval=False)
    assert "Type all desks to confirm" in text_of(plain)
    assert "authenticator" not in plain


def test_a_filled_in_dialogue_is_a_command() -> None:
    asked = Asked("kill", ("alpha",), 1)
    assert typed_rightly(asked, " alpha ")
    assert not typed_rightly(asked, "beta")
    assert not typed_rightly(Asked("kill", ("alpha", "beta"), 1), "alpha")
    command = command_of(WORDS["kill"], {"strategy": "SCALP", "instrument": "", "protective": "yes", "why": "drill"})
    assert (command.verb, command.strategy, command.instrument, command.protective) == (Verb.KILL, "SCALP", None, True)
    assert command_of(WORDS["lock"], {"strategy": "SCALP"}).strategy is None
    assert all(Action(word.action) in ACTIONS for word in WORDS.values())
    said = answer_words("alpha", {"ok": True, "text": "kill: done", "cancels": 4, "locked": False})
    assert said == "alpha: kill: done – cancels 4, locked no"


def test_answers_are_said_aloud_and_go_away() -> None:
    view = View("overview")
    view.tell("good", "Kill: acknowledged", "alpha: 4 cancels")
    view.tell("bad", "Not done", EVIL)
    shown = answers(view.toasts)
    assert 'role="status"' in shown
    assert 'role="alert"' in shown
    assert EVIL in text_of(shown)
    view.forget(view.toasts[0].number)
    assert [one.heading for one in view.toasts] == ["Not done"]
    for _ in range(9):
        view.tell("good", "again")
    assert len(view.toasts) == 4
    assert tab_name("nonsense") == TABS[0][0]


def test_the_desks_page_finds_what_is_searched(tmp_path: Path) -> None:
    held = memory(tmp_path, desk_figures(orders=(order(1), order(2, reason=EVIL), order(3, status="UNKNOWN"))))
    assert held.figures is not None
    view = View("desk", desk="xrpliquid")
    assert "Trading" in text_of(desk_head(held, view))
    everything = text_of(trading_tab(held, held.figures, view))
    for words in ("short −45", "1-1", "1-3", "Unknown", "1 fills, 100% as maker"):
        assert words in everything
    view.fields["search"] = "scalp unknown"
    found = text_of(trading_tab(held, held.figures, view))
    assert "1-3" in found
    assert "1-2" not in found
    assert matching("", "anything")
    assert matching("XRP buy", "xrp", "BUY")
    held.figures = None
    assert "has not run yet" in text_of(desk_head(held, view))


def test_rails_are_sorted_by_how_full_they_are(tmp_path: Path) -> None:
    view, rails = View("desk"), (rail("PORTFOLIO_HEAT", 0.2), rail("DAILY_LOSS", 1.2), rail("EQUITY_FLOOR", 0.81))
    said = text_of(rails_tab(desk_figures(rails=rails), view))
    assert said.index("Daily loss") < said.index("Equity floor") < said.index("Portfolio heat")
    assert "limit reached" in said
    assert "2 at 80 % or more" in said
    view.fields["rails"] = "floor"
    assert "Daily loss" not in text_of(rails_tab(desk_figures(rails=rails), view))


def test_the_other_tabs_show_what_there_is(tmp_path: Path) -> None:
    held = memory(tmp_path, desk_figures())
    seen, config, view = desk_figures(), held.desk.config, View("desk", desk="xrpliquid")
    assert "of 1.00" not in text_of(strategies_tab(desk_figures(rails=()), config))
    assert "0.85 of 1.00" in text_of(strategies_tab(seen, config))
    assert "connected" in text_of(venues_tab(seen))
    assert "nothing to compare with" in text_of(reconciliation_tab(seen))
    assert "Not every venue" in text_of(reconciliation_tab(desk_figures(mode="live")))
    compared = msgspec.structs.replace(seen.venues[0], reconciled_age_s=2.0)
    assert "agree" in text_of(reconciliation_tab(desk_figures(mode="live", venues=(compared,))))
    differing = desk_figures(differences=({"instrument": "XRP", "here": "20", "there": "25"},), unknown_orders=2)
    assert "here 20, there 25" in text_of(reconciliation_tab(differing))
    component = Component(status=Status.DEGRADED, message=EVIL, last_check="2026-01-01T00:00:00Z",
                          response_time_ms=1.0, details={})  # fmt: skip
    report = HealthReport(status=Status.DEGRADED, timestamp="2026-01-01T00:00:00Z", components={"disk": component})
    assert "degraded" in text_of(health_tab(report))
    assert "being looked at" in text_of(health_tab(None))
    assert "No report yet" in text_of(reports_tab(held.desk, view))
    assert "No line matches" in text_of(logs_tab(held, view))


def test_charts_say_in_words_what_they_show(tmp_path: Path) -> None:
    held = memory(tmp_path, desk_figures())
    for name, _ in CHARTS:
        assert chart_words(name, held, "XRP")
        light, dark = (chart_options(name, held, "XRP", dark=dark) for dark in (False, True))
        assert light["series"]
        assert len(light["series"][0]["data"]) == 30
        assert light["tooltip"]["backgroundColor"] != dark["tooltip"]["backgroundColor"]
    price = chart_options("price", held, "XRP", dark=False)
    assert [len(one["data"]) for one in price["series"]] == [30, 1, 0]
    assert price["yAxis"]["min"] < 1.2 < price["yAxis"]["max"]
    held.moments.clear()
    assert chart_words("equity", held, "XRP") == "no figures yet"
    assert chart_options("equity", held, "XRP", dark=False)["series"][0]["data"] == []


def test_the_audit_shows_who_was_refused(tmp_path: Path) -> None:
    rig = AccessRig(tmp_path)
    with pytest.raises(OpsError):
        rig.gate.identify("qd_nonsense", "203.0.113.7")
    rig.close()
    lines = access_lines(rig.file)
    assert [(one.outcome, one.origin) for one in lines] == [("TOKEN_WRONG", "203.0.113.7")]
    command = OperatorCommand(7, "2026-01-01T00:00:00Z", "operator-1", "console", EVIL, "kill", "desk", True)
    view = View("desk", fields={"audit": "kill"})
    said = text_of(audit_tab(([command], ""), lines, view))
    assert "kill, protective too" in said
    assert "TOKEN_WRONG" not in said
    assert access_lines(tmp_path / "nothing.jsonl") == []


def test_alarms_are_taken_in_a_persons_name(tmp_path: Path) -> None:
    store = Store(tmp_path)
    gate = Gate(store, AccessRig(tmp_path / "other").settings, False, tmp_path / "access.jsonl")
    alarms = Alarms(AlertBook(store), Incidents(store, {}, tmp_path / "incidents"), gate.approvals)
    with store.writing() as line:
        finding = Finding(rule="drawdown", desk="xrpliquid", subject="", severity=Severity.P1, summary=EVIL)
        number = fire(line, finding, NOW_NS)
    alarms.turn()
    view = View("alarms")
    shown = alarms_page(alarms, ("xrpliquid",), view, may=True, may_approve=True)
    assert EVIL in text_of(shown)
    assert alarms.open_count(("xrpliquid",)) == 1
    assert alarms.open_count(("another",)) == 0
    assert "operator-1" in alarms.acknowledge("alert", number, "operator-1")
    assert "was opened" in alarms.acknowledge("open", number, "operator-1")
    alarms.turn()
    assert alarms.open_count(("xrpliquid",)) == 0
    assert "taken by operator-1" in text_of(alarms_page(alarms, ("xrpliquid",), view, may=False, may_approve=False))
    with pytest.raises(OpsError):
        alarms.acknowledge("alert", number, "operator-2")
    gate.close()
    store.close()
