"""Limits that an operator sets while the desk runs, and orders taken back by hand: told, journaled, and not forgotten.

What is tested: `quarterdeck.desk.overrides`, `quarterdeck.desk.commands`, and `quarterdeck.audit.operators` with them.
"""

import shutil
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.audit import operator_commands
from quarterdeck.audit.operators import operator_lines
from quarterdeck.config import load_desk
from quarterdeck.desk.overrides import NAMES, OVERRIDES_FILE
from quarterdeck.desk.paper import PaperSession
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.wire import Command, Verb
from quarterdeck.errors import ConfigError, DeskError
from quarterdeck.kernel.vocabulary import DeskLimit, EventKind, InstrumentLimit, OrderFlag, OrderStatus, Side
from quarterdeck.runtime.replay import replay
from quarterdeck.strategies.views import DeskView, Fill, Quote
from tests.desk.builders import Idle, Quoter, RoomyDisk, desk_folder, pump, session
from tests.desk.live_rig import MS, SECOND, Rig

MONEY = 10**8
PPM = 10**6
SOURCES = (Idle, Quoter, Idle)


class Guarded(Idle):
    """Buys 10 at the market, guards them with a stop, and keeps two bids far below."""

    kind = "guarded"

    def on_quote(self, desk: DeskView, _: Quote) -> None:
        if desk.position(0) == 0 and not list(desk.open_orders(0)):
            desk.buy(0, 10)

    def on_fill(self, desk: DeskView, _: Fill) -> None:
        if list(desk.open_orders(0)):
            return
        desk.stop(0, Side.SELL, 9_000, 10)
        desk.buy(0, 1, 9_500)
        desk.buy(0, 2, 9_400)


def opened(folder: Path, **options: Any) -> PaperSession:
    config = desk_folder(folder) if not folder.exists() else load_desk(folder)
    desk = session(config, DeskPlace(config.folder), sources=SOURCES, **options)
    desk.open()
    pump(desk, 50)
    return desk


def configure(desk: Any, **settings: str | float | bool) -> dict[str, object]:
    words = {"person": "operator-1" if isinstance(desk, PaperSession) else "ada", "origin": "here", "why": "a calm day"}
    return desk.obey(Command(verb=Verb.CONFIGURE, settings=settings, **words))


def limit(desk: Any, which: DeskLimit) -> int:
    return int(desk.desk.states[0]["limits"][which])


def test_a_setting_holds_at_once_and_after_restarts_and_is_told(tmp_path: Path) -> None:
    desk = opened(tmp_path / "desk")
    before = limit(desk, DeskLimit.MAX_DAILY_LOSS)
    answer = configure(desk, max_daily_loss=-123.5, portfolio_heat_limit="0.2")
    assert answer["overrides"]["max_daily_loss"]["value"] == "123.5"
    assert limit(desk, DeskLimit.MAX_DAILY_LOSS) == int(123.5 * MONEY) != before
    assert limit(desk, DeskLimit.HEAT_PPM) == PPM // 5
    desk.close()
    for _ in range(2):
        said: list[str] = []
        desk = opened(tmp_path / "desk", say=said.append)
        assert limit(desk, DeskLimit.MAX_DAILY_LOSS) == int(123.5 * MONEY)
        told = [line for line in said if line.startswith("max_daily_loss is 123.5, not what desk.toml says")]
        assert ["operator-1" in line and "a calm day" in line for line in told] == [True]
        shown: Any = desk.vitals()["overrides"]
        assert {name: one["person"] for name, one in shown.items()} == {
            "max_daily_loss": "operator-1",
            "portfolio_heat_limit": "operator-1",
        }
        desk.close()
    desk = opened(tmp_path / "desk")
    configure(desk, max_daily_loss="default", portfolio_heat_limit="default")
    assert limit(desk, DeskLimit.MAX_DAILY_LOSS) == before
    assert desk.vitals()["overrides"] == {}
    desk.close()
    assert replay(desk.place.journal).digest == desk.desk.digest
    told_lines = list(operator_lines(operator_commands(desk.place.journal, desk.config)))
    assert any(
        "configure max_daily_loss=-123.5 portfolio_heat_limit=0.2 desk: a calm day" in line for line in told_lines
    )


