"""The wallet: what the chain says that it holds, and what the desk's books come to."""

from quarterdeck.errors import ChainError
from quarterdeck.venues.evm.access import Access
from quarterdeck.venues.evm.attempts import Attempts
from quarterdeck.venues.evm.heads import Head
from quarterdeck.venues.evm.reading import Call, read
from quarterdeck.venues.evm.terms import ChainTerms

__all__ = ["Money"]


class Money:
    """The purses of one wallet on the chain."""

    def __init__(
        self, access: Access, wallet: str, terms: ChainTerms, attempts: Attempts, confirmations: int = 1
    ) -> None:
        self._access, self._wallet, self._terms, self._attempts = access, wallet, terms, attempts
        self._confirmations = confirmations

    def begin(self, head: Head) -> None:
        """Takes what the chain holds as where the books begin, for currencies that they know nothing of yet."""
        self._attempts.begin_totals(self.exact(self._deep(head)))

    def exact(self, block_hash: str) -> dict[str, int]:
        """What the wallet holds of each currency at a block, in the chain's own units. ChainError: nobody says."""
        tokens = [purse for purse in self._terms.purses.values() if purse.token]
        calls = [Call(purse.token, "balanceOf(address)", (self._wallet,)) for purse in tokens]
        held = {self._terms.gas.currency: self._coin(block_hash)}
        if calls:
            _, answers = read(self._access, block_hash, calls)
            for purse, answer in zip(tokens, answers, strict=True):
                if answer is None:
                    raise ChainError(f"{purse.currency} does not say what the wallet holds: {purse.token}")
                (held[purse.currency],) = answer
        return held

    def balances(self, head: Head) -> dict[int, int]:
        """By account, in whole kernel units, rounded down: at the block up to which all is booked once a head is."""
        exact = self.exact(self._deep(head))
        return {account: purse.floor(exact[purse.currency]) for account, purse in self._terms.purses.items()}

    def _coin(self, block_hash: str) -> int:
        said = self._access.ask("eth_getBalance", [self._wallet, {"blockHash": block_hash}])
        return int(str(said), 16)

    def _deep(self, head: Head) -> str:
        """The block that is deep enough to count at a head, along its own branch."""
        block_hash = head.hash
        for _ in range(min(self._confirmations - 1, head.number)):
            block = self._access.ask("eth_getBlockByHash", [block_hash, False])
            if block is None:
                raise ChainError(f"the node does not have block {block_hash}: wait for its next head")
            block_hash = str(block["parentHash"])
        return block_hash
