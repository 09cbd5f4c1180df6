"""The leader's side of a desk with a standby: its lease is renewed by a thread, its journal shipped by another.

    leadership = begin_to_lead(config, place, say=...)     # takes the lease, or raises
    ... a session with lease=leadership ...
    leadership.end(...)

A session that does not say `pulse` any more loses its lease: what hangs does not lead.
"""

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from quarterdeck.config import DeskConfig
from quarterdeck.config.standby import Standby
from quarterdeck.desk.agreement import own_identity
from quarterdeck.desk.copying import JournalCopy, compare
from quarterdeck.desk.lease import LeaseKeeper, LeaseTerms
from quarterdeck.desk.meeting import FileMeeting, Meeting
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.recovery import Recovered, Warm, recover
from quarterdeck.desk.shelf import JournalShelf, PostgresMeeting
from quarterdeck.desk.shipping import Shipper
from quarterdeck.errors import DeskError, LeaseLost, StoreUnreachable
from quarterdeck.journal import Disk

__all__ = [
    "Leadership",
    "Presence",
    "begin_to_lead",
    "catch_up",
    "lease_terms",
    "meeting_of",
    "new_keeper",
    "store_url",
]

_VARIABLE: Final = "DATABASE_URL"
_SECOND_NS: Final = 1_000_000_000
_LOOKS: Final = 4  # of the renewing thread, between two renewals
_END_S: Final = 10.0  # for the last records of a session to reach the database


class Presence(msgspec.Struct, frozen=True):
    """A standby's word: `beat` changes while it lives, `fit` says whether it could lead now."""

    beat: int
    sequence: int
    fit: bool
    why: str = ""


def store_url(settings: Standby) -> str | None:
    """The database's URL where one is asked for. DeskError when it is not said."""
    if settings.store != "postgresql":
        return None
    url = os.environ.get(_VARIABLE, "")
    if not url.startswith("postgres"):
        raise DeskError(f'[standby] store = "postgresql" needs {_VARIABLE}=postgresql://USER:PASSWORD@HOST/NAME')
    return url


def meeting_of(config: DeskConfig, place: DeskPlace) -> Meeting:
    """The register that the desk's leader and standbys share."""
    url = store_url(config.standby)
    return FileMeeting(place.data) if url is None else PostgresMeeting(url)


def lease_terms(config: DeskConfig, latest_ms: int = 0) -> LeaseTerms:
    """The lease's figures, in nanoseconds.

    A request is on its way for as long as reconciliation lets it, or longer: `latest_ms` is the longest at a venue that
    refuses nothing that comes late.
    """
    settings = config.standby
    longest_ns = max(int(settings.longest_request_s * _SECOND_NS), _longest_ns(config, latest_ms))
    return LeaseTerms(int(settings.ttl_s * _SECOND_NS), int(settings.margin_s * _SECOND_NS), longest_ns)


def _longest_ns(config: DeskConfig, latest_ms: int) -> int:
    live_ms = config.reconciliation.request_ms if config.desk.mode == "live" else 0
    return max(live_ms, latest_ms) * _SECOND_NS // 1_000


def new_keeper(config: DeskConfig, meeting: Meeting, latest_ms: int = 0) -> LeaseKeeper:
    """A keeper that no other process ever was."""
    holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    identity = own_identity().text
    name, terms = config.desk.name, lease_terms(config, latest_ms)
    return LeaseKeeper(meeting, name, holder, terms, monotonic=time.monotonic_ns, identity=identity)


