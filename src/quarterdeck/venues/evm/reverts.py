"""Why a transaction reverted, in one sentence for people.

A revert carries bytes: `Error(string)`, `Panic(uint256)`, a custom error, or nothing. Protocols put short codes into
the string; those that a swap or a flash loan can meet are named here. The bytes come from the node's own trace of the
transaction where it offers one, else from a replay of the call on the state in front of its block.

Sources: Solidity's documentation ("Panic via assert and Error via require"), `contracts/executor.vy`, Balancer V2's
`BalancerErrors`, Aave V3's `Errors`, the `require` texts of Uniswap's v2-core and v3-core.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from quarterdeck.errors import RpcRefused
from quarterdeck.venues.evm.access import Access
from quarterdeck.venues.evm.receipts import Receipt

__all__ = ["GAS_MAY_SAY", "Reason", "explain", "explain_halt", "out_of_gas", "refused", "why"]

_SENTENCES: Final[Mapping[tuple[str, tuple[str, ...]], str]] = {
    ("WrongPremium", ("uint256", "uint256")): "the lender asked a premium of {0}, the proof had reckoned with {1}",
    (
        "StepPaidTooLittle",
        ("uint256", "uint256", "uint256"),
    ): "swap {step} paid {1}, less than its minimum {2}: the pool moved after the proof",
    (
        "WrongTransfer",
        ("address", "uint256", "uint256"),
    ): "a transfer of token {0} moved {1} where it should have moved {2}: the token keeps a part, or lies",
    ("ProfitTooSmall", ("int256", "uint256")): "it would have earned {0}, the minimum was {1}",
    ("WrongAmountAsked", ("int256", "uint256")): "a pool asked for {0} where {1} went in: it cannot take all of it",
}
_CUSTOM: Final = {
    keccak(text=f"{name}({','.join(types)})")[:4]: (name, types, sentence)
    for (name, types), sentence in _SENTENCES.items()
}
_ERROR: Final = keccak(text="Error(string)")[:4]
_PANIC: Final = keccak(text="Panic(uint256)")[:4]
_PANICS: Final = {
    0x01: "an assertion failed",
    0x11: "a number overflowed or fell below zero",
    0x12: "a division by zero",
    0x21: "a number that is none of an enumeration",
    0x22: "a storage array that is badly encoded",
    0x31: "an empty array was shortened",
    0x32: "a place outside of an array",
    0x41: "too much memory was asked for",
    0x51: "a function was called that is not set",
}
_TEXTS: Final = {
    "UniswapV2: K": "the pair got less than its product needs",
    "UniswapV2: LOCKED": "the pair is in the middle of a swap or a loan",
    "UniswapV2: INSUFFICIENT_LIQUIDITY": "the pair has less than was asked of it",
    "UniswapV2: INSUFFICIENT_INPUT_AMOUNT": "nothing came to the pair",
    "UniswapV2: INSUFFICIENT_OUTPUT_AMOUNT": "nothing was asked of the pair",
    "UniswapV2: OVERFLOW": "the pair's reserves would exceed 112 bits",
    "UniswapV2: TRANSFER_FAILED": "the pair could not pay out its token",
    "LOK": "the Uniswap V3 pool is in the middle of a swap or a loan, or has no price yet",
    "AS": "nothing was swapped in the Uniswap V3 pool",
    "SPL": "the Uniswap V3 pool's price is beyond the limit",
    "IIA": "the Uniswap V3 pool was paid too little",
    "L": "the Uniswap V3 pool has no liquidity to lend",
    "F0": "the first token's loan was not paid back to the Uniswap V3 pool",
    "F1": "the second token's loan was not paid back to the Uniswap V3 pool",
    "TF": "the Uniswap V3 pool could not pay out its token",
    "BAL#304": "more than 30 % of the Balancer pool would go in",
    "BAL#305": "more than 30 % of the Balancer pool would come out",
    "BAL#321": "the Balancer pool's invariant does not converge",
    "BAL#322": "the Balancer pool's balance does not converge",
    "BAL#400": "the Vault is in the middle of a swap or a loan: it cannot lend for a swap in itself",
    "BAL#402": "the Balancer pool or the Vault is paused",
    "BAL#406": "a balance at the Vault is too small",
    "BAL#407": "an allowance of the Vault is too small",
    "BAL#500": "the Vault knows no pool of that identity",
    "BAL#507": "the Balancer pool paid less than the step's minimum: it moved after the proof",
    "BAL#508": "the swap came too late for the Vault",
    "BAL#509": "a token would be swapped for itself",
    "BAL#515": "the Vault had less after its loan than before",
    "BAL#521": "the Balancer pool has no such token",
    "BAL#528": "the Vault has less than was borrowed",
    "BAL#602": "the loan's fee was not paid to the Vault",
    "13": "Aave did not like the executor's answer",
    "26": "Aave was asked for nothing",
    "27": "Aave's reserve of the token is not active",
    "28": "Aave's reserve of the token is frozen",
    "29": "Aave's reserve of the token is paused",
    "49": "the words of Aave's loan do not agree",
    "91": "Aave lends this token no flash loans",
}
_OUT_OF_GAS: Final = re.compile(
    r"out\s*of\s*gas|gas required exceeds|intrinsic gas too low|CallGasCostMoreThanGasLimit", re.IGNORECASE
)
_MACHINE: Final = {
    "LackOfFundForMaxFee": "the account cannot pay for all of its gas",
    "GasPriceLessThanBasefee": "it offers less than the base fee of the block",
    "CallerGasLimitMoreThanBlock": "it asks for more gas than a block has",
    "NonceTooLow": "its nonce was used already",
}
_SHOWN_CHARACTERS: Final = 200
GAS_MAY_SAY: Final = frozenset({"", "Error", "OutOfGas"})
"""Names of reasons behind which may be a call inside that had too little gas: its caller sees it fail, not why."""
_NOT_OFFERED: Final = frozenset({-32601, -32600, -32000, -32004})  # no such method here, under its several names


@dataclass(frozen=True, slots=True)
class Reason:
    """`name` and `values` of the error, for machines; `text`, one sentence, for people."""

    name: str
    values: tuple[Any, ...]
    text: str

    def __str__(self) -> str:
        return self.text


def explain(data: bytes) -> Reason:
    """What the bytes of a revert say."""
    if not data:
        return Reason("", (), "reverted without a word: a failed assertion, an overflow, or a call to no contract")
    selector, rest = data[:4], data[4:]
    try:
        if selector == _ERROR:
            return _said(str(decode(["string"], rest, strict=False)[0]))
        if selector == _PANIC:
            code = int(decode(["uint256"], rest)[0])
            return Reason("Panic", (code,), f"{_PANICS.get(code, 'a panic of its compiler')} (panic 0x{code:02x})")
        if selector in _CUSTOM:
            name, types, sentence = _CUSTOM[selector]
            values = tuple(decode(list(types), rest))
            step = int(values[0]) + 1 if name == "StepPaidTooLittle" else 0
            return Reason(name, values, f"{sentence.format(*values, step=step)} ({name})")
    except (DecodingError, UnicodeDecodeError):
        return Reason("", (data.hex(),), f"reverted with words that cannot be read: 0x{data.hex()[:_SHOWN_CHARACTERS]}")
    shown = data.hex()
    return Reason(f"0x{shown[:8]}", (shown,), f"an error that is not known here: 0x{shown[:_SHOWN_CHARACTERS]}")


def explain_halt(words: str) -> Reason:
    """What the machine's own words say, where no contract spoke: out of gas, mostly."""
    words = " ".join(words.split())[:_SHOWN_CHARACTERS]
    if _OUT_OF_GAS.search(words):
        return Reason("OutOfGas", (), f"it ran out of gas ({words})")
    for name, meaning in _MACHINE.items():
        if name in words:
            return Reason(name, (), f"{meaning} ({name})")
    return Reason("Halt", (words,), f"the machine stopped: {words}")


