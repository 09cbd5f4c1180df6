"""A second process of a desk: it follows the leader's journal, and leads when the leader's lease is over.

    standby = Standby(config, place, say=...)
    leadership, warm = run_standby(standby)      # returns once this process leads, or raises
    ... a session with recover=lambda *all: leadership.recover(*all, warm) ...

Through the shared file system it reads the leader's own files and writes none. Through the database it fills a journal
of its own, byte for byte the leader's.
"""

import asyncio
import signal
import time
from collections.abc import Callable
from typing import Any, Final, cast

import msgspec
import uvloop

from quarterdeck.config import DeskConfig
from quarterdeck.desk.agreement import check_same_kind, own_identity, read_identity
from quarterdeck.desk.control import ControlServer
from quarterdeck.desk.copying import JournalCopy, compare
from quarterdeck.desk.following import Follower, Progress
from quarterdeck.desk.leading import Leadership, Presence, catch_up, meeting_of, new_keeper, store_url
from quarterdeck.desk.lease import Term
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.recovery import Warm
from quarterdeck.desk.shelf import JournalShelf
from quarterdeck.desk.wire import Command, Verb
from quarterdeck.errors import DeskError, StoreUnreachable
from quarterdeck.journal import OS_DISK, rfc3339

__all__ = ["Standby", "run_standby"]

_SECOND_NS: Final = 1_000_000_000
_LOOK_S: Final = 0.05  # between two looks at the journal
_LEASE_NS: Final = _SECOND_NS // 10  # between two looks at the lease
_WORD_NS: Final = _SECOND_NS // 2  # between two words to the leader
_SYNC_NS: Final = _SECOND_NS
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Standby:
    """Follows, says how far it is, and takes the lease when it may. `turn` does what is due, in one thread.

    `latest_ms` as in lease_terms.
    """

    def __init__(self, config: DeskConfig, place: DeskPlace, *, say: Callable[[str], None], latest_ms: int = 0) -> None:
        if config.standby.store == "none":
            raise DeskError(
                f'{config.file}: a standby needs [standby] store = "file" or "postgresql", and its leader the same'
            )
        self.config, self.place, self.say = config, place, say
        self.meeting = meeting_of(config, place)
        self.keeper = new_keeper(config, self.meeting, latest_ms)
        self.stopping = False
        self._url = store_url(config.standby)
        self._shelf: JournalShelf | None = None
        self._copy: JournalCopy | None = None
        self.follower = Follower(config, place, say=say, snapshots=self._url is not None)
        self._identity = own_identity()
        self._leader: Term | None = None  # whose program was looked at
        self._same_source = False
        self._told = ""
        self._unshared_from: int | None = None  # our own records that the database does not have
        self._beat = 0
        self._level_ns = time.monotonic_ns()  # when it last had everything
        self._leased_ns = self._worded_ns = self._synced_ns = 0
        self._status: dict[str, object] = {"role": "standby", "desk": config.desk.name, "fit": False}

    def open(self) -> None:
        """Takes this host's copy of the journal, where it is a copy; what the database has otherwise is put aside.

        What is here and not there yet was acknowledged here, and acted on: it stays, and is shipped should this process
        lead next.
        """
        place = self.place
        place.data.mkdir(parents=True, exist_ok=True)
        if self._url is None:
            return
        self._shelf = JournalShelf(self._url, self.config.desk.name, listen=True)
        self._copy = JournalCopy(place.journal)
        found = compare(place.journal, self._shelf)
        if found.ahead and not found.parted:
            self._unshared_from = found.common
            self.say(f"records from {found.common} on are here and not in the database yet: they are kept")
        if found.parted:
            kept = self._copy.put_aside(found.common)
            kept += _put_snapshots_aside(place, found.common)
            self.say(
                f"records from {found.common} on were never shared with the leader that went on without them: "
                f"put aside as {', '.join(kept)}"
            )

    def turn(self) -> bool:
        """Takes in what is new, and the lease when it is free; returns whether this process has it.

        ReplayError, JournalError, DeskError: this standby is good for nothing any more.
        """
        try:
            self._fill()
            self.follower.follow()
            return self._look() or self.keeper.taken
        except StoreUnreachable as error:
            self._tell(str(error))
            return False
        finally:
            self._describe()

    def wait(self) -> None:
        """Waits until there may be something new."""
        try:
            if self._shelf is None:
                time.sleep(_LOOK_S)
            else:
                self._shelf.wait(_LOOK_S)
        except StoreUnreachable as error:
            self._tell(str(error))
            time.sleep(_LOOK_S)

    def succeed(self) -> tuple[Leadership, Warm | None]:
        """After `turn` said True: takes in the journal to its end; returns what to go on with.

        Nothing may be sent before the lease says so: `Leadership.recover` waits for that. LeaseLost, DeskError: another
        was quicker, or the journal did not come to its end.
        """
        leadership = Leadership(self.config, self.place, self.keeper, self.meeting, self.say)
        leadership.start()
        self.say(f"the lease is ours: epoch {self.keeper.epoch}")
        try:
            self._fill(to_the_end=True)
            self.follower.follow()
            self._give_copy_back()
            catch_up(self.config, self.place.journal, self.say)  # the medium may have lost what was copied
            self.meeting_left()
        except BaseException:
            leadership.end(None)
            raise
        return leadership, self.follower.warm

    def meeting_left(self) -> None:
        """Takes this standby's word away: it is one no longer."""
        self.meeting.leave(self.config.desk.name, self.keeper.holder)

    def status(self) -> dict[str, object]:
        """What it says of itself; made by the last `turn`."""
        return self._status

    def obey(self, command: Command) -> dict[str, object]:
        """A standby answers for itself and can be ended; all else is for the leader."""
        if command.verb is Verb.STATUS:
            return self.status()
        if command.verb is Verb.STOP:
            self.stopping = True
            return {"text": "the standby ends"}
        raise DeskError(f"{command.verb} is for the leader of desk {self.config.desk.name}; this is a standby")

    def close(self) -> None:
        """Gives back what it holds; the journal's copy stays as it is."""
        try:
            self.meeting_left()
        except StoreUnreachable as error:
            self._tell(str(error))
        self._give_copy_back()
        self.meeting.close()

    def _give_copy_back(self) -> None:
        if self._shelf is not None:
            self._shelf.close()
        if self._copy is not None:
            self._copy.close()
            self._copy = None

    def _fill(self, *, to_the_end: bool = False) -> None:
        """Copies what came. Not all at once, unless it is for the last time: the lease is looked at in between."""
        if self._copy is None or self._shelf is None:
            return
        if self._unshared_from is not None and (self._shelf.next_sequence() or 0) > self._unshared_from:
            found = compare(self.place.journal, self._shelf)
            if found.parted:
                raise DeskError(
                    f"another leader went on from record {found.common} without the records that are here: start "
                    "this standby again, and it puts them aside"
                )
            self._unshared_from = found.common if found.ahead else None
        while self._copy.fill(self._shelf) and to_the_end:
            pass
        now = time.monotonic_ns()
        if to_the_end or now - self._synced_ns >= _SYNC_NS:
            self._synced_ns = now
            self._copy.sync()

    def _look(self) -> bool:
        """Looks at the lease, and says a word, when either is due."""
        now = time.monotonic_ns()
        fit, why = self._fit()
        if now - self._worded_ns >= _WORD_NS:
            self._worded_ns = now
            self._beat += 1
            word = Presence(self._beat, self.follower.sequence, fit, why)
            self.meeting.say(self.config.desk.name, self.keeper.holder, msgspec.json.encode(word).decode())
        if now - self._leased_ns < _LEASE_NS:
            return False
        self._leased_ns = now
        term = self.keeper.look()
        self._check_leader(term)
        if term is None or term.stopped or not fit:
            return False
        epoch_known = max(self.place.last_epoch(), self.follower.progress().epoch)
        return self.keeper.take(epoch_known)

    def _check_leader(self, term: Term | None) -> None:
        """A leader of another kind is not followed; DeskError says which."""
        if term is None or not term.identity or (self._leader is not None and self._leader.identity == term.identity):
            return
        self._same_source = check_same_kind(read_identity(term.identity), self._identity)
        self._leader = term
        if not self._same_source:
            self.say("the leader runs another source: this standby leads only once a digest of the leader's agreed")

    def _fit(self) -> tuple[bool, str]:
        """Whether this process could lead now, and why not."""
        if self.follower.sequence == 0:
            return False, "no record of the desk is here yet"
        if self._leader is None:
            return False, "the leader was not seen yet"
        if not self._same_source and self.follower.checked_epoch < self._leader.epoch:
            return False, "another source than the leader's, and no digest agreed yet"
        return True, ""

    def _describe(self) -> None:
        now = time.monotonic_ns()
        progress = self.follower.progress()
        flushed = progress.flushed if self._copy is None else max(progress.flushed, self._copy.next_sequence)
        behind = flushed - progress.sequence
        if behind <= 0:
            self._level_ns = now
        fit, why = self._fit()
        term = self.keeper.seen
        self._status = {
            "role": "standby",
            "desk": self.config.desk.name,
            "fit": fit,
            "why": why,
            **_progress(progress),
            "lag_records": max(0, behind),
            "lag_s": round((now - self._level_ns) / _SECOND_NS, 3),
            "leader": None if term is None else term.holder or "(nobody)",
            "lease_epoch": 0 if term is None else term.epoch,
            "stopped": term is not None and term.stopped,
            "trouble": self._told,
        }

    def _tell(self, trouble: str) -> None:
        if trouble != self._told:
            self.say(trouble)
        self._told = trouble


