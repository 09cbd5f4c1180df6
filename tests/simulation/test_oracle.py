"""The oracle must be able to say no. What is tested: `quarterdeck.simulation.oracle`,
`quarterdeck.simulation.oracle_journal` and `quarterdeck.simulation.watching`.
"""

import ast
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from quarterdeck.simulation import oracle, oracle_journal, watching
from quarterdeck.simulation.oracle import Bounds, Oracle, Violation
from quarterdeck.simulation.oracle_journal import JournalBooks
from quarterdeck.simulation.watching import DeskFigures
from quarterdeck.twins.exchange import PracticeExchange
from quarterdeck.twins.exchange_records import Listing, Quote
from quarterdeck.twins.practice_wire import PracticeWire

NOW = 10**18
TAG = "a" * 12
EPOCH = 3
PERPETUAL, SPOT = Listing(value=2, margined=True, taker_fee_ppb=10**6), Listing(value=5, purse=1)


@pytest.mark.parametrize("module", [oracle, oracle_journal, watching])
def test_it_imports_nothing_of_what_it_judges(module: Any) -> None:
    tree = ast.parse(Path(module.__file__).read_text())
    found = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    ours = {name for name in found if name.startswith("quarterdeck")}
    allowed = ("quarterdeck.twins.", "quarterdeck.simulation.oracle", "quarterdeck.simulation.watching")
    assert all(name.startswith(allowed) for name in ours), ours


def record(kind: int, *words: int, flags: int = 0, instrument: int = 0, strategy: int = 0, second: int = 0) -> bytes:
    return struct.pack(
        "<qqBBhhHqqqqq", 1, second, kind, flags, instrument, strategy, 0, *words, *[0] * (5 - len(words))
    )


START = record(91, EPOCH)


def asked(side: int = 1, price: int = 100, kind: int = 0, instrument: int = 0, strategy: int = 0) -> bytes:
    flags = 1 if side < 0 else 0
    return record(20, price, 5, flags=flags, instrument=instrument, strategy=strategy, second=kind)


def client_id(number: int, epoch: int = EPOCH, strategy: int = 0) -> str:
    return f"{TAG}{strategy:04x}{(epoch << 40) + number:016x}"


class Desk:
    """Eyes on a desk that believes what a test says."""

    def __init__(self) -> None:
        self.ready = True
        self.orders: dict[int, tuple[int, int]] = {}
        self.believed = DeskFigures([0, 0], [0, 0], [0, 0], [0, 0], [0, 0], 0)

    def figures(self) -> DeskFigures:
        return self.believed

    def order(self, order_id: int) -> tuple[int, int] | None:
        return self.orders.get(order_id)

    def open_orders(self) -> dict[int, int]:
        return {number: 5 for number, (status, _) in self.orders.items() if status < 6}

    def stopped(self) -> list[bool]:
        return [False, False]

    def digest(self) -> bytes:
        return b""


class Limits:
    long_lots = (10, 10)
    short_lots = (10, 0)
    order_lots = (8, 8)


