"""What this venue shows to whoever looks from outside: a small file beside the desk's data, written at each head.

The desk's own state says what was tried and earned; this says what it was tried with: nodes, lenders, pools, gas.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from quarterdeck.venues.evm.heads import Head
from quarterdeck.venues.evm.search import Plan, Search

__all__ = ["FILE_NAME", "ChainShown", "Shown", "read_shown"]

FILE_NAME: Final = "chain.json"


class ChainShown(msgspec.Struct, frozen=True, kw_only=True):
    """One head. Amounts in wei are texts, for their size; `certain`: the screen proved that there is no arbitrage."""

    block: int
    hash: str
    time_s: int
    base_fee_wei: str
    gas_price_wei: str
    pools: int
    refused: dict[str, str]
    screened: int
    unprofitable: int
    certain: bool
    opportunities: tuple[dict[str, Any], ...]
    lenders: dict[str, dict[str, Any]]
    endpoints: dict[str, dict[str, Any]]


class Shown:
    """Writes the file, whole or not at all."""

    def __init__(
        self,
        folder: Path,
        search: Search,
        refused: Callable[[], dict[str, str]],
        lenders: Callable[[], dict[str, dict[str, Any]]],
        endpoints: Callable[[], dict[str, dict[str, Any]]],
    ) -> None:
        self._path, self._search = folder / FILE_NAME, search
        self._refused, self._lenders, self._endpoints = refused, lenders, endpoints

    def write(self, head: Head, plans: Sequence[Plan], gas_price_wei: int) -> None:
        """Shows a head and what it offers. OSError where the folder cannot be written."""
        finding, market = self._search.finding, self._search.market
        shown = ChainShown(
            block=head.number, hash=head.hash, time_s=head.time_s, base_fee_wei=str(head.base_fee_wei),
            gas_price_wei=str(gas_price_wei), pools=0 if market is None else len(market.pools),
            refused=self._refused(), screened=0 if finding is None else finding.screened,
            unprofitable=0 if finding is None else finding.unprofitable, certain=finding is None or finding.certain,
            opportunities=tuple(_offered(plan) for plan in plans), lenders=self._lenders(),
            endpoints=self._endpoints(),
        )  # fmt: skip
        draft = self._path.with_suffix(".new")
        draft.write_bytes(msgspec.json.encode(shown))
        draft.replace(self._path)


def read_shown(folder: Path) -> ChainShown | None:
    """What a desk's venue has shown last; None: it has shown nothing yet."""
    try:
        return msgspec.json.decode((folder / FILE_NAME).read_bytes(), type=ChainShown)
    except FileNotFoundError:
        return None


def _offered(plan: Plan) -> dict[str, Any]:
    found = plan.opportunity
    return {
        "plan": plan.number,
        "token_path": list(found.route),
        "pools": list(found.pools),
        "amount_in": str(found.amount),
        "amount_out": str(found.returned),
        "lender": plan.offer.lender.name,
        "premium": str(found.owed - found.amount),
        "cost": str(found.cost),
        "profit_base": plan.base_profit,
        "detected_ns": plan.detected_ns,
    }
