"""A universe of two stocks, one in whole shares and cents, one in fractions; and the venue's messages as texts."""

import json
from decimal import Decimal
from typing import Any

import msgspec
from msgspec.msgpack import Ext

from quarterdeck.kernel.vocabulary import InstrumentKind, OrderType, Side, TimeInForce
from quarterdeck.market.instruments import Instrument
from quarterdeck.venues.alpaca.answers import AnswerReader, Reply
from quarterdeck.venues.alpaca.reader import Reader
from quarterdeck.venues.alpaca.registry import Registry
from quarterdeck.venues.alpaca.requests import Encoder
from quarterdeck.venues.alpaca.schema import Asset
from quarterdeck.venues.alpaca.universe import Universe
from quarterdeck.venues.identity import client_id, desk_tag
from quarterdeck.venues.messages import Cancel, Place

TAG = desk_tag("tests")
AAPL = Instrument(
    symbol="AAPL", venue="alpaca", kind=InstrumentKind.EQUITY, base="AAPL", quote="USD",
    tick=Decimal("0.01"), lot=Decimal(1), short_allowed=True,
)  # fmt: skip
SPY = Instrument(
    symbol="SPY", venue="alpaca", kind=InstrumentKind.EQUITY, base="SPY", quote="USD",
    tick=Decimal("0.0001"), lot=Decimal("0.0001"),
)  # fmt: skip
WHOLE, FINE = 2, 5  # the desk's indices of the two
OURS, THEIRS = "61e69015-8549-4bfd-b9c3-01e75843f47d", "904837e3-3b76-47ec-b432-046db621571b"
EXECUTION = "2f63ea93-423d-4169-b3f6-3fdafc10c418"
CLIENT_ID = client_id(TAG, 3, 77)
TIME = "2026-11-20T15:30:00.123456789Z"
TIME_NS = 1_795_188_600_123_456_789


def asset(symbol: str = "AAPL", **changes: Any) -> Asset:
    """A stock that may be traded, lent and split."""
    terms = {"status": "active", "tradable": True, "shortable": True, "fractionable": True}
    return Asset(symbol=symbol, **{**terms, **changes})


def universe() -> Universe:
    """AAPL is the desk's instrument 2 in purse 0, SPY instrument 5 in the same."""
    return Universe.bind([(WHOLE, 0, AAPL), (FINE, 0, SPY)], {"AAPL": asset(), "SPY": asset("SPY")})


class Parts:
    """What messages are read and made with."""

    def __init__(self) -> None:
        self.universe, self.registry = universe(), Registry(TAG)
        self.reader = Reader(self.universe, self.registry)
        self.answers = AnswerReader(self.universe, self.reader)
        self.encoder = Encoder(self.universe, TAG)


def place(**changes: Any) -> Place:
    """A resting buy of 100 AAPL at 180.25."""
    terms: dict[str, Any] = {
        "request_id": 1, "order_id": 77, "strategy": 3, "instrument": WHOLE, "side": Side.BUY, "price": 18_025,
        "trigger_price": 0, "quantity": 100, "order_type": OrderType.LIMIT, "time_in_force": TimeInForce.GTC,
        "post_only": False, "reduce_only": False, "expires_ns": 0,
    }  # fmt: skip
    return Place(**{**terms, **changes})


def cancel(**changes: Any) -> Cancel:
    """The cancel of that order."""
    terms: dict[str, Any] = {
        "request_id": 2, "order_id": 77, "venue_order_id": 0, "instrument": WHOLE, "strategy": 3, "expires_ns": 0,
    }  # fmt: skip
    return Cancel(**{**terms, **changes})


def raw(value: Any) -> bytes:
    """JSON as the venue writes it."""
    return json.dumps(value, separators=(",", ":")).encode()


def good(value: Any) -> Reply:
    """A good answer."""
    return Reply(200, raw(value))


def problem(status: int, code: int, message: str) -> Reply:
    """A refusal."""
    return Reply(status, raw({"code": code, "message": message}))


def order(**changes: Any) -> dict[str, Any]:
    """That order as the venue tells it."""
    return {
        "id": OURS, "client_order_id": CLIENT_ID, "created_at": TIME, "updated_at": TIME, "submitted_at": TIME,
        "filled_at": None, "asset_id": "b0b6dd9d-8b9b-48a9-ba46-b9d54906e415", "symbol": "AAPL", "notional": None,
        "qty": "100", "filled_qty": "0", "filled_avg_price": None, "order_class": "", "type": "limit",
        "side": "buy", "time_in_force": "gtc", "limit_price": "180.25", "stop_price": None, "status": "new",
        "legs": None, "replaced_by": None, **changes,
    }  # fmt: skip


def update(event: str, **changes: Any) -> dict[str, Any]:
    """A message of /stream; what is of the order goes into it, the rest beside it."""
    beside = {name: changes.pop(name) for name in ("execution_id", "price", "qty_now", "timestamp") if name in changes}
    beside = {"qty" if name == "qty_now" else name: value for name, value in beside.items()}
    data = {"event": event, "timestamp": TIME, "execution_id": EXECUTION, "order": order(**changes), **beside}
    return {"stream": "trade_updates", "data": data}


def filled(**changes: Any) -> dict[str, Any]:
    """A partial fill: 40 of it at 180.25."""
    terms = {"status": "partially_filled", "filled_qty": "40", "price": "180.25", "qty_now": "40"}
    return update("partial_fill", **{**terms, **changes})


def activity(**changes: Any) -> dict[str, Any]:
    """The same fill in the list of activities."""
    return {
        "activity_type": "FILL", "id": f"20261120103000123::{EXECUTION}", "order_id": OURS, "symbol": "AAPL",
        "side": "buy", "price": "180.25", "qty": "40", "cum_qty": "40", "leaves_qty": "60", "type": "partial_fill",
        "transaction_time": TIME, "order_status": "partially_filled", **changes,
    }  # fmt: skip


def stamp(time_ns: int = TIME_NS) -> Ext:
    """A MessagePack timestamp."""
    seconds, part = divmod(time_ns, 10**9)
    return Ext(-1, (part << 34 | seconds).to_bytes(8, "big"))


def packed(*rows: Any) -> bytes:
    """A message of the data stream."""
    return msgspec.msgpack.encode(list(rows))


def quote(**changes: Any) -> dict[str, Any]:
    """A quote of AAPL."""
    return {
        "T": "q", "S": "AAPL", "bx": "V", "bp": 180.24, "bs": 300, "ax": "V", "ap": 180.26, "as": 200, "c": ["R"],
        "z": "C", "t": stamp(), **changes,
    }  # fmt: skip


def trade(**changes: Any) -> dict[str, Any]:
    """A trade of AAPL."""
    return {
        "T": "t", "S": "AAPL", "i": 96_921, "x": "D", "p": 180.26, "s": 100, "c": ["@"], "z": "C", "t": stamp(),
        **changes,
    }  # fmt: skip


def bar(**changes: Any) -> dict[str, Any]:
    """A minute of AAPL."""
    return {
        "T": "b", "S": "AAPL", "o": 180.2, "h": 180.5, "l": 180.1, "c": 180.4, "v": 12_345, "n": 7, "vw": 180.3,
        "t": stamp(), **changes,
    }  # fmt: skip


def status(code: str, **changes: Any) -> dict[str, Any]:
    """Trading in AAPL is halted, or goes on."""
    return {
        "T": "s", "S": "AAPL", "sc": code, "sm": "Trading Halt", "rc": "T12", "rm": "Trading Halted; For information",
        "z": "C", "t": stamp(), **changes,
    }  # fmt: skip
