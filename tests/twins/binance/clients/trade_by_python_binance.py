"""Trades spot and USD-M futures on a twin with python-binance as it is; says what it saw as JSON. Runs in an
environment of its own.

usage: trade_by_python_binance.py HTTP-ADDRESS WEBSOCKET-ADDRESS KEY-FILE, which holds key and secret
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from binance import AsyncClient, BinanceSocketManager
from binance.exceptions import BinanceAPIException

SYMBOL = "BTCUSDT"
HTTP, LINE = sys.argv[1:3]


class Client(AsyncClient):
    """It is only told where the venue is."""

    API_URL = f"{HTTP}/api"
    MARGIN_API_URL = f"{HTTP}/sapi"
    FUTURES_URL = f"{HTTP}/fapi"
    WS_API_URL = f"{LINE}/ws-api/v3"
    WS_FUTURES_URL = f"{LINE}/ws-fapi/v1"


class Sockets(BinanceSocketManager):
    """As above."""

    STREAM_URL = f"{LINE}/"
    FSTREAM_URL = f"{LINE}/"


async def refusal(work: Any) -> int:
    """The code that a call is refused with; 0: it was not."""
    try:
        await work
    except BinanceAPIException as error:
        return int(error.code)
    return 0


async def spot(client: Client, sockets: Sockets) -> dict[str, Any]:
    """Places, looks up, cancels; then fills while it listens."""
    seen: dict[str, Any] = {}
    seen["symbols"] = sorted(one["symbol"] for one in (await client.get_exchange_info())["symbols"])
    order = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001"}
    placed = await client.create_order(**order, price="50000.00")
    seen["open"] = len(await client.get_open_orders(symbol=SYMBOL))
    seen["cancelled"] = (await client.cancel_order(symbol=SYMBOL, orderId=placed["orderId"]))["status"]
    seen["gone"] = await refusal(client.cancel_order(symbol=SYMBOL, orderId=placed["orderId"]))
    seen["poor"] = await refusal(client.create_order(**{**order, "quantity": "8"}, price="50000.00"))
    async with sockets.user_socket() as user, sockets.depth_socket(SYMBOL, depth="5", interval=100) as depth:
        filled = await client.order_market_buy(symbol=SYMBOL, quantity="0.01")
        seen["filled"] = filled["status"]
        seen["fees"] = sorted({one["commissionAsset"] for one in filled["fills"]})
        seen["told"] = await told(user, lambda event: event.get("X"))
        seen["depth"] = len((await asyncio.wait_for(depth.recv(), 30))["bids"])
    async with sockets.trade_socket(SYMBOL.lower()) as trades:
        seen["trade"] = (await asyncio.wait_for(trades.recv(), 30))["e"]
    seen["trades"] = [one["qty"] for one in await client.get_my_trades(symbol=SYMBOL)]
    seen["balance"] = (await client.get_asset_balance(asset="BTC"))["free"]
    by_line = await client.ws_create_order(**order, price="50000.00")
    seen["by line"] = (await client.ws_cancel_order(symbol=SYMBOL, orderId=by_line["orderId"]))["status"]
    return seen


async def futures(client: Client, sockets: Sockets) -> dict[str, Any]:
    """As above, and closes the position."""
    seen: dict[str, Any] = {}
    seen["symbols"] = sorted(one["symbol"] for one in (await client.futures_exchange_info())["symbols"])
    order = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.010"}
    placed = await client.futures_create_order(**order, price="50000.0")
    seen["open"] = len(await client.futures_get_open_orders(symbol=SYMBOL))
    seen["cancelled"] = (await client.futures_cancel_order(symbol=SYMBOL, orderId=placed["orderId"]))["status"]
    seen["reducing"] = await refusal(client.futures_create_order(**order, price="50000.0", reduceOnly="true"))
    market = {"symbol": SYMBOL, "type": "MARKET", "quantity": "0.010"}
    async with sockets.futures_user_socket() as user:
        await client.futures_create_order(side="BUY", **market)
        seen["told"] = await told(user, lambda event: event.get("o", {}).get("X"))
    seen["position"] = [one["positionAmt"] for one in await client.futures_position_information(symbol=SYMBOL)]
    await client.futures_create_order(side="SELL", reduceOnly="true", **market)
    seen["trades"] = [one["qty"] for one in await client.futures_account_trades(symbol=SYMBOL)]
    seen["balance"] = [one["asset"] for one in await client.futures_account_balance()]
    async with sockets.futures_depth_socket(SYMBOL.lower(), depth="5") as depth:
        seen["depth"] = len((await asyncio.wait_for(depth.recv(), 30))["data"]["b"])
    return seen


async def told(socket: Any, status: Any) -> list[str]:
    """The statuses that a user stream tells, until one is FILLED."""
    heard: list[str] = []
    while "FILLED" not in heard:
        event = await asyncio.wait_for(socket.recv(), 30)
        if status(event):
            heard.append(status(event))
    return heard


async def main(key: str, secret: str) -> dict[str, Any]:
    """Both halves."""
    client = await Client.create(key, secret)
    try:
        sockets = Sockets(client)
        return {"spot": await spot(client, sockets), "futures": await futures(client, sockets)}
    finally:
        await client.close_connection()


sys.stdout.write(json.dumps(asyncio.run(main(*Path(sys.argv[3]).read_text().split()))))
