"""A look at losses and margins that the kernel spares itself would have found nothing.

Two desks live the same life: one looks whenever equity is another than at the last look (its slack is taken away before
each event), the other only where its slack says that something can have changed. What they say must be the same.
"""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.kernel.vocabulary import DeskLimit, EventKind, InstrumentTerm, Metric, MetricTerm
from tests.kernel.account_program import Life
from tests.kernel.desks import DEPOSIT, PRICE, SECOND, Desk, spoken

OWN = ("slack", "moved", "equity_housed")  # what the two may differ in
STEPS = st.tuples(
    st.integers(0, 1),  # instrument
    st.integers(-60, 60),  # ticks that its mark moves by
    st.integers(0, 2),  # seconds that pass
    st.sampled_from((0, 0, 0, 0, 0, 0, -30, 30)),  # lots that are traded then
)


def rest(desk: Desk) -> bytes:
    """The state but for what the two desks may differ in."""
    copy: Any = desk.states.copy()  # pyright: ignore[reportAttributeAccessIssue] an array of records
    for name in OWN:
        copy[0][name] = 0
    return copy.tobytes()


@given(
    steps=st.lists(STEPS, min_size=20, max_size=120),
    loss_ppm=st.integers(5, 3_000),
    drawdown_ppm=st.integers(5, 3_000),
    position_ppm=st.integers(1_000, 3_000_000),
    margin_ppm=st.sampled_from((5_000, 400_000, 999_000, 2_500_000)),
    simulated=st.booleans(),
)
def test_both_desks_say_the_same_at_every_event(
    steps: list[tuple[int, int, int, int]],
    loss_ppm: int,
    drawdown_ppm: int,
    position_ppm: int,
    margin_ppm: int,
    simulated: bool,
) -> None:
    eager, lazy = Desk(simulated=simulated), Desk(simulated=simulated)
    for desk in (eager, lazy):
        desk.limit(DeskLimit.MAX_DAILY_LOSS, DEPOSIT * loss_ppm // 1_000_000)
        desk.limit(DeskLimit.MAX_DRAWDOWN_PPM, drawdown_ppm)
        desk.term(MetricTerm.TRIGGER_PPM, position_ppm, Metric.POSITION_SIZE)
        desk.term(MetricTerm.RESET_PPM, position_ppm // 2, Metric.POSITION_SIZE)
        for row in range(2):
            desk.term(InstrumentTerm.MAINTENANCE_MARGIN_PPM, margin_ppm, row)
    prices = [PRICE, PRICE]
    for trade, (instrument, ticks, seconds, lots) in enumerate(steps, 1):
        prices[instrument] = max(PRICE // 2, prices[instrument] + ticks)
        said: list[list[Any]] = []
        for desk in (eager, lazy):
            if desk is eager:
                desk.state["slack"] = 0
            spoke = desk.quote(prices[instrument], instrument=instrument, after=seconds * SECOND)
            if lots:
                if desk is eager:
                    desk.state["slack"] = 0
                fill = {"trade_id": trade, "quantity": abs(lots), "price": prices[instrument], "strategy": -1}
                spoke += desk.event(EventKind.FILL, instrument=instrument, flags=64 | (lots < 0), **fill)
            said.append([action.tobytes() for action in spoke])
        assert said[0] == said[1], spoken(spoke)
        assert rest(eager) == rest(lazy)


def test_a_whole_life_is_the_same(seed: int) -> None:
    life = Life(seed)
    for _ in range(400):
        life.step()
    eager, lazy = Desk(), Desk()
    for raw in life.desk.tape[len(eager.tape) :]:
        eager.state["slack"] = 0
        said = [[action.tobytes() for action in desk.apply_bytes(raw)] for desk in (eager, lazy)]
        assert said[0] == said[1]
    assert rest(eager) == rest(lazy)


def test_a_quiet_mark_is_not_looked_at() -> None:
    desk = Desk()
    desk.hold(10)
    desk.quote(PRICE + 1, after=SECOND)
    housed = int(desk.state["equity_housed"])
    desk.quote(PRICE + 2, after=SECOND)
    assert desk.state["slack"] > desk.state["moved"] > 0
    assert desk.state["equity_housed"] == housed != desk.equity()
