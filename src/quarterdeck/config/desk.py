"""A desk's settings as a whole: what each section may say in view of the others."""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Final, Self, cast

from pydantic import Field, model_validator

from quarterdeck.config.backup import Backup
from quarterdeck.config.conformance import Conformance
from quarterdeck.config.figures import Settings, Within, exact_units, is_unlimited, refusal, rule_of
from quarterdeck.config.files import RiskParameters, SizingByRegime, TradingParameters
from quarterdeck.config.ledger import Ledger
from quarterdeck.config.limits import Breaker, DeskLimits
from quarterdeck.config.profiles import ROOM
from quarterdeck.config.reconciliation import Reconciliation
from quarterdeck.config.sections import (
    Account,
    Desk,
    Instrument,
    Journal,
    Operators,
    RiskFiles,
    Strategy,
    Venue,
)
from quarterdeck.config.standby import Standby
from quarterdeck.config.venues import check_venue

__all__ = ["DEFAULT_EXPONENT", "MONEY_UNITS_MAX", "QUANTITY_LOTS_MAX", "DeskConfig", "DeskSettings"]

DEFAULT_EXPONENT: Final = 8
MONEY_UNITS_MAX: Final = 2**60  # the kernel's; a test compares
QUANTITY_LOTS_MAX: Final = 2**42
RATE_PPB_MAX: Final = 2**33  # what the kernel multiplies by without loss
VALUE_UNITS_MAX: Final = 2**50  # of one tick of one lot
TICK_MANTISSA_MAX: Final = 2**20

Location = tuple[int | str, ...]


