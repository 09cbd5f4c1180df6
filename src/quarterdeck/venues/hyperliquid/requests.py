"""What the desk asks for, as the venue's actions and questions. Texts are exact: what is signed is what is sent."""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from quarterdeck.kernel.vocabulary import OrderType, Reason, Side, TimeInForce
from quarterdeck.venues.hyperliquid.limits import WEIGHT_ACTION, info_weight
from quarterdeck.venues.hyperliquid.universe import Listed, Universe
from quarterdeck.venues.identity import client_id
from quarterdeck.venues.messages import (
    Amend,
    AskAccount,
    AskFills,
    AskOrder,
    AskOrders,
    Cancel,
    Place,
    Refused,
    Request,
    Unsent,
)

__all__ = [
    "FUNDING_OVERLAP_NS",
    "Action",
    "Encoder",
    "Question",
    "cloid_of",
    "leverage_action",
    "schedule_cancel_action",
]

SLIPPAGE_PPM: Final = 50_000
FUNDING_OVERLAP_NS: Final = 15_000_000_000  # asked for twice: longer than the questions of it are apart
_NS_PER_MS: Final = 1_000_000
# FOK and DAY have no counterpart.
_TIFS: Final = {TimeInForce.GTC: "Gtc", TimeInForce.IOC: "Ioc"}

Wire: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something to sign and post to /exchange. `expires_ms` 0: never."""

    body: Wire
    expires_ms: int = 0
    urgent: bool = False  # a cancel: it may use what the rate limit keeps back
    weight: int = WEIGHT_ACTION


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Something to post to /info."""

    body: Wire
    weight: int


def cloid_of(tag: str, strategy: int, order_id: int) -> str:
    """Returns the venue's client order id: 0x and 32 hexadecimal digits."""
    return f"0x{client_id(tag, strategy, order_id)}"


def schedule_cancel_action(time_ms: int | None) -> Action:
    """Returns the dead man's switch: all orders are cancelled at `time_ms`, 5 s ahead at least; None takes it back."""
    body: Wire = {"type": "scheduleCancel"}
    if time_ms is not None:
        body["time"] = time_ms
    return Action(body=body, urgent=True)


def leverage_action(asset: int, leverage: int, *, cross: bool = True) -> Action:
    """Returns the change of an asset's leverage."""
    return Action(body={"type": "updateLeverage", "asset": asset, "isCross": cross, "leverage": leverage})


