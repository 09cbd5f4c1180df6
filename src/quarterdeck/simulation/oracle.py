"""The oracle: it knows the exchange's truth, has seen every byte that crossed, and keeps its own accounts of all.

It shares nothing with the desk but the wire's and the journal's written formats. What it finds wrong is a `Violation`.
Bounds of time run only while the world is kind: a desk leads, its line is up, and the exchange answers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from quarterdeck.simulation.oracle_journal import HEADER_BYTES, RECORD_BYTES, JournalBooks, Said
from quarterdeck.simulation.watching import CLOSED, FILLED, Eyes, Weathered
from quarterdeck.twins.exchange import PracticeExchange
from quarterdeck.twins.exchange_records import Kind, Order, Trade

__all__ = ["Bounds", "Oracle", "Violation"]

_DESK: Final = 0
_SECOND: Final = 1_000_000_000
_KINDS: Final = {"limit": 0, "market": 1, "stop": 2, "stop_limit": 3}


class Violation(Exception):
    """Something that must always hold did not."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long, in nanoseconds of kind weather, the desk may take."""

    closed_early_ns: int = 25 * _SECOND  # an order believed closed works at the exchange
    unbooked_ns: int = 25 * _SECOND  # a trade is not known
    killed_ns: int = 10 * _SECOND  # orders work after a kill
    unready_ns: int = 60 * _SECOND  # a desk leads and has not been answered


@dataclass(slots=True)
class _Sent:
    """A request for a new order that left a process."""

    index: int
    process: str
    epoch: int
    strategy: int
    instrument: int
    side: int
    quantity: int
    entries_stopped: bool
    answered: bool  # the process had been told of orders, fills and account
    losses: int  # how often the journal had lost something by then
    healthy_ns: int  # when, by the time that was kind


