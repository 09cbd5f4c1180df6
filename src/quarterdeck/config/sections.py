"""What the desk is made of: venues, accounts, instruments, strategies, its journal and its people."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal, Self, TypeAlias, cast

from pydantic import Field, PlainValidator, model_validator
from pydantic_core import PydanticCustomError

from quarterdeck.config.chain import Chain
from quarterdeck.config.figures import (
    Fee,
    Identifier,
    Milliseconds,
    Money,
    Name,
    Path,
    PositiveShare,
    Quantity,
    Settings,
    Text,
    Within,
    exact_power_of_ten,
    refusal,
)
from quarterdeck.config.limits import InstrumentLimits, StrategyLimits, VenueLimits
from quarterdeck.config.profiles import CapacityName

__all__ = [
    "Account",
    "Desk",
    "Instrument",
    "Journal",
    "Mode",
    "Operators",
    "Parameter",
    "RiskFiles",
    "Strategy",
    "Venue",
    "VenueKind",
]

Mode: TypeAlias = Literal["backtest", "paper", "live"]
VenueKind: TypeAlias = Literal["simulated", "practice", "hyperliquid", "binance", "binance-usdm", "alpaca", "evm"]
Scalar: TypeAlias = bool | int | float | str
Parameter: TypeAlias = Scalar | list[Scalar]

_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
Currency: TypeAlias = Annotated[str, Text(_CAPITALS, _CAPITALS, 16, "a currency: capitals and digits, at most 16")]
_SMALL = _CAPITALS[:26].lower()
Kind: TypeAlias = Annotated[str, Text(_SMALL, _SMALL + "0123456789_", 48, "a strategy's kind, such as momentum")]
AccountAddress: TypeAlias = Annotated[str, Text("0", "x0123456789abcdefABCDEF", 42, "0x and 40 hexadecimal digits")]
Places: TypeAlias = Annotated[int, Within("0", "12", "decimal places of the smallest unit")]
Step: TypeAlias = Annotated[Decimal, Within("0.000000000000000001", "1000000000", "more than 0")]


def _parameters(value: object) -> Mapping[str, Parameter]:
    if not isinstance(value, Mapping):
        raise PydanticCustomError("refused", "{allowed}", {"allowed": "a table"})
    table = cast(Mapping[str, object], value)
    for key, parameter in table.items():
        parts = cast(list[object], parameter) if isinstance(parameter, list) else [parameter]
        if not all(isinstance(part, Scalar) for part in parts):
            raise refusal((key,), parts, "a text, a number, true or false, or a list of these")
    return cast(Mapping[str, Parameter], dict(table))


class Desk(Settings):
    """[desk]: what the desk is."""

    name: Name
    mode: Mode = "paper"
    """Where orders go: backtest and paper to the simulated venue, live to the venue."""
    base_currency: Currency
    """What limits, equity and reports are in."""
    capacity: CapacityName = "standard"
    seed: Annotated[int, Within("0", "9223372036854775807", "seed of generated markets")] = 1
    description: str = ""


class Venue(Settings):
    """[[venues]]: where orders go."""

    name: Name
    kind: VenueKind
    order_latency_ms: Milliseconds = Decimal(50)
    """From the decision to the order's arrival at the simulated venue."""
    response_latency_ms: Milliseconds = Decimal(50)
    """From the simulated venue's answer to its arrival at the desk."""
    address: str | None = None
    """Of a practice venue: where its server listens, a socket's path relative to the desk's folder, or HOST:PORT. Of
    any other real one: where its twin listens, such as "127.0.0.1:8901"."""
    account: AccountAddress | None = None
    """Of Hyperliquid: the address whose money is traded. The key that signs for it comes from the environment."""
    depth: bool = False
    """Of Hyperliquid and Binance: whole books are subscribed to as well."""
    dead_man_s: Annotated[int, Within("0", "86400", "seconds")] = 0
    """Of Hyperliquid and Binance's futures: they cancel the orders of a desk that was silent for so long; 0: they are
    not asked to."""
    allow_master_key: bool = False
    """Of Hyperliquid: the key may be the account's own, which could withdraw, and not one of an agent."""
    chain: Chain | None = None
    """Of an EVM chain: which one, and how attempts at it are made."""
    limits: VenueLimits = VenueLimits()


class Account(Settings):
    """[[accounts]]: a purse, one currency at one venue."""

    venue: Name
    currency: Currency
    deposit: Money = Decimal(0)
    """What a fresh simulated account opens with, in its currency; at a real venue, the capital given to this desk."""
    exponent: Places = 8
    """Money is counted in 10**-exponent of the currency."""
    rate: Annotated[Decimal, Within("0.000000001", "1000000000", "base currency per unit of this one")] | None = None
    """Opening rate of a currency that is not the base currency; later rates come with the market's data."""


