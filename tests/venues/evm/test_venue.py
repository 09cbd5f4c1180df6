"""A whole venue on a twin of the chain: what it tells is what the chain holds, whatever happens in between.

What is tested: `quarterdeck.venues.evm.venue`, `quarterdeck.venues.evm.placing`, `quarterdeck.venues.evm.money` and all
that they are made of, over real sockets.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck.arbitrage import records
from quarterdeck.kernel.vocabulary import LedgerAccount, OrderStatus, Reason
from quarterdeck.venues.evm.shown import read_shown
from quarterdeck.venues.messages import (
    AskFills,
    AskOrder,
    AskOrders,
    ChargesNews,
    FillsAnswer,
    FillsNews,
    Line,
    Lost,
    OrderAnswer,
    OrderNews,
    OrdersAnswer,
    Refused,
    Taken,
)
from tests.venues.evm.chained import Rig, rig

pytestmark = pytest.mark.slow


@pytest.fixture
def on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    with rig(tmp_path / "desk", monkeypatch, seed=7) as made:
        yield made


def agree(on: Rig, before: list[int]) -> None:
    """The chain, what the venue says of it, and what it charged are one."""
    now = on.floors()
    assert list(on.account().values()) == now
    on.drain()
    assert [first - last for first, last in zip(before, now, strict=True)] == on.paid()


def taken(on: Rig, order_id: int) -> dict[str, int]:
    """An attempt that is on its way."""
    quote = on.quote()
    on.place(quote, order_id)
    answer = on.hear((Taken, Refused))  # type: ignore[arg-type]
    assert isinstance(answer, Taken), answer
    return quote


def test_an_attempt_is_quoted_proven_mined_and_booked_to_the_last_unit(on: Rig) -> None:
    before = on.floors()
    quote = taken(on, 11)
    (sent,) = on.records(records.Sent)
    on.place(quote, 11)
    assert isinstance(on.hear((Taken, Refused)), Taken)  # type: ignore[arg-type]
    assert len(on.records(records.Sent)) == 1, "the same order is sent once"
    on.twin.mine()
    fill = on.hear(FillsNews).fills[0]
    assert (fill.order_id, fill.quantity, fill.price, fill.fee) == (11, quote["ask_quantity"], 1, 0)
    (done,) = on.records(records.Included)
    assert (done.hash, done.success, done.reason, done.order_id) == (sent.hash, True, "", 11)
    assert int(done.net) == int(done.gross) - int(done.premium) > 0
    assert {one.ledger_account for one in on.charges} == {
        LedgerAccount.REALISED, LedgerAccount.PREMIUM, LedgerAccount.GAS,
    }  # fmt: skip
    agree(on, before)
    on.send(AskOrder(request_id=90, order_id=11, venue_order_id=0, instrument=0, strategy=0))
    found = on.hear(OrderAnswer).order
    assert found is not None
    assert (found.status, found.filled) == (OrderStatus.FILLED, quote["ask_quantity"])
    on.send(AskFills(request_id=91, since_ns=0))
    assert on.hear(FillsAnswer).fills == (fill,)
    shown = read_shown(on.folder / "data")
    assert shown is not None
    assert shown.lenders
    assert shown.pools > 1


def test_an_attempt_that_loses_its_race_costs_gas_and_says_why(on: Rig) -> None:
    """The desk's transaction waits while the market moves on; the pools that it meets are not those of its proof."""
    before = on.floors()
    on.twin.fault("hold")
    taken(on, 12)
    quote_blocks = 12
    on.twin.mine(quote_blocks)
    on.twin.fault("hold", 0)
    on.twin.mine(2)
    news = on.hear((OrderNews, FillsNews))  # type: ignore[arg-type]
    on.drain()
    (done,) = on.records(records.Included)
    agree(on, before)
    if isinstance(news, FillsNews):
        pytest.fail(f"nobody took this gap in {quote_blocks} blocks: {done}")
    assert news.orders[0].status is OrderStatus.CANCELED
    assert not done.success
    assert done.reason
    assert {one.ledger_account for one in on.charges} == {LedgerAccount.GAS}


def test_who_closes_in_mid_flight_hears_of_it_after_and_sends_nothing_twice(on: Rig) -> None:
    before = on.floors()
    quote = taken(on, 13)
    on.close()
    on.twin.mine()
    on.open()
    on.hear(Line, lambda line: line.up)
    on.drain()
    assert [fill.order_id for fill in on.fills] == [13]
    agree(on, before)
    on.place(quote, 13)
    assert isinstance(on.hear((Taken, Refused)), Taken)  # type: ignore[arg-type]
    on.twin.mine()
    assert len(on.records(records.Sent)) == 1
    on.send(AskOrders(request_id=92))
    assert on.hear(OrdersAnswer).orders == ()
    agree(on, before)


