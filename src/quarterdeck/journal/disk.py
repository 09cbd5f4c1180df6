"""Every call of the journal to the operating system, behind one small protocol.

`OperatingSystemDisk` is the real one. A simulated or faulty disk implements the same methods and is passed wherever a
`disk` is asked for; nothing else in this room touches a file. Every method may raise OSError.
"""

import fcntl
import mmap
import os
from pathlib import Path
from typing import Final, Protocol

__all__ = ["OS_DISK", "Disk", "OperatingSystemDisk"]

CREATE_MODE: Final = 0o640
READ_CHUNK: Final = 1 << 24
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


class Disk(Protocol):
    """What the journal needs of a disk. A handle is a number that `open` or `create` gave."""

    def create(self, path: Path) -> int:
        """Makes a new file for writing. FileExistsError when there is one."""
        ...

    def open(self, path: Path) -> int:
        """Opens a file that exists, for writing."""
        ...

    def close(self, handle: int) -> None: ...

    def write(self, handle: int, data: memoryview, offset: int) -> int:
        """Hands bytes to the operating system at an offset; returns how many it took, which may be fewer."""
        ...

    def datasync(self, handle: int) -> None:
        """Returns when the file's bytes and size are on the medium."""
        ...

    def truncate(self, handle: int, size: int) -> None: ...

    def allocate(self, handle: int, size: int) -> None:
        """Reserves real blocks for `size` bytes."""
        ...

    def read(self, path: Path) -> bytes:
        """Returns a copy of the whole file as it is now."""
        ...

    def read_from(self, path: Path, offset: int) -> bytes:
        """Returns a copy of a file from `offset` to its end as it is now; b"" when it ends before."""
        ...

    def map(self, path: Path) -> memoryview:
        """Returns a read-only view of a file that nobody will shorten."""
        ...

    def share(self, path: Path, size: int) -> memoryview:
        """Returns the first `size` bytes of a file, made when it is not there, for writing: readers see each store."""
        ...

    def life(self) -> bytes:
        """Returns a name of the operating system's present life, at most 64 bytes; what was not synced dies with it."""
        ...

    def names(self, directory: Path) -> list[str]:
        """Returns the names in a directory, sorted."""
        ...

    def rename(self, source: Path, target: Path) -> None: ...

    def remove(self, path: Path) -> None: ...

    def make_directory(self, directory: Path) -> None:
        """Makes a directory and its parents; one that exists is left as it is."""
        ...

    def sync_directory(self, directory: Path) -> None:
        """Returns when the directory's names are on the medium."""
        ...

    def free_bytes(self, directory: Path) -> int:
        """Returns how many bytes an ordinary process can still write there."""
        ...

    def lock(self, path: Path) -> int | None:
        """Takes the exclusive lock of a lock file and returns its handle; None when another holds it."""
        ...

    def unlock(self, handle: int) -> None: ...


class OperatingSystemDisk:
    """The machine's own disk."""

    def create(self, path: Path) -> int:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, CREATE_MODE)

    def open(self, path: Path) -> int:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def close(self, handle: int) -> None:
        os.close(handle)

    def write(self, handle: int, data: memoryview, offset: int) -> int:
        return os.pwrite(handle, data, offset)

    def datasync(self, handle: int) -> None:
        os.fdatasync(handle)

    def truncate(self, handle: int, size: int) -> None:
        os.ftruncate(handle, size)

    def allocate(self, handle: int, size: int) -> None:
        os.posix_fallocate(handle, 0, size)

    def read(self, path: Path) -> bytes:
        return path.read_bytes()

    def read_from(self, path: Path, offset: int) -> bytes:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.pread(handle, max(0, os.fstat(handle).st_size - offset), offset)
        finally:
            os.close(handle)

    def map(self, path: Path) -> memoryview:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if os.fstat(handle).st_size == 0:  # an empty file cannot be mapped
                return memoryview(b"")
            return memoryview(mmap.mmap(handle, 0, access=mmap.ACCESS_READ))
        finally:
            os.close(handle)

    def share(self, path: Path, size: int) -> memoryview:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, CREATE_MODE)
        try:
            os.posix_fallocate(handle, 0, size)  # a store into a hole of a full disk would end us
            return memoryview(mmap.mmap(handle, size))
        finally:
            os.close(handle)

    def life(self) -> bytes:
        return _BOOT.read_bytes().strip()

    def names(self, directory: Path) -> list[str]:
        return sorted(path.name for path in directory.iterdir())

    def rename(self, source: Path, target: Path) -> None:
        source.replace(target)

    def remove(self, path: Path) -> None:
        path.unlink()

    def make_directory(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)

    def sync_directory(self, directory: Path) -> None:
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def free_bytes(self, directory: Path) -> int:
        facts = os.statvfs(directory)
        return facts.f_bavail * facts.f_frsize

    def lock(self, path: Path) -> int | None:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, CREATE_MODE)
        try:
            # flock and not lockf: it also holds between two writers of one process, and closing another handle of the
            # same file does not let it go.
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        except OSError:
            os.close(handle)
            raise
        return handle

    def unlock(self, handle: int) -> None:
        os.close(handle)


OS_DISK: Final = OperatingSystemDisk()