class Instrument(Settings):
    """[[instruments]]: what is traded, by the venue's own rules."""

    symbol: Identifier
    venue: Name
    kind: Literal["spot", "perpetual", "equity", "token", "cycle"]
    """A cycle is an attempt at atomic arbitrage that borrows its quote: a fill of it leaves nothing behind."""
    base: Currency
    quote: Currency
    """What prices, fees and profits are in: the currency of the account that settles it."""
    tick: Step
    lot: Step
    multiplier: Step = Decimal(1)
    maker_fee_bps: Fee | None = None
    """Of notional; required unless the trading file gives it."""
    taker_fee_bps: Fee | None = None
    min_notional: Money = Decimal(0)
    """The venue's minimum value of an order, in the quote currency."""
    min_quantity: Quantity = Decimal(0)
    significant_figures: Annotated[int, Within("0", "12", "figures of a price; 0: no such rule")] = 0
    initial_margin: PositiveShare = Decimal(1)
    """Share of the notional to be held to open; 1 is fully paid."""
    maintenance_margin: PositiveShare | None = None
    """Share below which the venue liquidates; by default half the initial margin."""
    short_allowed: bool | None = None
    """By default only for a perpetual."""
    limits: InstrumentLimits = InstrumentLimits()

    @property
    def shorts(self) -> bool:
        """Whether a short position may be held."""
        return self.kind == "perpetual" if self.short_allowed is None else self.short_allowed

    @property
    def maintenance(self) -> Decimal:
        """Maintenance margin as a share, a whole number of parts per million."""
        if self.maintenance_margin is not None:
            return self.maintenance_margin
        return max(Decimal(int(self.initial_margin * 500_000)), Decimal(1)) / 1_000_000

    @property
    def default_min_notional(self) -> Decimal:
        """The desk's own minimum where none is written: the venue's."""
        return self.min_notional if self.limits.min_notional is None else self.limits.min_notional

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.maintenance > self.initial_margin:
            raise refusal("maintenance_margin", self.maintenance, f"at most initial_margin ({self.initial_margin})")
        if self.min_quantity % self.lot:
            raise refusal("min_quantity", self.min_quantity, f"a whole number of lots of {self.lot}")
        if self.significant_figures and not exact_power_of_ten(self.tick):
            raise refusal("tick", self.tick, "a power of ten, such as 0.0001, where significant_figures is set")
        if self.base == self.quote:
            raise refusal("quote", self.quote, "a currency other than base")
        if self.kind == "cycle":
            self._check_cycle()
        if self.limits.max_short is not None and self.limits.max_short > 0 and not self.shorts:
            raise refusal("limits.max_short", self.limits.max_short, "0: short_allowed is false")
        return self

    def _check_cycle(self) -> None:
        """A price of 1 is what is borrowed; gas and premium are charges, and there is nothing to sell."""
        for key in ("tick", "multiplier"):
            if getattr(self, key) != 1:
                raise refusal(key, getattr(self, key), "1: a cycle is priced at what it borrows")
        for key in ("maker_fee_bps", "taker_fee_bps"):
            if getattr(self, key) not in (None, 0):
                raise refusal(
                    key, getattr(self, key), "0, or left out: what a cycle costs are charges, gas and premium"
                )
        if self.short_allowed:
            raise refusal("short_allowed", self.short_allowed, "false: a cycle is never sold")


class Strategy(Settings):
    """[[strategies]]: what asks for orders."""

    name: Identifier
    kind: Kind
    """Which strategy it is, such as "momentum"; the strategy host knows the kinds."""
    instruments: Annotated[tuple[str, ...], Field(strict=False)]
    """Symbols, or SYMBOL@VENUE where two venues have the same symbol."""
    enabled: bool = True
    objective: str = ""
    """One sentence for the algorithm inventory."""
    owner: Name | None = None
    """The operator who answers for it; by default the first of [operators]."""
    parameters: Annotated[Mapping[str, Parameter], PlainValidator(_parameters)] = Field(default_factory=dict)
    """The strategy's own; it checks them itself."""
    limits: StrategyLimits = StrategyLimits()


class Journal(Settings):
    """[journal]: how what the desk hears and does is kept."""

    fsync: Literal["os", "group", "always"] = "group"
    """When records are forced to the disk: left to the system, at most `group_ms` late, or before each effect."""
    group_ms: Annotated[int, Within("1", "1000", "milliseconds")] = 5
    spool: bool = False
    """A live desk's records are stored in a mapped file as they are laid, and written once its orders have left."""
    segment_records: Annotated[int, Within("1024", "67108864", "records of 64 bytes")] = 1_048_576
    block_records: Annotated[int, Within("64", "1048576", "records of 64 bytes")] = 65_536
    """Records between two seals of the hash chain."""
    seal_s: Annotated[int, Within("1", "3600", "seconds")] = 10
    """A block that is not full is sealed after so long."""
    snapshot_minutes: Annotated[int, Within("1", "1440", "minutes")] = 15
    disk_reserve_mib: Annotated[int, Within("1", "1048576", "MiB")] = 256
    """Free space below which trading stops before a record is lost."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.block_records > self.segment_records:
            raise refusal("block_records", self.block_records, f"at most segment_records ({self.segment_records})")
        if self.spool and self.fsync == "always":
            raise refusal("spool", self.spool, 'false while fsync is "always": what a spool holds is on no medium yet')
        return self


class Operators(Settings):
    """[operators]: who may command the desk. Names are handles, such as "operator-1"."""

    people: Annotated[tuple[Name, ...], Field(strict=False)] = ("operator-1",)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not self.people:
            raise refusal("people", list(self.people), "at least one name: every order is attributable to a person")
        if len(set(self.people)) < len(self.people):
            raise refusal("people", list(self.people), "each name once")
        if len(self.people) > 1000:
            raise refusal("people", len(self.people), "at most 1000 names")
        return self


class RiskFiles(Settings):
    """[risk]: the desk's JSON files, relative to its folder. What they say takes effect as if written in desk.toml."""

    sizing_file: Path | None = None
    risk_file: Path | None = None
    trading_file: Path | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for key in ("sizing_file", "risk_file", "trading_file"):
            path: str | None = getattr(self, key)
            if path is not None and ".." in path.split("/"):
                raise refusal(key, path, "a path below the desk's folder")
        return self
