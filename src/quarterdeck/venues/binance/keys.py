"""The API key, and what its secret signs. The secret leaves this module in no form.

Both come from the environment: QUARTERDECK_BINANCE_KEY, and QUARTERDECK_BINANCE_SECRET or a file that is named by
QUARTERDECK_BINANCE_SECRET_FILE. Signing is the venue's documented HMAC SHA256 over the text of all parameters ("Request
security", its API documentation).
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from quarterdeck.errors import ConfigError

__all__ = ["KEY_VARIABLE", "SECRET_FILE_VARIABLE", "SECRET_VARIABLE", "ApiKey"]

KEY_VARIABLE: Final = "QUARTERDECK_BINANCE_KEY"
SECRET_VARIABLE: Final = "QUARTERDECK_BINANCE_SECRET"
SECRET_FILE_VARIABLE: Final = "QUARTERDECK_BINANCE_SECRET_FILE"
_SHORTEST: Final = 16
_LONGEST: Final = 256

Parameters = tuple[tuple[str, str | int], ...]


class ApiKey:
    """A key and its secret. Printing it shows neither."""

    __slots__ = ("__sign", "key")

    def __init__(self, key: str, secret: str) -> None:
        """Raises ConfigError, which repeats neither."""
        for name, value in ((KEY_VARIABLE, key), (SECRET_VARIABLE, secret)):
            if not (_SHORTEST <= len(value) <= _LONGEST and value.isascii() and value.isalnum()):
                allowed = f"{_SHORTEST} to {_LONGEST} letters and digits, as the venue gives them"
                raise ConfigError("environment", name, "(not shown)", allowed)
        self.key = key
        begun = hmac.new(secret.encode("ascii"), digestmod=hashlib.sha256)

        def sign(text: str) -> str:
            signature = begun.copy()
            signature.update(text.encode("utf-8"))
            return signature.hexdigest()

        self.__sign: Callable[[str], str] = sign

    def signed_query(self, parameters: Parameters) -> str:
        """Returns the parameters as a query with their signature at its end."""
        text = urlencode(parameters)
        return f"{text}&signature={self.__sign(text)}"

    def signed_message(self, parameters: Mapping[str, str | int]) -> dict[str, str | int]:
        """Returns a websocket request's parameters with the key and the signature: that is over the sorted names."""
        whole = dict(sorted({**parameters, "apiKey": self.key}.items()))
        return {**whole, "signature": self.__sign("&".join(f"{name}={value}" for name, value in whole.items()))}

    def __repr__(self) -> str:
        return "ApiKey(not shown)"

    def __reduce__(self) -> Any:
        raise TypeError("an API key is not copied or stored: it holds a secret")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "ApiKey":
        """Reads key and secret. Raises ConfigError when one is missing, or its file is readable by others."""
        secret, file = environment.get(SECRET_VARIABLE, ""), environment.get(SECRET_FILE_VARIABLE, "")
        if bool(secret) == bool(file):
            allowed = f"set either it or {SECRET_FILE_VARIABLE}, the secret of a key that may trade and not withdraw"
            raise ConfigError("environment", SECRET_VARIABLE, "(not shown)", allowed)
        return cls(environment.get(KEY_VARIABLE, "").strip(), (secret or _read_secret(Path(file))).strip())


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
