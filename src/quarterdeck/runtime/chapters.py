"""The chapters of a story: what a record and what the kernel said of it look like in words and in figures."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from quarterdeck.journal import rfc3339
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.records import INSTRUMENTS, NO_LIMIT, ORDERS, State
from quarterdeck.kernel.vocabulary import (
    BreakerStage,
    Decision,
    DeskLimit,
    EventKind,
    Flag,
    InstrumentLimit,
    InstrumentTerm,
    OrderType,
    Reason,
    StrategyLimit,
    TimeInForce,
    VenueLimit,
)
from quarterdeck.runtime.wording import Wording, order_name

__all__ = ["Chapter", "Holding", "Moment", "Narrator"]

_Limit = InstrumentLimit | StrategyLimit | VenueLimit | DeskLimit
# Which limits a rail looks at: a rejection shows them as they stood.
_LIMITS: Final[Mapping[Reason, tuple[_Limit, ...]]] = {
    Reason.SYMBOL_NOT_ALLOWED: (InstrumentLimit.ALLOWED,),
    Reason.SYMBOL_LOCKED: (InstrumentLimit.LOCKED,),
    Reason.NOTIONAL_TOO_SMALL: (InstrumentLimit.MIN_NOTIONAL,),
    Reason.NOTIONAL_TOO_LARGE: (InstrumentLimit.MAX_NOTIONAL,),
    Reason.QUANTITY_TOO_LARGE: (InstrumentLimit.MAX_LOTS,),
    Reason.PRICE_COLLAR: (InstrumentLimit.COLLAR_PPM,),
    Reason.PRICE_COLLAR_PERIOD: (InstrumentLimit.COLLAR_PERIOD_PPM, InstrumentLimit.COLLAR_PERIOD_NS),
    Reason.STALE_DATA: (InstrumentLimit.STALE_NS,),
    Reason.EXPOSURE_SYMBOL_CAP: (InstrumentLimit.MAX_EXPOSURE,),
    Reason.EXPOSURE_VENUE_CAP: (VenueLimit.MAX_EXPOSURE,),
    Reason.EXPOSURE_TOTAL_CAP: (DeskLimit.MAX_EXPOSURE,),
    Reason.EXPOSURE_STRATEGY_CAP: (
        StrategyLimit.MAX_EXPOSURE,
        StrategyLimit.MAX_LONG_EXPOSURE,
        StrategyLimit.MAX_SHORT_EXPOSURE,
        StrategyLimit.WEIGHT_PPM,
    ),
    Reason.POSITION_LIMIT: (InstrumentLimit.MAX_LONG_LOTS, InstrumentLimit.MAX_SHORT_LOTS),
    Reason.PORTFOLIO_HEAT: (DeskLimit.HEAT_PPM,),
    Reason.DAILY_LOSS: (DeskLimit.MAX_DAILY_LOSS, StrategyLimit.MAX_DAILY_LOSS),
    Reason.EQUITY_DRAWDOWN: (DeskLimit.MAX_DRAWDOWN_PPM,),
    Reason.EQUITY_FLOOR: (DeskLimit.EQUITY_FLOOR,),
    Reason.ORDER_RATE_EXCEEDED: (DeskLimit.ORDERS_PER_MINUTE,),
    Reason.MESSAGE_RATE_EXCEEDED: (VenueLimit.MESSAGES_PER_SECOND, VenueLimit.CANCEL_RESERVE),
    Reason.DUPLICATE_ORDER: (InstrumentLimit.DUPLICATE_WINDOW_NS,),
    Reason.REPEATED_EXECUTION: (StrategyLimit.MAX_EXECUTIONS, StrategyLimit.EXECUTIONS_WINDOW_NS),
    Reason.VENUE_BREAKER_OPEN: (VenueLimit.ERROR_RATE_PPM, VenueLimit.ERROR_COOLDOWN_NS),
    Reason.STRATEGY_DISABLED: (StrategyLimit.ENABLED,),
    Reason.ALERTS_UNACKNOWLEDGED: (DeskLimit.MAX_UNACKNOWLEDGED,),
}
_REPORT_WORDS: Final = {
    EventKind.ORDER_ACCEPTED: "accepted",
    EventKind.ORDER_REJECTED: "rejected",
    EventKind.FILL: "filled",
    EventKind.ORDER_CANCELED: "canceled",
    EventKind.ORDER_EXPIRED: "expired",
    EventKind.ORDER_UNKNOWN: "unknown",
    EventKind.ORDER_NOT_FOUND: "not found",
    EventKind.ORDER_REPLACED: "replaced",
    EventKind.CANCEL_REJECTED: "cancel rejected",
    EventKind.REPLACE_REJECTED: "replace rejected",
    EventKind.ORDER_ADOPTED: "adopted",
}


@dataclass(frozen=True, slots=True)
class Chapter:
    """One thing that happened: `word` names it, `text` says it, `facts` are its numbers as the kernel has them."""

    sequence: int
    time_ns: int
    word: str
    text: str
    facts: Mapping[str, object]

    def as_dict(self) -> dict[str, object]:
        shown = {"sequence": self.sequence, "time": rfc3339(self.time_ns), "what": self.word, "text": self.text}
        return {**shown, **self.facts}

    def line(self) -> str:
        return f"@{self.sequence:<8} {rfc3339(self.time_ns)}  {self.word:<15} {self.text}".rstrip()


@dataclass(frozen=True, slots=True)
class Holding:
    """What a strategy holds in one instrument, and what it has earned with it: lots and money units."""

    quantity: int
    realised: int


@dataclass(frozen=True, slots=True)
class Moment:
    """One record at its place in the journal, with what the kernel said of it. `own`: it is about the order itself."""

    sequence: int
    record: Any
    payload: str
    actions: Any
    own: bool

    @property
    def kind(self) -> EventKind:
        return EventKind(int(self.record["kind"]))

    @property
    def time_ns(self) -> int:
        return int(self.record["time_ns"])


class Narrator:
    """Writes chapters. It reads the state as it is when it is called: right after the record was applied."""

    def __init__(self, states: Records[State], wording: Wording) -> None:
        self._states: Any = states
        self.wording = wording

    def market(self, moment: Moment, instrument: int) -> Chapter:
        """The market as the desk saw it."""
        seen, now = self._states[0]["instruments"][instrument], int(self._states[0]["time_ns"])
        names = "bid", "ask", "bid_quantity", "ask_quantity", "mark_half_ticks", "data_ns"
        bid, ask, bid_lots, ask_lots, mark, data_ns = (int(seen[name]) for name in names)
        age_ns = now - data_ns if data_ns else None
        say, name = self.wording, self.wording.instrument(instrument)
        touch = (
            f"bid {say.price(instrument, bid)} x {say.quantity(instrument, bid_lots)}, "
            f"ask {say.price(instrument, ask)} x {say.quantity(instrument, ask_lots)}, "
            if bid and ask
            else "no quote, "
        )
        marked = f"mark {say.price(instrument, Decimal(mark) / 2)}, " if mark else "no mark, "
        age = "no price yet" if age_ns is None else f"{age_ns / 1e9:.3f} s old"
        facts = {"instrument": name, "bid": bid, "ask": ask, "bid_quantity": bid_lots, "ask_quantity": ask_lots}
        return self._chapter(
            moment, "market", f"{name}: {touch}{marked}{age}", {**facts, "mark_half_ticks": mark, "data_age_ns": age_ns}
        )

    def asked(self, moment: Moment) -> Chapter:
        """What a strategy or a person asked for."""
        record = moment.record
        strategy, by = self.wording.strategy(int(record["strategy"])), self.wording.person(int(record["person"]))
        text = f"{by or strategy} asks to {self._request(moment)}"
        facts: dict[str, object] = {"strategy": strategy, "person": by or None, "request": moment.kind.name}
        facts |= {name: int(record[name]) for name in ("price", "quantity", "trigger_price", "tag")}
        reason = Reason(int(record["reason"]))
        if reason != Reason.NONE:
            text += f" for {reason.name}"
        if moment.kind == EventKind.ORDER_REQUEST and facts["tag"]:
            text += f", tag {facts['tag']}"
        if moment.payload:
            text += f": {moment.payload}"
        facts |= {"reason": reason.name, "payload": moment.payload or None}
        return self._chapter(moment, "asked", text, facts)

    def decided(self, moment: Moment, action: Any) -> Chapter:
        """What the rails decided, and which one cut or refused."""
        decision, reason = Decision(int(action["decision"])), Reason(int(action["reason"]))
        instrument, lots, wanted = (int(action[name]) for name in ("instrument", "quantity", "trigger_price"))
        facts: dict[str, object] = {"decision": decision.name, "quantity_approved": lots, "quantity_asked": wanted}
        if moment.kind == EventKind.CANCEL_REQUEST:
            return self._chapter(moment, "rejected", f"by {reason.name}", {"decision": decision.name})
        of = f"{self.wording.quantity(instrument, lots)} of {self.wording.quantity(instrument, wanted)}"
        if decision == Decision.APPROVED:
            return self._chapter(moment, "approved", of, {**facts, "rail": None})
        limits = self._limits(reason, instrument, int(action["strategy"]))
        shown = ", ".join(f"{name} {value}" for name, value in limits.items() if abs(value) != NO_LIMIT)
        text = f"by {reason.name}, {of} approved" + (f"; limit: {shown}" if shown else "")
        facts |= {"rail": reason.name, "limits": limits}
        return self._chapter(moment, decision.name.lower(), text, facts)

    def standing(self, moment: Moment, strategy: int, instrument: int) -> Chapter:
        """How the desk stood when a request was refused: what its rails weigh beside the market."""
        state = self._states[0]
        own = state["positions"][strategy * INSTRUMENTS + instrument]
        stage = BreakerStage(int(state["breaker"]["stage"]))
        held, buying, selling = (int(own[name]) for name in ("quantity", "buy_lots", "sell_lots"))
        say = self.wording
        text = (
            f"{say.strategy(strategy)} holds {say.quantity(instrument, held)} and works to buy "
            f"{say.quantity(instrument, buying)} and sell {say.quantity(instrument, selling)}; breaker {stage.name}"
        )
        facts = {"position": held, "buy_lots": buying, "sell_lots": selling, "breaker": stage.name}
        return self._chapter(moment, "standing", text, {**facts, "open_orders": int(state["open_count"])})

    def reported(self, moment: Moment, instrument: int) -> Chapter:
        """What the venue said of the order, fills apart."""
        record, kind = moment.record, moment.kind
        text, facts = "", dict[str, object]()
        if kind in {EventKind.ORDER_ACCEPTED, EventKind.ORDER_ADOPTED} and record["venue_order_id"]:
            facts["venue_order_id"] = int(record["venue_order_id"])
            text = f"by the venue as {facts['venue_order_id']}"
        elif kind == EventKind.ORDER_REPLACED:
            price, quantity = int(record["price"]), int(record["quantity"])
            facts = {"price": price, "quantity": quantity}
            text = f"now {self.wording.quantity(instrument, quantity)} at {self.wording.price(instrument, price)}"
        elif record["value"] in Reason.__members__.values() and record["value"]:
            facts["reason"] = Reason(int(record["value"])).name
            text = f"for {facts['reason']}"
        return self._chapter(moment, _REPORT_WORDS[kind], text, facts)

    def filled(self, moment: Moment, before: Holding, after: Holding) -> Chapter:
        """A fill: price, fee, and the strategy's position around it."""
        record, say = moment.record, self.wording
        instrument = int(record["instrument"])
        price, lots, fee = (int(record[name]) for name in ("price", "quantity", "fee"))
        realised = after.realised - before.realised
        role = "maker" if record["flags"] & Flag.MAKER else "taker"
        text = (
            f"{say.quantity(instrument, lots)} at {say.price(instrument, price)} as {role}, fee "
            f"{say.money(instrument, fee)}; position {say.quantity(instrument, before.quantity)} -> "
            f"{say.quantity(instrument, after.quantity)}, realised {say.money(instrument, realised)}"
        )
        facts = {"price": price, "quantity": lots, "fee": fee, "role": role, "trade_id": int(record["trade_id"])}
        facts |= {"position_before": before.quantity, "position_after": after.quantity, "realised": realised}
        return self._chapter(moment, "filled", text, facts)

    def spoken(self, moment: Moment, action: Any, order_id: int) -> Iterator[Chapter]:
        """What the kernel said, beside decisions: of the order, or of another one because of it."""
        kind, spoken_of = EventKind(int(action["kind"])), int(action["order_id"])
        reason = Reason(int(action["reason"]))
        cause = "" if moment.own else f", upon {self._cause(moment)}"
        facts: dict[str, object] = {"reason": reason.name, "upon": moment.kind.name}
        why = f" for {reason.name}" if reason != Reason.NONE else ""
        ours = spoken_of == order_id
        if kind in {EventKind.SUBMIT, EventKind.CANCEL, EventKind.REPLACE} and (ours or moment.own):
            word = {EventKind.SUBMIT: "submitted", EventKind.CANCEL: "cancel sent"}.get(kind, "replace sent")
            text = self._sent(action, kind) + why + cause
            if ours:
                yield self._chapter(moment, word, text, facts)
            else:
                facts |= {"related_order": order_name(spoken_of), "sent": kind.name}
                yield self._chapter(moment, "related", f"order {order_name(spoken_of)}: {word}, {text}", facts)
        elif kind in {EventKind.ANOMALY, EventKind.REFUSED} and ours and moment.own:
            said = f"{EventKind(int(action['price'])).name} for {reason.name}"
            yield self._chapter(moment, kind.name.lower(), said, facts)
        elif kind in {EventKind.WARNING, EventKind.THROTTLED} and moment.own:
            use, limit = int(action["price"]), int(action["quantity"])
            text = f"{reason.name}: {use} of {limit}" if kind == EventKind.WARNING else reason.name
            yield self._chapter(moment, kind.name.lower(), text, {**facts, "used": use, "limit": limit})

    def order(self, order: Any) -> str:
        """An order's terms in words."""
        instrument = int(order["instrument"])
        side = "BUY" if order["side"] > 0 else "SELL"
        terms = self._terms(order, instrument, int(order["trigger_price"]))
        quantity = self.wording.quantity(instrument, int(order["quantity"]))
        return f"{side} {quantity} {self.wording.instrument(instrument)}{terms}"

    def _request(self, moment: Moment) -> str:
        record, kind = moment.record, moment.kind
        if kind == EventKind.CANCEL_REQUEST:
            return f"cancel {order_name(int(record['order_id']))}"
        if kind == EventKind.REPLACE_REQUEST:
            instrument = int(self._states[0]["orders"][int(record["order_id"]) % ORDERS]["instrument"])
            price, quantity = int(record["price"]), int(record["quantity"])
            return f"make it {self.wording.quantity(instrument, quantity)} at {self.wording.price(instrument, price)}"
        instrument = int(record["instrument"])
        side = "SELL" if record["flags"] & Flag.SELL else "BUY"
        quantity = self.wording.quantity(instrument, int(record["quantity"]))
        terms = self._terms(record, instrument, int(record["trigger_price"]))
        return f"{side} {quantity} {self.wording.instrument(instrument)}{terms}"

    def _terms(self, order: Any, instrument: int, trigger: int) -> str:
        words = [OrderType(int(order["order_type"])).name, TimeInForce(int(order["time_in_force"])).name]
        words += [flag.name for flag in (Flag.POST_ONLY, Flag.REDUCE_ONLY, Flag.PROTECTIVE) if order["flags"] & flag]
        price = f" at {self.wording.price(instrument, int(order['price']))}" if order["price"] else ""
        triggered = f" once {self.wording.price(instrument, trigger)} is reached" if trigger else ""
        return f"{price}{triggered} ({', '.join(words)})"

    def _sent(self, action: Any, kind: EventKind) -> str:
        if kind == EventKind.CANCEL:
            return "to the venue"
        instrument = int(action["instrument"])
        price = f" at {self.wording.price(instrument, int(action['price']))}" if action["price"] else ""
        return f"{self.wording.quantity(instrument, int(action['quantity']))}{price}"

    def _cause(self, moment: Moment) -> str:
        """A record that is not about the order, as the cause of what happened to it."""
        kind, record = moment.kind, moment.record
        if EventKind.PAUSE <= kind <= EventKind.ACKNOWLEDGE and kind != EventKind.CONFIGURE:
            by = self.wording.person(int(record["person"]))
            return kind.name + (f" by {by}" if by else "") + (f": {moment.payload}" if moment.payload else "")
        if kind == EventKind.CANCEL_ALL_REQUEST:
            by = self.wording.person(int(record["person"])) or self.wording.strategy(int(record["strategy"]))
            return f"{kind.name} by {by}"
        if record["order_id"] and EventKind.ORDER_ACCEPTED <= kind <= EventKind.REPLACE_REJECTED:
            return f"{kind.name} of order {order_name(int(record['order_id']))}"
        return kind.name

    def _limits(self, reason: Reason, instrument: int, strategy: int) -> dict[str, int]:
        """The limits that a rail looks at, as they stand."""
        state = self._states[0]
        venue = int(state["instruments"][instrument]["terms"][InstrumentTerm.VENUE])
        tables = {
            InstrumentLimit: state["instruments"][instrument],
            StrategyLimit: state["strategies"][strategy],
            VenueLimit: state["venues"][venue],
            DeskLimit: state,
        }
        return {limit.name.lower(): int(tables[type(limit)]["limits"][limit]) for limit in _LIMITS.get(reason, ())}

    def _chapter(self, moment: Moment, word: str, text: str, facts: Mapping[str, object]) -> Chapter:
        return Chapter(moment.sequence, moment.time_ns, word, text, facts)