def out_of_gas(limit: int) -> Reason:
    """It had so much gas, and that was too little."""
    return Reason("OutOfGas", (), f"it ran out of gas: {limit} were too few")


def why(access: Access, receipt: Receipt) -> Reason:
    """Why a transaction failed, by its receipt.

    Asks for the node's trace; where it offers none, replays the call on the state in front of its block. That state
    may differ from what the transaction met, when others stood before it in the block; then that is said.
    """
    name = receipt.hash
    sent = cast("dict[str, Any]", access.ask("eth_getTransactionByHash", [name]))
    try:
        trace = cast("dict[str, Any]", access.ask("debug_traceTransaction", [name, {"tracer": "callTracer"}]))
    except RpcRefused as error:
        if error.code not in _NOT_OFFERED:
            raise
        return _replayed(access, sent, receipt)
    reason = explain(bytes.fromhex(str(trace.get("output") or "0x").removeprefix("0x")))
    if reason.name not in GAS_MAY_SAY:
        return reason
    if _used_up(sent, receipt) or _ran_dry(trace):
        return out_of_gas(int(str(sent["gas"]), 16))
    if reason.name:
        return reason
    said = str(trace.get("error", ""))
    return explain(b"") if not said or "revert" in said.lower() else explain_halt(said)


def _used_up(sent: Mapping[str, Any], receipt: Receipt) -> bool:
    return receipt.gas_used >= int(str(sent["gas"]), 16)


