"""What must not stand in a log: values that are known to be credentials, and texts that look like one.

    Redactor({"ALPACA_SECRET_KEY": value}).line(fields)     {"error": "... <ALPACA_SECRET_KEY> ..."}

Whatever is found is replaced by its kind. The last resort and not the first: nothing logs a secret on purpose.
"""

import math
import os
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, TypeAlias, cast
from urllib.parse import quote

import msgspec

__all__ = ["Redactor", "environment_secrets", "rendered"]

_Fields: TypeAlias = dict[str, object]

_KNOWN_MIN: Final = 8  # characters: shorter ones would be found in words
_SECRET_NAME: Final = re.compile(r"(?:KEY|SECRET|TOKEN|PASSWORD|PASSPHRASE|IDENTITY|MNEMONIC|CREDENTIALS?)(?:_ID)?$")
_URL_SECRET: Final = re.compile(r"://[^:/@\s]*:([^@/\s]+)@")
# A field of such a name is replaced whole; one of the other names holds hashes, which look like keys.
_SECRET_FIELD: Final = re.compile(
    r"(?:^|[_-])(?:private[_-]?key|api[_-]?key|secret(?:[_-]?key)?|password|passphrase|mnemonic|seed[_-]phrase"
    r"|authorization|cookie|token)$",
    re.IGNORECASE,
)
_HASH_FIELD: Final = re.compile(r"(?:^|_)(?:digest|hash|chain|sha256|source_hash|transaction_hash|cloid)$")
_KINDS: Final = (
    (
        "private key",
        re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.S),
    ),
    ("age identity", re.compile(r"AGE-SECRET-KEY-1[A-Z0-9]+", re.IGNORECASE)),
    (
        "authorization header",
        re.compile(
            r"(?i:(?<![\w-])(?:proxy-)?authorization|(?<![\w-])x-ops-token|(?<![\w-])x-api-key|(?<![\w-])(?:set-)?cookie"
            r"|(?<![\w-])apca-api-(?:secret-key|key-id)|(?<![\w-])x-mbx-apikey)"
            r"[\"']?\s*[:=]\s*[\"']?(?:(?i:bearer|basic|token|digest)\s+)?[^\s\"',;]+"
        ),
    ),
    ("authorization header", re.compile(r"\b(?i:bearer|basic)\s+[\w.~+/=-]{8,}")),
    ("password", re.compile(r"(?<=://)[^:/@\s]*:[^@/\s]+(?=@)")),
    (
        "secret",
        re.compile(
            r"\b(?i:password|passphrase|secret[_-]?key|api[_-]?key|private[_-]?key|api[_-]?secret|access[_-]?token)"
            r"[\"']?\s*[:=]\s*[\"']?[^\s\"',;&]{4,}"
        ),
    ),
    ("token", re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")),
    ("token", re.compile(r"\b(?:sk-[\w-]{16,}|gh[opsu]_\w{20,}|xox[abps]-[\w-]{10,}|\d{8,10}:[\w-]{35}\b)")),
    ("key", re.compile(r"\b(?:AKIA|ASIA|PK|AK|CK)[A-Z0-9]{16,24}\b")),
)
_HEX_KEY: Final = re.compile(r"(?<![0-9A-Za-z])(?:0x)?[0-9a-fA-F]{64}(?![0-9A-Za-z])")
_HASH_BEFORE: Final = re.compile(
    r"(?:digests?|hash(?:es)?|sha-?256|chain|state|source)(?: (?:is|of|are))?\W{0,3}\Z", re.IGNORECASE
)
_LONG: Final = re.compile(r"(?<![\w/.-])[A-Za-z0-9_\-]{32,}={0,2}(?![\w/-])")
# A line with none of these words, no known value and no long word is written as it is: a search of microseconds.
_SUSPICIOUS: Final = (
    *("-----begin", "@", "eyj", "sk-", "xox", "authorization", "bearer", "basic ", "basic\\", "token", "secret"),
    *("passw", "passphrase", "api_key", "api-key", "apikey", "private_key", "private-key", "privatekey", "cookie"),
    *("mnemonic", "seed_phrase", "seed-phrase", "apca-api"),
)
_LONGISH: Final = 18  # characters
_SPACED: Final = {code: " " for code in range(128) if not (chr(code).isalnum() or chr(code) in "_-")}
_KEY_BEGINS: Final = ("AKIA", "ASIA", "PK", "AK", "CK", "gh", "AGE-")
_WORD_MIN: Final = 32
_ENTROPY_MIN: Final = 4.0  # bits in each character: above what words, counters and dates have