class Oracle:
    """Watches one run. `segments` gives the journal's files in order: (name, bytes as they are now)."""

    def __init__(
        self,
        exchange: PracticeExchange,
        segments: Callable[[], Sequence[tuple[str, bytearray]]],
        now: Callable[[], int],
        world: Weathered,
        limits: Any,
        bounds: Bounds | None = None,
    ) -> None:
        self.bounds = bounds or Bounds()
        self._exchange, self._segments, self._now, self._world = exchange, segments, now, world
        self._limits = limits
        self._read: dict[str, int] = {}  # bytes of each segment that were taken in
        self._kept = 0  # records that must survive
        self._kept_digest = b""
        self._expected: tuple[int, bytes] | None = None  # (records, state digest) that a recovery must come to
        self._sent: dict[str, _Sent] = {}
        self._orders_sent = 0
        self._order_of_opening: dict[str, int] = {}
        self._heard: dict[str, set[str]] = {}
        self._up: set[str] = set()
        self._eyes: dict[str, Eyes] = {}
        self._healthy_ns = 0
        self._looked_ns = now()
        self._early: dict[str, int] = {}  # client id -> healthy time since which it is believed closed
        self._known = 0  # trades of the exchange that were looked at
        self._unbooked: dict[int, int] = {}
        self._killed_ns = -1
        self._unready_ns = 0
        self.books = JournalBooks(exchange.listings)
        self.person_may_adopt = False  # the journal has lost what the desk began with
        self.one_disk = True  # all hosts share one
        self.shipped_first = False  # no order leaves before another host can read what caused it
        self._damaged: set[str] = set()  # hosts whose medium has changed something by itself
        self._losses = 0
        self._host = ""
        self._left: tuple[int, bytes] = (0, b"")  # records up to the latest order that left

    # what crosses

    def sent(self, name: str, raw: bytes) -> None:
        fields: dict[str, Any] = msgspec.json.decode(raw)
        if fields["type"] not in {"Place", "Amend", "Cancel"}:
            return
        self.catch_up()
        rank = self._order_of_opening.get(name, -1)
        if rank < 0:
            raise Violation(f"{name} sends {fields['type']} and never began to lead")
        if rank < len(self._order_of_opening) - 1:
            raise Violation(f"{name} sends {fields['type']} after its successor has begun to lead")
        if fields["type"] != "Cancel":  # one that is sent again has no record of its own; twice is as good as once
            self._left = self._kept, self._kept_digest
        if fields["type"] == "Place":
            self._placing(name, fields)

    def _placing(self, name: str, fields: dict[str, Any]) -> None:
        client_id: str = fields["client_id"]
        if client_id in self._sent:
            raise Violation(f"{name} places {client_id} again; {self._sent[client_id].process} has placed it")
        strategy, order_id = int(client_id[12:16], 16), int(client_id[16:], 16)
        epoch = order_id >> 40
        if not self.books.epochs or epoch != self.books.epochs[-1]:
            raise Violation(f"{name} places {client_id} of epoch {epoch}; the journal's are {self.books.epochs}")
        instrument, side = fields["instrument"], fields["side"]
        self._check_journaled(name, fields, strategy)
        if self.books.locked:
            raise Violation(f"{name} places {client_id} while the desk is locked")
        self._sent[client_id] = _Sent(
            self._orders_sent,
            name,
            epoch,
            strategy,
            instrument,
            side,
            fields["quantity"],
            self.books.entries_stopped(strategy, instrument),
            {"Fills", "Orders", "Account"} <= self._heard.get(name, set()),
            self._losses,
            self._healthy_ns,
        )
        self._orders_sent += 1

    def _check_journaled(self, name: str, fields: dict[str, Any], strategy: int) -> None:
        """What made this order must stand in the journal: its request, or a command to flatten."""
        said = Said(
            strategy,
            fields["instrument"],
            fields["side"],
            fields["price"],
            fields["trigger_price"],
            _KINDS[fields["kind"]],
        )
        if self.books.asked[said] > 0:
            self.books.asked[said] -= 1
        elif not (self.books.flattened and said.kind == _KINDS["market"]):
            raise Violation(f"{name} places {fields['client_id']} and nothing in the journal asked for it: {said}")

    def arrived(self, name: str, raw: bytes) -> None:
        fields: dict[str, Any] = msgspec.json.decode(raw)
        if fields["type"] != "Place":
            return
        order = self._exchange.find(_DESK, fields["client_id"])
        sent = self._sent.get(fields["client_id"])
        if order is None or sent is None or order.status == "rejected" or order.updated_ns < self._exchange.now_ns:
            return
        if self._order_of_opening[sent.process] < len(self._order_of_opening) - 1:
            raise Violation(f"{name}: {order.client_id} takes effect after its successor has begun to lead")
        self._check_rails(order, sent)

    def _check_rails(self, order: Order, sent: _Sent) -> None:
        """Working orders and position at the order's arrival, as far as they were asked for before it."""
        earlier = [other for other in self._working(sent) if other[0].index <= sent.index]
        own = sum(left for other, left in earlier if other.strategy == sent.strategy)
        holder = self._exchange.holders[_DESK]
        later_net = later_own = filled_self = 0
        for trade in reversed(holder.trades):
            other = self._sent.get(trade.client_id)
            if other is None or other.instrument != sent.instrument:
                continue
            if other.index == sent.index:
                filled_self += trade.quantity
            elif other.index > sent.index:
                later_net += trade.side * trade.quantity
                later_own += trade.side * trade.quantity if other.strategy == sent.strategy else 0
        held = self._held(sent.strategy, sent.instrument) - later_own - sent.side * filled_self
        reducing = -sent.side * held >= own + filled_self
        # A journal that lost records has fills booked anew and positions taken over: whose they are is not known here.
        if sent.entries_stopped and not reducing and not sent.losses:
            raise Violation(f"{order.client_id} is an entry, sent while entries were stopped: {sent}, held {held}")
        if not sent.answered and not reducing:
            raise Violation(f"{order.client_id} is an entry, sent before the exchange had answered: {sent}")
        if reducing:
            return
        net = holder.positions[sent.instrument].quantity - later_net
        reach = sent.side * net + sum(left for _, left in earlier)
        long, short = self._limits.long_lots[sent.instrument], self._limits.short_lots[sent.instrument]
        most = long if sent.side > 0 else short
        if reach > most and not sent.losses:  # as above
            raise Violation(f"{order.client_id} can bring the position to {reach} lots, {most} are allowed: {sent}")
        if order.quantity > self._limits.order_lots[sent.instrument]:
            raise Violation(f"{order.client_id} is of {order.quantity} lots, more than one order may have: {sent}")

    def _working(self, like: _Sent) -> list[tuple[_Sent, int]]:
        found: list[tuple[_Sent, int]] = []
        for order in self._exchange.holders[_DESK].open_orders.values():
            sent = self._sent.get(order.client_id)
            if sent is not None and order.instrument == like.instrument and order.side == like.side:
                found.append((sent, order.remaining))
        return found

    def _held(self, strategy: int, instrument: int) -> int:
        """The strategy's own position at the exchange, from its orders' trades."""
        held = self.books.adopted[strategy, instrument]
        for trade in self._exchange.holders[_DESK].trades:
            sent = self._sent.get(trade.client_id)
            if (
                trade.time_ns > self.books.opened_ns
                and sent is not None
                and sent.strategy == strategy
                and sent.instrument == instrument
            ):
                held += trade.side * trade.quantity
        return held

    def heard(self, name: str, raw: bytes) -> None:
        for kind in ("Fills", "Orders", "Account"):
            if raw.startswith(b'{"type":"%s"' % kind.encode()):
                self._heard.setdefault(name, set()).add(kind)

    def connected(self, name: str, up: bool) -> None:
        self._heard[name] = set()
        if up:
            self._up.add(name)
        else:
            self._up.discard(name)

    # sessions

    def recovered(self, name: str, host: str, digest: bytes, records: int) -> None:
        before = self.books
        self._order_of_opening[name] = len(self._order_of_opening)
        if not self.one_disk and host != self._host:
            self._go_to(host)
        if host in self._damaged:
            self._damaged = set() if self.one_disk else self._damaged - {host}
            self._kept, self._kept_digest, self._expected = 0, b"", None
            self._losses += 1
        self.books, self._read = self._new_books(), {}
        self._read_all(self._kept)
        if self.books.records < self._kept:
            raise Violation(f"{name} found {self.books.records} records, {self._kept} were acknowledged")
        if self._kept and self.books.digest.digest() != self._kept_digest:
            raise Violation(f"{name}: the first {self._kept} records are not what was acknowledged")
        self._read_all()
        if self.books.records != records:
            raise Violation(f"{name} went on at record {records}, the journal holds {self.books.records}")
        if self._expected is not None and self._expected[0] == records and self._expected[1] != digest:
            raise Violation(f"{name} replayed {records} records to another state than they had made")
        if before.opened_ns and not self.books.opened_ns:
            self.person_may_adopt = True
        for said, left in (before.asked & self.books.asked).items():
            self.books.asked[said] = left
        self._check_odd()

    def _go_to(self, host: str) -> None:
        """The journal goes on at another host: what was sent on must be there, where the shelf has it first."""
        if self._host:
            self._kept, self._kept_digest = self._left if self.shipped_first else (0, b"")
            self._expected = None
            self._losses += 1
        self._host = host

    def opened(self, name: str, epoch: int, eyes: Eyes) -> None:
        self.catch_up()
        if self.books.epochs[-1] != epoch:
            raise Violation(f"{name} leads in epoch {epoch}, the journal says {self.books.epochs}")
        self._eyes = {name: eyes}
        self._unready_ns = self._healthy_ns

    def commanded(self, name: str, verb: str) -> None:
        self.catch_up()
        if verb == "kill":
            if not self.books.killed:
                raise Violation(f"{name} has obeyed a kill that is not in the journal")
            self._killed_ns = self._healthy_ns

    def ended(self, name: str, digest: bytes | None) -> None:
        self._eyes.pop(name, None)
        latest = self._order_of_opening.get(name, -1) == len(self._order_of_opening) - 1
        if digest is not None and latest:
            self.catch_up()
            whole = self._kept == self.books.records  # else the power has failed, and the last records may be others
            self._expected = (self.books.records, digest) if whole else None
        elif latest:
            self._expected = None

    def lost_power(self, surviving: Callable[[str], int]) -> None:
        """Only what was synced must survive: `surviving` says how many bytes of a segment are on the medium."""
        whole = self._new_books()
        for name, content in self._segments():
            size = max(0, surviving(name) - HEADER_BYTES) // RECORD_BYTES * RECORD_BYTES
            whole.read(bytes(content[HEADER_BYTES : HEADER_BYTES + size]))
            if size < (len(content) - HEADER_BYTES) // RECORD_BYTES * RECORD_BYTES:
                break
        if whole.records < self._kept:
            self._keep(whole)
            self._expected = None
            self._losses += 1

    def damaged(self, hosts: Sequence[str]) -> None:
        """The medium of these hosts has changed what was written there: that need not survive, it must be noticed."""
        self._damaged.update(hosts)

    # the journal

    def catch_up(self) -> None:
        """Takes in what was flushed: it is acknowledged, and must survive the death of the process."""
        if self._read_all():
            self._keep(self.books)
            self._check_odd()

    def _new_books(self) -> JournalBooks:
        return JournalBooks(self._exchange.listings)

    def _keep(self, books: JournalBooks) -> None:
        self._kept, self._kept_digest = books.records, books.digest.digest()

    def _check_odd(self) -> None:
        if self.books.odd:
            raise Violation(f"the journal: {self.books.odd[0]}")

    def _read_all(self, most: int = -1) -> bool:
        """Reads what is new in the segments, up to `most` records in all; returns whether there was anything."""
        found = False
        for name, content in self._segments():
            done = self._read.get(name, HEADER_BYTES)
            stop = len(content) - (len(content) - HEADER_BYTES) % RECORD_BYTES
            if most >= 0:
                stop = min(stop, done + (most - self.books.records) * RECORD_BYTES)
            if stop > done:
                self.books.read(bytes(content[done:stop]))
                self._read[name] = stop
                found = True
        return found

    # after each step

    def look(self) -> None:
        """Checks all that can be checked at any time."""
        now = self._now()
        if self._world.healthy():
            self._healthy_ns += now - self._looked_ns
        self._looked_ns = now
        if not self._eyes:
            return
        self.catch_up()
        self._look_at_trades()
        newest = max(self._eyes, key=lambda name: self._order_of_opening[name])
        eyes = self._eyes[newest]
        self._look_at_money(newest, eyes)
        self._look_at_orders(newest, eyes)
        self._look_at_kill()
        if eyes.ready:
            self._unready_ns = self._healthy_ns
        elif self._healthy_ns - self._unready_ns > self.bounds.unready_ns:
            raise Violation(f"{newest} leads and never became ready")

    def _look_at_trades(self) -> None:
        """Every trade is booked within a bound, and is what the exchange says it is."""
        trades = self._exchange.holders[_DESK].trades
        for trade in trades[self._known :]:
            self._unbooked[trade.trade_id] = self._healthy_ns
        self._known = len(trades)
        booked = self.books.trades
        for trade_id, since in list(self._unbooked.items()):
            if trade_id in booked:
                del self._unbooked[trade_id]
                self._check_trade(trade_id, booked[trade_id])
            elif self._healthy_ns - since <= self.bounds.unbooked_ns:
                continue
            elif self._trade(trade_id).time_ns <= self.books.opened_ns:
                del self._unbooked[trade_id]  # it was taken over with the account
            else:
                raise Violation(f"trade {trade_id} was not booked in time: {self._trade(trade_id)}")

    def _trade(self, trade_id: int) -> Trade:
        return next(trade for trade in self._exchange.holders[_DESK].trades if trade.trade_id == trade_id)

    def _check_trade(self, trade_id: int, booked: tuple[int, int, int, int, int]) -> None:
        trade = self._trade(trade_id)
        if booked != (trade.instrument, trade.side, trade.price, trade.quantity, trade.fee):
            raise Violation(f"trade {trade_id} is {trade}, and was journaled as {booked}")

    def _look_at_money(self, name: str, eyes: Eyes) -> None:
        """The desk's money is what its journal's fills come to: each once, and nothing else."""
        figures = eyes.figures()
        if any(figures.postings):
            raise Violation(f"{name}: the postings of a purse sum to {figures.postings}, not to zero")
        books = self.books
        quantities, flows = books.quantities, list(books.flows)
        equity = sum(flows)
        for instrument, listing in enumerate(self._exchange.listings):
            mark = figures.marks_half_ticks[instrument]
            if instrument in books.quotes and mark != books.quotes[instrument]:
                raise Violation(
                    f"{name}: instrument {instrument} is valued at {mark} half ticks, the quote is not that"
                )
            equity += quantities[instrument] * mark * listing.value // 2
            if listing.margined:
                flows[listing.purse] += figures.costs[instrument]
        if figures.quantities[: len(quantities)] != quantities:
            raise Violation(f"{name} holds {figures.quantities}, its journal's fills come to {quantities}")
        if figures.cash != flows:
            raise Violation(f"{name} has cash {figures.cash}, its journal's fills come to {flows}")
        if figures.equity != equity:
            raise Violation(f"{name} has equity {figures.equity}, by its journal's fills it is {equity}")

    def _look_at_orders(self, name: str, eyes: Eyes) -> None:
        """No order is believed closed for long while it works at the exchange."""
        early = self._early
        if early:
            working = {order.client_id for order in self._exchange.holders[_DESK].open_orders.values()}
            for client_id in [client_id for client_id in early if client_id not in working]:
                del early[client_id]
        for order in self._exchange.holders[_DESK].open_orders.values():
            if order.client_id not in self._sent:
                continue
            found = eyes.order(int(order.client_id[16:], 16))
            if found is not None and found[0] not in CLOSED:
                early.pop(order.client_id, None)
                continue
            since = early.setdefault(order.client_id, self._healthy_ns)
            # Nothing that the exchange says of a working order can end it. Only one that was amended may look filled.
            sure = found is not None and found[0] != FILLED and self._sent[order.client_id].losses == self._losses
            if sure or self._healthy_ns - since > self.bounds.closed_early_ns:
                raise Violation(
                    f"{name} believes {order.client_id} closed ({found}), it works at the exchange: {order}"
                )

    def _look_at_kill(self) -> None:
        if not self.books.killed:
            self._killed_ns = -1
        if self._killed_ns < 0 or self._healthy_ns - self._killed_ns < self.bounds.killed_ns:
            return
        for order in self._exchange.holders[_DESK].open_orders.values():
            sent = self._sent.get(order.client_id)  # what reduces may still be asked for, and is taken back as well
            if sent is None or order.kind in (Kind.STOP, Kind.STOP_LIMIT):
                continue
            if self._healthy_ns - sent.healthy_ns >= self.bounds.killed_ns:
                raise Violation(f"{order.client_id} works long after the kill: {order}")

    # at rest

    def at_rest(self, name: str) -> list[str]:
        """What is not the same at the desk and at the exchange, when all is quiet; nothing, when all is well."""
        if name not in self._eyes:
            return [f"{name} leads no longer: a successor has begun to, and is gone"]
        eyes, holder = self._eyes[name], self._exchange.holders[_DESK]
        figures = eyes.figures()
        wrong: list[str] = []
        theirs = [position.quantity for position in holder.positions]
        if figures.quantities[: len(theirs)] != theirs:
            wrong.append(f"positions {figures.quantities}, at the exchange {theirs}")
        for purse, cash in enumerate(holder.cash):
            margined = [i for i, one in enumerate(self._exchange.listings) if one.purse == purse and one.margined]
            there = cash - sum(holder.positions[i].cost for i in margined)
            here = figures.cash[purse] - sum(figures.costs[i] for i in margined)
            if here != there:
                wrong.append(f"purse {purse}: {here} without open results, at the exchange {there}")
        works = {int(o.client_id[16:], 16): o.remaining for o in holder.open_orders.values()}
        if eyes.open_orders() != works:
            wrong.append(f"open orders {eyes.open_orders()}, at the exchange {works}")
        counted = [trade for trade in holder.trades if trade.time_ns > self.books.opened_ns]
        missing = [trade.trade_id for trade in counted if trade.trade_id not in self.books.trades]
        if missing:
            wrong.append(f"trades {missing} are not in the journal")
        made_up = sorted(set(self.books.trades) - {trade.trade_id for trade in holder.trades})
        if made_up:
            wrong.append(f"trades {made_up} are in the journal and not at the exchange")
        if any(eyes.stopped()):
            wrong.append(f"entries are stopped in {eyes.stopped()}: nothing differs")
        return wrong
