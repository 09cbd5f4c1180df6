"""Tokens and session secrets: how they are made, what of them may be known, and what is too weak to be one.

qdt_4f1c09ab22_hK3...                  a token: its id, which lists and records show, and 256 random bits
qds_...                                the same for a session
"""

import base64
import hashlib
import hmac
import re
import secrets
from typing import Final

from quarterdeck.errors import OpsError

__all__ = [
    "OFFERED_MAX",
    "SESSION",
    "TOKEN",
    "check_name",
    "digest_of",
    "id_of",
    "is_session",
    "new_secret",
    "plain",
    "same_digest",
    "shown",
    "weakness",
]

TOKEN: Final = "qdt"
SESSION: Final = "qds"
OFFERED_MAX: Final = 512
_RANDOM_BYTES: Final = 32
_OWN: Final = re.compile(r"(qd[ts])_([0-9a-f]{10})_[A-Za-z0-9_-]{43}")
_LOOKS_SECRET: Final = re.compile(r"qd[ts]_[0-9a-f]{10}_\S*|[A-Za-z0-9+/_=-]{40,}|\$argon2\S*")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_FOREIGN_MIN: Final = 32
_DISTINCT_MIN: Final = 8
_DEFAULTS: Final = (
    "changeme",
    "change-me",
    "change_me",
    "token",
    "secret",
    "password",
    "passw0rd",
    "default",
    "admin",
    "test",
    "example",
    "letmein",
    "your-token-here",
    "your_token_here",
    "ops-token",
    "ops_token",
    "placeholder",
    "123456",
)


def new_secret(kind: str) -> tuple[str, str]:
    """Returns (secret, id) with 256 random bits in the secret; `kind` is TOKEN or SESSION."""
    token_id = f"{kind}_{secrets.token_hex(5)}"
    random = base64.urlsafe_b64encode(secrets.token_bytes(_RANDOM_BYTES)).rstrip(b"=").decode()
    return f"{token_id}_{random}", token_id


def id_of(secret: str) -> str:
    """The id of what was offered: written in it, or for one that we did not make, a short hash of it."""
    own = _OWN.fullmatch(secret)
    return f"{own[1]}_{own[2]}" if own else f"ext_{hashlib.sha256(b'id of ' + secret.encode()).hexdigest()[:10]}"


def is_session(token_id: str) -> bool:
    return token_id.startswith(SESSION)


def digest_of(secret: str) -> str:
    """SHA-256 in hex: enough for 256 random bits, which nobody can try out."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def same_digest(offered: str, stored: str) -> bool:
    """Compares two digests in a time that says nothing of where they differ."""
    return hmac.compare_digest(offered.encode(), stored.encode())


def weakness(secret: str) -> str | None:
    """What is wrong with a token that we did not make; None: nothing. It never repeats the token."""
    bare = secret.strip()
    folded = bare.casefold().strip("\"'<>[]{}$ ")
    faults = (
        (not bare, "it is empty"),
        (folded in _DEFAULTS or any(folded.strip("0123456789!-_.") == word for word in _DEFAULTS), "it is a default"),
        (not bare.isascii() or not bare.isprintable() or " " in bare, "it has spaces or odd characters"),
        (len(bare) > OFFERED_MAX, f"it is longer than {OFFERED_MAX} characters"),
        (len(bare) < _FOREIGN_MIN, f"it is shorter than {_FOREIGN_MIN} characters"),
        (len(set(bare)) < _DISTINCT_MIN, f"it has fewer than {_DISTINCT_MIN} different characters"),
    )
    return next((said for wrong, said in faults if wrong), None)


def plain(text: str) -> bool:
    """Whether a text from outside can be an id or a name at all: a database is not asked for anything else."""
    return text.isascii() and text.isprintable()


def check_name(name: str, what: str) -> str:
    """Returns the name of a person or a desk. OpsError where it cannot be one; what looks secret is not repeated."""
    if not _NAME.fullmatch(name) or _LOOKS_SECRET.search(name):
        raise OpsError(f"{what}: a name is 1 to 64 letters, digits and . _ @ -, and begins with a letter or digit")
    return name


def shown(text: str, length: int = 120) -> str:
    """A text from outside as records may hold it: short, printable, and without what looks like a secret."""
    plain = "".join(letter if letter.isprintable() else "?" for letter in text[: length * 2])
    return _LOOKS_SECRET.sub("[not shown]", plain)[:length]