def test_every_setting_moves_the_kernels_figure(tmp_path: Path) -> None:
    desk = opened(tmp_path / "desk")
    configure(
        desk, max_drawdown=0.07, max_position_size=300, equity_floor=8_000, max_exposure="700", max_unacknowledged=7,
        max_orders_per_minute=30,
    )  # fmt: skip
    state: Any = desk.desk.states[0]
    figures = (DeskLimit.MAX_DRAWDOWN_PPM, DeskLimit.EQUITY_FLOOR, DeskLimit.MAX_EXPOSURE, DeskLimit.MAX_UNACKNOWLEDGED)
    assert [limit(desk, one) for one in figures] == [70_000, 8_000 * MONEY, 700 * MONEY, 7]
    assert limit(desk, DeskLimit.ORDERS_PER_MINUTE) == 30
    for row in range(int(state["instruments_count"])):
        assert int(state["instruments"][row]["limits"][InstrumentLimit.MAX_EXPOSURE]) == 300 * MONEY
        assert int(state["instruments"][row]["limits"][InstrumentLimit.MAX_NOTIONAL]) <= 300 * MONEY
    configure(desk, throttle_enabled=False)
    assert limit(desk, DeskLimit.ORDERS_PER_MINUTE) == 1_000_000
    configure(desk, throttle_enabled="true")
    assert limit(desk, DeskLimit.ORDERS_PER_MINUTE) == 30
    desk.close()
    assert replay(desk.place.journal).digest == desk.desk.digest


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "at least one of max_daily_loss"),
        ({"max_loss": 1}, "one of max_daily_loss"),
        ({"max_daily_loss": "much"}, "a number"),
        ({"max_daily_loss": True}, "a number"),
        ({"max_daily_loss": float("nan")}, "a number"),
        ({"max_daily_loss": "9" * 400}, "a number"),
        ({"max_daily_loss": "0.0000000000001"}, "whole number of units|decimal|steps"),
        ({"max_drawdown": 0}, "0.000001"),
        ({"portfolio_heat_limit": 2}, "from 0 to 1"),
        ({"max_orders_per_minute": 0}, "1 or more"),
        ({"max_orders_per_minute": 1.5}, "1 or more"),
        ({"throttle_enabled": "perhaps"}, "true, false"),
        ({"max_position_size": "0.000001"}, "max_notional|min_notional"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(tmp_path: Path, settings: Any, words: str) -> None:
    desk = opened(tmp_path / "desk")
    before = desk.desk.states[0]["limits"].copy()
    with pytest.raises(ConfigError, match=words):
        configure(desk, **settings)
    assert (desk.desk.states[0]["limits"] == before).all()
    assert not (desk.place.data / OVERRIDES_FILE).exists()
    assert desk.failure is None
    desk.close()


def test_it_is_signed_and_a_long_reason_is_refused(tmp_path: Path) -> None:
    desk = opened(tmp_path / "desk")
    for command, words in (
        (Command(verb=Verb.CONFIGURE, settings={"max_exposure": 1}), "signed"),
        (Command(verb=Verb.CONFIGURE, settings={"max_exposure": 1}, person="mallory"), "one of desk, operator-1"),
        (Command(verb=Verb.STOP, person="mallory"), "one of desk, operator-1"),
        (Command(verb=Verb.PAUSE, settings={"max_exposure": 1}), "only with configure"),
        (Command(verb=Verb.PAUSE, why="x" * 501), "at most 500 characters"),
        (Command(verb=Verb.KILL, keep_orders=False), "only with stop"),
        (Command(verb=Verb.CANCEL_ORDER), "as the logs name it"),
        (Command(verb=Verb.CANCEL_ORDER, order_id="1-1", strategy="BUY"), "whole desk"),
        (Command(verb=Verb.STOP, keep_orders=True), "ends with this process"),
    ):
        with pytest.raises(ConfigError, match=words):
            desk.obey(command)
    assert not desk.stopping
    desk.close()


def test_without_room_on_the_disk_nothing_is_changed_and_trading_goes_on(tmp_path: Path) -> None:
    class Full(RoomyDisk):
        def create(self, path: Path) -> int:
            if OVERRIDES_FILE in path.name:
                raise OSError(28, "No space left on device")
            return super().create(path)

    config = desk_folder(tmp_path / "desk")
    desk = session(config, DeskPlace(config.folder), sources=SOURCES, disk=Full())
    desk.open()
    before = limit(desk, DeskLimit.MAX_DAILY_LOSS)
    with pytest.raises(DeskError, match="nothing was changed"):
        configure(desk, max_daily_loss=1)
    assert limit(desk, DeskLimit.MAX_DAILY_LOSS) == before
    pump(desk, 20)
    desk.close()


def test_nonsense_in_the_file_keeps_the_desk_from_starting(tmp_path: Path) -> None:
    desk = opened(tmp_path / "desk")
    configure(desk, max_daily_loss=1)
    desk.close()
    file = desk.place.data / OVERRIDES_FILE
    for text in ("{", '{"overrides": {"max_loss": {"value": "1"}}}', '{"overrides": {"max_daily_loss": 1}}'):
        file.write_text(text)
        again = session(desk.config, desk.place, sources=SOURCES)
        with pytest.raises(DeskError, match=OVERRIDES_FILE):
            again.open()
    file.write_text('{"overrides": {"max_daily_loss": {"value": "1"}}}')
    again = opened(tmp_path / "desk")  # no lock was left behind
    again.close()


def test_whoever_continues_the_journal_elsewhere_opens_with_them(tmp_path: Path) -> None:
    """As a standby does, or a restored backup: the journal and the snapshots are there, the file is not."""
    desk = opened(tmp_path / "desk")
    configure(desk, max_daily_loss=77)
    configure(desk, equity_floor=5)
    desk.close()
    shutil.copytree(tmp_path / "desk", tmp_path / "heir")
    for name in (OVERRIDES_FILE, "epoch"):
        (tmp_path / "heir" / "data" / name).unlink()
    heir = opened(tmp_path / "heir")
    assert limit(heir, DeskLimit.MAX_DAILY_LOSS) == 77 * MONEY
    assert limit(heir, DeskLimit.EQUITY_FLOOR) == 5 * MONEY
    configure(heir, max_daily_loss="default")
    heir.close()
    shutil.rmtree(desk.place.journal)
    shutil.copytree(heir.place.journal, desk.place.journal)
    shutil.rmtree(desk.place.snapshots)
    back = opened(tmp_path / "desk")  # its own file is older than what the journal says
    assert set(back.vitals()["overrides"]) == {"equity_floor"}
    back.close()


def test_a_second_copy_has_all_of_a_command_before_it_is_acknowledged(tmp_path: Path) -> None:
    desk = opened(tmp_path / "desk")
    copied: list[int] = []
    desk.desk.gate = copied.append
    answer = configure(desk, max_daily_loss=5, equity_floor=1, max_position_size=50)
    assert copied[-1] == desk.recovered.writer.next_sequence > int(str(answer["command_sequence"])) + 3
    desk.desk.gate = None
    desk.close()


def test_names_are_the_ones_that_the_interface_has() -> None:
    assert {"max_daily_loss", "portfolio_heat_limit", "max_drawdown", "max_position_size", "equity_floor"} < set(NAMES)


# Orders, at a venue.


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    made = Rig(tmp_path / "desk", Guarded)
    made.start()
    made.run(SECOND)
    made.quote(9_990, 10_010)
    made.run(SECOND)
    assert (made.net, int(made.state["open_count"])) == (10, 3)
    return made


def open_orders(rig: Rig) -> list[Any]:
    state = rig.state
    return [state["orders"][slot] for slot in state["open_orders"][: int(state["open_count"])]]


def name_of(order: Any) -> str:
    return f"{int(order['id']) >> 40}-{int(order['id']) & ((1 << 40) - 1)}"


def obey(rig: Rig, verb: Verb, **words: Any) -> dict[str, object]:
    answer = rig.session.obey(Command(verb=verb, origin="here", why="by hand", **words))
    rig.run(SECOND)
    return answer


def test_cancel_spares_the_stop_unless_asked_and_blocks_nothing(rig: Rig) -> None:
    answer = obey(rig, Verb.CANCEL)
    assert (answer["cancels"], answer["paused"]) == (2, False)
    (left,) = open_orders(rig)
    assert left["flags"] & OrderFlag.PROTECTIVE
    assert obey(rig, Verb.CANCEL)["cancels"] == 0  # nothing to do is a command all the same
    assert obey(rig, Verb.CANCEL, protective=True)["cancels"] == 1
    assert open_orders(rig) == []
    rig.agree()
    told = list(operator_commands(rig.place.journal, rig.config))
    assert [(one.verb, one.scope, one.protective) for one in told] == [
        ("cancel", "desk", False), ("cancel", "desk", False), ("cancel", "desk", True),
    ]  # fmt: skip
    assert {one.why for one in told} == {"by hand"}


def test_cancel_by_scope(rig: Rig) -> None:
    answer = obey(rig, Verb.CANCEL, strategy="asker", instrument="ABC", person="ada")
    assert answer["cancels"] == 2
    (told,) = operator_commands(rig.place.journal, rig.config)
    assert (told.scope, told.person) == ("strategy asker, instrument ABC", "ada")
    with pytest.raises(ConfigError, match="one of asker"):
        obey(rig, Verb.CANCEL, strategy="nobody")


def test_one_order_is_cancelled_by_its_name(rig: Rig) -> None:
    bid = next(order for order in open_orders(rig) if order["quantity"] == 1)
    name, number = name_of(bid), int(bid["id"])
    assert obey(rig, Verb.CANCEL_ORDER, order_id=name)["cancels"] == 1
    assert OrderStatus.CANCELED in rig.statuses()
    assert number not in {int(order["id"]) for order in open_orders(rig)}
    with pytest.raises(DeskError, match="does not work here"):
        obey(rig, Verb.CANCEL_ORDER, order_id=name)
    with pytest.raises(DeskError, match="names no order"):
        obey(rig, Verb.CANCEL_ORDER, order_id="order_12345")
    stop = next(order for order in open_orders(rig) if order["flags"] & OrderFlag.PROTECTIVE)
    with pytest.raises(DeskError, match="protective"):
        obey(rig, Verb.CANCEL_ORDER, order_id=name_of(stop))
    assert obey(rig, Verb.CANCEL_ORDER, order_id=name_of(stop), protective=True)["cancels"] == 1
    rig.agree()


@pytest.mark.parametrize(("keep", "left", "cancels"), [(None, 1, 2), (True, 3, 0), (False, 0, 3)])
def test_a_stop_does_with_orders_as_it_is_told(rig: Rig, keep: bool | None, left: int, cancels: int) -> None:
    answer = rig.session.obey(Command(verb=Verb.STOP, keep_orders=keep, person="ada"))
    assert answer["cancels"] == cancels
    rig.session.close()
    assert len(rig.exchange.open_orders(0)) == left
    found = replay(rig.place.journal)
    assert found.digest == rig.session.desk.digest
    rig.start()
    rig.run(2 * SECOND)
    assert rig.session.ready
    assert rig.net == rig.held == 10


def test_a_stop_waits_until_the_venue_has_the_protective_order(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "desk", Guarded)
    rig.start()
    rig.run(SECOND)
    held: list[Any] = []
    rig.link.keep = lambda request: not (getattr(request, "trigger_price", 0) and rig.hold(request, held))
    rig.quote(9_990, 10_010)
    rig.run(100 * MS)
    assert (rig.net, len(held)) == (10, 1)
    began = rig.now_ns
    rig.later(700 * MS, held[0])
    rig.session.obey(Command(verb=Verb.STOP))
    rig.session.close()
    assert 700 * MS <= rig.now_ns - began < 2 * SECOND
    (stop,) = rig.exchange.open_orders(0)
    assert stop.reduce_only


def test_limits_survive_a_restart_of_a_live_desk_and_govern_its_next_order(rig: Rig) -> None:
    configure(rig.session, max_position_size=1)
    rig.kill()
    rig.start()
    rig.run(2 * SECOND)
    assert int(rig.state["instruments"][0]["limits"][InstrumentLimit.MAX_EXPOSURE]) == MONEY
    before = rig.count(EventKind.ORDER_REQUEST)
    obey(rig, Verb.CANCEL, protective=True)
    rig.quote(9_980, 10_000)
    rig.run(SECOND)
    assert rig.count(EventKind.ORDER_REQUEST) == before  # it holds a position, so it does not ask
    vitals: Any = rig.session.vitals()
    assert set(vitals["overrides"]) == {"max_position_size"}
    assert sum(vitals["latency"]["venues"]["practice"]["cancel"]) == 3
