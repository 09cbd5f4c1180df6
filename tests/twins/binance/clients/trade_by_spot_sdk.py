"""Trades spot on a twin with the venue's official SDK as it is; says what it saw as JSON. Runs in an environment of
its own.

usage: trade_by_spot_sdk.py HTTP-ADDRESS WEBSOCKET-ADDRESS KEY-FILE, which holds key and secret
"""

import asyncio
import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

from binance_common.errors import BadRequestError
from binance_sdk_spot.spot import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
    Spot,
)

SYMBOL = "BTCUSDT"


def client() -> Any:
    """A client that is only told where the venue is, and to wait a little longer."""
    http, line, file = sys.argv[1:4]
    key, secret = Path(file).read_text().split()
    return Spot(
        ConfigurationRestAPI(api_key=key, api_secret=secret, base_path=http, timeout=20_000),
        ConfigurationWebSocketAPI(api_key=key, api_secret=secret, stream_url=f"{line}/ws-api/v3", timeout=20_000),
        ConfigurationWebSocketStreams(stream_url=line),
    )


def refusal(work: Any) -> str:
    """The words that a call is refused with."""
    try:
        work()
    except BadRequestError as error:
        return str(error.error_message)
    return "none"


def by_rest(rest: Any) -> dict[str, Any]:
    """Loads, asks, places, looks up, replaces, cancels, fills."""
    seen: dict[str, Any] = {}
    info = rest.exchange_info().data()
    seen["symbols"] = sorted(one.symbol for one in info.symbols)
    seen["time"] = rest.time().data().server_time > 0
    book = rest.depth(symbol=SYMBOL, limit=5).data()
    seen["crossed"] = float(book.bids[0][0]) >= float(book.asks[0][0])
    order = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "time_in_force": "GTC", "quantity": "0.001"}
    placed = rest.new_order(**order, price="50000.00", new_client_order_id="mine-1").data()
    seen["status"] = rest.get_order(symbol=SYMBOL, orig_client_order_id="mine-1").data().status
    seen["open"] = [one.client_order_id for one in rest.get_open_orders(symbol=SYMBOL).data()]
    seen["again"] = refusal(lambda: rest.new_order(**order, price="50000.00", new_client_order_id="mine-1"))
    seen["small"] = refusal(lambda: rest.new_order(**{**order, "quantity": "0.00001"}, price="50000.00"))
    seen["off grid"] = refusal(lambda: rest.new_order(**order, price="50000.001"))
    replaced = rest.order_cancel_replace(
        **order, price="50001.00", cancel_replace_mode="STOP_ON_FAILURE", cancel_order_id=placed.order_id
    ).data()
    seen["replaced"] = [replaced.cancel_result, replaced.new_order_result]
    number = replaced.new_order_response.order_id
    seen["cancelled"] = rest.delete_order(symbol=SYMBOL, order_id=number).data().status
    seen["gone"] = refusal(lambda: rest.delete_order(symbol=SYMBOL, order_id=number))
    filled = rest.new_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity="0.01").data()
    seen["filled"] = [filled.status, filled.fills[0].qty, filled.fills[0].commission_asset]
    seen["trades"] = [one.qty for one in rest.my_trades(symbol=SYMBOL).data()]
    balances = {one.asset: one.free for one in rest.get_account(omit_zero_balances=True).data().balances}
    seen["bitcoin"] = balances["BTC"]
    return seen


async def by_stream(venue: Any) -> dict[str, Any]:
    """Joins depth to a snapshot and hears of its own order, which it places by the websocket API."""
    depths: list[Any] = []
    trades: list[Any] = []
    events: list[Any] = []
    streams = await venue.websocket_streams.create_connection()
    api = await venue.websocket_api.create_connection()
    try:
        (await streams.diff_book_depth(symbol=SYMBOL.lower(), update_speed="100ms")).on("message", depths.append)
        (await streams.trade(symbol=SYMBOL.lower())).on("message", trades.append)
        subscribed = await api.user_data_stream_subscribe_signature()
        subscribed.stream.on("message", events.append)
        await until(lambda: depths)
        book = venue.rest_api.depth(symbol=SYMBOL, limit=1000).data()
        await until(lambda: trades and depths[-1].u > book.last_update_id)
        placed = await api.order_place(
            symbol=SYMBOL, side="SELL", type="MARKET", quantity="0.01", new_order_resp_type="RESULT"
        )
        await until(lambda: any(getattr(one.actual_instance, "X", "") == "FILLED" for one in events))
        return {
            "status": placed.data().result.status,
            "events": sorted({type(one.actual_instance).__name__ for one in events}),
            "joined": joins(book.last_update_id, depths),
        }
    finally:
        await streams.close_connection(close_session=True)
        await api.close_connection(close_session=True)


def joins(snapshot: int, depths: list[Any]) -> bool:
    """Whether the differences follow each other, and the first one that matters meets the snapshot."""
    chained = all(one.u + 1 == two.U for one, two in pairwise(depths))
    first = next(one for one in depths if one.u > snapshot)
    return chained and first.U <= snapshot + 1 <= first.u


async def until(done: Any) -> None:
    """Waits for a condition, half a minute at most."""
    for _ in range(600):
        if done():
            return
        await asyncio.sleep(0.05)
    raise TimeoutError("it did not come")


venue = client()
sys.stdout.write(json.dumps({"rest": by_rest(venue.rest_api), "stream": asyncio.run(by_stream(venue))}))