def _ran_dry(trace: Mapping[str, Any]) -> bool:
    """Whether gas ended in a call, or in one that it made: what calls it sees a revert without a word."""
    inner: list[Mapping[str, Any]] = trace.get("calls") or []
    return bool(_OUT_OF_GAS.search(str(trace.get("error", "")))) or any(map(_ran_dry, inner))


def _replayed(access: Access, sent: Mapping[str, Any], receipt: Receipt) -> Reason:
    call = {key: sent[key] for key in ("from", "to", "value", "gas") if sent.get(key) is not None}
    call["data"] = sent.get("input", "0x")
    if _used_up(sent, receipt):
        return out_of_gas(int(str(sent["gas"]), 16))
    try:
        access.ask("eth_call", [call, hex(receipt.block - 1)])
    except RpcRefused as error:
        reason = refused(error)
        if reason.name not in GAS_MAY_SAY or _again(access, call, receipt.block - 1) == reason:
            return reason
        return out_of_gas(int(str(sent["gas"]), 16))
    return Reason(
        "Moved", (), "it would have run on the state in front of its block: somebody before it in the block moved that"
    )


def _again(access: Access, call: Mapping[str, Any], block: int) -> Reason | None:
    """Why it fails with as much gas as the node gives; None: it does not."""
    try:
        access.ask("eth_call", [{key: value for key, value in call.items() if key != "gas"}, hex(block)])
    except RpcRefused as error:
        return refused(error)
    return None


def refused(error: RpcRefused) -> Reason:
    """What a node's refusal to run a call says."""
    data = error.data
    if isinstance(data, Mapping):
        data = cast("Mapping[str, Any]", data).get("data")
    if isinstance(data, str) and re.fullmatch(r"0x([0-9a-fA-F]{2})+", data):
        return explain(bytes.fromhex(data[2:]))
    words = error.message
    return explain(b"") if words.strip().lower() in {"execution reverted", "revert"} else explain_halt(words)


def _said(text: str) -> Reason:
    known: Callable[[str], str | None] = _TEXTS.get
    meaning = known(text) or known(text.split(" ", 1)[0] if text.startswith("BAL#") else text)
    shown = text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + ".."
    return Reason("Error", (text,), f"{meaning} ({shown})" if meaning else f"{shown or 'an error without words'}")
