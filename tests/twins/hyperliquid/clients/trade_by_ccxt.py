"""Trades on a twin with ccxt as it is, by REST and by websocket; says what it saw as JSON. Runs in ccxt's environment.

usage: trade_by_ccxt.py ADDRESS WALLET KEY-FILE
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import ccxt
import ccxt.pro

SYMBOL = "XRP/USDC:USDC"
CLOID = "0x" + "ab" * 16


def client(module: Any) -> Any:
    """A client that is only told where the venue is, and what to load."""
    address, wallet, key = sys.argv[1:4]
    options = {"fetchMarkets": {"types": ["spot", "swap"]}}
    made = module.hyperliquid(
        {"walletAddress": wallet, "privateKey": Path(key).read_text().strip(), "options": options}
    )
    made.urls["api"] = {"public": address, "private": address, "ws": {"public": f"{address.replace('http', 'ws')}/ws"}}
    return made


def refusal(work: Any) -> str:
    """The class of the error that a call ends in."""
    try:
        work()
    except ccxt.BaseError as error:
        return type(error).__name__
    return "none"


def by_rest() -> dict[str, Any]:
    """Loads, asks, places, looks up, changes, cancels, fills."""
    venue = client(ccxt)
    seen: dict[str, Any] = {"markets": sorted(venue.load_markets())}
    seen["balance"] = venue.fetch_balance()["USDC"]["total"]
    book = venue.fetch_order_book(SYMBOL)
    seen["crossed"] = book["bids"][0][0] >= book["asks"][0][0]
    placed = venue.create_order(SYMBOL, "limit", "buy", 100, 1.0, {"clientOrderId": CLOID})
    seen["open"] = [order["amount"] for order in venue.fetch_open_orders(SYMBOL)]
    seen["status"] = venue.fetch_order(placed["id"], SYMBOL)["status"]
    changed = venue.edit_order(placed["id"], SYMBOL, "limit", "buy", 120, 1.01)
    seen["changed"] = [(order["amount"], order["price"]) for order in venue.fetch_open_orders(SYMBOL)]
    venue.cancel_order(changed["id"], SYMBOL)
    seen["left"] = len(venue.fetch_open_orders(SYMBOL))
    seen["filled"] = venue.create_order(SYMBOL, "market", "buy", 50, book["asks"][0][0])["filled"]
    seen["position"] = venue.fetch_positions([SYMBOL])[0]["contracts"]
    seen["trade"] = venue.fetch_my_trades(SYMBOL)[-1]["amount"]
    seen["too small"] = refusal(lambda: venue.create_order(SYMBOL, "limit", "buy", 1, 1.0))
    seen["crossing"] = refusal(lambda: venue.create_order(SYMBOL, "limit", "buy", 100, 1.9, {"postOnly": True}))
    return seen


async def by_stream() -> dict[str, Any]:
    """Streams book, trades, own trades and orders while it closes the position."""
    venue = client(ccxt.pro)
    try:
        await venue.load_markets()
        book = await venue.watch_order_book(SYMBOL)
        watched = [
            asyncio.create_task(watch(SYMBOL))
            for watch in (venue.watch_trades, venue.watch_my_trades, venue.watch_orders)
        ]
        await asyncio.sleep(3)  # ccxt says nothing when the venue has confirmed
        await venue.create_order(SYMBOL, "market", "sell", 50, book["bids"][0][0], {"reduceOnly": True})
        trades, own, orders = await asyncio.wait_for(asyncio.gather(*watched), 30)
        return {
            "depth": len(book["bids"]),
            "trades": len(trades) > 0,
            "own": own[-1]["amount"],
            "order": orders[-1]["status"],
        }
    finally:
        await venue.close()


sys.stdout.write(json.dumps({"rest": by_rest(), "stream": asyncio.run(by_stream())}))
