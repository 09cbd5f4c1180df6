"""What is tested: `quarterdeck.reports.statement`: a venue's whole statement, or an error that says what is missing."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.errors import DataError
from quarterdeck.kernel.vocabulary import Reason
from quarterdeck.reports.statement import Inquiry
from quarterdeck.venues.messages import FillsAnswer, FillsNews, Lost, Message, Refused, Request
from quarterdeck.venues.protocol import Capabilities
from tests.reports.builders import BEGIN_NS, DAY, NOW_NS, ON_THE_DAY, TRADES, XRP, StatementVenue, VenueBooks, trade

SPAN = BEGIN_NS, BEGIN_NS + DAY


class Clock:
    """Time that passes by a second whenever it is looked at."""

    def __init__(self, step_s: float = 1.0) -> None:
        self.now_s, self.step_s = 0.0, step_s

    def __call__(self) -> float:
        self.now_s += self.step_s
        return self.now_s


class Stubborn:
    """A venue that answers every question in one way."""

    capabilities = Capabilities()

    def __init__(self, answer: Callable[[int], Message | None]) -> None:
        self._answer = answer
        self.asked = 0

    def open(self, deliver: Callable[[Message], None]) -> None:
        self._deliver = deliver

    def send(self, request: Request) -> None:
        self.asked += 1
        answer = self._answer(request.request_id)
        if answer is not None:
            self._deliver(answer)

    def close(self) -> None: ...


@pytest.mark.parametrize("most", [1, 2, 3, 100])
def test_fills_of_a_day_come_whole(most: int) -> None:
    venue = StatementVenue(VenueBooks.true(), most=most)
    inquiry = Inquiry("practice", venue, 60)
    fills, until_ns = inquiry.fills(*SPAN)
    assert fills == list(ON_THE_DAY)
    assert until_ns == SPAN[1] - 1
    assert inquiry.account().balances[0].cash == venue.books.cash
    inquiry.close()
    assert venue.closed


@given(st.lists(st.integers(0, 20), max_size=12), st.integers(5, 9))
def test_whatever_the_parts(times: list[int], most: int) -> None:
    """A part may end inside of one moment; the next begins with that moment again."""
    most += max((times.count(time) for time in times), default=0)
    trades = [trade(place + 1, BEGIN_NS + at, XRP, 1, 10, 1) for place, at in enumerate(times)]
    venue = StatementVenue(VenueBooks(trades, {}, 0), most=most)
    fills, _ = Inquiry("practice", venue, 60).fills(*SPAN)
    assert sorted(one.trade_id for one in fills) == [one.trade_id for one in trades]


def test_today_ends_where_the_venue_does() -> None:
    venue = StatementVenue(VenueBooks.true(TRADES[:5]), now_ns=BEGIN_NS + 12 * 3600 * 10**9)
    fills, until_ns = Inquiry("practice", venue, 60).fills(*SPAN)
    assert until_ns == BEGIN_NS + 12 * 3600 * 10**9
    assert len(fills) == 3


def test_a_line_that_is_down_is_asked_again() -> None:
    venue = StatementVenue(VenueBooks.true(), fails=3)
    fills, _ = Inquiry("practice", venue, 60).fills(*SPAN)
    assert fills == list(ON_THE_DAY)
    assert len({request.request_id for request in venue.asked}) == len(venue.asked)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda number: Lost(request_id=number, text="the line broke"), "the line broke"),
        (lambda number: Refused(request_id=number, reason=Reason.VENUE_REJECTED, text="who?"), r"who\?"),
        (lambda number: Refused(request_id=number, reason=Reason.VENUE_REJECTED), "refused"),
        (lambda _: None, "no answer"),
        (lambda _: FillsNews(fills=TRADES), "no answer"),
        (lambda number: FillsAnswer(request_id=number + 1, fills=(), until_ns=NOW_NS), "no answer"),
    ],
)  # fmt: skip
def test_what_cannot_be_had_is_said(answer: Callable[[int], Message | None], said: str) -> None:
    venue = Stubborn(answer)
    inquiry = Inquiry("practice", venue, 3, monotonic=Clock(0.5))
    with pytest.raises(DataError, match=f"venue practice: its statement .* within 3 s .*{said}"):
        inquiry.fills(*SPAN)
    assert venue.asked >= 1


def test_a_venue_that_has_more_and_gives_nothing_is_not_asked_for_ever() -> None:
    venue = Stubborn(lambda number: FillsAnswer(request_id=number, fills=(), until_ns=BEGIN_NS, more=True))
    with pytest.raises(DataError, match="gives no more"):
        Inquiry("practice", venue, 60).fills(*SPAN)
    assert venue.asked == 2
