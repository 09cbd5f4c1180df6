"""Which of the venue's symbols the desk's instruments are, and how their texts become ticks and lots."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Final

from quarterdeck.errors import ConfigError
from quarterdeck.kernel.records import PRICE_MAX, QUANTITY_MAX
from quarterdeck.market.instruments import Instrument
from quarterdeck.venues.binance.markets import Market
from quarterdeck.venues.binance.numbers import Grid, rounded
from quarterdeck.venues.binance.schema import ExchangeInfo, RateLimit, SymbolInfo
from quarterdeck.venues.malformed import BadMessage

__all__ = ["Listed", "Universe", "limits_of"]

_TEXTS_MAX: Final = 8_192
_INTERVALS_S: Final = {"SECOND": 1, "MINUTE": 60, "HOUR": 3_600, "DAY": 86_400}


class _Texts(dict[str, int]):
    """Figures that were read before: a book repeats its prices, and most of its sizes, in every message."""

    def __init__(self, read: Callable[[str], int]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, text: str) -> int:
        value = self._read(text)
        if len(self) >= _TEXTS_MAX:
            self.clear()
        self[text] = value
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One instrument of the desk as the venue lists it. `index` and `account` are the desk's."""

    index: int
    account: int
    symbol: str
    base: str
    quote: str
    spot: bool
    tick: Grid
    lot: Grid
    money_decimals: int
    tick_texts: _Texts = field(init=False, repr=False, compare=False)
    """Ticks by their text, remembered; raises as `ticks` does."""
    lot_texts: _Texts = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tick_texts", _Texts(self.ticks))
        object.__setattr__(self, "lot_texts", _Texts(self.lots))

    def ticks(self, text: str) -> int:
        """Returns the ticks of a price. Raises ValueError: not a price, or between two ticks."""
        ticks = self.tick.steps(text)
        if not 0 < ticks <= PRICE_MAX:
            raise ValueError(f"{text[:40]!r} is no price")
        return ticks

    def lots(self, text: str) -> int:
        """Returns the lots of a size, signed as it is. Raises ValueError."""
        lots = self.lot.steps(text)
        if abs(lots) > QUANTITY_MAX:
            raise ValueError(f"{text[:40]!r} is too large a size")
        return lots

    def near_ticks(self, text: str) -> int:
        """Returns the ticks next to a figure that keeps to no grid: a mark. Raises ValueError: not a number."""
        return max(0, min(PRICE_MAX, self.tick.near(text)))

    def money(self, text: str) -> int:
        """Returns money units of the instrument's purse next to a text."""
        return rounded(text, self.money_decimals)

    def average(self, cost: int, lots: int) -> int:
        """Returns the ticks next to the average price of so many lots at a cost, both signed as the position is."""
        decimals = self.money_decimals - self.tick.decimals - self.lot.decimals
        value = self.tick.mantissa * self.lot.mantissa * 10 ** max(0, decimals) * abs(lots)
        units = abs(cost) * 10 ** max(0, -decimals)
        return max(0, min(PRICE_MAX, (2 * units + value) // (2 * value)))

    def worth(self, amount: str, price: str) -> int:
        """Returns money units of so much of the base asset at a price."""
        part = price.partition(".")[2]
        return self.money(amount) * rounded(price, len(part)) // 10 ** len(part)


class Universe:
    """The desk's instruments at this venue, found by their index and by the symbol of a message."""

    def __init__(self, listed: Sequence[Listed]) -> None:
        self.listed = tuple(listed)
        self.by_index: Mapping[int, Listed] = {one.index: one for one in listed}
        self.by_symbol: Mapping[str, Listed] = {one.symbol: one for one in listed}

    def of_symbol(self, symbol: str) -> Listed | None:
        """Returns the instrument of a symbol; None for one that this desk does not trade."""
        return self.by_symbol.get(symbol)

    def of_index(self, index: int) -> Listed:
        """Returns the instrument at the desk's index. Raises BadMessage: a request for another venue's instrument."""
        listed = self.by_index.get(index)
        if listed is None:
            raise BadMessage("instrument", f"instrument {index} is not one of this venue's")
        return listed

    @classmethod
    def bind(cls, market: Market, instruments: Sequence[tuple[int, int, Instrument]], info: ExchangeInfo) -> "Universe":
        """Finds each (index, account, instrument) in the venue's list.

        Raises ConfigError, naming what differs: the venue does not list it, or its tick, lot, least size or least value
        is another; BadMessage for a list that cannot be.
        """
        by_symbol = {one.symbol: one for one in info.symbols}
        return cls([_listed(market, *entry, by_symbol.get(entry[2].symbol)) for entry in instruments])


def _listed(market: Market, index: int, account: int, one: Instrument, found: SymbolInfo | None) -> Listed:
    where = f"instrument {one.symbol}"
    if found is None or (not market.spot and found.contract_type != "PERPETUAL"):
        what = "a pair" if market.spot else "a perpetual"
        raise ConfigError(where, "symbol", one.symbol, f"{what} that {market.name} lists")
    for name, said, listed in (
        ("base", one.base, found.base_asset),
        ("quote", one.quote, found.quote_asset if market.spot else found.margin_asset),
        ("tick", one.tick, _figure(found, "PRICE_FILTER", "tick_size")),
        ("lot", one.lot, _figure(found, "LOT_SIZE", "step_size")),
        ("min_notional", one.min_notional, _least_value(market, found)),
    ):
        if said != listed:
            raise ConfigError(where, name, _shown(said), f"{_shown(listed)}, as listed")
    least = _figure(found, "LOT_SIZE", "min_qty")
    if max(one.min_lots, 1) * one.lot < least:
        raise ConfigError(where, "min_quantity", _shown(one.min_lots * one.lot), f"{least:f} or more, as listed")
    return Listed(
        index=index, account=account, symbol=one.symbol, base=one.base, quote=one.quote, spot=market.spot,
        tick=Grid.of(one.tick), lot=Grid.of(one.lot), money_decimals=one.currency_exponent,
    )  # fmt: skip


def _shown(value: str | Decimal) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else value


def _least_value(market: Market, found: SymbolInfo) -> Decimal:
    """The least value of an order. Spot has either of two filters; where it has neither, there is no such rule."""
    if not market.spot:
        return _figure(found, "MIN_NOTIONAL", "notional")
    kinds = {one.filter_type for one in found.filters}
    for kind in ("NOTIONAL", "MIN_NOTIONAL"):
        if kind in kinds:
            return _figure(found, kind, "min_notional")
    return Decimal(0)


def _figure(found: SymbolInfo, kind: str, name: str) -> Decimal:
    text: str = next((getattr(one, name) for one in found.filters if one.filter_type == kind), "")
    try:
        figure = Decimal(text)
    except InvalidOperation:
        raise BadMessage("exchangeInfo", f"{found.symbol[:40]} has no {kind} {name}: {text[:40]!r}") from None
    if not figure.is_finite() or figure < 0:
        raise BadMessage("exchangeInfo", f"{found.symbol[:40]}'s {kind} {name} is {text[:40]!r}")
    return figure.normalize() if figure else Decimal(0)


def limits_of(rows: Sequence[RateLimit]) -> tuple[int, tuple[tuple[int, int], ...]]:
    """Returns the minute's weight (0: not listed) and the (seconds, new orders) of a list of limits."""
    weight, orders = 0, list[tuple[int, int]]()
    for row in rows:
        seconds = _INTERVALS_S.get(row.interval, 0) * row.interval_num
        if row.limit <= 0 or seconds <= 0:
            continue
        if row.rate_limit_type == "REQUEST_WEIGHT" and seconds == 60:
            weight = row.limit
        elif row.rate_limit_type == "ORDERS":
            orders.append((seconds, row.limit))
    return weight, tuple(orders)
