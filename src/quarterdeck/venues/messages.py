"""What a desk and a venue say to each other, in the kernel's own units: ticks, lots, money units, UTC nanoseconds.

A codec turns these into a venue's wire format and back; nothing behind it knows that format. Instruments, venues and
accounts are indices of the desk's configuration.
"""

from typing import Any, TypeAlias

import msgspec

from quarterdeck.kernel.vocabulary import LedgerAccount, OrderStatus, OrderType, Reason, Side, TimeInForce

__all__ = [
    "AccountAnswer",
    "Amend",
    "Answer",
    "AskAccount",
    "AskFills",
    "AskOrder",
    "AskOrders",
    "Balance",
    "Cancel",
    "ChargeReport",
    "ChargesNews",
    "FillsAnswer",
    "FillsNews",
    "FundingNews",
    "FundingReport",
    "Holding",
    "Line",
    "Lost",
    "MarketData",
    "Message",
    "OrderAnswer",
    "OrderNews",
    "OrderReport",
    "OrdersAnswer",
    "Place",
    "Refused",
    "Remark",
    "Request",
    "Taken",
    "TradeReport",
    "Unsent",
]


class _Struct(msgspec.Struct, frozen=True, gc=False, tag=True, kw_only=True):
    """Immutable, and named on the wire where a codec sends it as it is."""


# What a desk asks for. Each request is answered at most once; whoever asked counts the time itself.


class Place(_Struct, frozen=True):
    """A new order. It is sent once and never again: what becomes of it is found out by its order id.

    A venue that knows such a bound refuses it after `expires_ns`, the venue's own time; no other may hold it longer.
    """

    request_id: int
    order_id: int
    strategy: int
    instrument: int
    side: Side
    price: int  # 0 for an order without a limit
    trigger_price: int
    quantity: int
    order_type: OrderType
    time_in_force: TimeInForce
    post_only: bool
    reduce_only: bool
    expires_ns: int
    tag: int = 0
    """What the request was tagged with: on a chain, the plan that it takes up. Others have no use for it."""


class Cancel(_Struct, frozen=True):
    """Ends an order; by our order id where it is ours, else (`order_id` 0) by the venue's."""

    request_id: int
    order_id: int
    venue_order_id: int
    instrument: int
    strategy: int
    expires_ns: int


class Amend(_Struct, frozen=True):
    """New price and total quantity of a working order."""

    request_id: int
    order_id: int
    venue_order_id: int
    instrument: int
    strategy: int
    side: Side
    price: int
    trigger_price: int
    quantity: int
    order_type: OrderType
    time_in_force: TimeInForce
    post_only: bool
    reduce_only: bool
    expires_ns: int


class AskOrder(_Struct, frozen=True):
    """What became of one order of ours, whether it works or is closed."""

    request_id: int
    order_id: int
    venue_order_id: int
    instrument: int
    strategy: int


class AskOrders(_Struct, frozen=True):
    """All open orders of the account, foreign ones too."""

    request_id: int


class AskFills(_Struct, frozen=True):
    """Every fill of the account from `since_ns` on (the venue's time, inclusive), foreign ones too."""

    request_id: int
    since_ns: int


class AskAccount(_Struct, frozen=True):
    """Positions and balances."""

    request_id: int


Request: TypeAlias = Place | Cancel | Amend | AskOrder | AskOrders | AskFills | AskAccount


# What a venue says of things.


class OrderReport(_Struct, frozen=True):
    """An order as the venue sees it. `order_id` is 0 for one that this desk did not place; `strategy` is then -1.

    `status` is ACCEPTED, PARTIALLY_FILLED, FILLED, CANCELED, REJECTED or EXPIRED. `quantity` is the total, `filled`
    what is filled of it (-1: not told).
    """

    order_id: int
    strategy: int
    venue_order_id: int
    instrument: int
    side: Side
    price: int
    trigger_price: int
    quantity: int
    filled: int
    status: OrderStatus
    reduce_only: bool = False
    reason: Reason = Reason.NONE
    venue_time_ns: int = 0


class TradeReport(_Struct, frozen=True):
    """One fill. `fee` in money units of the instrument's account, negative for a rebate; `trade_id` is above 0."""

    trade_id: int
    order_id: int
    strategy: int
    venue_order_id: int
    instrument: int
    side: Side
    price: int
    quantity: int
    fee: int
    maker: bool
    venue_time_ns: int
    liquidation: bool = False