class Scene:
    """An exchange, a journal, and an oracle that watches both."""

    def __init__(self) -> None:
        self.exchange = PracticeExchange([PERPETUAL, SPOT])
        self.exchange.open_account([0, 0])
        self.wire = PracticeWire(self.exchange)
        self.wire.quote(NOW, [(0, Quote(99, 101, 50, 50)), (1, Quote(99, 101, 50, 50))])
        self.content = bytearray(4096)
        self.now = NOW
        self.kind = True
        self.oracle = Oracle(self.exchange, lambda: [("0.qdj", self.content)], lambda: self.now, self, Limits())
        self.desk = Desk()

    def healthy(self) -> bool:
        return self.kind

    def lead(self, name: str = "A1", journal: bytes = START) -> None:
        self.oracle.recovered(name, "A", b"", (len(self.content) - 4096) // 64)
        self.content += journal
        self.oracle.opened(name, EPOCH, self.desk)
        for kind in ("Fills", "Orders", "Account"):
            self.oracle.heard(name, b'{"type":"%s"' % kind.encode())

    def place(self, number: int = 1, name: str = "A1", *, strategy: int = 0, epoch: int = EPOCH, **more: Any) -> None:
        fields: dict[str, Any] = {
            "type": "Place", "request_id": 1, "client_id": client_id(number, epoch, strategy), "instrument": 0,
            "side": 1, "kind": "limit", "force": "gtc", "price": 100, "trigger_price": 0, "quantity": 5,
            "post_only": False, "reduce_only": False, "expires_ns": 0, **more,
        }  # fmt: skip
        raw = msgspec.json.encode(fields)
        self.oracle.sent(name, raw)
        self.wire.handle(NOW, 0, raw)
        self.oracle.arrived(name, raw)

    def ask_and_place(self, number: int = 1, **more: Any) -> None:
        words = {key: more[key] for key in ("side", "price", "instrument", "strategy") if key in more}
        self.content += asked(**words)
        self.place(number, **more)


def test_an_order_that_was_asked_for_may_leave() -> None:
    scene = Scene()
    scene.lead()
    scene.ask_and_place()
    scene.desk.orders[(EPOCH << 40) + 1] = (3, 0)
    scene.oracle.look()


def twice(scene: Scene) -> None:
    scene.ask_and_place()
    scene.ask_and_place()


def unasked(scene: Scene) -> None:
    scene.place()


def asked_for_another_price(scene: Scene) -> None:
    scene.content += asked(price=99)
    scene.place()


def of_another_epoch(scene: Scene) -> None:
    scene.content += asked()
    scene.place(epoch=EPOCH - 1)


def after_the_successor(scene: Scene) -> None:
    scene.lead("B1", record(91, EPOCH))
    scene.ask_and_place()


def by_nobody(scene: Scene) -> None:
    scene.content += asked()
    scene.place(name="C9")


def while_locked(scene: Scene) -> None:
    scene.content += record(74, strategy=-1, instrument=-1)
    scene.ask_and_place()


def entry_while_paused(scene: Scene) -> None:
    scene.content += record(70, strategy=-1, instrument=-1)
    scene.ask_and_place()


def entry_while_its_strategy_is_paused(scene: Scene) -> None:
    scene.content += record(70, strategy=1, instrument=-1)
    scene.ask_and_place(strategy=1)


def entry_after_a_kill(scene: Scene) -> None:
    scene.content += record(72, strategy=-1, instrument=-1)
    scene.ask_and_place()


def too_large(scene: Scene) -> None:
    scene.ask_and_place(quantity=9)


def too_much_in_all(scene: Scene) -> None:
    scene.ask_and_place(1, quantity=8)
    scene.ask_and_place(2, quantity=8)


def short_where_none_may_be(scene: Scene) -> None:
    scene.ask_and_place(instrument=1, side=-1, price=120)


def before_the_exchange_answered(scene: Scene) -> None:
    scene.oracle.connected("A1", True)
    scene.ask_and_place()


def flipping_while_paused(scene: Scene) -> None:
    scene.ask_and_place(1, price=101)
    scene.content += record(70, strategy=-1, instrument=-1)
    scene.ask_and_place(2, side=-1, price=99, quantity=6)


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (twice, "again"),
        (unasked, "nothing in the journal asked for it"),
        (asked_for_another_price, "nothing in the journal asked for it"),
        (of_another_epoch, "of epoch 2"),
        (after_the_successor, "epoch|successor"),
        (by_nobody, "never began to lead"),
        (while_locked, "locked"),
        (entry_while_paused, "while entries were stopped"),
        (entry_while_its_strategy_is_paused, "while entries were stopped"),
        (entry_after_a_kill, "while entries were stopped"),
        (too_large, "more than one order may have"),
        (too_much_in_all, "can bring the position to 16 lots"),
        (short_where_none_may_be, "can bring the position to 5 lots, 0 are allowed"),
        (before_the_exchange_answered, "before the exchange had answered"),
        (flipping_while_paused, "while entries were stopped"),
    ],
)
def test_an_order_that_may_not_leave(act: Callable[[Scene], None], said: str) -> None:
    scene = Scene()
    scene.lead()
    with pytest.raises(Violation, match=said):
        act(scene)


def test_what_reduces_passes_a_pause() -> None:
    scene = Scene()
    scene.lead()
    scene.ask_and_place(1, price=101)
    scene.content += record(70, strategy=-1, instrument=-1)
    scene.ask_and_place(2, side=-1, price=99)


def fill(trade_id: int = 1, price: int = 101, lots: int = 5, fee: int = 1) -> bytes:
    return record(32, price, lots, (EPOCH << 40) + 1, trade_id, fee, second=NOW)


def bought(scene: Scene) -> None:
    """Five lots at 101: 1,010 money units, a fee of 1; the quote's middle is 100."""
    scene.lead()
    scene.ask_and_place(1, price=101)
    scene.desk.orders[(EPOCH << 40) + 1] = (6, 5)
    scene.content += fill() + record(1, 99, 101)
    scene.desk.believed = DeskFigures([5, 0], [1_010, 0], [200, 0], [-1, 0], [0, 0], -11)


