"""The desk's books against the chain itself: what the wallet holds, and the receipt of every trade.

The desk counts a block once it is `confirmations` deep, so its purses are compared with the balances at that depth. A
desk that trades meanwhile is asked again until both sides stand still. Without a node nothing is compared, and that is
what the answer says.
"""

import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final, TypedDict

from quarterdeck.errors import ChainError, RpcRefused
from quarterdeck.ops.attempts.book import Book
from quarterdeck.ops.attempts.money import Usd
from quarterdeck.ops.attempts.place import ChainDesk
from quarterdeck.ops.attempts.trades import Trade
from quarterdeck.ops.seeing import see
from quarterdeck.venues.evm.endpoints import Endpoint
from quarterdeck.venues.evm.terms import Purse

__all__ = ["PurseCheck", "Reconciliation", "answering", "chain_balances", "reconcile"]

_BALANCE_OF: Final = "0x70a08231"  # balanceOf(address)
_TRIES: Final = 6
_PAUSE_S: Final = 0.7  # a desk shows itself every second
_BATCH: Final = 200


class PurseCheck(TypedDict):
    """One currency: what the desk's ledger says and what the chain says, in that currency."""

    ledger: Decimal
    chain: Decimal
    difference: Decimal


class Reconciliation(TypedDict):
    """`difference` in dollars is the sum of all that differs, and NaN where nothing could be compared."""

    reconciled: bool
    difference: Usd
    purses: dict[str, PurseCheck]
    receipts_checked: int
    wallet: str | None
    node: str | None
    block: int | None
    problems: list[str]


def reconcile(desk: ChainDesk, book: Book) -> Reconciliation:
    """Compares; what is wrong, or could not be looked at, stands in `problems`."""
    problems: list[str] = []
    node = answering(desk, problems)
    if node is None or desk.wallet is None:
        if desk.wallet is None:
            problems.append(f"desk {desk.config.desk.name} has not signed anything yet: its wallet is not known")
        problems.append("nothing was compared")
        return _nothing(desk, problems)
    try:
        block, purses = _purses(desk, node)
        receipts, wrong = _receipts(node, book.trades)
    except ChainError as error:
        return _nothing(desk, [str(error), "nothing was compared"])
    finally:
        node.close()
    difference = Usd(0)
    for purse in desk.terms.purses.values():
        check = purses.get(purse.currency)
        if check is None:
            problems.append(f"the desk does not show its purse of {purse.currency}: it has not run yet")
        elif check["difference"]:
            difference += abs(book.usd(purse.account, int(check["difference"].scaleb(purse.exponent))))
            said = f"the ledger says {check['ledger']:f}, the chain {check['chain']:f}"
            problems.append(f"{purse.currency}: {said} at block {block}")
    problems += wrong
    return Reconciliation(
        reconciled=not problems, difference=difference, purses=purses, receipts_checked=receipts, wallet=desk.wallet,
        node=node.name, block=block, problems=problems,
    )  # fmt: skip


def answering(desk: ChainDesk, problems: list[str]) -> Endpoint | None:
    """The first of the desk's nodes that answers and is of its chain; why the others are not goes to `problems`."""
    for address in desk.endpoints:
        node = Endpoint(f"http://{address}")
        try:
            chain_id = int(str(node.ask("eth_chainId", [])), 16)
        except (ChainError, ValueError) as error:
            problems.append(f"no answer from the node at {address}: {error}")
        else:
            if chain_id == desk.chain.chain_id:
                problems.clear()
                return node
            problems.append(f"the node at {address} is of chain {chain_id}, not {desk.chain.chain_id}")
        node.close()
    return None


def chain_balances(node: Endpoint, wallet: str, purses: Sequence[Purse], block: int) -> list[int]:
    """What a wallet holds of each currency at a block, in the chain's own units. ChainError: the node does not say."""
    tag, word = hex(block), wallet.lower().removeprefix("0x").rjust(64, "0")
    asked = [
        ("eth_call", [{"to": purse.token, "data": _BALANCE_OF + word}, tag])
        if purse.token
        else ("eth_getBalance", [wallet, tag])
        for purse in purses
    ]
    held: list[int] = []
    for purse, answer in zip(purses, node.ask_many(asked), strict=True):
        if isinstance(answer, RpcRefused):
            raise ChainError(
                f"the node at {node.name} does not say what the wallet holds of {purse.currency}: {answer}"
            )
        held.append(int(str(answer), 16))
    return held


def _purses(desk: ChainDesk, node: Endpoint) -> tuple[int, dict[str, PurseCheck]]:
    """Both sides, once they stand still; the last look where they never do."""
    block, checks = _look(desk, node)
    for _ in range(_TRIES):
        if not any(check["difference"] for check in checks.values()):
            break
        time.sleep(_PAUSE_S)
        block, checks = _look(desk, node)
    return block, checks


def _look(desk: ChainDesk, node: Endpoint) -> tuple[int, dict[str, PurseCheck]]:
    newest = int(str(node.ask("eth_blockNumber", [])), 16)
    block = max(0, newest - desk.chain.confirmations + 1)
    figures = see(desk.seen, with_orders=False)
    shown = {} if figures is None else {one.name: one.cash for one in figures.purses}
    purses, wallet = list(desk.terms.purses.values()), desk.wallet or ""
    checks: dict[str, PurseCheck] = {}
    for purse, exact in zip(purses, chain_balances(node, wallet, purses, block), strict=True):
        cash = shown.get(f"{desk.venue.name}/{purse.currency}")
        if cash is not None:
            held = Decimal(purse.floor(exact)).scaleb(-purse.exponent)
            checks[purse.currency] = PurseCheck(ledger=cash, chain=held, difference=held - cash)
    return block, checks


def _receipts(node: Endpoint, trades: Sequence[Trade]) -> tuple[int, list[str]]:
    """How many trades have the receipt that the books say, and a sentence for each that has not."""
    problems: list[str] = []
    places = [*range(0, len(trades), _BATCH), len(trades)]
    for begin, end in pairwise(places):
        part = trades[begin:end]
        answers = node.ask_many([("eth_getTransactionReceipt", [trade.transaction_hash]) for trade in part])
        for trade, receipt in zip(part, answers, strict=True):
            wrong = _wrong(trade, receipt)
            if wrong:
                problems.append(f"trade {trade.trade_id} ({trade.transaction_hash}): {wrong}")
    return len(trades) - len(problems), problems


def _wrong(trade: Trade, receipt: object) -> str:
    """What a receipt says otherwise than the books; empty where they agree."""
    if isinstance(receipt, RpcRefused):
        return f"the node refuses its receipt: {receipt}"
    if not isinstance(receipt, Mapping):
        return "the chain does not know it"
    said: Mapping[str, Any] = receipt  # pyright: ignore[reportUnknownVariableType] - what a node answers
    price = Decimal(int(said["effectiveGasPrice"], 16)) / 10**9
    pairs = (
        ("block", trade.block_hash, said["blockHash"]),
        ("success", trade.success, int(said["status"], 16) == 1),
        ("gas", trade.gas_used, int(said["gasUsed"], 16)),
        ("gas price", trade.gas_price_gwei, price),
    )
    return ", ".join(
        f"its {name} is {chain} there, {book} in the books" for name, book, chain in pairs if book != chain
    )


def _nothing(desk: ChainDesk, problems: list[str]) -> Reconciliation:
    return Reconciliation(
        reconciled=False, difference=Usd("NaN"), purses={}, receipts_checked=0, wallet=desk.wallet, node=None,
        block=None, problems=problems,
    )  # fmt: skip