class Encoder:
    """Turns requests into actions and questions of one account. `tag` is the desk's, see `identity`."""

    def __init__(self, universe: Universe, tag: str, user: str) -> None:
        self._universe, self._tag, self._user = universe, tag, user.lower()

    def encode(
        self, request: Request, touch: tuple[int, int] = (0, 0)
    ) -> Action | tuple[Question, ...] | Refused | Unsent:
        """Returns what to send, or why it cannot be sent.

        `touch` is the instrument's best bid and ask in ticks; a market order needs it. Raises BadMessage for another
        venue's instrument.
        """
        if isinstance(request, Place):
            return self._place(request, touch)
        if isinstance(request, Cancel):
            return self._cancel(request)
        if isinstance(request, Amend):
            return self._amend(request)
        return self._ask(request)

    def _ask(self, request: AskOrder | AskOrders | AskFills | AskAccount) -> tuple[Question, ...]:
        if isinstance(request, AskOrder):
            named = cloid_of(self._tag, request.strategy, request.order_id) if request.order_id else None
            return (self._question("orderStatus", oid=named or request.venue_order_id),)
        if isinstance(request, AskOrders):
            return (self._question("frontendOpenOrders"),)
        if isinstance(request, AskFills):
            since = request.since_ns // _NS_PER_MS
            # Funding is in no other answer: whoever missed the news of it would have another balance for ever.
            fills = self._question("userFillsByTime", startTime=since, aggregateByTime=False)
            since = max(0, request.since_ns - FUNDING_OVERLAP_NS) // _NS_PER_MS
            return fills, self._question("userFunding", startTime=since)
        perpetual = self._question("clearinghouseState")
        return (perpetual, self._question("spotClearinghouseState")) if self._universe.spot else (perpetual,)

    def _question(self, kind: str, **more: Any) -> Question:
        return Question(body={"type": kind, "user": self._user, **more}, weight=info_weight(kind))

    def _place(self, request: Place, touch: tuple[int, int]) -> Action | Refused | Unsent:
        listed = self._universe.of_index(request.instrument)
        why = _unfit(request)
        if why:
            return Refused(request_id=request.request_id, reason=Reason.ORDER_SHAPE_INVALID, text=why)
        reference = request.trigger_price or (touch[1] if request.side is Side.BUY else touch[0])
        if not request.price and not reference:
            text = "no price is known that a market order could be sent at"
            return Unsent(request_id=request.request_id, text=text, reason=Reason.PRICE_UNAVAILABLE)
        price = request.price or listed.aggressive(reference, int(request.side), SLIPPAGE_PPM)
        cloid = cloid_of(self._tag, request.strategy, request.order_id)
        try:
            wire = _order_wire(listed, request, price, request.quantity, cloid)
        except ValueError as error:
            return Refused(request_id=request.request_id, reason=Reason.ORDER_SHAPE_INVALID, text=str(error))
        body: Wire = {"type": "order", "orders": [wire], "grouping": "na"}
        return Action(body=body, expires_ms=request.expires_ns // _NS_PER_MS)

    def _cancel(self, request: Cancel) -> Action:
        listed = self._universe.of_index(request.instrument)
        if request.order_id:
            cloid = cloid_of(self._tag, request.strategy, request.order_id)
            body: Wire = {"type": "cancelByCloid", "cancels": [{"asset": listed.asset, "cloid": cloid}]}
        else:
            body = {"type": "cancel", "cancels": [{"a": listed.asset, "o": request.venue_order_id}]}
        return Action(body=body, expires_ms=request.expires_ns // _NS_PER_MS, urgent=True)

    def _amend(self, request: Amend) -> Action | Refused:
        listed = self._universe.of_index(request.instrument)
        why = _unfit(request) or ("" if request.price else "a market order cannot be changed")
        if why:
            return Refused(request_id=request.request_id, reason=Reason.ORDER_SHAPE_INVALID, text=why)
        cloid = cloid_of(self._tag, request.strategy, request.order_id)
        try:
            wire = _order_wire(listed, request, request.price, request.quantity, cloid)
        except ValueError as error:
            return Refused(request_id=request.request_id, reason=Reason.ORDER_SHAPE_INVALID, text=str(error))
        body: Wire = {"type": "batchModify", "modifies": [{"oid": request.venue_order_id or cloid, "order": wire}]}
        return Action(body=body, expires_ms=request.expires_ns // _NS_PER_MS)


def _unfit(request: Place | Amend) -> str:
    """Why the venue could not be told of such an order; empty where it can."""
    if request.time_in_force not in _TIFS:
        return f"the venue knows no {request.time_in_force.name} orders: GTC or IOC"
    if request.quantity <= 0 or request.price < 0 or request.trigger_price < 0:
        return "a quantity is above 0, and no price below"
    if request.order_type >= OrderType.STOP and not request.trigger_price:
        return "a stop has a trigger price"
    return ""


def _order_wire(listed: Listed, request: Place | Amend, price: int, quantity: int, cloid: str) -> Wire:
    """The order's fields in the order in which they are hashed. Raises ValueError: too many figures."""
    kind: Wire
    if request.order_type >= OrderType.STOP:
        market = request.order_type is OrderType.STOP
        kind = {"trigger": {"isMarket": market, "triggerPx": listed.price_text(request.trigger_price), "tpsl": "sl"}}
    else:
        market = request.order_type is OrderType.MARKET
        kind = {"limit": {"tif": "Alo" if request.post_only else "Ioc" if market else _TIFS[request.time_in_force]}}
    return {
        "a": listed.asset, "b": request.side is Side.BUY,
        "p": listed.price_text(price), "s": listed.size_text(quantity), "r": request.reduce_only, "t": kind, "c": cloid,
    }  # fmt: skip
