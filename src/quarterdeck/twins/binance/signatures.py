"""Who sent a request: the API key's format, its HMAC-SHA256 or Ed25519 signature, and its time.

What is signed is the query and the body as they were sent, one after the other, without the signature itself. A secret
that is an Ed25519 public key in PEM verifies such signatures; any other text is the key of the HMAC.
"""

import hashlib
import hmac
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, unquote, urlencode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from quarterdeck.twins.binance.accounts import Account
from quarterdeck.twins.binance.parameters import Parameters
from quarterdeck.twins.binance.refusals import Refused, missing

__all__ = ["check_signature", "check_time", "find_account", "sent_parameters", "signed_text", "signed_words"]

_KEY: Final = re.compile(r"^[A-Za-z0-9]{64}$")
_WINDOW_MS: Final = 5_000
_WINDOW_MS_MAX: Final = 60_000
_AHEAD_MS: Final = 1_000


def find_account(accounts: Mapping[str, Account], key: str) -> Account:
    """Returns whose key it is. Raises Refused."""
    if not _KEY.match(key):
        raise Refused(-2014, "API-key format invalid.", 401)
    account = accounts.get(key)
    if account is None:
        raise Refused(-2015, "Invalid API-key, IP, or permissions for action.", 401)
    return account


def sent_parameters(query: str, body: str) -> Parameters:
    """Returns the parameters of a request; of one that is sent twice, the query's. Raises Refused."""
    values: dict[str, str] = {}
    for text in (query, body):
        try:
            pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=200)
        except ValueError:
            raise Refused(-1101, "Too many parameters sent for this endpoint.") from None
        for name, value in pairs:
            values.setdefault(name, value)
    return Parameters(values)


def signed_text(query: str, body: str) -> str:
    """Returns what a REST signature is of."""
    return "".join(
        "&".join(part for part in text.split("&") if part and not part.startswith("signature="))
        for text in (query, body)
    )


def signed_words(values: Mapping[str, str]) -> tuple[str, str]:
    """Returns what a websocket request's signature may be of: its parameters by name, plain or encoded."""
    pairs = [(name, values[name]) for name in sorted(values) if name != "signature"]
    return "&".join(f"{name}={value}" for name, value in pairs), urlencode(pairs)


def check_signature(account: Account, signature: str, *texts: str) -> None:
    """Raises Refused where `signature` is not this account's of any of the texts."""
    if not signature:
        raise missing("signature")
    if not any(_matches(account.secret, text, signature) for text in texts):
        raise Refused(-1022, "Signature for this request is not valid.")


def _matches(secret: str, text: str, signature: str) -> bool:
    if not secret.startswith("-----BEGIN"):
        made = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        return hmac.compare_digest(made, signature.lower())
    key = load_pem_public_key(secret.encode())
    if not isinstance(key, Ed25519PublicKey):
        return False
    try:
        key.verify(b64decode(unquote(signature), validate=True), text.encode())
    except (InvalidSignature, Base64Error, ValueError):
        return False
    return True


def check_time(asked: Parameters, wall_ms: int) -> None:
    """Raises Refused where a request's time is outside of its window, by real time."""
    timestamp = asked.whole("timestamp")
    window = asked.number("recvWindow")
    window_ms = _WINDOW_MS if window is None else window
    if window_ms > _WINDOW_MS_MAX:
        raise Refused(-1131, "recvWindow must be less than 60000.")
    while timestamp > 10**14:  # microseconds are allowed, too
        timestamp //= 1_000
    if timestamp >= wall_ms + _AHEAD_MS:
        raise Refused(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if wall_ms - timestamp > window_ms:
        raise Refused(-1021, "Timestamp for this request is outside of the recvWindow.")