def test_a_fill_is_counted_once_to_the_last_unit() -> None:
    scene = Scene()
    bought(scene)
    scene.content += fill()
    scene.oracle.look()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"quantities": [10, 0]}, "its journal's fills come to"),
        ({"cash": [-2, 0]}, "has cash"),
        ({"costs": [1_011, 0]}, "has cash"),
        ({"equity": -10}, "has equity"),
        ({"postings": [0, 1]}, "not to zero"),
        ({"marks_half_ticks": [201, 0]}, "is valued at"),
    ],
)
def test_money_that_is_not_what_its_fills_come_to(changes: dict[str, Any], said: str) -> None:
    scene = Scene()
    bought(scene)
    scene.desk.believed = scene.desk.believed._replace(**changes)
    with pytest.raises(Violation, match=said):
        scene.oracle.look()


def test_a_fill_that_is_journaled_as_another_one() -> None:
    scene = Scene()
    bought(scene)
    scene.content += fill(price=102)
    with pytest.raises(Violation, match="journaled as"):
        scene.oracle.look()


def test_a_trade_that_nobody_books() -> None:
    scene = Scene()
    scene.lead()
    scene.ask_and_place(1, price=101)
    scene.desk.orders[(EPOCH << 40) + 1] = (3, 0)
    scene.oracle.look()
    scene.now += Bounds().unbooked_ns
    scene.kind = False
    scene.oracle.look()
    scene.kind = True
    scene.now += Bounds().unbooked_ns + 1
    with pytest.raises(Violation, match="was not booked in time"):
        scene.oracle.look()


@pytest.mark.parametrize("status", [7, 8, 9])
def test_an_order_believed_closed_that_works(status: int) -> None:
    scene = Scene()
    scene.lead()
    scene.ask_and_place()
    scene.desk.orders[(EPOCH << 40) + 1] = (status, 0)
    with pytest.raises(Violation, match="closed"):
        scene.oracle.look()


def test_an_order_that_works_long_after_a_kill() -> None:
    scene = Scene()
    scene.lead()
    scene.ask_and_place()
    scene.desk.orders[(EPOCH << 40) + 1] = (3, 0)
    with pytest.raises(Violation, match="not in the journal"):
        scene.oracle.commanded("A1", "kill")
    scene.content += record(72, strategy=-1, instrument=-1)
    scene.oracle.commanded("A1", "kill")
    scene.oracle.look()
    scene.now += Bounds().killed_ns + 1
    with pytest.raises(Violation, match="long after the kill"):
        scene.oracle.look()


def test_a_desk_that_never_becomes_ready() -> None:
    scene = Scene()
    scene.lead()
    scene.desk.ready = False
    scene.now += Bounds().unready_ns + 1
    with pytest.raises(Violation, match="never became ready"):
        scene.oracle.look()


def test_acknowledged_records_must_be_found_again() -> None:
    scene = Scene()
    scene.lead()
    scene.content += asked()
    scene.oracle.look()
    lost, changed = bytearray(scene.content[:-64]), bytearray(scene.content)
    changed[-1] ^= 1
    for content, said in ((lost, "were acknowledged"), (changed, "not what was acknowledged")):
        scene.content[:] = content
        with pytest.raises(Violation, match=said):
            scene.oracle.recovered("A2", "A", b"", 1)


def test_power_may_take_what_was_not_synced() -> None:
    scene = Scene()
    scene.lead()
    scene.content += asked()
    scene.oracle.look()
    scene.oracle.lost_power(lambda _: 4096 + 64)
    del scene.content[-64:]
    scene.oracle.recovered("A2", "A", b"", 1)


def test_a_replay_must_come_to_the_state_that_died() -> None:
    scene = Scene()
    scene.lead()
    scene.oracle.ended("A1", b"digest")
    with pytest.raises(Violation, match="another state"):
        scene.oracle.recovered("A2", "A", b"other", 1)


def test_epochs_rise() -> None:
    books = JournalBooks([PERPETUAL])
    books.read(record(91, 3) + record(91, 3))
    assert books.odd == ["epoch 3 begins after epoch 3"]


def test_at_rest_everything_is_the_same() -> None:
    scene = Scene()
    bought(scene)
    scene.oracle.look()
    assert scene.oracle.at_rest("A1") == []
    scene.desk.orders[(EPOCH << 40) + 2] = (3, 0)
    scene.desk.believed = scene.desk.believed._replace(quantities=[4, 0], cash=[3, 0])
    scene.content += fill(trade_id=2)
    scene.oracle.catch_up()
    wrong = " ".join(scene.oracle.at_rest("A1"))
    for said in ("positions", "purse 0", "open orders", "trades [2] are in the journal"):
        assert said in wrong
