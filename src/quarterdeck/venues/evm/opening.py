"""A chain's venue put together from the desk's configuration, its universe and its key."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from quarterdeck.config import DeskConfig
from quarterdeck.config.chain import Chain
from quarterdeck.config.credentials import credentials
from quarterdeck.errors import ConfigError, DataError
from quarterdeck.venues.evm import reverts
from quarterdeck.venues.evm.access import Access
from quarterdeck.venues.evm.attempts import Attempts
from quarterdeck.venues.evm.bundles import Relay
from quarterdeck.venues.evm.clearance import Clearance
from quarterdeck.venues.evm.clerk import Clerk
from quarterdeck.venues.evm.endpoints import Endpoint
from quarterdeck.venues.evm.executor import Executor
from quarterdeck.venues.evm.fees import GWEI, FeeLimits
from quarterdeck.venues.evm.heads import Head, Heads
from quarterdeck.venues.evm.lenders import Lenders
from quarterdeck.venues.evm.limits import AttemptLimits
from quarterdeck.venues.evm.money import Money
from quarterdeck.venues.evm.placing import Placer
from quarterdeck.venues.evm.proof import Proof
from quarterdeck.venues.evm.receipts import Receipt
from quarterdeck.venues.evm.search import Search
from quarterdeck.venues.evm.shown import Shown
from quarterdeck.venues.evm.store import Store
from quarterdeck.venues.evm.terms import desk_terms
from quarterdeck.venues.evm.transactions import Settings, Transactions
from quarterdeck.venues.evm.universe import Universe, read_universe
from quarterdeck.venues.evm.venue import ChainParts, EvmVenue
from quarterdeck.venues.evm.wallet import Wallet
from quarterdeck.venues.evm.watching import PoolSet

__all__ = ["open_evm"]

Say = Callable[[str], None]
_DATA: Final = "data"  # beside desk.toml, as everything that a desk writes
_ATTEMPTS: Final = "attempts.sqlite"


def open_evm(config: DeskConfig, row: int, say: Say) -> EvmVenue:
    """Returns the chain at that row of the configuration, not connected yet.

    ConfigError: its key is missing, its universe cannot be read or is of another chain, or a currency is not in it.
    """
    settings = config.venues[row]
    chain = settings.chain
    assert chain is not None, "config.venues requires it of this kind"
    universe = _universe(config, chain)
    terms = desk_terms(config, row, universe)
    wallet = Wallet.from_credentials(credentials(config))
    folder = config.folder / _DATA
    folder.mkdir(parents=True, exist_ok=True)
    limits = AttemptLimits(
        pool_share=chain.pool_share, slippage=chain.slippage, price_impact=chain.price_impact,
        max_gas_cost=chain.max_gas_cost, gas_share=chain.gas_share, safety_margin=chain.safety_margin,
        minimum_profit=chain.minimum_profit,
    )  # fmt: skip
    addresses = (settings.address or "", *chain.endpoints)
    watch = _Watch(say)
    access = Access([Endpoint(f"http://{address}") for address in addresses], chain.chain_id, say=watch.heard)
    watch.access = access
    lenders, executor = Lenders(access, universe), Executor.of(universe)
    pools, attempts = PoolSet(access, universe), Attempts(folder / _ATTEMPTS)
    search = Search(universe, terms, lenders, _base(config, universe), chain.max_cycle, limits)
    store = Store.open(folder, chain.chain_id, wallet.address)
    relay = None if chain.relay is None else Relay(chain.relay, wallet)
    transactions = Transactions(access, wallet, store, _settings(chain), relay)
    proof = Proof(access, executor, wallet.address)

    def placer(newest: Callable[[], Head]) -> Placer:
        wrapped = universe.wrapped
        clearance = Clearance(
            executor, proof, transactions.market, limits, wrapped=wrapped, worth=search.worth, newest=newest
        )
        return Placer(terms, search, clearance, transactions, attempts)

    def why(receipt: Receipt) -> reverts.Reason:
        return reverts.why(access, receipt)

    names = {lender.address: lender.name for lender in universe.lenders}

    def lent(address: str, ok: bool, error: str) -> None:
        if address in names:  # else the universe changed since
            lenders.note(names[address], ok, error)

    following = _Following(access, watch, proof, say)

    def close() -> None:
        proof.close()
        access.close()
        store.close()
        attempts.close()

    parts = ChainParts(
        name=settings.name, terms=terms, base_exponent=config.base_exponent, pools=pools, search=search,
        money=Money(access, wallet.address, terms, attempts, chain.confirmations), transactions=transactions,
        attempts=attempts,
        clerk=Clerk(terms, attempts, executor, why, lent, lambda text: say(f"{settings.name}: {text}")), placer=placer,
        shown=Shown(folder, search, lambda: dict(pools.refused), lenders.status, access.status),
        follow=following.begin, unfollow=following.end, close=close,
    )  # fmt: skip
    return EvmVenue(parts, say)


class _Watch:
    """Passes on what the endpoints' keeper says, and tells when none of them is left."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self.access: Access | None = None
        self.lost: Callable[[str], None] | None = None

    def heard(self, sentence: str) -> None:
        self._say(sentence)
        if self.lost is not None and self.access is not None and self.access.current is None:
            self.lost("no endpoint answers")


class _Following:
    """Heads of the chain, once somebody wants them."""

    def __init__(self, access: Access, watch: _Watch, proof: Proof, say: Say) -> None:
        self._access, self._watch, self._proof, self._say = access, watch, proof, say
        self._heads: Heads | None = None

    def begin(self, on_head: Callable[[Head], None], lost: Callable[[str], None]) -> None:
        """Connects and follows. A reorganisation needs no word of its own: each part finds it by the heads' parents."""
        self._watch.lost = lost
        self._access.start()
        self._proof.warm()
        self._heads = Heads(self._access, on_head, lambda _orphaned, _new: None, say=self._say).start()

    def end(self) -> None:
        self._watch.lost = None
        if self._heads is not None:
            self._heads.close()


def _universe(config: DeskConfig, chain: Chain) -> Universe:
    path: Path = config.folder / chain.universe
    try:
        universe = read_universe(path)
    except DataError as error:
        raise ConfigError(config.file, "venues.chain.universe", chain.universe, f"a universe ({error})") from error
    if universe.chain_id != chain.chain_id:
        allowed = f"{chain.chain_id}, as desk.toml says"
        raise ConfigError(str(path), "chain_id", universe.chain_id, allowed)
    return universe


def _base(config: DeskConfig, universe: Universe) -> str:
    currency = config.desk.base_currency
    for token in universe.tokens:
        if token.symbol == currency:
            return token.address
    known = ", ".join(token.symbol for token in universe.tokens)
    raise ConfigError(config.file, "desk.base_currency", currency, f"a token of the universe: {known}")


def _settings(chain: Chain) -> Settings:
    return Settings(
        chain_id=chain.chain_id, confirmations=chain.confirmations, stuck_s=float(chain.stuck_s),
        fees=FeeLimits(max_gas_price_wei=int(chain.max_gas_price_gwei * GWEI)), public_fallback=chain.public_fallback,
    )  # fmt: skip
