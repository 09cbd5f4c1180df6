"""The records of the simulated venue: one flat block that holds books, resting orders of many accounts and messages.

Slot 0 of the orders is never used: 0 ends a list. Quantities are whole lots, prices whole ticks, as everywhere in the
kernel; only the position in a queue is a fraction.
"""

from enum import IntEnum
from typing import Annotated, Final, TypedDict

from quarterdeck.kernel.capacity import CAPACITY
from quarterdeck.kernel.layout import Records, record_dtype
from quarterdeck.kernel.records import ACCOUNTS, INSTRUMENTS, ORDERS
from quarterdeck.kernel.vocabulary import InstrumentTerm

__all__ = [
    "BLOCK_LEVELS",
    "BOOK_BLOCKS",
    "BOOK_LEVELS",
    "EVENT_REPORTS",
    "INBOX",
    "MARKET",
    "MARKET_ACCOUNTS",
    "MARKET_REPORTS",
    "MESSAGE_RING",
    "BookSide",
    "DataSource",
    "Listing",
    "Market",
    "MarketCount",
    "MarketSetting",
    "Message",
    "OrderList",
    "QueueModel",
    "RestingOrder",
]

BOOK_LEVELS: Final = CAPACITY.book_levels
BLOCK_LEVELS: Final = 32
# Neighbours that are not joined fill more than one block together, so this many are never all needed.
BOOK_BLOCKS: Final = 2 * BOOK_LEVELS // BLOCK_LEVELS + 2
MARKET_ACCOUNTS: Final = ACCOUNTS
INBOX: Final = CAPACITY.pending
# One event can fill, cancel and trigger every order once, and walk both sides of one book once.
EVENT_REPORTS: Final = 2 * BOOK_LEVELS + 6 * ORDERS + 16
MESSAGE_RING: Final = 2 * EVENT_REPORTS + 2 * CAPACITY.pending
MARKET_REPORTS: Final = MESSAGE_RING + 1  # the caller's array: all held reports, and the quote that a book change says

I8 = Annotated[int, "i8"]
F8 = Annotated[float, "f8"]
I2 = Annotated[int, "i2"]
U1 = Annotated[int, "u1"]


class QueueModel(IntEnum):
    """How a shrinking level moves the orders that wait in it. See `queues`."""

    CONSERVATIVE = 0
    POWER = 1


class DataSource(IntEnum):
    """What drives the matching of an instrument: the richest data that it has had so far."""

    NONE = 0
    PRINTS = 1  # bars or trades without a book
    QUOTES = 2
    LEVELS = 3


class MarketSetting(IntEnum):
    """Columns of `Market.settings`."""

    ORDER_LATENCY_NS = 0
    RESPONSE_LATENCY_NS = 1
    QUEUE_MODEL = 2
    QUEUE_POWER = 3
    DISPLAYED = 4  # 1: a quote fills no more than the quantity it displays
    IMPACT_TICKS = 5  # with DISPLAYED: what each further displayed quantity costs a taker; 0: there is no more
    BAR_TOUCH = 6  # 1: a print at the limit fills it; 0: it must be traded through
    PARTICIPATION_PPM = 7  # share of a print's volume that may be ours; 0: no cap


class MarketCount(IntEnum):
    """Columns of `Market.counts`."""

    EVENTS = 0
    REFUSED = 1  # events that cannot be: index, price or side out of range
    REQUESTS = 2
    INBOX_FULL = 3
    ACCEPTED = 4
    REJECTED = 5
    FILLS = 6
    CANCELED = 7
    LEVELS_DROPPED = 8  # book levels that found no room
    REPORTS_EARLY = 9  # reports told before their latency was over, because the ring was full


class OrderList(IntEnum):
    """The sorted lists of one instrument; an order is in one of them or in none."""

    BUY = 0
    SELL = 1
    STOP_BUY = 2
    STOP_SELL = 3
    OPENING = 4  # arrived since the last print: executed at the next one
    NONE = 5


