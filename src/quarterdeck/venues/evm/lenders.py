"""Who lends for one transaction: what each lender asks and really has, and which of them pays for a cycle.

Of every block each lender's premium and what it holds of each token are read from the chain; that reading is also the
probe by which a lender is found ill or well again. Three failures in a row (of readings, or of attempts that failed
through it) take it out; readings that succeed in a row bring it back; a person may take it out and back at any time.

    lender              premium                                      has                          locks meanwhile
    Aave V3             FLASHLOAN_PREMIUM_TOTAL in 10,000, nearest   the token at its aToken      no pool
    Balancer's Vault    the collector's percentage, rounded up       the token at the Vault       Balancer's pools
    Uniswap V2 pair     amount * 1000 / kept, rounded up             its reserve less one unit    itself
    Uniswap V3 pool     its fee in millionths, rounded up            the token at the pool        itself

Sources: `Pool.flashLoanSimple` of Aave V3 (`percentMul`), `FlashLoans` of Balancer V2, `UniswapV2Pair.swap`,
`UniswapV3Pool.flash`.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final, TypeAlias

from quarterdeck.arbitrage.constant_product import FEE_UNITS
from quarterdeck.arbitrage.discovery import Opportunity
from quarterdeck.arbitrage.pools import Pool
from quarterdeck.arbitrage.sizing import Hop, Loan, best_input, profit, returned
from quarterdeck.arbitrage.stable import StablePool
from quarterdeck.arbitrage.weighted import WeightedPool
from quarterdeck.errors import DataError
from quarterdeck.venues.evm.access import Access
from quarterdeck.venues.evm.health import Health
from quarterdeck.venues.evm.reading import Call, Values, checksummed, read
from quarterdeck.venues.evm.universe import Lender, UniswapV2, Universe

__all__ = ["Lenders", "Offer"]

_BASIS_POINTS: Final = 10_000
_ONE: Final = 10**18
_FEE_MILLIONTHS: Final = 1_000_000
_KEPT: Final = 997
_ACTIVE, _PAUSED, _FLASH_LOANS = 1 << 56, 1 << 60, 1 << 63  # of an Aave reserve's configuration
_A_TOKEN_WORD: Final = 8  # of getReserveData

_Terms: TypeAlias = dict[str, tuple[Loan, int]]  # by token: what is asked and there, and `kept` of a pair


@dataclass(frozen=True, slots=True)
class Offer:
    """What one lender asks and has of one token. `kept` of FEE_UNITS parts is a Uniswap V2 pair's; else 0."""

    lender: Lender
    token: str
    loan: Loan
    kept: int

    def allows(self, pools: Iterable[Pool]) -> bool:
        """Whether this lender's lock lets a route through these pools run while it lends."""
        if self.lender.kind == "balancer":
            return not any(isinstance(pool, WeightedPool | StablePool) for pool in pools)
        return all(pool.address != self.lender.address for pool in pools)


