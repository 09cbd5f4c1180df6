"""A state that follows a journal which another process writes: the same records, the same kernel, the same digest.

    follower = Follower(config, place)
    while ...: follower.follow()
    recover(config, place, warm=follower.warm)

It begins at the newest snapshot, applies what was flushed since, and compares digests at each seal. A digest that
differs ends it: a state that is not the leader's is good for nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np

from quarterdeck.config import DeskConfig
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.recovery import Warm, begin_replay, check_same_desk
from quarterdeck.errors import JournalCutBack, ReplayError
from quarterdeck.journal import OS_DISK, Disk, JournalTail, Seal, Snapshot, digest_word, write_snapshot
from quarterdeck.journal.checks import RECORD_BYTES
from quarterdeck.journal.mark import read_mark
from quarterdeck.journal.segment import SUFFIX
from quarterdeck.kernel.account import digest, new_actions, new_state
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.records import EVENT, State
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.runtime.replay import apply_records

__all__ = ["Follower", "Progress"]

_MINUTE_NS: Final = 60_000_000_000
_KIND: Final = 16


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a follower is. `flushed` is where the journal ended at the last look; `checked_epoch` the session whose

    digest was last found right; 0 before the first.
    """

    sequence: int
    flushed: int
    epoch: int
    time_ns: int
    seals_checked: int
    checked_epoch: int
    digest: bytes

    @property
    def behind(self) -> int:
        """Records flushed and not applied."""
        return max(0, self.flushed - self.sequence)


class Follower:
    """Follows the journal of `place`. `snapshots`: writes one of its own every snapshot_minutes, at a seal.

    DeskError, ReplayError, JournalError as in recovery, from `follow`, too: then it is over.
    """

    def __init__(
        self,
        config: DeskConfig,
        place: DeskPlace,
        *,
        disk: Disk = OS_DISK,
        say: Callable[[str], None] = lambda _: None,
        snapshots: bool = False,
    ) -> None:
        self.config, self.place = config, place
        self.states: Records[State] = new_state()
        self.seals_checked = self.checked_epoch = 0
        self._disk, self._say, self._snapshots = disk, say, snapshots
        self._actions = new_actions()
        self._tail: JournalTail | None = None
        self._shot_ns = 0

    @property
    def sequence(self) -> int:
        """The first record that the state has not seen."""
        return 0 if self._tail is None else self._applied

    @property
    def warm(self) -> Warm | None:
        """What a session can begin with; None before the first record."""
        return None if self._tail is None or self._applied == 0 else Warm(self.states, self._applied)

    def follow(self) -> int:
        """Applies what was flushed since the last call; returns how many records that were."""
        if self._tail is None and not self._begin():
            return 0
        assert self._tail is not None
        before = self._applied
        try:
            while pieces := self._tail.poll():
                for first, raw in pieces:
                    self._take(first, raw)
        except JournalCutBack as error:
            self._say(f"{error}: following begins again")
            self._tail = None
            return 0
        return self._applied - before

    def progress(self) -> Progress:
        flushed = read_mark(self._disk, self.place.journal)
        state = self.states[0]
        return Progress(
            sequence=self.sequence,
            flushed=self.sequence if flushed is None else flushed,
            epoch=int(state["epoch"]),
            time_ns=int(state["time_ns"]),
            seals_checked=self.seals_checked,
            checked_epoch=self.checked_epoch,
            digest=digest(self.states),
        )

    def _begin(self) -> bool:
        if not any(name.endswith(SUFFIX) for name in self._names()):
            return False  # the leader has not begun yet
        flushed = read_mark(self._disk, self.place.journal)
        said: list[str] = []
        replayer = begin_replay(self.place, self._disk, said)
        replayer.advance(replayer.sequence if flushed is None else flushed)
        for sentence in said:
            self._say(sentence)
        self.states, self._applied = replayer.states, replayer.sequence
        self.seals_checked += replayer.seals_checked
        self._tail = JournalTail(self.place.journal, self._disk, self._applied)
        self._shot_ns = int(self.states[0]["time_ns"])
        if self._applied:
            check_same_desk(self.config, self.states)
        return True

    def _names(self) -> list[str]:
        try:
            return self._disk.names(self.place.journal)
        except FileNotFoundError:
            return []

    def _take(self, first: int, raw: bytes) -> None:
        assert first == self._applied, "the tail hands out every record once, in order"
        records = np.frombuffer(raw, EVENT)
        count = len(records)
        cast(Any, apply_records)(self.states, records, 0, count, self._actions)
        self._applied += count
        if raw[len(raw) - RECORD_BYTES + _KIND] == EventKind.SEAL:
            self._check(Seal.parse(raw[-RECORD_BYTES:], self._applied - 1))

    def _check(self, seal: Seal) -> None:
        if seal.state_digest == 0:
            return
        found = digest(self.states)
        if digest_word(found) != seal.state_digest:
            raise ReplayError(
                f"record {seal.sequence}: this state has the digest {digest_word(found):016x}, the leader's seal says "
                f"{seal.state_digest:016x}: this standby cannot take over; give both hosts the same quarterdeck"
            )
        self.seals_checked += 1
        self.checked_epoch = int(self.states[0]["epoch"])
        time_ns = int(self.states[0]["time_ns"])
        if self._snapshots and time_ns - self._shot_ns >= self.config.journal.snapshot_minutes * _MINUTE_NS:
            self._shot_ns = time_ns
            body = cast(Any, self.states).tobytes()
            shot = Snapshot(self.config.desk.name, seal.sequence + 1, time_ns, seal.chain, body)
            write_snapshot(self.place.snapshots, shot, disk=self._disk)