class Holding(_Struct, frozen=True):
    """A position: signed lots at an average price in ticks (0: not told).

    `cost` is what was paid for them, in money units, signed as they are; None: the price says it to a tick.
    """

    instrument: int
    quantity: int
    price: int
    cost: int | None = None


class Balance(_Struct, frozen=True):
    """Cash of one purse, in its money units."""

    account: int
    cash: int


# Answers to requests.


class Taken(_Struct, frozen=True):
    """The venue did what a Place, Cancel or Amend asked. `filled` is the order's total then; -1: not told.

    `final` is False where a Cancel was only noted, and its end will be told by OrderNews.
    """

    request_id: int
    venue_order_id: int = 0
    filled: int = -1
    final: bool = True


class Refused(_Struct, frozen=True):
    """The venue said no, and nothing happened. `error`: it counts against the venue (5xx, overload), not against us."""

    request_id: int
    reason: Reason
    text: str = ""
    error: bool = False


class Unsent(_Struct, frozen=True):
    """It never left this process, or a rate limit turned it away unread: nothing happened."""

    request_id: int
    text: str = ""
    reason: Reason = Reason.VENUE_DISCONNECTED


class Lost(_Struct, frozen=True):
    """Nobody knows whether it happened: no answer in time, a connection that broke, an answer that makes no sense."""

    request_id: int
    text: str = ""


class OrderAnswer(_Struct, frozen=True):
    """To AskOrder. `order` is None when the venue does not know such an order."""

    request_id: int
    order: OrderReport | None


class OrdersAnswer(_Struct, frozen=True):
    """To AskOrders."""

    request_id: int
    orders: tuple[OrderReport, ...]


class FillsAnswer(_Struct, frozen=True):
    """To AskFills: all fills from `since_ns` to `until_ns` (the venue's time, inclusive), oldest first.

    Where the venue gives only part at a time, `until_ns` is where this part ends and `more` is True.
    """

    request_id: int
    fills: tuple[TradeReport, ...]
    until_ns: int
    more: bool = False


class AccountAnswer(_Struct, frozen=True):
    """To AskAccount. An instrument or purse that is not named holds nothing there.

    `venue_time_ns` is when the venue looked; 0: not told.
    """

    request_id: int
    holdings: tuple[Holding, ...]
    balances: tuple[Balance, ...]
    venue_time_ns: int = 0


Answer: TypeAlias = Taken | Refused | Unsent | Lost | OrderAnswer | OrdersAnswer | FillsAnswer | AccountAnswer


# What a venue says unasked.


class OrderNews(_Struct, frozen=True):
    """Orders have changed."""

    orders: tuple[OrderReport, ...]


class FillsNews(_Struct, frozen=True):
    """Fills, in the venue's order; repeats are allowed."""

    fills: tuple[TradeReport, ...]


class FundingReport(_Struct, frozen=True):
    """One payment on a position: money units of the instrument's account, positive when received."""

    instrument: int
    amount: int
    venue_time_ns: int


class FundingNews(_Struct, frozen=True):
    """Funding was paid, oldest first for each instrument; repeats are allowed."""

    payments: tuple[FundingReport, ...]


class ChargeReport(_Struct, frozen=True):
    """Money of one purse that no fill moved, in its money units: gas, a premium, the profit of an atomic arbitrage.

    `amount` was paid, negative where it was received; `ledger_account` is REALISED or any account after it. A charge is
    known by `account`, `ledger_account` and `trade_id` (above 0, 62 bits) together. `instrument` and `order_id` say
    what it was for (-1 and 0: nothing in particular), `strategy` whose result it is (-1: nobody's).
    """

    account: int
    ledger_account: LedgerAccount
    amount: int
    trade_id: int
    strategy: int
    instrument: int
    order_id: int
    venue_time_ns: int


class ChargesNews(_Struct, frozen=True):
    """Charges, in the venue's order; repeats are allowed. Each FillsAnswer follows those since the same time."""

    charges: tuple[ChargeReport, ...]


class Remark(_Struct, frozen=True):
    """Words for the journal, which keeps them as a NOTE before whatever this venue says next; at most 57,344 bytes."""

    text: str


class Line(_Struct, frozen=True):
    """The connection that brings news is up or down. After each way up, news may have been missed."""

    up: bool
    text: str = ""


class MarketData(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Market events, dtype EVENT, without receive times: the desk stamps them."""

    events: Any


Message: TypeAlias = Answer | OrderNews | FillsNews | FundingNews | ChargesNews | Remark | Line | MarketData
