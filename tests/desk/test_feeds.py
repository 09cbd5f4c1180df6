"""Feeds: the same seed makes the same market in any pieces, on the desk's own grid, in order of time."""

import numpy as np
import pytest

from quarterdeck.config import load_desk
from quarterdeck.desk.feeds import GeneratedFeed, RecordedFeed
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.market import join_events
from quarterdeck.runtime.opening import market_instruments
from tests.desk.builders import SHIPPED, START_NS, quote

SECOND = 1_000_000_000


def taken(feed: GeneratedFeed | RecordedFeed, seconds: list[float], most: int = 100_000) -> np.ndarray:
    return join_events([feed.take(START_NS + int(at * SECOND), most) for at in seconds])


def test_the_same_seed_makes_the_same_market_in_any_pieces() -> None:
    config = load_desk(SHIPPED)
    whole = taken(GeneratedFeed(config, 7, START_NS), [60])
    pieces = taken(GeneratedFeed(config, 7, START_NS), [1, 1.5, 20, 20, 60])
    assert whole.tobytes() == pieces.tobytes()
    assert whole.tobytes() != taken(GeneratedFeed(config, 8, START_NS), [60]).tobytes()


@pytest.mark.parametrize("seed", range(3))
def test_times_never_go_back_and_prices_stand_on_the_desks_grid(seed: int) -> None:
    config = load_desk(SHIPPED)
    events = taken(GeneratedFeed(config, seed, START_NS), [30, 600])
    assert np.all(np.diff(events["time_ns"]) >= 0)
    quotes = events[events["kind"] == EventKind.QUOTE]
    assert set(quotes["instrument"].tolist()) == {0, 1}
    assert np.all(quotes["bid"] < quotes["ask"])
    for index, instrument in enumerate(market_instruments(config)):
        for ticks in np.unique(quotes["bid"][quotes["instrument"] == index]):
            instrument.price_to_ticks(instrument.ticks_to_price(int(ticks)))


def test_no_more_than_was_asked_for_and_the_rest_later() -> None:
    feed = RecordedFeed(join_events([quote(START_NS + second * SECOND) for second in range(5)]))
    assert len(taken(feed, [10], most=2)) == 2
    assert not feed.ended
    assert len(taken(feed, [2.5, 10], most=2)) == 3
    assert feed.ended
