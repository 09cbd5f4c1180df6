"""The credentials of a desk: from the environment, or from a file encrypted by age that only its identity opens.

    quarterdeck keys set DESK HYPERLIQUID_PRIVATE_KEY      the value is read from standard input, never from the words

A credential is looked up by the name of its variable: first in the environment, then in `credentials.age` in the desk's
folder. The identity that opens the file comes from the environment itself (`config.secrets`). No error, no text and no
representation of anything here shows a value.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

import msgspec
import pyrage

from quarterdeck.config.desk import DeskConfig
from quarterdeck.config.secrets import IDENTITY_FILE_VARIABLE, identities, open_sealed, secret_text
from quarterdeck.errors import AuditError, ConfigError

__all__ = ["CREDENTIALS_FILE", "Credentials", "CredentialsFile", "check_name", "credentials"]

CREDENTIALS_FILE: Final = "credentials.age"
_AGE: Final = cast(Any, pyrage)  # it ships no types
_FILE: Final = "_FILE"
_NAME_MAX: Final = 64
_VALUE_MAX: Final = 16 * 1024
_CAPITALS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


def check_name(name: str) -> str:
    """Returns the name of a credential. ConfigError when it is none: it is a variable's, such as ALPACA_KEY_ID."""
    if not 3 <= len(name) <= _NAME_MAX or not set(name) <= _CAPITALS or not name[0].isalpha():
        allowed = f"the name of a variable: capitals, digits and _, 3 to {_NAME_MAX} of them, a letter first"
        raise ConfigError("command", "name", name[:_NAME_MAX], allowed)
    return name


class CredentialsFile:
    """The file of one desk. Every call reads it anew; AuditError where the identity is missing or does not open it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / CREDENTIALS_FILE

    def names(self) -> list[str]:
        """Returns the names that it holds, sorted; none where there is no file."""
        return sorted(self.read())

    def set(self, name: str, value: str) -> None:
        """Puts a credential into the file, in place of what it held by that name. ConfigError: the value cannot be."""
        check_name(name)
        if not value or len(value) > _VALUE_MAX or not value.isprintable():
            allowed = f"1 to {_VALUE_MAX} printable characters on one line"
            raise ConfigError("standard input", name, "(not shown)", allowed)
        self._write({**self.read(), name: value})

    def remove(self, name: str) -> None:
        """Takes a credential out. ConfigError names those there are."""
        values = self.read()
        if name not in values:
            raise ConfigError(str(self.path), "name", name[:_NAME_MAX], f"one of {', '.join(sorted(values)) or 'none'}")
        del values[name]
        self._write(values)

    def read(self) -> dict[str, str]:
        """Returns everything it holds; nothing where there is no file."""
        if not self.path.exists():
            return {}
        opened = open_sealed(secret_text(self.path), identities(), str(self.path))
        try:
            return msgspec.json.decode(opened, type=dict[str, str])
        except msgspec.DecodeError:
            raise AuditError(f"{self.path}: what is in it is no table of credentials") from None

    def _write(self, values: dict[str, str]) -> None:
        """Encrypts to the identity that opens it. It is whole on the medium, or as it was."""
        recipients = [_public_half(one) for one in identities()]
        if not recipients:
            raise AuditError(f"{self.path}: no identity to encrypt it to: name one by {IDENTITY_FILE_VARIABLE}")
        sealed: bytes = _AGE.encrypt(msgspec.json.encode(values), recipients)
        unfinished = self.path.with_name(f"{self.path.name}.{os.getpid()}.unfinished")
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(sealed)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self.path)


def _public_half(identity: Any) -> Any:
    try:
        return identity.to_public()
    except AttributeError:
        problem = "an SSH key does not say whom to encrypt to"
        raise AuditError(f"the age identity: {problem}: use one of age-keygen, by {IDENTITY_FILE_VARIABLE}") from None


class Credentials(Mapping[str, str]):
    """What the environment says, and behind it the desk's file, which is opened when something is looked up in it.

    A secret may be given as X, or as X_FILE, which names a file that holds it: where the environment has either of the
    two, the desk's file is asked for neither.
    """

    __slots__ = ("_environment", "_file", "_opened")

    def __init__(self, environment: Mapping[str, str], file: CredentialsFile) -> None:
        self._environment, self._file = environment, file
        self._opened: dict[str, str] | None = None

    def __getitem__(self, name: str) -> str:
        if self._environment.get(name):
            return self._environment[name]
        twin = name.removesuffix(_FILE) if name.endswith(_FILE) else name + _FILE
        if self._environment.get(twin):
            raise KeyError(name)
        return self._kept()[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._environment, **self._kept()})

    def __len__(self) -> int:
        return len({**self._environment, **self._kept()})

    def __repr__(self) -> str:
        return f"Credentials({self._file.path})"

    def __reduce__(self) -> Any:
        raise TypeError("credentials are not copied or stored")

    def _kept(self) -> dict[str, str]:
        if self._opened is None:
            self._opened = self._file.read()
        return self._opened


def credentials(config: DeskConfig) -> Credentials:
    """Returns the desk's credentials by their names, as a mapping that stands where the environment stood."""
    return Credentials(os.environ, CredentialsFile(config.folder))
