"""A simulated lease store: one register that every host can reach, until it cannot."""

from random import Random

from quarterdeck.desk.lease import Term
from quarterdeck.errors import StoreUnreachable

__all__ = ["HostLeaseStore", "Register"]


class Register:
    """What the store holds, and every term that ever stood there."""

    def __init__(self) -> None:
        self.term: Term | None = None
        self.epochs: list[int] = []


class HostLeaseStore:
    """The store as one host sees it. `cut_off`: it cannot be reached; `mute` (per mille): an answer is lost."""

    def __init__(self, register: Register, chance: Random) -> None:
        self.cut_off = False
        self.mute = 0
        self._register, self._chance = register, chance

    def read(self, desk: str) -> Term | None:
        self._reach(desk)
        return self._register.term

    def write(self, desk: str, before: Term | None, after: Term) -> bool:
        """Compares and swaps. A lost answer leaves the writer in doubt, whatever was done."""
        self._reach(desk)
        swapped = self._register.term == before
        if swapped:
            if before is None or after.epoch != before.epoch:
                self._register.epochs.append(after.epoch)
            self._register.term = after
        if self.mute and self._chance.randrange(1000) < self.mute:
            raise StoreUnreachable(f"desk {desk}: the store's answer was lost")
        return swapped

    def _reach(self, desk: str) -> None:
        if self.cut_off:
            raise StoreUnreachable(f"desk {desk}: the store cannot be reached")
