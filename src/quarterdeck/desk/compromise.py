"""What is done when others may have the key that a desk pays with: locked, renewed, everything taken away.

Each step is written to logs/key-compromise.jsonl when it is done, without any key. The desk's own process keeps its
journal and goes on following the chain: what the rescue sends is not the desk's, which it will say.
"""

import getpass
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

import msgspec
from eth_account import Account
from eth_utils.address import is_checksum_address, to_checksum_address

from quarterdeck.config import DeskConfig
from quarterdeck.config.chain import Chain
from quarterdeck.config.credentials import CredentialsFile, credentials
from quarterdeck.config.secrets import identities
from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.wire import Command, Verb, ask
from quarterdeck.errors import ConfigError, DeskError
from quarterdeck.journal import rfc3339
from quarterdeck.venues.evm.access import Access
from quarterdeck.venues.evm.endpoints import Endpoint
from quarterdeck.venues.evm.rescue import Done, Rescue
from quarterdeck.venues.evm.universe import read_universe
from quarterdeck.venues.evm.wallet import KEY_VARIABLE, Wallet

__all__ = ["Compromise"]

NEW_NAME: Final = KEY_VARIABLE + "_NEW"
_RECORD: Final = "key-compromise.jsonl"
_FILE: Final = "evm-new.key"
Say = Callable[[str], object]


class Compromise:
    """One such case. ConfigError: the desk has no chain, no safe address, or its key is not here."""

    def __init__(self, config: DeskConfig, folder: Path | None, say: Say) -> None:
        venue = next((one for one in config.venues if one.kind == "evm"), None)
        if venue is None or venue.chain is None:
            raise ConfigError(config.file, "venues.kind", config.desk.name, 'a desk with a venue of kind "evm"')
        if venue.chain.safe_address is None:
            allowed = "an address whose key is elsewhere; `quarterdeck lock` stops the desk meanwhile"
            raise ConfigError(config.file, "venues.chain.safe_address", "(missing)", allowed)
        self.safe = _checked(config.file, venue.chain.safe_address)
        self._chain: Chain = venue.chain
        self._config, self._say = config, say
        self._place = DeskPlace(config.folder if folder is None else folder)
        self._addresses = [address for address in (venue.address, *venue.chain.endpoints) if address]
        self._wallet = Wallet.from_credentials(credentials(config))
        if self._wallet.address.lower() == self.safe.lower():
            raise ConfigError(
                config.file, "venues.chain.safe_address", self.safe, "another address than the desk's own"
            )

    def lock(self, why: str, person: str | None) -> None:
        """Locks the running desk; says so where none runs."""
        name = self._config.desk.name
        origin = f"{getpass.getuser()}@{socket.gethostname()}"
        command = Command(verb=Verb.LOCK, person=person, origin=origin, why=f"key compromised: {why}")
        try:
            ask(self._place.socket, name, command)
        except DeskError as error:
            self._record("lock", f"not locked: {error}")
        else:
            self._record("lock", f"desk {name} is locked")

    def renew(self, file: Path | None) -> None:
        """Makes a new account and keeps its key: in the desk's encrypted file, or in a file of its owner alone.

        One that was made before, when the command was given first, stays the new one.
        """
        own = self._config.folder / _FILE
        kept = CredentialsFile(self._config.folder) if file is None and identities() else None
        if file is None and (own.exists() or (kept is not None and NEW_NAME in kept.names())):
            place = own if kept is None else kept.path
            self._record("renew", f"the new account that was made before stays the new one; its key is in {place}")
            return
        account: Any = cast(Any, Account).create()
        key = "0x" + bytes(account.key).hex()
        if kept is not None:
            kept.set(NEW_NAME, key)
            where = f"{kept.path}, as {NEW_NAME}"
        else:
            where = str(own if file is None else file)
            _write_new(Path(where), key)
        self._record("renew", f"new account {account.address}; its key is in {where}")

    def rescue(self) -> bool:
        """Takes everything to the safe address; returns whether all of it went. ChainError: no node answers."""
        universe = read_universe(self._config.folder / self._chain.universe)
        if universe.chain_id != self._chain.chain_id:
            allowed = f"{self._chain.chain_id}, as desk.toml says"
            raise ConfigError(self._chain.universe, "chain_id", universe.chain_id, allowed)
        access = Access([Endpoint(f"http://{address}") for address in self._addresses], self._chain.chain_id)
        try:
            done = Rescue(access, self._wallet, universe, self.safe, told=self._told).run()
        finally:
            access.close()
        failed = sum(bool(one.problem) for one in done)
        if not done:
            self._record("rescue", "the account holds nothing")
        elif failed:
            self._record("rescue", f"{failed} of {len(done)} steps failed: give the command again")
        else:
            self._record("rescue", f"all {len(done)} steps are done; make the new account the executor's owner")
        return not failed

    def _told(self, done: Done) -> None:
        said = f"FAILED: {done.problem}" if done.problem else f"in block {done.block}"
        self._record(done.what, said, **msgspec.structs.asdict(done))

    def _record(self, step: str, said: str, **facts: Any) -> None:
        self._say(f"{step}: {said}")
        self._place.logs.mkdir(parents=True, exist_ok=True)
        line = {"time": rfc3339(time.time_ns()), "wallet": self._wallet.address, "step": step, "said": said, **facts}
        with (self._place.logs / _RECORD).open("ab") as out:
            out.write(msgspec.json.encode(line) + b"\n")
            out.flush()
            os.fsync(out.fileno())


def _checked(file: str, written: str) -> str:
    """An address with its checksum. ConfigError: it is written in both cases, with another checksum than its own."""
    digits = written[2:]
    if digits not in (digits.lower(), digits.upper()) and not is_checksum_address(written):
        allowed = "an address whose checksum is right: copy it again"
        raise ConfigError(file, "venues.chain.safe_address", written, allowed)
    return str(to_checksum_address(written))


def _write_new(path: Path, key: str) -> None:
    """A file that only its owner reads. ConfigError: it is there already."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise ConfigError("command", "--new-key", str(path), "a file that is not there yet") from None
    with os.fdopen(handle, "w", encoding="ascii") as out:
        out.write(key + "\n")
        out.flush()
        os.fsync(out.fileno())
