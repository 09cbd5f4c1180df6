"""What is tested: `quarterdeck.twins.matching`, the kernel's market as twins use it, and `quarterdeck.twins.positions`
and `quarterdeck.twins.serving` beside it.
"""

import asyncio
from decimal import Decimal

from aiohttp import ClientSession, WSMsgType, web

from quarterdeck.kernel.vocabulary import EventKind, Flag, InstrumentKind, Reason, TimeInForce
from quarterdeck.market.events import blank_events
from quarterdeck.market.instruments import Instrument
from quarterdeck.twins.faults import Fault, Faults
from quarterdeck.twins.matching import Ask, Matching, Report
from quarterdeck.twins.positions import Position
from quarterdeck.twins.serving import MarketClock, Outbox, Site, Sockets

START = 1_700_000_000 * 10**9
INSTRUMENT = Instrument(
    symbol="X", venue="v", kind=InstrumentKind.PERPETUAL, base="X", quote="USD", tick=Decimal("0.01"), lot=Decimal(1),
    maker_fee_bps=Decimal(1), taker_fee_bps=Decimal(5), min_notional=Decimal(10), short_allowed=True,
)  # fmt: skip


def market() -> Matching:
    """A market of 100 at 10.00 and 100 at 10.02."""
    made = Matching([INSTRUMENT], START)
    levels = blank_events(2, EventKind.LEVEL, 0)
    levels["time_ns"] = START + 1
    for place, (price, flags) in enumerate([(1_000, 0), (1_002, Flag.SELL | Flag.LAST)]):
        levels["price"][place], levels["quantity"][place], levels["flags"][place] = price, 100, flags
    for place in range(2):
        assert not made.hear(levels, place)
    return made


def ask(side: int, price: int, lots: int, **more: object) -> Ask:
    return Ask(instrument=0, side=side, price=price, lots=lots, **more)  # pyright: ignore[reportArgumentType] passed on


def kinds(reports: list[Report]) -> list[EventKind]:
    return [one.kind for one in reports]


def test_taker_is_told_price_lots_and_fee() -> None:
    accepted, fill = market().submit(0, 7, ask(1, 1_002, 10))
    assert (accepted.kind, accepted.order_id) == (EventKind.ORDER_ACCEPTED, 7)
    assert (fill.kind, fill.price, fill.lots, fill.maker) == (EventKind.FILL, 1_002, 10, False)
    assert fill.fee == 1_002 * 10 * INSTRUMENT.value * 5 // 10_000


def test_two_accounts_share_a_trade_id_and_none_meets_itself() -> None:
    made = market()
    made.submit(0, 1, ask(1, 1_001, 5))
    assert kinds(made.submit(0, 2, ask(-1, 1_001, 5, time_in_force=TimeInForce.IOC)))[-1] == EventKind.ORDER_CANCELED
    reports = made.submit(1, 3, ask(-1, 1_001, 5))
    fills = [one for one in reports if one.kind == EventKind.FILL]
    assert {(one.account, one.maker) for one in fills} == {(0, True), (1, False)}
    assert len({one.trade_id for one in fills}) == 1


def test_market_order_is_an_order_without_a_price() -> None:
    fill = market().submit(0, 1, ask(-1, 0, 150))[1]
    assert (fill.price, fill.lots) == (1_000, 100)


def test_post_only_and_reduce_only_are_refused() -> None:
    made = market()
    (refused,) = made.submit(0, 1, ask(1, 1_002, 5, post_only=True))
    assert (refused.kind, refused.reason) == (EventKind.ORDER_REJECTED, Reason.POST_ONLY_WOULD_CROSS)
    assert made.submit(0, 2, ask(1, 1_002, 5, reduce_only=True))[-1].reason is Reason.REDUCE_ONLY_WOULD_INCREASE


def test_cancel_and_amend() -> None:
    made = market()
    made.submit(0, 1, ask(1, 990, 5))
    assert kinds(made.amend(0, 1, ask(1, 991, 8))) == [EventKind.ORDER_REPLACED]
    assert kinds(made.cancel(0, 1, 0)) == [EventKind.ORDER_CANCELED]
    (late,) = made.cancel(0, 1, 0)
    assert (late.kind, late.reason) == (EventKind.CANCEL_REJECTED, Reason.UNKNOWN_ORDER)
    assert kinds(made.amend(0, 1, ask(1, 992, 8))) == [EventKind.REPLACE_REJECTED]


def test_stop_waits_for_the_touch() -> None:
    made = market()
    assert kinds(made.submit(0, 1, ask(1, 0, 5, trigger=1_005))) == [EventKind.ORDER_ACCEPTED]
    levels = blank_events(2, EventKind.LEVEL, 0)
    levels["time_ns"] = START + 2
    levels["price"], levels["quantity"] = [1_002, 1_006], [0, 100]
    levels["flags"] = [int(Flag.SELL), int(Flag.SELL | Flag.LAST)]
    reports = [one for place in range(2) for one in made.hear(levels, place)]
    assert [(one.kind, one.price) for one in reports] == [(EventKind.FILL, 1_006)]


def test_request_that_cannot_be_is_refused_not_lost() -> None:
    (refused,) = market().submit(10**4, 1, ask(1, 1_000, 1))
    assert refused.kind == EventKind.ORDER_REJECTED


def test_position_turns_over() -> None:
    held = Position()
    held.move(1, 10, 1_000)
    assert (held.move(-1, 15, 1_800), held.lots, held.cost) == (200, -5, -600)


async def _serve() -> tuple[list[str], str]:
    faults, said = Faults(), list[str]()
    sockets, site = Sockets(faults), Site()
    outboxes: list[Outbox] = []

    async def handler(request: web.Request) -> web.WebSocketResponse:
        outbox = Outbox()
        outboxes.append(outbox)
        async with sockets.accept(request, outbox) as socket:
            async for text in sockets.messages(socket):
                outbox.send(text.encode())
        return socket

    application = site.application()
    application.router.add_get("/", handler)
    await site.start(application, "127.0.0.1", 0)
    async with ClientSession() as client, client.ws_connect(f"ws://127.0.0.1:{site.port}/") as line:
        await line.send_str("hello")
        said.append(await line.receive_str(timeout=20))
        faults.set(Fault.GARBLE, 1)
        await line.send_str("hello")
        said.append(await line.receive_str(timeout=20))
        outboxes[0].send(b"last")
        outboxes[0].close()
        said.append(await line.receive_str(timeout=20))
        ended = (await line.receive(timeout=20)).type.name
        assert len(sockets) <= 1
    async with ClientSession() as client, client.ws_connect(f"ws://127.0.0.1:{site.port}/") as line:
        await sockets.cut_all()
        assert (await line.receive(timeout=20)).type in {WSMsgType.CLOSED, WSMsgType.ERROR, WSMsgType.CLOSE}
    await site.stop()
    return said, ended


def test_sockets_send_in_turn_garble_and_close() -> None:
    assert asyncio.run(_serve()) == (["hello", "he", "last"], "CLOSE")


def test_market_clock_runs_at_its_speed() -> None:
    fast, slow = MarketClock(60.0), MarketClock(0.001)
    asyncio.run(slow.wait_for(slow.began_ns))
    assert fast.now_ns() - fast.began_ns > slow.now_ns() - slow.began_ns > 0
