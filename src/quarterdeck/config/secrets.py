"""Reading secrets: from a file that only its owner may read, or from the environment; never from a command's words.

No error of this module says what it read.
"""

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast

import pyrage

from quarterdeck.errors import AuditError

__all__ = ["IDENTITY_FILE_VARIABLE", "IDENTITY_VARIABLE", "Identity", "identities", "open_sealed", "secret_text"]

IDENTITY_VARIABLE: Final = "QUARTERDECK_AGE_IDENTITY"
IDENTITY_FILE_VARIABLE: Final = "QUARTERDECK_AGE_IDENTITY_FILE"
SECRET_BYTES_MAX: Final = 64 * 1024
_AGE: Final = cast(Any, pyrage)  # it ships no types: this is the one place where they are left out
_SSH_BEGIN: Final = "-----BEGIN"

Identity = Any  # of pyrage: an x25519 or an ssh identity


def secret_text(path: Path) -> bytes:
    """Returns what a file of secrets holds. AuditError when others than its owner may read it, or it is not there."""
    try:
        with path.open("rb") as file:
            facts = os.fstat(file.fileno())
            if facts.st_uid not in (os.geteuid(), 0):
                raise AuditError(f"{path}: it belongs to another user: a secret is its owner's alone")
            if stat.S_IMODE(facts.st_mode) & 0o077:
                raise AuditError(f"{path}: others may read it (mode {stat.S_IMODE(facts.st_mode):04o}): chmod 600 it")
            return file.read(SECRET_BYTES_MAX)
    except OSError as error:
        raise AuditError(f"{path}: {error.strerror or 'it cannot be read'}; name a file with the secret") from None


def identities(path: Path | None = None) -> list[Identity]:
    """Returns the age identities in a file, or else those that the environment holds or names; empty where none are.

    AuditError names the file or variable whose text is no identity.
    """
    if path is not None:
        return _parsed(secret_text(path).decode(errors="replace"), str(path))
    text = os.environ.get(IDENTITY_VARIABLE)
    if text:
        return _parsed(text, IDENTITY_VARIABLE)
    named = os.environ.get(IDENTITY_FILE_VARIABLE)
    return identities(Path(named)) if named else []


def open_sealed(data: bytes, keys: Sequence[Identity], what: str) -> bytes:
    """Returns what an age file of a secret holds. AuditError when none of the identities opens it."""
    if not keys:
        raise AuditError(f"{what}: it is encrypted: name an identity by {IDENTITY_FILE_VARIABLE}")
    try:
        return cast(bytes, _AGE.decrypt(data, list(keys)))
    except _AGE.DecryptError as error:
        raise AuditError(f"{what}: none of the identities given opens it ({error})") from None


def _parsed(text: str, where: str) -> list[Identity]:
    try:
        if text.lstrip().startswith(_SSH_BEGIN):
            return [_AGE.ssh.Identity.from_buffer(text.encode())]
        words = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        found = [_AGE.x25519.Identity.from_str(word) for word in words]
    except _AGE.IdentityError:
        raise AuditError(f"{where}: it holds no age identity: lines of AGE-SECRET-KEY-1..., or an SSH key") from None
    if not found:
        raise AuditError(f"{where}: it holds no age identity: lines of AGE-SECRET-KEY-1..., or an SSH key")
    return found
