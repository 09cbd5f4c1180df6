"""The words for what happens on a desk: one line of fields for each record or action that people want to know of."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from typing import Any, Final, Literal, TypeAlias

from quarterdeck.config import DeskConfig
from quarterdeck.journal import rfc3339
from quarterdeck.kernel.vocabulary import (
    BreakerStage,
    ConnectionState,
    Decision,
    EventKind,
    Flag,
    LedgerAccount,
    Metric,
    MetricLevel,
    Reason,
)
from quarterdeck.market import Instrument
from quarterdeck.runtime.directory import directory
from quarterdeck.runtime.opening import market_instruments
from quarterdeck.runtime.wording import order_name

__all__ = ["Channel", "Fields", "Line", "Narrator", "Speaker", "money_text", "word_of"]

Channel: TypeAlias = Literal["system", "trading", "error"]
Fields: TypeAlias = dict[str, object]
Speaker: TypeAlias = Callable[[Any, int], tuple[Channel, str, Fields]]
_CHARGED_MAX: Final = 256  # orders whose charges are remembered until their fill
_COMMANDS: Final = (*range(EventKind.PAUSE, EventKind.THROTTLE_RESET + 1), EventKind.ACKNOWLEDGE)


@dataclass(frozen=True, slots=True)
class Line:
    """One line: the log it belongs to, the event's name, the desk's time, the journal's sequence, and its fields."""

    channel: Channel
    event: str
    time_ns: int
    sequence: int
    fields: Fields

    def as_dict(self) -> Fields:
        return {"time": rfc3339(self.time_ns), "sequence": self.sequence, **self.fields}


def word_of(words: type[IntEnum], number: int) -> str:
    """The name of a number; the number itself where it has none."""
    return words(number).name if number in words.__members__.values() else str(number)


def money_text(units: int, exponent: int, places: int = 2) -> str:
    """Money units as text, rounded to some places."""
    scaled = round(units / 10 ** (exponent - places)) if exponent > places else units * 10 ** (places - exponent)
    sign, whole = "-" if scaled < 0 else "", abs(scaled)
    return f"{sign}{whole // 10**places:,}.{whole % 10**places:0{places}d}"


