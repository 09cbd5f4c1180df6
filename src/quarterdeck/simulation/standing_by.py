"""A simulated process that does not lead: it follows the journal, as desk/standby.py and desk/leading.py have it done.

Those two wait, look at the machine's clocks and start threads; here their steps are taken one by one, with the same
parts: the lease's keeper, the follower, the copy and the shipper of the journal.
"""

from typing import Any, cast

from quarterdeck.config import DeskConfig
from quarterdeck.desk.copying import JournalCopy, compare
from quarterdeck.desk.following import Follower
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.recovery import Warm
from quarterdeck.errors import DeskError
from quarterdeck.journal import Disk
from quarterdeck.journal.mark import read_mark
from quarterdeck.simulation.shelf import HostShelf

__all__ = ["StandingBy"]


class StandingBy:
    """One process before it leads. `shelf` None: both hosts share the disk. `follows` False: it only waits.

    `open`, `turn` and `succeed` raise what the parts raise; StoreUnreachable: again later.
    """

    def __init__(
        self, config: DeskConfig, place: DeskPlace, disk: Disk, shelf: HostShelf | None, *, follows: bool
    ) -> None:
        self.follows = follows
        self._place, self._disk, self._shelf = place, disk, shelf
        self._follower = Follower(config, place, disk=disk, snapshots=shelf is not None) if follows else None
        self._copy: JournalCopy | None = None
        self._unshared_from: int | None = None

    @property
    def _database(self) -> Any:
        return cast(Any, self._shelf)

    def open(self) -> None:
        """Takes this host's copy of the journal; what the database has otherwise is put aside."""
        if self._shelf is None or not self.follows:
            return
        self._shelf.next_sequence()  # it must be there
        self._disk.make_directory(self._place.data)
        self._copy = JournalCopy(self._place.journal, disk=self._disk)
        found = compare(self._place.journal, self._database, disk=self._disk)
        if found.parted:
            self._copy.put_aside(found.common)
            self._put_snapshots_aside(found.common)
        elif found.ahead:
            self._unshared_from = found.common

    def turn(self) -> None:
        """Takes in what is new."""
        if self._copy is not None:
            self._check_unshared()
            self._copy.fill(self._database)
            self._copy.sync()
        if self._follower is not None:
            self._follower.follow()

    def fit(self) -> bool:
        """Whether it could lead now: whoever follows must have something to go on with, where there is anything."""
        if not self.follows:
            return True
        assert self._follower is not None, "who follows has a follower"
        return self._follower.sequence > 0 or not self._anything()

    def epoch_known(self) -> int:
        """The highest session that this process knows of."""
        followed = 0 if self._follower is None else self._follower.progress().epoch
        return max(self._place.last_epoch(self._disk), followed)

    def succeed(self) -> Warm | None:
        """Comes to the journal's end, and gives its copy back; returns what to go on with."""
        if self._copy is not None:
            self._check_unshared()
            while self._copy.fill(self._database):
                pass
        if self._follower is not None:
            self._follower.follow()
        self.close()
        if self._shelf is not None:
            self._catch_up()  # the medium may have lost what was copied
        return None if self._follower is None else self._follower.warm

    def close(self) -> None:
        if self._copy is not None:
            self._copy.close()
            self._copy = None

    def _check_unshared(self) -> None:
        """What is here and not in the database is kept until another leader's records come for its place."""
        if self._unshared_from is None or (self._database.next_sequence() or 0) <= self._unshared_from:
            return
        found = compare(self._place.journal, self._database, disk=self._disk)
        if found.parted:
            raise DeskError(f"another leader went on from record {found.common} without the records that are here")
        self._unshared_from = found.common if found.ahead else None

    def _anything(self) -> bool:
        if self._shelf is not None:
            return self._shelf.next_sequence() is not None
        return bool(read_mark(self._disk, self._place.journal))  # a first leader may have died before its first record

    def _catch_up(self) -> None:
        """Makes the journal here what the database has; one that parted is for a standby to put aside."""
        with JournalCopy(self._place.journal, disk=self._disk) as copy:
            found = compare(self._place.journal, self._database, disk=self._disk)
            if found.parted:
                raise DeskError(f"another process led this desk on from record {found.common}")
            if found.shared is not None and (found.own or 0) < found.shared:
                while copy.fill(self._database):
                    pass

    def _put_snapshots_aside(self, sequence: int) -> None:
        try:
            names = self._disk.names(self._place.snapshots)
        except FileNotFoundError:
            return
        for name in names:
            if name.endswith(".qds") and int(name.partition(".")[0]) > sequence:
                aside = self._place.snapshots / f"{name}.parted-{sequence}"
                self._disk.rename(self._place.snapshots / name, aside)