def test_a_reorganisation_takes_back_and_books_again(on: Rig) -> None:
    before = on.floors()
    taken(on, 14)
    on.twin.mine()
    on.hear(FillsNews)
    on.twin.mine(2)
    on.twin.fault("reorg", 3)
    on.hear(ChargesNews, lambda news: any(one.amount > 0 and one.account != 1 for one in news.charges))
    (gone,) = on.records(records.Orphaned)
    assert gone.order_id == 14
    on.twin.mine(4)
    settle(on)
    agree(on, before)
    assert len(on.fills) == 1, "an order is filled once"


def settle(on: Rig) -> None:
    """Until the venue stands at the newest block."""
    on.look(on.twin.mine())


def test_a_chain_that_goes_away_is_told_and_comes_back(on: Rig) -> None:
    on.twin.fault("fail", 10_000)
    on.hear(Line, lambda line: not line.up)
    on.twin.fault("clear")
    on.twin.mine()
    on.hear(Line, lambda line: line.up)
    settle(on)


def test_an_attempt_in_flight_can_be_cancelled(on: Rig) -> None:
    before = on.floors()
    on.twin.fault("hold")
    taken(on, 15)
    on.cancel(15)
    answer = on.hear(Taken)
    assert not answer.final
    on.twin.fault("hold", 0)
    on.twin.mine()
    news = on.hear(OrderNews)
    assert news.orders[0].status is OrderStatus.CANCELED
    assert {one.ledger_account for one in on.charges} == {LedgerAccount.GAS}
    agree(on, before)
    on.cancel(15)
    assert on.hear(Refused).reason is Reason.UNKNOWN_ORDER


def test_what_is_no_plan_any_more_or_another_ones_is_refused(on: Rig) -> None:
    quote = on.quote()
    on.place({**quote, "update_id": 5}, 16)
    assert "not known" in on.hear(Refused).text
    on.place({**quote, "instrument": 1 - quote["instrument"]}, 17)
    assert "another token" in on.hear(Refused).text
    on.twin.fault("fail", 0)
    on.place(quote, 18, quantity=1)
    refused = on.hear(Refused)
    assert "GONE" in refused.text, "so little borrowed does not pay for its gas"
    assert refused.reason is Reason.NO_LIQUIDITY
    assert [one.order_id for one in on.records(records.Unsent)] == [16, 17, 18]


def test_a_smaller_order_borrows_less(on: Rig) -> None:
    before = on.floors()
    quote = on.quote()
    on.place(quote, 19, quantity=quote["ask_quantity"] * 9 // 10)
    assert isinstance(on.hear((Taken, Refused)), Taken)  # type: ignore[arg-type]
    on.twin.mine()
    fill = on.hear(FillsNews).fills[0]
    assert fill.quantity == quote["ask_quantity"] * 9 // 10
    (done,) = on.records(records.Included)
    decimals = 18 if quote["instrument"] else 6
    assert int(done.amount) * 10 ** (10 if quote["instrument"] else 6) == fill.quantity * 10**decimals
    agree(on, before)


def test_an_order_that_comes_too_late_or_that_the_node_refuses_is_over(on: Rig) -> None:
    before = on.floors()
    quote = on.quote()
    on.place(quote, 20, expires_ns=1)
    assert "too late" in on.hear(Refused).text
    on.twin.fault("reject")
    on.place(quote, 21)
    assert "refused" in on.hear(Refused).text
    on.send(AskOrder(request_id=93, order_id=21, venue_order_id=0, instrument=0, strategy=0))
    found = on.hear(OrderAnswer).order
    assert found is not None
    assert found.status is OrderStatus.REJECTED
    on.twin.fault("clear")
    on.place(quote, 21)
    assert "nothing was sent" in on.hear(Refused).text, "it is over: whoever asks again is not told that it works"
    settle(on)
    assert on.records(records.Sent) == []
    agree(on, before)


def test_an_order_whose_line_broke_is_found_out_and_sent_once(on: Rig) -> None:
    before = on.floors()
    quote = on.quote()
    on.twin.fault("drop-acks", 1)
    on.place(quote, 22)
    on.hear((Lost, Taken))  # type: ignore[arg-type]
    on.twin.fault("clear")
    on.twin.mine()
    assert on.hear(FillsNews).fills[0].order_id == 22
    settle(on)
    assert len(on.records(records.Included)) == 1
    agree(on, before)


def test_where_blocks_must_be_deep_the_account_is_that_of_the_deep_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands in a block that does not count yet is in no charge, and in no balance either."""
    with rig(tmp_path / "desk", monkeypatch, ("confirmations = 1", "confirmations = 3"), seed=7) as on:
        before = on.floors()
        taken(on, 23)
        on.look(on.twin.mine())
        on.look(on.twin.mine())
        assert on.floors() != before
        assert list(on.account().values()) == before
        on.drain()
        assert on.charges == []
        on.twin.mine()
        on.hear(FillsNews)
        agree(on, before)
