"""Trades USD-M futures on a twin with the venue's official SDK as it is; says what it saw as JSON. Runs in an
environment of its own.

usage: trade_by_usdm_sdk.py HTTP-ADDRESS WEBSOCKET-ADDRESS KEY-FILE, which holds key and secret
"""

import asyncio
import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

from binance_common.errors import BadRequestError
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
    DerivativesTradingUsdsFutures,
)

SYMBOL = "BTCUSDT"


def client() -> Any:
    """A client that is only told where the venue is, and to wait a little longer."""
    http, line, file = sys.argv[1:4]
    key, secret = Path(file).read_text().split()
    return DerivativesTradingUsdsFutures(
        ConfigurationRestAPI(api_key=key, api_secret=secret, base_path=http, timeout=20_000),
        ConfigurationWebSocketAPI(api_key=key, api_secret=secret, stream_url=f"{line}/ws-fapi/v1", timeout=20_000),
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
    """Loads, asks, places, looks up, changes, cancels, fills, closes."""
    seen: dict[str, Any] = {}
    info = rest.exchange_information().data()
    seen["symbols"] = sorted(one.symbol for one in info.symbols)
    book = rest.order_book(symbol=SYMBOL, limit=5).data()
    seen["crossed"] = float(book.bids[0][0]) >= float(book.asks[0][0])
    seen["leverage"] = rest.change_initial_leverage(symbol=SYMBOL, leverage=10).data().leverage
    order = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "time_in_force": "GTC", "quantity": "0.010"}
    placed = rest.new_order(**order, price="50000.0", new_client_order_id="mine-1").data()
    seen["status"] = rest.query_order(symbol=SYMBOL, orig_client_order_id="mine-1").data().status
    seen["open"] = [one.client_order_id for one in rest.current_all_open_orders(symbol=SYMBOL).data()]
    seen["again"] = refusal(lambda: rest.new_order(**order, price="50000.0", new_client_order_id="mine-1"))
    seen["small"] = refusal(lambda: rest.new_order(**{**order, "quantity": "0.001"}, price="50000.0"))
    seen["reducing"] = refusal(lambda: rest.new_order(**order, price="50000.0", reduce_only="true"))
    seen["crossing"] = refusal(lambda: rest.new_order(**{**order, "time_in_force": "GTX"}, price="61000.0"))
    changed = rest.modify_order(
        symbol=SYMBOL, side="BUY", quantity="0.020", price="50001.0", order_id=placed.order_id
    ).data()
    seen["changed"] = [changed.orig_qty, changed.price]
    seen["countdown"] = rest.auto_cancel_all_open_orders(symbol=SYMBOL, countdown_time=60_000).data().countdown_time
    seen["cancelled"] = rest.cancel_order(symbol=SYMBOL, order_id=placed.order_id).data().status
    seen["gone"] = refusal(lambda: rest.cancel_order(symbol=SYMBOL, order_id=placed.order_id))
    order = {"symbol": SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "0.010"}
    filled = rest.new_order(**order, new_order_resp_type="RESULT").data()
    seen["filled"] = [filled.status, filled.executed_qty]
    seen["position"] = [one.position_amt for one in rest.position_information_v3().data()]
    account = rest.account_information_v3().data()
    seen["account"] = [len(account.positions), float(account.total_wallet_balance) < 100_000]
    seen["trades"] = [[one.qty, one.commission_asset] for one in rest.account_trade_list(symbol=SYMBOL).data()]
    seen["income"] = [one.income_type for one in rest.get_income_history().data()]
    seen["mark"] = float(rest.mark_price(symbol=SYMBOL).data().actual_instance.mark_price) > 0
    return seen


async def by_stream(venue: Any) -> dict[str, Any]:
    """Joins depth to a snapshot and hears of its own order, which it places by the websocket API."""
    depths: list[Any] = []
    trades: list[Any] = []
    events: list[Any] = []
    streams = await venue.websocket_streams.create_connection()
    api = await venue.websocket_api.create_connection()
    try:
        key = venue.rest_api.start_user_data_stream().data().listen_key
        (await streams.user_data(key)).on("message", events.append)
        depth = await streams.diff_book_depth_streams(symbol=SYMBOL.lower(), update_speed="100ms")
        depth.on("message", depths.append)
        (await streams.aggregate_trade_streams(symbol=SYMBOL.lower())).on("message", trades.append)
        await until(lambda: depths)
        book = venue.rest_api.order_book(symbol=SYMBOL, limit=1000).data()
        await until(lambda: trades and depths[-1].u > book.last_update_id)
        placed = await api.new_order(
            symbol=SYMBOL,
            side="SELL",
            type="MARKET",
            quantity="0.010",
            reduce_only="true",
            new_order_resp_type="RESULT",
        )
        await until(
            lambda: any(getattr(getattr(one.actual_instance, "o", None), "X", "") == "FILLED" for one in events)
        )
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
    chained = all(two.pu == one.u for one, two in pairwise(depths))
    first = next(one for one in depths if one.u >= snapshot)
    return chained and (first.U <= snapshot <= first.u or first.pu == snapshot)


async def until(done: Any) -> None:
    """Waits for a condition, half a minute at most."""
    for _ in range(600):
        if done():
            return
        await asyncio.sleep(0.05)
    raise TimeoutError("it did not come")


venue = client()
sys.stdout.write(json.dumps({"rest": by_rest(venue.rest_api), "stream": asyncio.run(by_stream(venue))}))
