"""What is stored: bytes compressed by zstd, then encrypted by age to the recipients, where there are any."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, cast

import pyrage
import zstandard

from quarterdeck.config.backup import Backup
from quarterdeck.config.secrets import Identity
from quarterdeck.errors import BackupError, ConfigError

__all__ = ["SUFFIX", "SUFFIX_SEALED", "Recipients", "recipients_of", "unwrap", "wrap"]

SUFFIX: Final = ".zst"
SUFFIX_SEALED: Final = ".zst.age"
_LEVEL: Final = 3
_CHUNK: Final = 1 << 20
_AGE: Final = cast(Any, pyrage)  # it ships no types
Write = Callable[[bytes], object]


class Recipients:
    """Who can open what is wrapped; nobody in particular when `words` is empty. Public keys only."""

    def __init__(self, words: Sequence[str], where: str) -> None:
        self.words = tuple(sorted(set(words)))
        self.keys = [_recipient(word, where) for word in self.words]

    @property
    def suffix(self) -> str:
        """What the name of a wrapped file ends with."""
        return SUFFIX_SEALED if self.keys else SUFFIX


class _Source:
    """Bytes in memory, as a file that is read once."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._place = 0

    def read(self, size: int = -1) -> bytes:
        stop = len(self._data) if size < 0 else self._place + size
        part = bytes(self._data[self._place : stop])
        self._place += len(part)
        return part


class _Sink:
    """A file that hands what is written to a function, and keeps that function's failure: pyrage does not."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self.failure: BaseException | None = None

    def write(self, data: bytes) -> int:
        try:
            self._write(data)
        except BaseException as error:
            self.failure = error
            raise
        return len(data)

    def flush(self) -> None:
        """Everything is handed on at once."""


def recipients_of(settings: Backup, folder: Path, file: str) -> Recipients:
    """Returns the recipients that [backup] names. ConfigError when it does not say who can open the backups."""
    words = list(settings.recipients)
    if settings.recipients_file is not None:
        path = folder / settings.recipients_file
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError as error:
            allowed = f"a file of public keys ({error.strerror})"
            raise ConfigError(file, "backup.recipients_file", settings.recipients_file, allowed) from None
        words += [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not words and not settings.unencrypted:
        allowed = "at least one public key of age (or backup.unencrypted = true): no backup is made before that"
        raise ConfigError(file, "backup.recipients", list(settings.recipients), allowed)
    return Recipients(words, file)


def wrap(data: memoryview, recipients: Recipients, write: Write) -> None:
    """Hands the wrapped bytes to `write`, part by part; what `write` raises is raised."""
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
    reader = compressor.stream_reader(cast(Any, _Source(data)), size=len(data), read_size=_CHUNK)
    if not recipients.keys:
        while part := reader.read(_CHUNK):
            write(part)
        return
    sink = _Sink(write)
    try:
        _AGE.encrypt_io(reader, sink, recipients.keys)
    except _AGE.EncryptError as error:
        raise sink.failure or BackupError(f"encryption failed: {error}") from None


def unwrap(data: memoryview, sealed: bool, identities: Sequence[Identity], write: Write, what: str) -> None:
    """Hands the bytes inside to `write`, part by part. BackupError names `what` when they cannot be had."""
    inflate = zstandard.ZstdDecompressor().decompressobj(read_across_frames=False)
    sink = _Sink(lambda part: write(inflate.decompress(part)))
    try:
        if sealed:
            _open(data, identities, sink, what)
        else:
            for start in range(0, len(data), _CHUNK):
                sink.write(bytes(data[start : start + _CHUNK]))
    except zstandard.ZstdError as error:
        raise BackupError(f"{what}: it cannot be unpacked: {error}") from None
    if not inflate.eof:
        raise BackupError(f"{what}: it cannot be unpacked: it is cut off")


def _open(data: memoryview, identities: Sequence[Identity], sink: _Sink, what: str) -> None:
    if not identities:
        raise BackupError(f"{what}: it is encrypted: name the identity's file with --identity")
    try:
        _AGE.decrypt_io(_Source(data), sink, list(identities))
    except (_AGE.DecryptError, OSError) as error:
        raise sink.failure or BackupError(f"{what}: none of the identities given opens it ({error})") from None


def _recipient(word: str, where: str) -> Any:
    kind = _AGE.ssh if word.startswith("ssh-") else _AGE.x25519
    try:
        return kind.Recipient.from_str(word)
    except _AGE.RecipientError:
        raise ConfigError(
            where, "backup.recipients", word[:80], "public keys of age: age1..., ssh-ed25519 ..."
        ) from None