class Narrator:
    """Turns what a replica hears into lines, and hands each to `tell`."""

    def __init__(self, config: DeskConfig, tell: Callable[[Line], None]) -> None:
        self.names = directory(config)
        self._instruments: tuple[Instrument, ...] = market_instruments(config)
        self._exponent = config.base_exponent
        self._purses = config.accounts
        self._charges: dict[int, dict[tuple[int, int, int], str]] = {}  # by order, in words
        self._tell = tell
        self.states: Any = None  # where the records are applied to, once somebody says so
        self._speakers: dict[int, Speaker] = {
            EventKind.ORDER_REQUEST: self._request,
            EventKind.DECISION: self._decision,
            EventKind.SUBMIT: self._submit,
            EventKind.FILL: self._fill,
            EventKind.ORDER_ACCEPTED: self._ended,
            EventKind.ORDER_REPLACED: self._replaced,
            EventKind.ORDER_REJECTED: self._refused_order,
            EventKind.CANCEL_REJECTED: self._ended,
            EventKind.REPLACE_REJECTED: self._ended,
            EventKind.ORDER_CANCELED: self._ended,
            EventKind.ORDER_EXPIRED: self._ended,
            EventKind.ORDER_UNKNOWN: self._ended,
            EventKind.ORDER_NOT_FOUND: self._ended,
            **dict.fromkeys(_COMMANDS, self._command),
            EventKind.BREAKER_CHANGE: self._stage,
            EventKind.METRIC_CHANGE: self._metric,
            EventKind.WARNING: self._warning,
            EventKind.ANOMALY: self._odd,
            EventKind.REFUSED: self._odd,
            EventKind.LIQUIDATION: self._notice,
            EventKind.THROTTLED: self._notice,
            EventKind.FLATTENED: self._notice,
            EventKind.CONNECTION: self._connection,
            EventKind.RECONCILED: self._reconciled,
            EventKind.FUNDING_PAYMENT: self._funding,
            EventKind.CHARGE: self._charge,
            EventKind.SESSION_START: self._session,
            EventKind.SESSION_END: self._session,
        }

    def hear(self, record: Any, sequence: int) -> None:
        """Takes one record or action; most kinds say nothing."""
        kind = int(record["kind"])
        speak = self._speakers.get(kind)
        if speak is not None:
            channel, event, fields = speak(record, kind)
            self._tell(Line(channel, event, int(record["time_ns"]), sequence, fields))

    def price(self, instrument: int, ticks: int) -> str | None:
        """A price as text; None for no price, as of a market order."""
        if ticks == 0 or not 0 <= instrument < len(self._instruments):
            return None
        return f"{self._instruments[instrument].ticks_to_price(ticks).normalize():f}"

    def quantity(self, instrument: int, lots: int) -> str:
        if not 0 <= instrument < len(self._instruments):
            return str(lots)
        return f"{self._instruments[instrument].lots_to_quantity(lots).normalize():f}"

    def _place(self, record: Any) -> Fields:
        instrument, strategy = int(record["instrument"]), int(record["strategy"])
        return {
            "instrument": self.names.instruments.label(instrument),
            "strategy": self.names.strategies.label(strategy),
        }

    def _order(self, record: Any, kind: int) -> Fields:
        instrument = int(record["instrument"])
        fields: Fields = {"order_id": order_name(int(record["order_id"]))} if kind != EventKind.ORDER_REQUEST else {}
        fields |= self._place(record)
        fields["side"] = "SELL" if record["flags"] & Flag.SELL else "BUY"
        fields["price"] = self.price(instrument, int(record["price"]))
        fields["quantity"] = self.quantity(instrument, int(record["quantity"]))
        return fields

    def _request(self, record: Any, kind: int) -> tuple[Channel, str, Fields]:
        fields = self._order(record, kind)
        return "trading", "SIGNAL_GENERATED", {**fields, "reason": word_of(Reason, int(record["reason"]))}

    def _decision(self, record: Any, kind: int) -> tuple[Channel, str, Fields]:
        decision = int(record["decision"])
        fields = self._order(record, kind)
        fields["asked"] = self.quantity(int(record["instrument"]), int(record["trigger_price"]))
        fields["decision"] = word_of(Decision, decision)
        fields["reason"] = word_of(Reason, int(record["reason"]))
        return "trading", "RISK_BLOCK" if decision == Decision.REJECTED else "RISK_DECISION", fields

    def _submit(self, record: Any, kind: int) -> tuple[Channel, str, Fields]:
        fields = self._order(record, kind)
        fields["reason"] = word_of(Reason, int(record["reason"]))
        fields["mid"] = self._middle(int(record["instrument"]))
        return "trading", "ORDER_SUBMITTED", fields

    def _middle(self, instrument: int) -> str | None:
        """The middle of bid and ask as text; None where it is not known."""
        if self.states is None or not 0 <= instrument < len(self._instruments):
            return None
        market, known = self.states[0]["instruments"][instrument], self._instruments[instrument]
        bid, ask = int(market["bid"]), int(market["ask"])
        if not bid or not ask:
            return None
        return f"{((known.ticks_to_price(bid) + known.ticks_to_price(ask)) / 2).normalize():f}"

    def _fill(self, record: Any, kind: int) -> tuple[Channel, str, Fields]:
        fields = self._order(record, kind)
        instrument = self._instruments[int(record["instrument"])]
        fields["fee"] = f"{instrument.units_to_money(int(record['fee'])).normalize():f}"
        fields["liquidity"] = "maker" if record["flags"] & Flag.MAKER else "taker"
        fields["trade_id"] = int(record["trade_id"])
        charges = self._charges.get(int(record["order_id"]))
        if charges is not None:
            fields["charges"] = list(charges.values())
        return "trading", "ORDER_FILLED", fields

    def _ended(self, record: Any, kind: int) -> tuple[Channel, str, Fields]:
        return "trading", EventKind(kind).name, {"order_id": order_name(int(record["order_id"])), **self._place(record)}

    def _refused_order(self, record: Any, kind: int) -> tuple[Channel, str, Fields]:
        channel, event, fields = self._ended(record, kind)
        return channel, event, {**fields, "reason": word_of(Reason, int(record["value"]))}

    def _command(self, record: Any, kind: int) -> tuple[Channel, str, Fields]:
        person = int(record["person"])
        fields = {**self._place(record), "person": "nobody named" if person < 0 else self.names.people.label(person)}
        return "system", f"COMMAND_{EventKind(kind).name}", fields

    def _stage(self, record: Any, kind: int) -> tuple[Channel, str, Fields]:
        fields: Fields = {
            "before": word_of(BreakerStage, int(record["price"])),
            "stage": word_of(BreakerStage, int(record["quantity"])),
            "multiplier": int(record["order_id"]) / 1e6,
            "reason": word_of(Reason, int(record["reason"])),
            "equity": money_text(int(record["trigger_price"]), self._exponent),
        }
        return "system", EventKind(kind).name, fields

    def _metric(self, record: Any, kind: int) -> tuple[Channel, str, Fields]:
        fields: Fields = {
            "metric": word_of(Metric, int(record["price"])),
            "level": word_of(MetricLevel, int(record["quantity"])),
            "value": int(record["order_id"]) / 1e6,
        }
        return "system", EventKind(kind).name, fields

    def _warning(self, record: Any, kind: int) -> tuple[Channel, str, Fields]:
        use, limit = int(record["price"]), int(record["quantity"])
        fields = {**self._place(record), "reason": word_of(Reason, int(record["reason"])), "use": use, "limit": limit}
        return "system", EventKind(kind).name, fields

    def _odd(self, record: Any, kind: int) -> tuple[Channel, str, Fields]:
        fields: Fields = {
            **self._place(record),
            "reason": word_of(Reason, int(record["reason"])),
            "of": word_of(EventKind, int(record["price"])),
            "order_id": order_name(int(record["order_id"])),
        }
        return "error", EventKind(kind).name, fields

    def _notice(self, record: Any, kind: int) -> tuple[Channel, str, Fields]:
        fields = {**self._place(record), "reason": word_of(Reason, int(record["reason"]))}
        return "system", EventKind(kind).name, fields

    def _replaced(self, record: Any, kind: int) -> tuple[Channel, str, Fields]:
        return "trading", EventKind(kind).name, self._order(record, kind)

    def _connection(self, record: Any, kind: int) -> tuple[Channel, str, Fields]:
        fields: Fields = {
            "venue": self.names.venues.label(int(record["instrument"])),
            "state": word_of(ConnectionState, int(record["value"])),
        }
        return "system", EventKind(kind).name, fields

    def _reconciled(self, record: Any, kind: int) -> tuple[Channel, str, Fields]:
        venue = self.names.venues.label(int(record["instrument"]))
        return "system", EventKind(kind).name, {"venue": venue, "until": rfc3339(int(record["value"]))}

    def _funding(self, record: Any, kind: int) -> tuple[Channel, str, Fields]:
        instrument = self._instruments[int(record["instrument"])]
        amount = f"{instrument.units_to_money(int(record['amount'])).normalize():f}"
        return "trading", EventKind(kind).name, {**self._place(record), "amount": amount}

    def _charge(self, record: Any, kind: int) -> tuple[Channel, str, Fields]:
        """What an attempt on a chain earned or paid. It comes before its order's fill, which tells it in a line."""
        row, column = int(record["row"]), int(record["column"])
        purse = self._purses[row]
        received = LedgerAccount(column) is LedgerAccount.REALISED
        units = int(record["amount"]) * (-1 if received else 1)
        what = "earned" if received else word_of(LedgerAccount, column).lower()
        amount = f"{Decimal(units).scaleb(-purse.exponent).normalize():f}"
        order_id = int(record["tag"])
        if order_id:
            words = f"{what} {amount} {purse.currency}"
            self._charges.setdefault(order_id, {})[row, column, int(record["trade_id"])] = words
            while len(self._charges) > _CHARGED_MAX:
                del self._charges[next(iter(self._charges))]
        fields: Fields = {"order_id": order_name(order_id), **self._place(record), "what": what, "amount": amount}
        return "trading", EventKind(kind).name, {**fields, "currency": purse.currency}

    def _session(self, record: Any, kind: int) -> tuple[Channel, str, Fields]:
        return "system", EventKind(kind).name, {"epoch": int(record["epoch"])}