def rendered(fields: Mapping[str, object]) -> str:
    """The fields as one line of JSON."""
    return msgspec.json.encode(fields).decode()


def environment_secrets(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Returns what the environment holds by names that credentials have, and the passwords in its URLs."""
    found = {name: value for name, value in environment.items() if _SECRET_NAME.search(name)}
    for name, value in environment.items():
        inside = _URL_SECRET.search(value)
        if inside is not None:
            found[f"password in {name}"] = inside[1]
    return found


class Redactor:
    """Knows credentials by their names and values. `line` is what a log may hold of some fields."""

    def __init__(self, secrets: Mapping[str, str] | None = None) -> None:
        self._kinds: dict[str, str] = {}  # by the value, in lower case
        self._known = re.compile(r"(?!)")
        self._suspicious: tuple[str, ...] = _SUSPICIOUS
        self.learn(secrets or {})

    def learn(self, secrets: Mapping[str, str]) -> None:
        """Adds credentials: by name, the value. Those of a few characters are not searched for."""
        for name, value in secrets.items():
            bare = value.strip()
            spellings = {
                bare,
                bare.removeprefix("0x"),
                quote(bare, safe=""),
                rendered({"": bare})[5:-2],
                *bare.split("\n"),
            }
            for spelling in spellings:
                if len(spelling) >= _KNOWN_MIN:
                    self._kinds[spelling.lower()] = name
        if self._kinds:
            longest_first = sorted(self._kinds, key=len, reverse=True)
            words = "|".join(map(re.escape, longest_first))
            self._known = re.compile(words, re.IGNORECASE)
            self._suspicious = (*_SUSPICIOUS, *self._kinds)

    def line(self, fields: Mapping[str, object]) -> str:
        """The fields as one line of JSON, without secrets. What has nothing suspicious costs one search."""
        raw = rendered(fields)
        return rendered(self.fields(fields)) if self._suspects(raw) else raw

    def fields(self, fields: Mapping[str, object]) -> _Fields:
        """The same fields without secrets, at any depth."""
        return {self.text(key): self._value(key, value) for key, value in fields.items()}

    def text(self, text: str) -> str:
        """The same text without secrets."""
        text = self._known.sub(lambda found: f"<{self._kinds[found[0].lower()]}>", text)
        for kind, pattern in _KINDS:
            text = pattern.sub(f"<{kind}>", text)
        text = _HEX_KEY.sub(lambda found: _hex_kind(text, found), text)
        return _LONG.sub(_token_kind, text)

    def _suspects(self, raw: str) -> bool:
        lower = raw.lower()
        for word in self._suspicious:
            if word in lower:
                return True
        words = raw.translate(_SPACED).split()
        if len(max(words, key=len)) < _LONGISH:  # the usual line
            return False
        return any(len(word) >= (_LONGISH if word.startswith(_KEY_BEGINS) else _WORD_MIN) for word in words)

    def _value(self, key: str, value: object) -> object:
        if isinstance(value, Mapping):
            return self.fields(cast("Mapping[str, object]", value))
        if _SECRET_FIELD.search(key) and value not in (None, "", False, True):
            return f"<{key}>"
        if isinstance(value, str):
            if _HASH_FIELD.search(key) and _HEX_KEY.fullmatch(value):
                return self._known.sub(lambda found: f"<{self._kinds[found[0].lower()]}>", value)
            return self.text(value)
        if isinstance(value, list | tuple | set | frozenset):
            return [self._value(key, item) for item in cast("list[object]", value)]
        plain: Any = msgspec.to_builtins(value, str_keys=True)
        return plain if plain is None or isinstance(plain, bool | int | float) else self._value(key, plain)


def _hex_kind(text: str, found: "re.Match[str]") -> str:
    """64 hexadecimal digits are a private key, unless the words before them say that they are a hash."""
    return found[0] if _HASH_BEFORE.search(text[max(0, found.start() - 24) : found.start()]) else "<private key>"


def _token_kind(found: "re.Match[str]") -> str:
    """A long word is a token when its characters are too mixed for anything that people or programs name."""
    word = found[0]
    mixed = any(map(str.isupper, word)) and any(map(str.islower, word)) and any(map(str.isdigit, word))
    counts = Counter(word)
    bits = -sum(count / len(word) * math.log2(count / len(word)) for count in counts.values())
    return "<token>" if mixed and bits >= _ENTROPY_MIN else word
