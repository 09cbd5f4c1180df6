"""Transactions that wait for a block: per sender by nonce, replaced for a tenth more, taken by what they pay."""

from collections.abc import Callable, Iterable
from typing import Final

from quarterdeck.twins.evm.refusals import Refused
from quarterdeck.twins.evm.transactions import Transaction

__all__ = ["Pool"]

_WAITING_MAX: Final = 5_120
_BUMP_PERCENT: Final = 10


class Pool:
    """What waits. Which of it can be mined depends on nonces and balances, which the chain knows."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[int, Transaction]] = {}
        self._arrived: dict[str, int] = {}
        self._count = 0

    def __len__(self) -> int:
        """Returns how many wait."""
        return len(self._arrived)

    def find(self, digest: str) -> Transaction | None:
        """Returns one by its hash."""
        if digest not in self._arrived:
            return None
        return next(one for mine in self._waiting.values() for one in mine.values() if one.hash == digest)

    def at(self, sender: str, nonce: int) -> Transaction | None:
        """Returns what waits at a nonce."""
        return self._waiting.get(sender, {}).get(nonce)

    def senders(self) -> list[str]:
        """Returns whose transactions wait."""
        return list(self._waiting)

    def next_nonce(self, sender: str, mined: int) -> int:
        """Returns the first nonce that nothing waits at, from the first that is not mined."""
        mine = self._waiting.get(sender, {})
        while mined in mine:
            mined += 1
        return mined

    def add(self, new: Transaction) -> None:
        """Takes one in, in place of one with its nonce that pays a tenth less. Raises Refused."""
        old = self.at(new.sender, new.nonce)
        if new.hash in self._arrived:
            raise Refused("already known")
        if old is not None:
            for before, after in ((old.max_fee_wei, new.max_fee_wei), (old.priority_fee_wei, new.priority_fee_wei)):
                if after <= before or after * 100 < before * (100 + _BUMP_PERCENT):
                    raise Refused("replacement transaction underpriced")
            self.remove(old)
        elif len(self._arrived) >= _WAITING_MAX:
            raise Refused("txpool is full")
        self._waiting.setdefault(new.sender, {})[new.nonce] = new
        self._arrived[new.hash] = self._count
        self._count += 1

    def remove(self, one: Transaction) -> None:
        """Takes one out, where it is in."""
        if self._arrived.pop(one.hash, None) is not None:
            mine = self._waiting[one.sender]
            del mine[one.nonce]
            if not mine:
                del self._waiting[one.sender]

    def clear(self) -> None:
        """Forgets everything that waits."""
        self._waiting.clear()
        self._arrived.clear()

    def tidy(self, mined: Callable[[str], int]) -> None:
        """Drops what can never be mined: its nonce is used."""
        stale = [one for sender, mine in self._waiting.items() for one in mine.values() if one.nonce < mined(sender)]
        for one in stale:
            self.remove(one)

    def best(self, base_fee_wei: int, nonces: Callable[[str], int], passed: Iterable[str]) -> Transaction | None:
        """Returns what a miner takes next: the highest tip, then the first to arrive; of nobody who is `passed`."""
        skipped = set(passed)
        ready = [
            one
            for sender in self._waiting
            if sender not in skipped
            and (one := self.at(sender, nonces(sender))) is not None
            and one.max_fee_wei >= base_fee_wei
        ]
        return max(ready, key=lambda one: (one.tip(base_fee_wei), -self._arrived[one.hash]), default=None)
