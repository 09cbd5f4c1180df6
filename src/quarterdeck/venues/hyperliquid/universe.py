"""Which of the venue's assets the desk's instruments are, and how their texts become ticks and lots."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from quarterdeck.errors import ConfigError
from quarterdeck.kernel.records import PRICE_MAX, QUANTITY_MAX
from quarterdeck.kernel.vocabulary import InstrumentKind
from quarterdeck.market.grids import decimal_parts, significant_step
from quarterdeck.market.instruments import Instrument
from quarterdeck.venues.hyperliquid.numbers import FIGURES, decimals_of_price, fixed, plain, rounded
from quarterdeck.venues.hyperliquid.schema import Meta, SpotMeta
from quarterdeck.venues.malformed import BadMessage

__all__ = ["SPOT_ASSETS", "Listed", "Universe"]

SPOT_ASSETS = 10_000  # a spot pair's asset id is its index and this


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One instrument of the desk as the venue lists it. `index` and `account` are the desk's."""

    index: int
    account: int
    coin: str
    asset: int
    spot: bool
    token: str  # what a spot pair trades; "" for a perpetual
    price_decimals: int
    size_decimals: int
    money_decimals: int

    def ticks(self, text: str) -> int:
        """Returns the ticks of a price. Raises ValueError: not a price, or between two ticks."""
        ticks = fixed(text, self.price_decimals)
        if not 0 < ticks <= PRICE_MAX:
            raise ValueError(f"{text[:40]!r} is no price")
        return ticks

    def lots(self, text: str) -> int:
        """Returns the lots of a size, signed as it is. Raises ValueError."""
        lots = fixed(text, self.size_decimals)
        if abs(lots) > QUANTITY_MAX:
            raise ValueError(f"{text[:40]!r} is too large a size")
        return lots

    def near_ticks(self, text: str) -> int:
        """Returns the ticks next to a figure that keeps to no grid: a mark, an average price."""
        return max(0, min(PRICE_MAX, rounded(text, self.price_decimals)))

    def money(self, text: str) -> int:
        """Returns money units of the instrument's purse next to a text."""
        return rounded(text, self.money_decimals)

    def price_text(self, ticks: int) -> str:
        """Returns the wire's text of a price. Raises ValueError where the venue's rule of figures refuses it."""
        if ticks % significant_step(ticks, -self.price_decimals, FIGURES):
            raise ValueError(f"{plain(ticks, self.price_decimals)} has more than {FIGURES} significant figures")
        return plain(ticks, self.price_decimals)

    def size_text(self, lots: int) -> str:
        """Returns the wire's text of a size."""
        return plain(lots, self.size_decimals)

    def aggressive(self, ticks: int, side: int, slippage_ppm: int) -> int:
        """Returns an allowed price worse than `ticks` by the slippage: what a market order is sent as."""
        price = max(1, ticks + side * (ticks * slippage_ppm // 1_000_000))
        step = significant_step(price, -self.price_decimals, FIGURES)
        return max(step, -(-price // step) * step if side > 0 else price // step * step)


class Universe:
    """The desk's instruments at this venue, found by their index and by the coin of a message."""

    def __init__(self, listed: Sequence[Listed]) -> None:
        self.listed = tuple(listed)
        self.by_index = {one.index: one for one in listed}
        self.by_coin = {one.coin: one for one in listed}

    def of_coin(self, coin: str) -> Listed | None:
        """Returns the instrument of a coin; None for one that this desk does not trade."""
        return self.by_coin.get(coin)

    def of_index(self, index: int) -> Listed:
        """Returns the instrument at the desk's index. Raises BadMessage: a request for another venue's instrument."""
        listed = self.by_index.get(index)
        if listed is None:
            raise BadMessage("instrument", f"instrument {index} is not one of this venue's")
        return listed

    @property
    def spot(self) -> bool:
        """Whether any instrument is a spot pair."""
        return any(one.spot for one in self.listed)

    @classmethod
    def bind(
        cls, instruments: Sequence[tuple[int, int, Instrument]], meta: Meta, spot_meta: SpotMeta | None
    ) -> "Universe":
        """Finds each (index, account, instrument) in the venue's lists.

        A perpetual's symbol is the venue's name for it ("XRP"), a spot pair's is "BASE/QUOTE". Raises ConfigError when
        the venue does not list it, or its grid is another one.
        """
        return cls([_find(index, account, one, meta, spot_meta) for index, account, one in instruments])


def _find(index: int, account: int, instrument: Instrument, meta: Meta, spot_meta: SpotMeta | None) -> Listed:
    spot = instrument.kind is not InstrumentKind.PERPETUAL
    found = _pair(instrument, spot_meta) if spot else _perpetual(instrument, meta)
    if found is None:
        raise ConfigError(
            f"instrument {instrument.symbol}", "symbol", instrument.symbol, "a perpetual or pair that the venue lists"
        )
    coin, asset, size_decimals, token = found
    price_decimals = decimals_of_price(size_decimals, spot=spot)
    for name, decimals in (("tick", price_decimals), ("lot", size_decimals)):
        step: Decimal = getattr(instrument, name)
        if decimal_parts(step) != (1, -decimals):
            raise ConfigError(
                f"instrument {instrument.symbol}", name, f"{step:f}", f"{Decimal(1).scaleb(-decimals):f}, as listed"
            )
    return Listed(
        index=index, account=account, coin=coin, asset=asset, spot=spot, token=token,
        price_decimals=price_decimals, size_decimals=size_decimals, money_decimals=instrument.currency_exponent,
    )  # fmt: skip


def _perpetual(instrument: Instrument, meta: Meta) -> tuple[str, int, int, str] | None:
    for asset, one in enumerate(meta.universe):
        if one.name == instrument.symbol and not one.is_delisted:
            return one.name, asset, one.sz_decimals, ""
    return None


def _pair(instrument: Instrument, spot_meta: SpotMeta | None) -> tuple[str, int, int, str] | None:
    if spot_meta is None:
        return None
    tokens = {token.index: token for token in spot_meta.tokens}
    for pair in spot_meta.universe:
        base, quote = (tokens.get(place) for place in pair.tokens)
        if base and quote and f"{base.name}/{quote.name}" == instrument.symbol:
            return pair.name, SPOT_ASSETS + pair.index, base.sz_decimals, base.name
    return None
