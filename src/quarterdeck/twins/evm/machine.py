"""pyrevm with what it leaves to others: nonces, fees, halts as results, and the way back over whole blocks.

pyrevm keeps one journal for ever. A mark in it is a way back; nonces and what is set by hand are not in the journal,
and are put back by hand. What a question loads is taken back too, so that questions change no later gas.

One thing is not as on a real chain: storage that a transaction has touched stays warm in the journal. So gas of
contracts that were used before is below what it would be there, never above.
"""

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from pyrevm import EVM, AccountInfo, BlockEnv, CfgEnv, Env, JournalCheckpoint

__all__ = ["BLOCK_GAS_MAX", "CALL_GAS_MAX", "Log", "Machine", "Ran", "Scene"]

BLOCK_GAS_MAX: Final = 6_000_000
CALL_GAS_MAX: Final = 50_000_000  # as geth's RPC
_NOBODY: Final = "0x" + "00" * 20
_PADDING: Final = bytes(33)  # so that its last instruction never reads beyond the end
_REVERTED: Final = re.compile(r"^Revert \{ gas_used: (\d+), output: 0x([0-9a-f]*) \}$")
_HALTED: Final = re.compile(r"^Halt \{ reason: (.+), gas_used: (\d+) \}$")
_BEFORE: Final = re.compile(r"^Initial gas spend is (\d+)")
_HALTS: Final = {
    "OutOfGas": "out of gas",
    "InvalidFEOpcode": "invalid opcode: INVALID",
    "CallTooDeep": "max call depth exceeded",
}


