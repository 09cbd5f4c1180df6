"""The desk's clock never goes backwards, whatever the machine's clocks do."""

from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.desk.clock import DeskClock

SECOND = 1_000_000_000


class Machine:
    """A wall clock and a monotonic one, moved by hand."""

    def __init__(self, wall: int = 10**18) -> None:
        self.wall_ns, self.monotonic_ns = wall, 5

    def clock(self, floor_ns: int = 0, speed: float = 1.0, *, steered: bool = True) -> DeskClock:
        read = {"wall": lambda: self.wall_ns, "monotonic": lambda: self.monotonic_ns}
        return DeskClock(floor_ns, speed, steered=steered, **read)

    def move(self, seconds: float, wall: float | None = None) -> None:
        self.monotonic_ns += int(seconds * SECOND)
        self.wall_ns += int((seconds if wall is None else wall) * SECOND)


def test_begins_at_the_wall_clock_or_where_the_journal_ended() -> None:
    assert Machine(100).clock().now() == 100
    assert Machine(100).clock(floor_ns=700).now() == 700


def test_a_step_of_the_wall_clock_is_drawn_in_slowly() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.move(10, wall=3610)
    before = clock.now()
    assert before - 10**18 == 10 * SECOND + 10 * SECOND // 2000
    machine.move(10, wall=-7000)
    assert 0 < clock.now() - before <= 10 * SECOND


def test_a_small_error_is_taken_out() -> None:
    machine = Machine()
    clock = machine.clock()
    for _ in range(5):
        machine.move(1, wall=1.0001)
    assert clock.now() == machine.wall_ns


def test_a_faster_clock_does_not_ask_the_wall_clock_again() -> None:
    machine = Machine()
    clock = machine.clock(speed=10.0)
    machine.move(2, wall=500)
    assert clock.now() - 10**18 == 20 * SECOND


def test_an_unsteered_clock_goes_by_the_monotonic_one_alone() -> None:
    machine = Machine()
    clock = machine.clock(steered=False)
    machine.move(2, wall=0)
    assert clock.now() - 10**18 == 2 * SECOND


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(-100, 100)), max_size=30), st.sampled_from([1.0, 0.5, 30.0]))
def test_never_goes_backwards(moves: list[tuple[float, float]], speed: float) -> None:
    machine = Machine()
    clock = machine.clock(speed=speed)
    last = clock.now()
    for seconds, wall in moves:
        machine.move(seconds, wall)
        now = clock.now()
        assert now >= last
        last = now
