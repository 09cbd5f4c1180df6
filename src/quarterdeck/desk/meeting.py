"""Where a leader and its standbys meet: the register of the lease, and a word from each standby.

`FileMeeting` is a file in the desk's own folder, for processes of one host or of one file system. The database's is in
`shelf`. Nothing here reads a clock but to give up waiting for a lock.
"""

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

import msgspec

from quarterdeck.desk.lease import LeaseStore, Term
from quarterdeck.errors import StoreUnreachable

__all__ = ["LEASE_FILE", "FileMeeting", "Meeting"]

LEASE_FILE: Final = "lease.json"
_PATIENCE_S: Final = 1.0
_LOOK_S: Final = 0.005


class Meeting(LeaseStore, Protocol):
    """A lease's store in which standbys are seen as well."""

    def say(self, desk: str, holder: str, word: str) -> None:
        """Leaves a standby's word in the place of its last one. StoreUnreachable as in the other calls."""
        ...

    def heard(self, desk: str) -> dict[str, str]:
        """Returns each standby's last word."""
        ...

    def leave(self, desk: str, holder: str) -> None:
        """Takes a standby's word away."""
        ...

    def close(self) -> None: ...


class _Page(msgspec.Struct, frozen=True):
    """What the file holds."""

    term: Term | None = None
    standbys: dict[str, str] = {}


class FileMeeting:
    """One desk's register in a file of `directory`: replaced whole, on the medium before a write returns."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / LEASE_FILE
        self._lock = directory / f"{LEASE_FILE}.lock"

    def read(self, desk: str) -> Term | None:
        return self._page(desk).term

    def write(self, desk: str, before: Term | None, after: Term) -> bool:
        with self._alone():
            page = self._page(desk)
            if page.term != before:
                return False
            self._keep(msgspec.structs.replace(page, term=after))
        return True

    def say(self, desk: str, holder: str, word: str) -> None:
        with self._alone():
            page = self._page(desk)
            self._keep(msgspec.structs.replace(page, standbys={**page.standbys, holder: word}), sync=False)

    def heard(self, desk: str) -> dict[str, str]:
        return self._page(desk).standbys

    def leave(self, desk: str, holder: str) -> None:
        with self._alone():
            page = self._page(desk)
            others = {name: word for name, word in page.standbys.items() if name != holder}
            self._keep(msgspec.structs.replace(page, standbys=others), sync=False)

    def close(self) -> None:
        """Nothing stays open between two calls."""

    def _page(self, desk: str) -> _Page:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Page)
        except FileNotFoundError:
            return _Page()
        except (OSError, msgspec.MsgspecError) as error:
            raise StoreUnreachable(f"{self._path}: the lease of desk {desk} cannot be read ({error})") from error

    def _keep(self, page: _Page, *, sync: bool = True) -> None:
        unfinished = self._path.with_suffix(".unfinished")
        try:
            with unfinished.open("wb") as file:
                file.write(msgspec.json.encode(page))
                file.flush()
                if sync:
                    os.fsync(file.fileno())
            unfinished.replace(self._path)
            if sync:
                _sync_directory(self._path.parent)
        except OSError as error:
            raise StoreUnreachable(f"{self._path}: the lease cannot be written ({error})") from error

    @contextmanager
    def _alone(self) -> Generator[None]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise StoreUnreachable(f"{self._lock}: {error.strerror}") from error
        try:
            self._wait_for(handle)
            yield
        finally:
            os.close(handle)

    def _wait_for(self, handle: int) -> None:
        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise StoreUnreachable(f"{self._lock}: another process has held it for {_PATIENCE_S:g} s") from None
                time.sleep(_LOOK_S)
            else:
                return


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