class Lenders:
    """The lenders of a universe, in the order of their priority there, with their health and their newest offers."""

    def __init__(self, access: Access, universe: Universe, health: Callable[[], Health] = Health) -> None:
        self._access = access
        self._lenders = {lender.name: lender for lender in universe.lenders}
        self._kept = {pool.address: pool.kept for pool in universe.pools if isinstance(pool, UniswapV2)}
        self._offers: dict[str, dict[str, Offer]] = {name: {} for name in self._lenders}
        self.health: Mapping[str, Health] = {name: health() for name in self._lenders}

    def refresh(self, tokens: Sequence[str], block_hash: str) -> None:
        """Reads every lender's terms for these tokens at a block; a lender that fails there has no offers after it.

        ChainError: the node failed, which is no lender's fault.
        """
        readers = {
            "aave-v3": self._aave,
            "balancer": self._balancer,
            "uniswap-v2": self._pair,
            "uniswap-v3": self._pool,
        }
        for name, lender in self._lenders.items():
            begun = time.monotonic()
            try:
                terms = readers[lender.kind](lender, tokens, block_hash)
            except DataError as error:
                self._offers[name] = {}
                self.health[name].note(False, 1e3 * (time.monotonic() - begun), str(error))
                continue
            self.health[name].note(True, 1e3 * (time.monotonic() - begun))
            self._offers[name] = {token: Offer(lender, token, *said) for token, said in terms.items()}

    def loans(self) -> dict[str, Loan]:
        """For discovery: by token the lowest premium and the most that any usable lender has.

        No lender's own offer is better, so no cycle that one of them could fund is missed; `fit` says who funds it.
        """
        found: dict[str, Loan] = {}
        for offer in self.offers():
            loan = replace(offer.loan, nearest=True)
            known = found.get(offer.token)
            if known is None or _rate(loan) < _rate(known):
                found[offer.token] = loan if known is None else replace(loan, available=known.available)
            most = max(found[offer.token].available, loan.available)
            found[offer.token] = replace(found[offer.token], available=most)
        return {token: loan for token, loan in found.items() if loan.available > 0}

    def choose(self, token: str, amount: int, pools: Sequence[Pool]) -> Offer | None:
        """The cheapest usable offer of so much that a route through these pools may take; the first one of equals."""
        offers = [
            offer for offer in self.offers()
            if offer.token == token and offer.loan.available >= amount and offer.allows(pools)
        ]  # fmt: skip
        return min(offers, key=lambda offer: offer.loan.owed(amount), default=None)

    def fit(self, found: Opportunity, cost: Callable[[str, int], int]) -> tuple[Opportunity, Offer] | None:
        """The cycle with the lender that leaves the most of it, and the best input for that one's terms.

        Begins at another token of the cycle where nobody may lend the first one. None: no lender leaves a profit
        after `cost(token, swaps)`.
        """
        for turn in range(len(found.hops)):
            hops = (*found.hops[turn:], *found.hops[:turn])
            token = hops[0].pool.tokens[hops[0].source]
            fitted = [
                (opportunity, offer)
                for offer in self.offers()
                if offer.token == token
                and offer.allows([hop.pool for hop in hops])
                and (opportunity := _sized(token, hops, offer.loan, cost(token, len(hops)))) is not None
            ]
            if fitted:
                return max(fitted, key=lambda pair: pair[0].profit)
        return None

    def note(self, name: str, ok: bool, error: str = "") -> None:
        """An attempt went through this lender, or failed through it."""
        self._named(name).note(ok, None, error)

    def online(self, name: str) -> None:
        """A person brings a lender back."""
        self._named(name).online()

    def offline(self, name: str) -> None:
        """A person takes a lender out, until a person brings it back."""
        self._named(name).offline()

    def status(self) -> dict[str, dict[str, Any]]:
        """Each lender's health and what it offers, as `get_provider_status` of the runbook has it."""
        return {
            name: {
                **self.health[name].shown(),
                "kind": lender.kind,
                "address": lender.address,
                "offers": {
                    token: {"available": str(offer.loan.available), "premium": f"{float(_rate(offer.loan)):.6%}"}
                    for token, offer in self._offers[name].items()
                },
            }
            for name, lender in self._lenders.items()
        }

    def _named(self, name: str) -> Health:
        if name not in self.health:
            raise DataError("lenders", f"none is called {name}: there are {', '.join(self.health)}")
        return self.health[name]

    def offers(self) -> Iterator[Offer]:
        """What the usable lenders offer, in the order of their priority."""
        for name, offers in self._offers.items():
            if self.health[name].usable:
                yield from offers.values()

    # How each kind is read.

    def _ask(self, calls: Sequence[Call], block_hash: str) -> list[Values]:
        if not calls:
            return []
        _, answers = read(self._access, block_hash, calls)
        for call, answer in zip(calls, answers, strict=True):
            if answer is None:
                raise DataError(call.target, f"{call.signature} has no answer: is that what the universe says it is?")
        return [answer for answer in answers if answer is not None]

    def _held(self, holders: Mapping[str, str], block_hash: str) -> dict[str, int]:
        """By token: what its holder has of it."""
        calls = [Call(token, "balanceOf(address)", (holder,)) for token, holder in holders.items()]
        return {token: held for token, (held,) in zip(holders, self._ask(calls, block_hash), strict=True)}

    def _aave(self, lender: Lender, tokens: Sequence[str], block_hash: str) -> _Terms:
        words = ("uint256",) * (_A_TOKEN_WORD + 1)
        asked = [Call(lender.address, "getReserveData(address)", (token,), words) for token in tokens]
        premiums, *reserves = self._ask([Call(lender.address, "FLASHLOAN_PREMIUM_TOTAL()"), *asked], block_hash)
        homes: dict[str, str] = {}
        for token, reserve in zip(tokens, reserves, strict=True):
            flags, home = reserve[0], reserve[_A_TOKEN_WORD]
            if home and flags & _ACTIVE and flags & _FLASH_LOANS and not flags & _PAUSED:
                homes[token] = checksummed(f"0x{home:040x}")
        held = self._held(homes, block_hash)
        return {token: (Loan(premiums[0], _BASIS_POINTS, True, amount), 0) for token, amount in held.items()}

    def _balancer(self, lender: Lender, tokens: Sequence[str], block_hash: str) -> _Terms:
        (collector,), (paused, _, _) = self._ask(
            [
                Call(lender.address, "getProtocolFeesCollector()", (), ("address",)),
                Call(lender.address, "getPausedState()", (), ("bool", "uint256", "uint256")),
            ],
            block_hash,
        )
        if paused:
            raise DataError(lender.name, "the Vault is paused")
        ((share,),) = self._ask([Call(checksummed(collector), "getFlashLoanFeePercentage()")], block_hash)
        held = self._held(dict.fromkeys(tokens, lender.address), block_hash)
        return {token: (Loan(share, _ONE, False, amount), 0) for token, amount in held.items()}

    def _pair(self, lender: Lender, tokens: Sequence[str], block_hash: str) -> _Terms:
        asked = Call(lender.address, "getReserves()", (), ("uint112", "uint112", "uint32"))
        (first,), (second,), (*reserves, _) = self._ask([*_sides(lender), asked], block_hash)
        kept = self._kept.get(lender.address, _KEPT)
        return {
            token: (Loan(FEE_UNITS - kept, kept, False, max(0, reserve - 1)), kept)
            for token, reserve in zip(map(checksummed, (first, second)), reserves, strict=True)
            if token in tokens
        }

    def _pool(self, lender: Lender, tokens: Sequence[str], block_hash: str) -> _Terms:
        asked = [Call(lender.address, f"{name}()") for name in ("fee", "liquidity")]
        (first,), (second,), (fee,), (liquidity,) = self._ask([*_sides(lender), *asked], block_hash)
        listed = [token for token in map(checksummed, (first, second)) if token in tokens]
        held = self._held(dict.fromkeys(listed, lender.address), block_hash)
        return {
            token: (Loan(fee, _FEE_MILLIONTHS, False, amount if liquidity else 0), 0) for token, amount in held.items()
        }


def _sides(lender: Lender) -> list[Call]:
    return [Call(lender.address, f"{name}()", (), ("address",)) for name in ("token0", "token1")]


def _rate(loan: Loan) -> Fraction:
    return Fraction(loan.premium_units, loan.units)


def _sized(token: str, hops: tuple[Hop, ...], loan: Loan, cost: int) -> Opportunity | None:
    amount = best_input(hops, loan)
    gained = profit(hops, amount, loan) if amount else None
    if gained is None or gained <= cost:
        return None
    return Opportunity(token, hops, amount, returned(hops, amount), loan.owed(amount), cost)
