"""Time, lines, the lease store and the shelf of a simulated world. What is tested: `quarterdeck.simulation.clock`,
`quarterdeck.simulation.network`, `quarterdeck.simulation.leases`, `quarterdeck.simulation.shelf` and
`quarterdeck.simulation.chaos`.
"""

from random import Random

import pytest

from quarterdeck.desk.lease import Term
from quarterdeck.errors import DeskError, LeaseLost, StoreUnreachable
from quarterdeck.simulation.chaos import Dice, chaos
from quarterdeck.simulation.clock import START_NS, HostClock, Timeline
from quarterdeck.simulation.leases import HostLeaseStore, Register
from quarterdeck.simulation.network import Line, Weather, message_type
from quarterdeck.simulation.shelf import HostShelf, Rows

MS = 1_000_000


def test_things_happen_in_order_of_time_and_then_as_planned() -> None:
    timeline, told = Timeline(), []
    for name, delay in (("b", 5), ("c", 5), ("a", 2), ("late", -7)):
        timeline.after(delay, name, lambda name=name: told.append((name, timeline.now_ns - START_NS)))
    while len(timeline):
        timeline.next()[1]()
    assert told == [("late", 0), ("a", 2), ("b", 5), ("c", 5)]


def test_a_host_has_clocks_of_its_own() -> None:
    timeline = Timeline()
    clock = HostClock(timeline, boot_ns=77, offset_ns=-3, drift_ppb=1_000_000)
    timeline.after(1_000 * MS, "", lambda: None)
    timeline.next()
    assert clock.monotonic() == 77 + 1_001 * MS
    assert clock.wall() == START_NS + 1_001 * MS - 3
    clock.jump(-50)
    assert clock.wall() == START_NS + 1_001 * MS - 53
    assert clock.monotonic() == 77 + 1_001 * MS


class Ends:
    """A line and what arrives at both of its ends."""

    def __init__(self, weather: Weather, longest_ms: int | None = None) -> None:
        self.timeline = Timeline()
        self.there: list[bytes] = []
        self.here: list[bytes | bool] = []
        self.line = Line(
            self.timeline, Random(3), weather, name="A1", to_exchange=self.there.append, to_desk=self.here.append,
            notice=self.here.append, longest_ms=longest_ms,
        )  # fmt: skip

    def run(self) -> None:
        while len(self.timeline):
            self.timeline.next()[1]()


def messages(count: int) -> list[bytes]:
    return [b'{"type":"Place","n":%d}' % number for number in range(count)]


def test_a_good_line_keeps_the_order_of_each_direction() -> None:
    ends = Ends(Weather())
    ends.line.connect()
    for raw in messages(50):
        ends.line.request(raw)
        ends.line.tell(raw)
    ends.run()
    assert ends.there == messages(50)
    assert ends.here == [True, *messages(50)]


@pytest.mark.parametrize(
    ("weather", "lost", "repeated", "ordered"),
    [
        (Weather(lost=300), True, False, True),
        (Weather(repeated=300), False, True, False),
        (Weather(overtaken=300), False, False, False),
        (Weather(late=300), False, False, False),
    ],
)
def test_bad_weather(weather: Weather, lost: bool, repeated: bool, ordered: bool) -> None:
    ends = Ends(weather)
    ends.line.connect()
    for raw in messages(100):
        ends.line.request(raw)
    ends.run()
    assert (len(set(ends.there)) < 100) == lost
    assert (len(ends.there) > len(set(ends.there))) == repeated
    assert (ends.there == sorted(ends.there, key=messages(100).index)) == ordered


def test_a_broken_line_loses_what_is_on_its_way_and_says_so_in_time() -> None:
    ends = Ends(Weather())
    ends.line.request(b"before it is up")
    ends.line.connect()
    ends.line.request(messages(1)[0])
    ends.line.disconnect(unnoticed_ms=500)
    ends.line.tell(messages(1)[0])
    ends.run()
    assert (ends.there, ends.here) == ([], [True, False])
    assert ends.timeline.now_ns >= START_NS + 500 * MS
    ends.line.connect()
    ends.line.close()
    ends.line.request(messages(1)[0])
    ends.line.tell(messages(1)[0])
    ends.run()
    assert (ends.there, ends.here) == (messages(1), [True, False]), "what was sent is on its way, nothing comes back"


def test_no_request_is_later_than_its_bound() -> None:
    ends = Ends(Weather(late=1_000, late_ms=60_000), longest_ms=900)
    ends.line.connect()
    for raw in messages(50):
        ends.line.request(raw)
    ends.run()
    assert len(ends.there) == 50
    assert ends.timeline.now_ns <= START_NS + 901 * MS
    assert message_type(messages(1)[0]) == "Place"


def test_the_lease_store_compares_and_swaps_until_it_is_cut_off() -> None:
    register = Register()
    one, two = HostLeaseStore(register, Random(1)), HostLeaseStore(register, Random(2))
    first, second = Term(1, "a", 1, 5, 5), Term(2, "b", 2, 5, 5)
    assert one.write("desk", None, first)
    assert not two.write("desk", None, second)
    assert two.write("desk", first, second)
    assert (one.read("desk"), register.epochs) == (second, [1, 2])
    one.cut_off = True
    with pytest.raises(StoreUnreachable):
        one.read("desk")
    two.mute = 1000
    with pytest.raises(StoreUnreachable):
        two.write("desk", second, first)
    assert register.term == first, "it was done, and nobody was told"


def test_the_shelf_takes_records_of_the_lease_holder_only_and_in_order() -> None:
    register, rows = Register(), Rows()
    store = HostLeaseStore(register, Random(1))
    shelf = HostShelf(rows, store, "desk")
    store.write("desk", None, Term(4, "a", 1, 5, 5))
    shelf.add_segment(0, b"head")
    with pytest.raises(DeskError, match="another segment"):
        shelf.add_segment(0, b"other")
    shelf.ship(4, "a", 0, 0, bytes(128))
    for epoch, holder in ((3, "a"), (4, "b")):
        with pytest.raises(LeaseLost):
            shelf.ship(epoch, holder, 0, 2, bytes(64))
    with pytest.raises(DeskError, match="do not follow"):
        shelf.ship(4, "a", 0, 3, bytes(64))
    shelf.ship(4, "a", 0, 2, bytes(64))
    assert shelf.next_sequence() == 3
    assert shelf.fetch(1) == [(0, 0, bytes(128)), (0, 2, bytes(64))]
    assert shelf.fetch(2) == [(0, 2, bytes(64))]
    assert [(first, count) for first, count, _ in shelf.prints(0, 9)] == [(0, 2), (2, 1)]
    assert (shelf.header(0), shelf.header(5)) == (b"head", None)
    store.cut_off = True
    for ask in (shelf.next_sequence, lambda: shelf.fetch(0), lambda: shelf.ship(4, "a", 0, 3, bytes(64))):
        with pytest.raises(StoreUnreachable):
            ask()


def test_dice_follow_from_their_seed_and_strategies_have_their_own() -> None:
    one, two = Dice(5), Dice(5)
    thrown = [one.below(6) for _ in range(2_000)]
    assert thrown == [two.below(6) for _ in range(2_000)]
    assert all(280 < thrown.count(side) < 390 for side in range(6))
    assert (chaos(1, 50).seed, chaos(2, 50).seed, chaos(2, 50).spree) == (1, 2, 50)
