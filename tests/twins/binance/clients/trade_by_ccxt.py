"""Trades spot and USD-M futures on a twin with ccxt as it is, by REST and by websocket; says what it saw as JSON.
Runs in ccxt's environment.

usage: trade_by_ccxt.py HTTP-ADDRESS WEBSOCKET-ADDRESS KEY-FILE, which holds key and secret
"""

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

import ccxt
import ccxt.pro

SPOT, SWAP = "BTC/USDT", "BTC/USDT:USDT"


def client(module: Any, kind: str) -> Any:
    """A client that is only told where the venue is, and what to load."""
    http, line, file = sys.argv[1:4]
    key, secret = Path(file).read_text().split()
    options = {"fetchMarkets": {"types": ["spot", "linear"]}, "defaultType": kind}
    options |= {"fetchCurrencies": False, "fetchMargins": False}
    made = module.binance({"apiKey": key, "secret": secret, "options": options})
    paths = {"public": "/api/v3", "private": "/api/v3", "v1": "/api/v1", "sapi": "/sapi/v1", "fapiPublic": "/fapi/v1"}
    paths |= {"sapiV2": "/sapi/v2", "sapiV3": "/sapi/v3", "sapiV4": "/sapi/v4"}
    paths |= {"fapiPublicV2": "/fapi/v2", "fapiPublicV3": "/fapi/v3", "fapiPrivate": "/fapi/v1"}
    paths |= {"fapiPrivateV2": "/fapi/v2", "fapiPrivateV3": "/fapi/v3", "fapiData": "/futures/data"}
    api: dict[str, Any] = {name: http + path for name, path in paths.items()}
    apis = {"spot": f"{line}/ws-api/v3", "linear": f"{line}/ws-fapi/v1"}
    made.urls["api"] = {**api, "ws": {"spot": f"{line}/stream/ws", "linear": f"{line}/ws", "ws-api": apis}}
    return made


def refusal(work: Any) -> str:
    """The venue's code that a call is refused with, where ccxt tells it, else the class of its error.

    Codes, because classes go by the venue's host name there.
    """
    try:
        work()
    except ccxt.BaseError as error:
        found = re.search(r'"code":(-\d+)', str(error))
        return found[1] if found else type(error).__name__
    return "none"


def by_rest(symbol: str, kind: str) -> dict[str, Any]:
    """Loads, asks, places, looks up, changes, cancels, fills."""
    venue = client(ccxt, kind)
    seen: dict[str, Any] = {"markets": sorted(venue.load_markets())}
    seen["balance"] = venue.fetch_balance()["USDT"]["total"]
    book = venue.fetch_order_book(symbol)
    seen["crossed"] = book["bids"][0][0] >= book["asks"][0][0]
    placed = venue.create_order(symbol, "limit", "buy", 0.01, 50_000, {"clientOrderId": f"ccxt-{kind}"})
    seen["open"] = [order["clientOrderId"] for order in venue.fetch_open_orders(symbol)]
    seen["status"] = venue.fetch_order(placed["id"], symbol)["status"]
    changed = venue.edit_order(placed["id"], symbol, "limit", "buy", 0.02, 50_001)
    seen["changed"] = [(order["amount"], order["price"]) for order in venue.fetch_open_orders(symbol)]
    venue.cancel_order(changed["id"], symbol)
    seen["left"] = len(venue.fetch_open_orders(symbol))
    venue.create_order(symbol, "market", "buy", 0.02)
    seen["trade"] = venue.fetch_my_trades(symbol)[-1]["amount"]
    seen["too small"] = refusal(lambda: venue.create_order(symbol, "limit", "buy", 0.00001, 50_000))
    seen["crossing"] = refusal(lambda: venue.create_order(symbol, "limit", "buy", 0.01, 62_000, {"postOnly": True}))
    seen["too much"] = refusal(lambda: venue.create_order(symbol, "limit", "buy", 400, 50_000))
    seen["unknown"] = refusal(lambda: venue.cancel_order("1", symbol))
    if kind == "swap":
        seen["position"] = venue.fetch_positions([symbol])[0]["contracts"]
        seen["funding"] = venue.fetch_funding_rate(symbol)["fundingRate"]
    seen["bars"] = refusal(lambda: venue.fetch_ohlcv(symbol, "1m"))
    return seen


async def by_stream(symbol: str, kind: str) -> dict[str, Any]:
    """Streams book, trades, own trades and orders while it sells what it bought."""
    venue = client(ccxt.pro, kind)
    try:
        await venue.load_markets()
        book = await venue.watch_order_book(symbol)
        watched = [
            asyncio.create_task(watch(symbol))
            for watch in (venue.watch_trades, venue.watch_my_trades, venue.watch_orders)
        ]
        await asyncio.sleep(3)  # ccxt says nothing when the venue has confirmed
        await venue.create_order(symbol, "market", "sell", 0.02)
        trades, own, orders = await asyncio.wait_for(asyncio.gather(*watched), 30)
        for _ in range(5):
            book = await asyncio.wait_for(venue.watch_order_book(symbol), 30)
        while orders[-1]["status"] != "closed":
            orders = await asyncio.wait_for(venue.watch_orders(symbol), 30)
        return {
            "depth": len(book["bids"]) >= 20,
            "crossed": book["bids"][0][0] >= book["asks"][0][0],
            "trades": len(trades) > 0,
            "own": own[-1]["amount"],
            "order": orders[-1]["status"],
        }
    finally:
        await venue.close()


found = {
    kind: {"rest": by_rest(symbol, kind), "stream": asyncio.run(by_stream(symbol, kind))}
    for symbol, kind in ((SPOT, "spot"), (SWAP, "swap"))
}
sys.stdout.write(json.dumps(found))
