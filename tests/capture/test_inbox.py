"""What is tested: `quarterdeck.capture.inbox`."""

import itertools
import threading

from quarterdeck.capture.inbox import WORDS, Inbox, kinds_of
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.market.events import join_events
from quarterdeck.venues.messages import MarketData, Unsent
from tests.capture.builders import trade

PATIENCE_S = 60.0


def test_what_comes_is_stamped_in_its_order() -> None:
    times = itertools.count(1_000)
    rung: list[int] = []
    inbox = Inbox(lambda: next(times), lambda: rung.append(1))
    first, second = inbox.door(0), inbox.door(1)
    first(MarketData(events=trade(5, 1, 1)))
    second(MarketData(events=join_events([trade(6, 1, 2), trade(7, 1, 3)])))
    first(Unsent(request_id=1))  # nothing that is recorded
    words = inbox.take()
    assert words[:, 0].tolist() == [1_000, 1_001, 1_001]
    assert words[:, 3].tolist() == [5, 6, 7]
    assert kinds_of(words).tolist() == [EventKind.TRADE] * 3
    assert (inbox.messages, len(rung)) == (2, 2)
    assert inbox.take().shape == (0, WORDS)


def test_a_venue_waits_for_room_and_nothing_is_dropped() -> None:
    inbox = Inbox(lambda: 1, lambda: None, bytes_max=64)
    door = inbox.door(0)
    done = threading.Event()

    def hurry() -> None:
        for number in range(50):
            door(MarketData(events=trade(1, 1, number + 1)))
        done.set()

    thread = threading.Thread(target=hurry)
    thread.start()
    taken: list[int] = []
    while len(taken) < 50:
        taken += inbox.take()[:, 6].tolist()
    thread.join(PATIENCE_S)
    assert taken == list(range(1, 51))
    assert done.is_set()


def test_a_close_lets_everybody_go() -> None:
    inbox = Inbox(lambda: 1, lambda: None, bytes_max=1)
    door = inbox.door(0)
    door(MarketData(events=trade(1, 1, 1)))
    thread = threading.Thread(target=lambda: door(MarketData(events=trade(1, 1, 2))))
    thread.start()
    while not inbox.waits:
        threading.Event().wait(0.001)
    inbox.close()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert len(inbox.take()) == 1
