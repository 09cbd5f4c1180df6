"""Requests on their way. What is tested: `quarterdeck.desk.post`, `quarterdeck.desk.offset`."""

from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.desk.offset import ClockOffset
from quarterdeck.desk.post import NEVER_NS, Post
from quarterdeck.venues.messages import AskOrders, Cancel, Request


def asked(number: int) -> AskOrders:
    return AskOrders(request_id=number)


def test_an_answer_belongs_to_its_request_once() -> None:
    left: list[Request] = []
    post = Post(left.append, 100)
    first, second = post.number(), post.number()
    post.send(asked(first), 10)
    post.send(asked(second), 20)
    assert [request.request_id for request in left] == [first, second] == [1, 2]
    sent = post.answered(first)
    assert sent is not None
    assert (sent.sent_ns, sent.deadline_ns) == (10, 110)
    assert post.answered(first) is None
    assert (len(post), post.next_due_ns) == (1, 120)


def test_what_is_overdue_is_given_up_once_and_still_understood() -> None:
    post = Post(lambda _: None, 100)
    post.send(asked(1), 0)
    post.send(asked(2), 50)
    assert [sent.request.request_id for sent in post.overdue(99)] == []
    assert [sent.request.request_id for sent in post.overdue(100)] == [1]
    assert post.overdue(149) == []
    assert post.answered(1) is not None
    assert post.answered(1) is None
    post.overdue(150)
    assert post.next_due_ns == NEVER_NS


def test_it_knows_which_orders_something_is_on_its_way_for() -> None:
    post = Post(lambda _: None, 100)
    post.send(asked(1), 0)
    post.send(Cancel(request_id=2, order_id=7, venue_order_id=0, instrument=0, strategy=0, expires_ns=0), 0)
    assert post.orders_on_their_way() == {7}
    post.answered(2)
    assert post.orders_on_their_way() == frozenset()


def test_answers_are_counted_by_what_was_asked_and_how_long_they_took() -> None:
    post = Post(lambda _: None, 1_000_000)
    cancel = Cancel(request_id=1, order_id=7, venue_order_id=0, instrument=0, strategy=0, expires_ns=0)
    for request, took_ns in ((cancel, 1_023), (asked(2), 1_024), (asked(3), 2**50)):
        post.send(request, 100)
        sent = post.answered(request.request_id)
        assert sent is not None
        post.timed(sent, 100 + took_ns)
    assert set(post.latency) == {"cancel", "ask"}
    assert [place for place, count in enumerate(post.latency["cancel"]) if count] == [10]
    assert [place for place, count in enumerate(post.latency["ask"]) if count] == [11, 40]


@given(
    offset=st.integers(-(10**12), 10**12),
    trips=st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), min_size=1, max_size=20),
    venue_ns=st.integers(0, 2**60),
)
def test_the_venues_clock_has_surely_passed(offset: int, trips: list[tuple[int, int]], venue_ns: int) -> None:
    """Whatever the ways there and back took, the bound holds, and the guess is off by half a round trip at most."""
    clock = ClockOffset()
    assert clock.surely_past(venue_ns) is None
    now = 10**15
    for there, back in trips:
        clock.sample(now, now + there + back, now + there + offset)
        now += there + back + 1
    past = clock.surely_past(venue_ns)
    assert past is not None
    assert past + offset >= venue_ns
    narrowest = min(there + back for there, back in trips[-8:])
    assert abs(clock.venue_time(0) - offset) <= narrowest // 2 + 1