class DeskSettings(Settings):
    """desk.toml."""

    desk: Desk
    venues: Annotated[tuple[Venue, ...], Field(strict=False)]
    accounts: Annotated[tuple[Account, ...], Field(strict=False)]
    instruments: Annotated[tuple[Instrument, ...], Field(strict=False)]
    strategies: Annotated[tuple[Strategy, ...], Field(strict=False)] = ()
    limits: DeskLimits = DeskLimits()
    breaker: Breaker = Breaker()
    journal: Journal = Journal()
    backup: Backup = Backup()
    standby: Standby = Standby()
    reconciliation: Reconciliation = Reconciliation()
    conformance: Conformance = Conformance()
    ledger: Ledger = Ledger()
    operators: Operators = Operators()
    risk: RiskFiles = RiskFiles()

    @model_validator(mode="after")
    def _possible(self) -> Self:
        _check_room(self)
        _check_venues(self)
        _check_accounts(self)
        for index, instrument in enumerate(self.instruments):
            _check_instrument(self, index, instrument)
        _check_strategies(self)
        _check_money(self)
        if self.desk.mode == "live":
            _check_live(self)
        _check_usable(self)
        return self

    def exponent(self, currency: str) -> int:
        """Money of that currency is counted in 10**-exponent of it."""
        return next((account.exponent for account in self.accounts if account.currency == currency), DEFAULT_EXPONENT)

    @property
    def base_exponent(self) -> int:
        """The exponent of the base currency, in which limits are counted."""
        return self.exponent(self.desk.base_currency)

    @property
    def capital(self) -> Decimal:
        """What all accounts open with, in the base currency, rounded down to its smallest unit."""
        held = (Fraction(account.deposit) * Fraction(account.rate or 1) for account in self.accounts)
        return self._floor(sum(held, Fraction(0)))

    @property
    def max_daily_loss(self) -> Decimal:
        """The desk's daily loss limit, in the base currency: the lower of the sum and the share of the capital."""
        share = self.limits.max_daily_loss_share
        return (
            self.limits.max_daily_loss if share is None else self._lower(self.limits.max_daily_loss, share, Fraction(1))
        )

    def stop_bps(self, instrument: Instrument) -> Decimal:
        """The loss distance that heat assumes for the instrument where no stop stands."""
        own = instrument.limits.default_stop_bps
        return self.limits.default_stop_bps if own is None else own

    def max_exposure(self, instrument: Instrument) -> Decimal:
        """The instrument's exposure limit, in the base currency, capped by what one position may lose at its stop."""
        risk, limit = self.limits.max_position_risk, instrument.limits.max_exposure
        return limit if risk is None else self._lower(limit, risk, Fraction(self.stop_bps(instrument)) / 10_000)

    def _lower(self, limit: Decimal, share: Decimal, divisor: Fraction) -> Decimal:
        """The lower of a limit and capital * share / divisor."""
        return min(limit, self._floor(Fraction(self.capital) * Fraction(share) / divisor))

    def _floor(self, money: Fraction) -> Decimal:
        """The money in the base currency, rounded down to a unit that the kernel can count."""
        units = min(money * 10**self.base_exponent // 1, MONEY_UNITS_MAX - 1)
        return Decimal(units).scaleb(-self.base_exponent)

    def find_instruments(self, word: str) -> list[int]:
        """Places in `instruments` of SYMBOL or SYMBOL@VENUE."""
        symbol, _, venue = word.partition("@")
        return [
            index
            for index, instrument in enumerate(self.instruments)
            if instrument.symbol == symbol and venue in ("", instrument.venue)
        ]


class DeskConfig(DeskSettings):
    """A desk as loaded: its settings, its folder, and what its JSON files say."""

    folder: Path
    file: str
    sizing: SizingByRegime | None = None
    risk_parameters: RiskParameters | None = None
    trading_parameters: TradingParameters | None = None


def _check_room(desk: DeskSettings) -> None:
    room = ROOM[desk.desk.capacity]
    counts = {
        "instruments": (len(desk.instruments), room.instruments),
        "strategies": (len(desk.strategies), room.strategies),
        "venues": (len(desk.venues), room.venues),
        "accounts": (len(desk.accounts), room.accounts),
    }
    for key, (count, most) in counts.items():
        if count > most:
            fitting = [name for name, other in ROOM.items() if getattr(other, key) >= count]
            way = " or ".join(fitting) if fitting else f"fewer {key}; the largest capacity has no room either"
            raise refusal("desk.capacity", desk.desk.capacity, f"{count} {key} need more than {most} places: {way}")
        if count == 0 and key != "strategies":
            raise refusal(key, [], f"at least one [[{key}]] table")


def _check_venues(desk: DeskSettings) -> None:
    names: set[str] = set()
    for index, venue in enumerate(desk.venues):
        if venue.name in names:
            raise refusal(("venues", index, "name"), venue.name, "a name that no other venue has")
        names.add(venue.name)


def _check_accounts(desk: DeskSettings) -> None:
    seen: set[tuple[str, str]] = set()
    for index, account in enumerate(desk.accounts):
        at: Location = ("accounts", index)
        _check_venue_known(desk, (*at, "venue"), account.venue)
        if (account.venue, account.currency) in seen:
            allowed = f"one account per venue and currency; {account.venue} has one already"
            raise refusal((*at, "currency"), account.currency, allowed)
        seen.add((account.venue, account.currency))
        if account.exponent != desk.exponent(account.currency):
            allowed = f"{desk.exponent(account.currency)}, as in the other accounts in {account.currency}"
            raise refusal((*at, "exponent"), account.exponent, allowed)
        _check_rate(desk, (*at, "rate"), account)


def _check_rate(desk: DeskSettings, at: Location, account: Account) -> None:
    base = desk.desk.base_currency
    if account.currency == base:
        if account.rate not in (None, 1):
            raise refusal(at, account.rate, f"1, or left out: {base} is the base currency")
        return
    if account.rate is None:
        raise refusal(at, "(missing)", f"required: {base} per {account.currency}, such as 1.0")
    places = 9 + desk.base_exponent - account.exponent
    parts = exact_units(account.rate, Decimal(1).scaleb(-places))
    if parts is None or not 0 < parts < RATE_PPB_MAX:
        most = Decimal(RATE_PPB_MAX).scaleb(-places)
        allowed = f"above 0 and below {most:f}, with at most {max(places, 0)} decimal places; the accounts' exponents"
        raise refusal(at, account.rate, f"{allowed} move these bounds")


def _check_venue_known(desk: DeskSettings, at: Location, name: str) -> None:
    known = [venue.name for venue in desk.venues]
    if name not in known:
        raise refusal(at, name, f"the name of one of the [[venues]]: {', '.join(known)}")


def _check_instrument(desk: DeskSettings, index: int, instrument: Instrument) -> None:
    at: Location = ("instruments", index)
    _check_venue_known(desk, (*at, "venue"), instrument.venue)
    if desk.find_instruments(f"{instrument.symbol}@{instrument.venue}")[0] != index:
        raise refusal((*at, "symbol"), instrument.symbol, f"each symbol once at {instrument.venue}")
    if (instrument.venue, instrument.quote) not in {(account.venue, account.currency) for account in desk.accounts}:
        purses = [account.currency for account in desk.accounts if account.venue == instrument.venue]
        allowed = f"the currency of an account at {instrument.venue}: {', '.join(purses) or 'it has none'}"
        raise refusal((*at, "quote"), instrument.quote, allowed)
    for key in ("maker_fee_bps", "taker_fee_bps"):
        if getattr(instrument, key) is None and instrument.kind != "cycle":
            allowed = f"required: basis points of notional, here or in the trading_file (fees.{instrument.kind})"
            raise refusal((*at, key), "(missing)", allowed)
    _check_value(desk, (*at, "tick"), instrument)
    _check_quantities(at, instrument)
    _check_minimum(desk, at, instrument)


def _check_value(desk: DeskSettings, at: Location, instrument: Instrument) -> None:
    exponent = desk.exponent(instrument.quote)
    value = Fraction(instrument.tick) * Fraction(instrument.lot) * Fraction(instrument.multiplier) * 10**exponent
    if value.denominator != 1 or value >= VALUE_UNITS_MAX:
        allowed = f"tick * lot * multiplier a whole number of 1e-{exponent} {instrument.quote}, below 2**50 of them"
        raise refusal(at, instrument.tick, allowed)
    mantissa = instrument.tick.normalize().as_tuple().digits
    if int("".join(map(str, mantissa))) >= TICK_MANTISSA_MAX:
        raise refusal(at, instrument.tick, "a step with at most six significant figures")


def _check_quantities(at: Location, instrument: Instrument) -> None:
    limits = instrument.limits
    quantities = {
        ("min_quantity",): instrument.min_quantity,
        ("limits", "max_quantity"): limits.max_quantity,
        ("limits", "max_long"): limits.max_long,
        ("limits", "max_short"): limits.max_short,
    }
    for key, quantity in quantities.items():
        if quantity is None or is_unlimited(quantity):
            continue
        lots = exact_units(quantity, instrument.lot)
        if lots is None or lots > QUANTITY_LOTS_MAX:
            allowed = f"a whole number of lots of {instrument.lot}, at most {QUANTITY_LOTS_MAX} lots"
            raise refusal((*at, *key), quantity, allowed)
    if limits.max_quantity is not None and limits.max_quantity < max(instrument.min_quantity, instrument.lot):
        allowed = f"at least the venue's smallest order ({max(instrument.min_quantity, instrument.lot)})"
        raise refusal((*at, "limits", "max_quantity"), limits.max_quantity, allowed)


def _check_minimum(desk: DeskSettings, at: Location, instrument: Instrument) -> None:
    rates = {(account.venue, account.currency): account.rate or Decimal(1) for account in desk.accounts}
    least = instrument.min_notional * rates[(instrument.venue, instrument.quote)]
    for key in ("min_notional", "max_notional"):
        figure: Decimal | None = getattr(instrument.limits, key)
        if figure is not None and figure < least:
            raise refusal((*at, "limits", key), figure, f"at least the venue's minimum order ({least})")


def _check_strategies(desk: DeskSettings) -> None:
    names: set[str] = set()
    for index, strategy in enumerate(desk.strategies):
        at: Location = ("strategies", index)
        if strategy.name in names:
            raise refusal((*at, "name"), strategy.name, "a name that no other strategy has")
        names.add(strategy.name)
        if not strategy.instruments:
            raise refusal((*at, "instruments"), [], "at least one symbol of the [[instruments]]")
        for place, word in enumerate(strategy.instruments):
            _check_traded(desk, (*at, "instruments", place), word)
        if strategy.owner is not None and strategy.owner not in desk.operators.people:
            raise refusal((*at, "owner"), strategy.owner, f"one of [operators]: {', '.join(desk.operators.people)}")
    if desk.limits.orders_per_minute == 0 and any(strategy.enabled for strategy in desk.strategies):
        raise refusal("limits.orders_per_minute", 0, "1 or more while a strategy is enabled")


def _check_traded(desk: DeskSettings, at: Location, word: str) -> None:
    found = desk.find_instruments(word)
    if not found:
        known = ", ".join(instrument.symbol for instrument in desk.instruments)
        raise refusal(at, word, f"a symbol of the [[instruments]]: {known}")
    if len(found) > 1:
        venues = " or ".join(f"{word}@{desk.instruments[index].venue}" for index in found)
        raise refusal(at, word, f"a symbol at one venue: {venues}")


def _money(table: Settings, at: Location) -> Iterator[tuple[Location, Decimal]]:
    """Every sum of money in the tables, and where it stands."""
    for key, field in type(table).model_fields.items():
        value: object = getattr(table, key)
        rule = rule_of(field)
        if isinstance(value, Settings):
            yield from _money(value, (*at, key))
        elif isinstance(value, tuple):
            for index, item in enumerate(cast(tuple[object, ...], value)):
                if isinstance(item, Settings):
                    yield from _money(item, (*at, key, index))
        elif isinstance(value, Decimal) and isinstance(rule, Within) and rule.money:
            yield (*at, key), value


def _currency_at(desk: DeskSettings, at: Location) -> str:
    match at:
        case ("accounts", int(index), "deposit"):
            return desk.accounts[index].currency
        case ("instruments", int(index), "min_notional"):
            return desk.instruments[index].quote
        case _:
            return desk.desk.base_currency


def _check_money(desk: DeskSettings) -> None:
    for at, figure in _money(desk, ()):
        currency = _currency_at(desk, at)
        exponent = desk.exponent(currency)
        units = 0 if is_unlimited(figure) else exact_units(figure, Decimal(1).scaleb(-exponent))
        if units is None or units >= MONEY_UNITS_MAX:
            most = MONEY_UNITS_MAX // 10**exponent
            raise refusal(at, figure, f"at most {exponent} decimal places and below {most} {currency}")
    shares = ("max_daily_loss_share", "max_position_risk")
    for key in shares:
        if desk.capital == 0 and getattr(desk.limits, key) is not None:
            raise refusal(f"limits.{key}", getattr(desk.limits, key), "a share of capital needs an account's deposit")


def _check_live(desk: DeskSettings) -> None:
    """Limits are set before a desk goes live: finite, and the exposures by hand."""
    tables: list[tuple[Location, DeskSettings | Venue | Instrument | Strategy]] = [((), desk)]
    tables += [(("venues", index), venue) for index, venue in enumerate(desk.venues)]
    tables += [(("instruments", index), instrument) for index, instrument in enumerate(desk.instruments)]
    tables += [(("strategies", index), strategy) for index, strategy in enumerate(desk.strategies)]
    for at, table in tables:
        limits = table.limits
        if "max_exposure" not in limits.model_fields_set:
            allowed = 'written by hand while desk.mode is "live": limits are set before go-live'
            raise refusal((*at, "limits", "max_exposure"), limits.max_exposure, allowed)
        for key in type(limits).model_fields:
            figure: object = getattr(limits, key)
            if isinstance(figure, Decimal) and is_unlimited(figure):
                raise refusal((*at, "limits", key), "unlimited", 'a finite limit while desk.mode is "live"')


def _check_usable(desk: DeskSettings) -> None:
    for index, venue in enumerate(desk.venues):
        check_venue(index, venue)
    _check_all_real_or_none(desk)


def _check_all_real_or_none(desk: DeskSettings) -> None:
    live = desk.desk.mode == "live"
    real = [venue.kind != "simulated" for venue in desk.venues]
    if live and not any(real):
        raise refusal("desk.mode", "live", "backtest or paper: none of the venues is a real one")
    for index, venue in enumerate(desk.venues):
        if live and not real[index]:
            allowed = 'a real venue, as the others: while desk.mode is "live" every order of the desk goes to one'
            raise refusal(("venues", index, "kind"), venue.kind, allowed)
        if real[index] and not live:
            allowed = f'simulated while desk.mode is "{desk.desk.mode}": orders to this venue need desk.mode "live"'
            raise refusal(("venues", index, "kind"), venue.kind, allowed)