def run_standby(standby: Standby, *, seconds: float | None = None) -> tuple[Leadership, Warm | None] | None:
    """Follows until this process leads (what to go on with), or is told to stop, or `seconds` have passed (None)."""
    try:
        standby.open()
        with asyncio.Runner(loop_factory=cast(Any, uvloop).new_event_loop) as runner:
            taken = runner.run(_run(standby, seconds))
        if taken:
            return standby.succeed()
    except BaseException:
        standby.close()
        raise
    standby.close()
    return None


async def _run(standby: Standby, seconds: float | None) -> bool:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        standby.stopping = True

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop)
    server = ControlServer(standby.place.standby_socket, standby.obey)
    await server.open()
    ends = None if seconds is None else time.monotonic() + seconds
    try:
        while not standby.stopping and (ends is None or time.monotonic() < ends):
            if await asyncio.to_thread(standby.turn):
                return True
            await asyncio.to_thread(standby.wait)
    finally:
        await server.close()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
    return False


def _progress(progress: Progress) -> dict[str, object]:
    return {
        "sequence": progress.sequence,
        "epoch": progress.epoch,
        "time": rfc3339(progress.time_ns),
        "digest": progress.digest.hex(),
        "seals_checked": progress.seals_checked,
    }


def _put_snapshots_aside(place: DeskPlace, sequence: int) -> list[str]:
    """Snapshots of a state that the journal here no longer leads to."""
    try:
        names = OS_DISK.names(place.snapshots)
    except FileNotFoundError:
        return []
    later = [name for name in names if name.endswith(".qds") and int(name.partition(".")[0]) > sequence]
    for name in later:
        OS_DISK.rename(place.snapshots / name, place.snapshots / f"{name}.parted-{sequence}")
    return later
