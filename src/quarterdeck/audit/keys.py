"""The desk's signing key (Ed25519): made at its first use, kept for its owner's eyes, never shown.

By default it lies in data/keys/audit.key. Where it shall not lie beside what it signs, the environment gives it:
QUARTERDECK_AUDIT_KEY holds it, or QUARTERDECK_AUDIT_KEY_FILE names its file, which may be an age file.
"""

import base64
import binascii
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from quarterdeck.audit.files import DeskFiles
from quarterdeck.config.secrets import identities, open_sealed, secret_text
from quarterdeck.errors import AuditError

__all__ = [
    "KEY_FILE_VARIABLE",
    "KEY_VARIABLE",
    "SigningKey",
    "check_signature",
    "load_key",
    "obtain_key",
    "read_public_key",
    "trusted_keys",
]

KEY_VARIABLE: Final = "QUARTERDECK_AUDIT_KEY"
KEY_FILE_VARIABLE: Final = "QUARTERDECK_AUDIT_KEY_FILE"
_PREFIX: Final = "ed25519:"
_CONTEXT: Final = b"quarterdeck signed document\n"
_SIGNATURE: Final = "signature"
_PUBLIC: Final = "public_key"
_AGE_SUFFIX: Final = ".age"


class SigningKey:
    """A key that signs documents. It shows its public half and nothing else."""

    __slots__ = ("_private", "public")

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = _PREFIX + base64.b64encode(private.public_key().public_bytes_raw()).decode()

    def __repr__(self) -> str:
        return f"SigningKey({self.public})"

    def sign(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the document with the public key and the signature over all of it."""
        signed = {**document, _PUBLIC: self.public}
        signed[_SIGNATURE] = base64.b64encode(self._private.sign(_signed_bytes(signed))).decode()
        return signed


def check_signature(document: Mapping[str, Any], trusted: Iterable[str], what: str) -> None:
    """Raises AuditError, naming `what`, unless one of the trusted public keys signed this very document."""
    public, signature = document.get(_PUBLIC), document.get(_SIGNATURE)
    known = list(trusted)
    if not isinstance(public, str) or not isinstance(signature, str):
        raise AuditError(f"{what}: it is not signed")
    if public not in known:
        expected = " or ".join(known) or "none: no public key is known, give one with --public-key"
        raise AuditError(f"{what}: signed by the key {public[:80]}, not by {expected}")
    try:
        _public(public, what).verify(base64.b64decode(signature, validate=True), _signed_bytes(document))
    except (InvalidSignature, binascii.Error):
        raise AuditError(f"{what}: its signature does not fit: it was changed after it was signed") from None


def load_key(files: DeskFiles) -> SigningKey | None:
    """Returns the signing key from the environment or the desk's own file; None where there is none yet."""
    text = os.environ.get(KEY_VARIABLE)
    if text:
        return _private(text.encode(), KEY_VARIABLE)
    named = os.environ.get(KEY_FILE_VARIABLE)
    path = Path(named) if named else files.signing_key
    if not named and not path.exists():
        return None
    data = secret_text(path)
    if path.suffix == _AGE_SUFFIX:
        data = open_sealed(data, identities(), str(path))
    return _private(data, str(path))


def obtain_key(files: DeskFiles) -> tuple[SigningKey, bool]:
    """Returns the signing key, and whether it was made now. Its public half is added to data/keys/audit.pub."""
    key = load_key(files)
    made = key is None
    if key is None:
        key = _make_key(files)
    if key.public not in _own_public_keys(files):
        files.keys.mkdir(parents=True, exist_ok=True, mode=0o700)
        with files.public_key.open("a", encoding="ascii") as file:
            file.write(f"{key.public}\n")
    return key, made


def read_public_key(word: str) -> str:
    """Returns the public key that a person gives: itself, or a file that holds it. AuditError when it is neither."""
    text = word
    if not word.startswith(_PREFIX):
        try:
            text = Path(word).read_text(encoding="ascii", errors="replace").strip()
        except OSError as error:
            raise AuditError(f"public key {word}: {error.strerror}; give {_PREFIX}... or a file with it") from None
    _public(text, f"public key {word[:80]}")
    return text


def trusted_keys(files: DeskFiles, given: Iterable[str] = ()) -> list[str]:
    """Returns the public keys given, or else the desk's own, from its key or from its audit.pub; empty without any."""
    known = [read_public_key(word) for word in given]
    if known:
        return known
    if files.public_key.exists():
        return _own_public_keys(files)
    own = load_key(files)
    return [] if own is None else [own.public]


def _own_public_keys(files: DeskFiles) -> list[str]:
    """Returns the public keys in audit.pub, one a line: a desk may have had several."""
    try:
        lines = files.public_key.read_text(encoding="ascii", errors="replace").split()
    except FileNotFoundError:
        return []
    for line in lines:
        _public(line, str(files.public_key))
    return lines


def _signed_bytes(document: Mapping[str, Any]) -> bytes:
    unsigned = {key: value for key, value in document.items() if key != _SIGNATURE}
    return _CONTEXT + msgspec.json.encode(unsigned, order="deterministic")


def _public(text: str, what: str) -> Ed25519PublicKey:
    try:
        raw = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
        return Ed25519PublicKey.from_public_bytes(raw)
    except (ValueError, binascii.Error):
        raise AuditError(f"{what}: it is no public key: {_PREFIX} and 44 letters are expected") from None


def _private(data: bytes, where: str) -> SigningKey:
    try:
        key = load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise AuditError(f"{where}: it holds no private key in PEM that opens without a password") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise AuditError(f"{where}: its key is not of the kind Ed25519")
    return SigningKey(key)


def _make_key(files: DeskFiles) -> SigningKey:
    """Makes the desk's key. Two processes that do so at once end with the same: the first file stays."""
    files.keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    unfinished = files.signing_key.with_name(f"audit.key.{os.getpid()}.unfinished")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        files.signing_key.hardlink_to(unfinished)
    except FileExistsError:
        return _private(secret_text(files.signing_key), str(files.signing_key))
    finally:
        unfinished.unlink()
    return SigningKey(private)
