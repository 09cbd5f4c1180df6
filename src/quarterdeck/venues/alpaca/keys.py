"""The API key and its secret. Both come from the environment and leave this module in the requests alone.

ALPACA_API_KEY, and ALPACA_SECRET_KEY or a file of mode 600 named by ALPACA_SECRET_KEY_FILE: the names that the desk's
runbook gives. A key of the trading API cannot withdraw: the API has no call that moves money out of an account.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from quarterdeck.errors import ConfigError

__all__ = ["KEY_VARIABLE", "SECRET_FILE_VARIABLE", "SECRET_VARIABLE", "Keys"]

KEY_VARIABLE: Final = "ALPACA_API_KEY"
SECRET_VARIABLE: Final = "ALPACA_SECRET_KEY"
SECRET_FILE_VARIABLE: Final = "ALPACA_SECRET_KEY_FILE"
_LENGTH_MAX: Final = 256

T = TypeVar("T")


class Keys:
    """A key and its secret. Printing them shows neither."""

    __slots__ = ("__lend",)

    def __init__(self, key: str, secret: str) -> None:
        """Raises ConfigError, which does not repeat them: each is one line of ASCII."""
        for name, text in ((KEY_VARIABLE, key), (SECRET_VARIABLE, secret)):
            if not 0 < len(text) <= _LENGTH_MAX or not all(" " <= letter <= "~" for letter in text):
                raise ConfigError("environment", name, "(not shown)", "a key as the venue shows it, on one line")

        def lend(use: Callable[[str, str], Any]) -> Any:
            return use(key, secret)

        self.__lend = lend

    def lend(self, use: Callable[[str, str], T]) -> T:
        """Returns what `use` makes of the key and the secret."""
        return self.__lend(use)

    def __repr__(self) -> str:
        return "Keys(not shown)"

    def __reduce__(self) -> Any:
        raise TypeError("keys are not copied or stored")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Keys":
        """Reads them. Raises ConfigError when one is missing, or its file is readable by others than its owner."""
        key = environment.get(KEY_VARIABLE, "").strip()
        secret, file = environment.get(SECRET_VARIABLE, ""), environment.get(SECRET_FILE_VARIABLE, "")
        if bool(secret) == bool(file):
            raise ConfigError(
                "environment", SECRET_VARIABLE, "(not shown)", f"set either it or {SECRET_FILE_VARIABLE}, not both"
            )
        return cls(key, (secret or _read_secret(Path(file))).strip())


def _read_secret(path: Path) -> str:
    try:
        if path.stat().st_mode & 0o077:
            allowed = "a file of mode 600: others can read it"
            raise ConfigError("environment", SECRET_FILE_VARIABLE, str(path), allowed)
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        allowed = f"a readable file that holds a secret: {reason}"
        raise ConfigError("environment", SECRET_FILE_VARIABLE, str(path), allowed) from None