@dataclass(frozen=True, slots=True)
class Log:
    """What a contract said."""

    address: str
    topics: tuple[str, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Ran:
    """How a transaction ended. `halt`: why it ended without a word of the contract; then all its gas is gone."""

    success: bool
    gas_used: int
    output: bytes
    logs: tuple[Log, ...] = ()
    created: str | None = None
    halt: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """The block that code sees around it."""

    number: int
    time_s: int
    base_fee_wei: int
    miner: str


class Machine:
    """One EVM at one moment. Addresses are lower case."""

    def __init__(self, chain_id: int) -> None:
        self._evm = EVM(env=Env(cfg=CfgEnv(chain_id=chain_id)), gas_limit=CALL_GAS_MAX, spec_id="CANCUN")
        self._nonces: dict[str, int] = {}
        self._put_back: dict[str, bytes] = {}  # codes that `codes` has exchanged: these show no padding
        self._marks: list[tuple[JournalCheckpoint, dict[str, int]]] = []

    def look(self, scene: Scene) -> None:
        """Puts a block around what runs next."""
        self._evm.set_block_env(
            BlockEnv(
                number=scene.number, timestamp=scene.time_s, basefee=scene.base_fee_wei, coinbase=scene.miner,
                gas_limit=BLOCK_GAS_MAX,
            )
        )  # fmt: skip

    # The way back.

    @property
    def marks(self) -> int:
        """How many steps back there are."""
        return len(self._marks)

    def mark(self) -> None:
        """Makes this moment one that `back` leads to."""
        self._marks.append((self._evm.snapshot(), {}))

    def back(self) -> None:
        """Returns to the newest mark and takes it away."""
        checkpoint, before = self._marks.pop()
        self._evm.revert(checkpoint)
        self._nonces |= before

    def forget(self) -> None:
        """Takes the oldest mark away: there is no way back to it any more."""
        assert self._marks
        del self._marks[0]
        self._evm.commit()  # which only makes the journal one step less deep

    @contextmanager
    def trying(self) -> Generator[None]:
        """What happens inside did not happen."""
        self.mark()
        try:
            yield
        finally:
            self.back()

    # Reading. Nothing stays loaded that was not.

    def nonce(self, address: str) -> int:
        if address in self._nonces:
            return self._nonces[address]
        with self._loading():
            return int(self._evm.basic(address).nonce)

    def balance(self, address: str) -> int:
        with self._loading():
            return int(self._evm.get_balance(address))

    def code(self, address: str) -> bytes:
        with self._loading():
            padded = bytes(self._evm.get_code(address) or b"")
        if not padded or address in self._put_back:
            return self._put_back[address] if padded else b""
        assert padded.endswith(_PADDING), "pyrevm shows code with its padding"
        return padded[: -len(_PADDING)]

    def storage(self, address: str, slot: int) -> int:
        with self._loading():
            return int(self._evm.storage(address, slot))

    @contextmanager
    def _loading(self) -> Generator[None]:
        checkpoint = self._evm.snapshot()
        try:
            yield
        finally:
            self._evm.revert(checkpoint)

    # Changing.

    def give(self, address: str, wei: int) -> None:
        """Sets a balance; only before the first mark, since there is no way back from it."""
        assert not self._marks
        self._evm.set_balance(address, wei)

    def set_nonce(self, address: str, nonce: int) -> None:
        if self._marks:
            self._marks[-1][1].setdefault(address, self.nonce(address))
        self._nonces[address] = nonce

    @contextmanager
    def codes(self, codes: Mapping[str, bytes]) -> Generator[None]:
        """Other code at these addresses, for the time of a question."""
        kept = {address: (self.nonce(address), self.code(address), self.balance(address)) for address in codes}
        try:
            for address, code in codes.items():
                self._put(address, kept[address][0], code, kept[address][2])
            yield
        finally:
            for address, (nonce, code, balance) in kept.items():
                self._put(address, nonce, code, balance)
                self._put_back[address] = code

    def _put(self, address: str, nonce: int, code: bytes, balance: int) -> None:
        self._evm.insert_account_info(address, AccountInfo(nonce=nonce, code=code))
        self._evm.set_balance(address, balance)

    def call(
        self, sender: str, to: str | None, data: bytes, *, value: int = 0, gas: int = CALL_GAS_MAX, price_wei: int = 0
    ) -> Ran:
        """Runs code; `to` None makes a contract. No fee is taken and no nonce counted."""
        evm, created = self._evm, None
        try:
            if to is None:
                self.set_nonce(sender, self.nonce(sender))  # as it is now: pyrevm raises its own
                self._put(sender, self.nonce(sender), b"", self.balance(sender))
                created = evm.deploy(sender, data, value, gas).lower()  # pyright: ignore[reportUnknownMemberType] # an unused argument has no type
                self._put_back.pop(created, None)
                output = self.code(created)
            else:
                output = bytes(evm.message_call(sender, to, data, value, gas, price_wei))
        except RuntimeError as error:
            return _failed(str(error), gas)
        finally:
            evm.reset_transient_storage()
        result = evm.result
        assert result is not None
        logs = tuple(Log(one.address.lower(), tuple(one.topics), bytes(one.data[1])) for one in result.logs)
        return Ran(True, int(result.gas_used), output, logs, created)

    def pay(self, payer: str, miner: str, gas: int, price_wei: int, tip_wei: int) -> None:
        """Takes a fee: the tip of it is the miner's, the base fee goes to nobody.

        As payments, since these are in the journal; a balance that is set by hand would not be taken back.
        """
        for receiver, wei in ((miner, gas * tip_wei), (_NOBODY, gas * (price_wei - tip_wei))):
            if wei:
                self._evm.message_call(payer, receiver, value=wei)


def _failed(words: str, gas: int) -> Ran:
    """What pyrevm says by an error. What is none of a contract's ends is raised again."""
    if found := _REVERTED.match(words):
        return Ran(False, int(found[1]), bytes.fromhex(found[2]))
    if found := _HALTED.match(words):
        reason = found[1].split("(", 1)[0]
        return Ran(False, int(found[2]), b"", halt=_HALTS.get(reason, reason))
    if _BEFORE.match(words):
        return Ran(False, gas, b"", halt="intrinsic gas too low")
    if "LackOfFundForMaxFee" in words:
        return Ran(False, gas, b"", halt="insufficient funds for gas * price + value")
    raise RuntimeError(words)