class BookSide(TypedDict):
    """One side of a book, see `book`. Keys ascend: a bid's key is its price, an ask's is -price."""

    count: I8  # levels
    blocks: I8  # used
    order: Annotated[list[int], "i8", BOOK_BLOCKS]  # blocks by key, then the free ones
    tops: Annotated[list[int], "i8", BOOK_BLOCKS]  # last key of each used block, in that order
    sizes: Annotated[list[int], "i8", BOOK_BLOCKS]  # levels in each block
    keys: Annotated[list[int], "i8", BOOK_BLOCKS * BLOCK_LEVELS]
    lots: Annotated[list[int], "i8", BOOK_BLOCKS * BLOCK_LEVELS]


class Listing(TypedDict):
    """One instrument at the venue."""

    source: I8
    bid: I8  # 0: nobody bids
    ask: I8
    bid_lots: I8
    ask_lots: I8
    best_buy: I8  # own orders: highest buy (none: 0), lowest sell (none: NO_LIMIT)
    best_sell: I8
    first_stop_buy: I8  # lowest trigger of a buy stop (none: NO_LIMIT), highest of a sell stop (none: -1)
    first_stop_sell: I8
    heads: Annotated[list[int], "i8", 5]  # by OrderList
    taken_bids: I8  # lots of the present book that own orders have had already
    taken_asks: I8
    last: I8
    close: I8
    mark: I8
    told_bid: I8  # what the latest QUOTE report said
    told_ask: I8
    told_bid_lots: I8
    told_ask_lots: I8
    in_batch: I8  # 1: the book is between two LAST records
    terms: Annotated[list[int], "i8", len(InstrumentTerm)]
    bids: Annotated[BookSide, BookSide]
    asks: Annotated[BookSide, BookSide]


class RestingOrder(TypedDict):
    """An order that the venue holds. `remaining` is 0 in a free slot."""

    order_id: I8  # the desk's; 0: a liquidation
    venue_order_id: I8
    price: I8  # 0: market
    trigger_price: I8
    quantity: I8
    remaining: I8
    key: I8  # its place in the list: larger keys first, then earlier arrivals
    following: I8  # slots
    preceding: I8
    chain: I8  # next order of the same bucket, or next free slot
    queue_ahead: F8  # lots that trade before it at its price
    level_lots: I8  # quantity last seen at its price; -1: not known
    level_traded: I8  # lots traded at its price since
    place: I8  # the OrderList that it is in
    held_event: I8  # number of the event that it must not be matched by
    account: I2
    instrument: I2
    strategy: I2
    order_type: U1
    time_in_force: U1
    flags: U1
    side: Annotated[int, "i1"]
    spare: Annotated[list[int], "u1", 6]


class Message(TypedDict):
    """A request on its way to the venue or a report on its way back."""

    due_ns: I8
    venue_time_ns: I8
    price: I8
    quantity: I8
    order_id: I8
    third: I8  # trigger_price of a request; trade_id or venue_order_id of a report
    fourth: I8  # tag of a request; fee of a report
    account: I2
    instrument: I2
    strategy: I2
    kind: U1
    flags: U1
    order_type: U1
    time_in_force: U1
    spare: Annotated[list[int], "u1", 6]


class Market(TypedDict):
    """All that the simulated venue knows."""

    now_ns: I8
    happened_ns: I8  # when what is reported happened: a bar is told at its close, but began at its open
    emitted: I8  # reports written by the present event
    venue_order_sequence: I8
    trade_sequence: I8
    inbox_first: I8
    inbox_count: I8
    outbox_first: I8
    outbox_count: I8
    free_slot: I8  # first of the freed slots
    used_slots: I8  # slots 1..used_slots have been used
    open_count: I8
    settings: Annotated[list[int], "i8", len(MarketSetting)]
    counts: Annotated[list[int], "i8", len(MarketCount)]
    listings: Annotated[Records[Listing], Listing, INSTRUMENTS]
    positions: Annotated[list[int], "i8", MARKET_ACCOUNTS * INSTRUMENTS]  # signed lots, by account and instrument
    orders: Annotated[Records[RestingOrder], RestingOrder, ORDERS + 1]
    buckets: Annotated[list[int], "i8", ORDERS]  # first slot of each chain of (account, order_id)
    inbox: Annotated[Records[Message], Message, INBOX]
    outbox: Annotated[Records[Message], Message, MESSAGE_RING]


MARKET: Final = record_dtype(Market)