class Leadership:
    """A lease that was taken, and all that keeps it. What a session asks: `epoch`, `held`, `check`, `settle`.

    `start` begins to renew. `ship` begins to ship, once the journal is the session's.
    """

    def __init__(
        self, config: DeskConfig, place: DeskPlace, keeper: LeaseKeeper, meeting: Meeting, say: Callable[[str], None]
    ) -> None:
        self.config, self.place, self.keeper = config, place, keeper
        self.trouble = ""  # what keeps the lease from being renewed at the moment
        self._meeting, self._say = meeting, say
        self._shipper: Shipper | None = None
        self._heard: dict[str, tuple[Presence, int]] = {}  # each standby's last word, and when it changed last
        self._pulse_ns = 0  # 0: nobody is looked at
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    @property
    def epoch(self) -> int:
        return self.keeper.epoch

    def held(self) -> bool:
        """Whether a request may be sent now."""
        return self.keeper.held()

    def check(self) -> None:
        """Raises LeaseLost, with what is known of why, when nothing may be sent now."""
        if self.keeper.held():
            return
        why = f" ({self.trouble})" if self.trouble else ""
        raise LeaseLost(
            f"desk {self.keeper.desk}: the lease of epoch {self.epoch} has run out{why}: nothing more is sent; another "
            "process leads, or will; start this one again as a standby"
        )

    def start(self) -> None:
        """Begins to renew."""
        self._thread.start()

    def ship(self, end: int) -> None:
        """Begins to ship the journal, which ends at `end`, where there is a database.

        DeskError: the database has more of it: the medium here lost something since the two were compared.
        """
        url = store_url(self.config.standby)
        if url is None:
            return
        shelf = JournalShelf(url, self.config.desk.name)
        there = shelf.next_sequence()
        if there is not None and there > end:
            shelf.close()
            raise DeskError(
                f"{self.place.journal}: it ends at record {end}, the database has {there}: what was here a moment ago "
                "is not any more; start again, and look at the disk"
            )
        self._shipper = Shipper(
            self.place.journal, shelf, self.epoch, self.keeper.holder, shipped=there, keep=self._kept
        )
        self._shipper.start()

    def recover(self, config: DeskConfig, place: DeskPlace, disk: Disk, warm: Warm | None = None) -> Recovered:
        """Recovers the desk as this lease's session, and begins to ship its journal.

        Returns when no request of the leader before can take effect any more: from then on the venues are asked.
        """
        recovered = recover(config, place, disk=disk, warm=warm, epoch=self.epoch)
        try:
            self.ship(recovered.writer.next_sequence)
            self._wait()
        except BaseException:
            recovered.writer.close()
            raise
        return recovered

    def _wait(self) -> None:
        while wait_ns := self.keeper.wait_ns():
            time.sleep(min(wait_ns, self.keeper.terms.renew_ns) / _SECOND_NS)
            if self.keeper.lost:
                break
        self.check()

    def pulse(self) -> None:
        """Says that the session lives. From the first time on it has to be said in every ttl_s."""
        self._pulse_ns = time.monotonic_ns()

    def settle(self, sequence: int) -> None:
        """Returns once what is below `sequence` is where the settings want it before an order leaves. LeaseLost."""
        if self._shipper is not None and self.config.standby.synchronous:
            self._shipper.wait_for(sequence, self.check)

    def heir(self) -> str | None:
        """A living standby that could lead now: the one that is least behind."""
        now, ttl = time.monotonic_ns(), self.keeper.terms.ttl_ns
        fit = [(word.sequence, name) for name, (word, at) in self._heard.items() if word.fit and now - at < ttl]
        return max(fit)[1] if fit else None

    def status(self) -> dict[str, object]:
        """What `status` says of it."""
        now, ttl = time.monotonic_ns(), self.keeper.terms.ttl_ns
        facts: dict[str, object] = {
            "holder": self.keeper.holder,
            "epoch": self.epoch,
            "left_s": round(self.keeper.left_ns() / _SECOND_NS, 3),
            "standbys": {
                name: (f"at record {word.sequence}" + (f", {word.why}" if word.why else ""))
                for name, (word, at) in self._heard.items()
                if now - at < ttl
            },
        }
        shipper = self._shipper
        if shipper is not None:
            facts["shipped"] = shipper.shipped
        trouble = self.trouble or ("" if shipper is None else shipper.trouble)
        return {**facts, "trouble": trouble} if trouble else facts

    def end(self, sequence: int | None, *, heir: str = "", settled: bool = False, stopped: bool = False) -> None:
        """Ships what is left below `sequence` (None: nothing more) and gives the lease back; the arguments are its.

        Without a lease any more there is nothing to give back.
        """
        try:
            if sequence is not None and self._shipper is not None and self.keeper.taken:
                self._ship_rest(sequence)
            self._stop_threads()
            if self.keeper.taken and sequence is not None:
                self.keeper.release(heir=heir, settled=settled, stopped=stopped)
        except (StoreUnreachable, LeaseLost) as error:
            self._say(f"the lease could not be given back in order: {error}")
        finally:
            self._stop_threads()
            self._meeting.close()

    def _ship_rest(self, sequence: int) -> None:
        assert self._shipper is not None
        until = time.monotonic() + _END_S

        def check() -> None:
            self.check()
            if time.monotonic() >= until:
                raise StoreUnreachable(f"the database has records up to {self._shipper_at()} of {sequence}")

        self.pulse()
        self._shipper.wait_for(sequence, check)

    def _shipper_at(self) -> int:
        return 0 if self._shipper is None else self._shipper.shipped

    def _stop_threads(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._shipper is not None:
            self._shipper.close()

    def _kept(self) -> tuple[int, int]:
        """What the database may forget: (records below, hours)."""
        seen = [word.sequence for word, _ in self._heard.values()]
        return min(seen, default=self._shipper_at()), self.config.standby.keep_hours

    def _renew(self) -> None:
        keeper = self.keeper
        pause_s = keeper.terms.renew_ns / _LOOKS / _SECOND_NS
        while not self._stop.wait(pause_s) and not keeper.lost:
            if not keeper.renew_due() or self._hangs():
                continue
            try:
                if keeper.renew():
                    self._hear(self._meeting.heard(keeper.desk))
                self.trouble = ""
            except DeskError as error:
                self.trouble = str(error)

    def _hangs(self) -> bool:
        hangs = self._pulse_ns > 0 and time.monotonic_ns() - self._pulse_ns > self.keeper.terms.ttl_ns
        if hangs:
            self.trouble = "the session did not move for longer than the lease"
        return hangs

    def _hear(self, words: dict[str, str]) -> None:
        now = time.monotonic_ns()
        heard: dict[str, tuple[Presence, int]] = {}
        for name, text in words.items():
            word = msgspec.json.decode(text, type=Presence)
            before = self._heard.get(name)
            heard[name] = before if before is not None and before[0] == word else (word, now if before else 0)
        self._heard = heard


def begin_to_lead(config: DeskConfig, place: DeskPlace, say: Callable[[str], None], latest_ms: int = 0) -> Leadership:
    """Takes the desk's lease, and makes the journal here whole; `Leadership.recover` waits until its holder may act.

    DeskError: another process leads, or the database's journal is another one. StoreUnreachable.
    """
    meeting = meeting_of(config, place)
    keeper = new_keeper(config, meeting, latest_ms)
    leadership = Leadership(config, place, keeper, meeting, say)
    try:
        _take(keeper, place.last_epoch(), say)
        leadership.start()
        catch_up(config, place.journal, say)
    except BaseException:
        leadership.end(0, settled=True)
        raise
    return leadership


def _take(keeper: LeaseKeeper, epoch_known: int, say: Callable[[str], None]) -> None:
    """Takes the lease; a holder that is gone is waited for, one that lives is not."""
    first = None
    while not keeper.take(epoch_known):
        seen = keeper.seen
        assert seen is not None, "a lease that nobody ever held is free"
        if first is None:
            first = seen
            ttl = seen.ttl_ns / _SECOND_NS
            say(f"{seen.holder or 'its heir'} has the lease: waiting whether it is renewed, {ttl:g} s at most")
        elif seen != first and seen.holder:
            raise DeskError(
                f"desk {keeper.desk} is led by {seen.holder} (epoch {seen.epoch}): "
                f"`quarterdeck standby {keeper.desk}` follows it"
            )
        time.sleep(keeper.terms.renew_ns / _LOOKS / _SECOND_NS)


def catch_up(config: DeskConfig, journal: Path, say: Callable[[str], None]) -> None:
    """Makes the journal here what the database has: nothing of it may be missing, and none of it another."""
    url = store_url(config.standby)
    if url is None:
        return
    shelf = JournalShelf(url, config.desk.name)
    try:
        _fetch(config, journal, shelf, say)
    finally:
        shelf.close()


def _fetch(config: DeskConfig, journal: Path, shelf: JournalShelf, say: Callable[[str], None]) -> None:
    # The copy cuts what a failing power supply tore: only then it is known where the journal here ends.
    with JournalCopy(journal) as copy:
        found = compare(journal, shelf)
        if found.parted:
            raise DeskError(
                f"{journal}: another process led this desk on from record {found.common}; what is here behind it is "
                f"another story: start `quarterdeck standby {config.desk.name}`, which puts it aside and follows"
            )
        if found.shared is not None and (found.own or 0) < found.shared:
            before = copy.next_sequence
            while copy.fill(shelf):
                pass
            say(f"{copy.next_sequence - before} records came from the database: they were not here")
