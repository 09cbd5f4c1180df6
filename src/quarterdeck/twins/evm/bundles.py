"""Private transactions: eth_sendBundle and eth_callBundle, signed by X-Flashbots-Signature as that relay asks.

The signature is of the text of the body's Keccak hash in hex, as a personal message (EIP-191), by any key: it says who
sends, not who pays. The header is ADDRESS:SIGNATURE.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from eth_account import Account
from eth_account.messages import encode_defunct
from eth_keys.exceptions import BadSignature
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

from quarterdeck.twins.evm.chain import Bundle, Chain
from quarterdeck.twins.evm.machine import Ran, Scene
from quarterdeck.twins.evm.refusals import INVALID_PARAMS, INVALID_REQUEST, Refused, bytes_of, number_of, reverted
from quarterdeck.twins.evm.transactions import decoded

__all__ = ["BUNDLE_METHODS", "call_bundle", "check_signature", "send_bundle"]

BUNDLE_METHODS: Final = frozenset({"eth_sendBundle", "eth_callBundle"})
_TRANSACTIONS_MAX: Final = 100
_SIGNATURE_BYTES: Final = 65
_LAST_S: Final = 2**63


def check_signature(header: str, body: bytes) -> None:
    """Refused where the header is missing, or is not the signature of this body by its address."""
    if not header:
        raise Refused("no flashbots signature: header X-Flashbots-Signature is missing", INVALID_REQUEST)
    address, _, signature = header.partition(":")
    try:
        signed = bytes_of(signature, "X-Flashbots-Signature", _SIGNATURE_BYTES)
        message = encode_defunct(text=f"0x{keccak(body).hex()}")
        signer = cast(str, Account.recover_message(message, signature=signed))
    except (Refused, ValueError, BadSignature, ValidationError) as error:
        raise Refused("invalid flashbots signature", INVALID_REQUEST) from error
    if signer.lower() != address.lower():
        raise Refused("invalid flashbots signature: it is not of the address that it names", INVALID_REQUEST)


def send_bundle(chain: Chain, words: Sequence[Any]) -> dict[str, str]:
    """Keeps a bundle for its block. Raises Refused."""
    bundle = _read(words, chain.chain_id)
    chain.admit_bundle(bundle)
    return {"bundleHash": bundle.hash}


def call_bundle(chain: Chain, words: Sequence[Any]) -> dict[str, Any]:
    """What a bundle would do at the top of the next block; nothing happens. Raises Refused."""
    bundle = _read(words, chain.chain_id)
    machine = chain.machine
    with chain.on_next():
        scene = chain.next_scene()
        before = machine.balance(scene.miner)
        done = chain.run_together(bundle, scene)
        earned = machine.balance(scene.miner) - before
    if len(done) < len(bundle.transactions) and (not done or done[-1].success):
        failing = bundle.transactions[len(done)]
        raise Refused(f"err: nonce, balance or fee of {failing.hash} does not fit the state of the next block")
    gas = sum(ran.gas_used for ran in done)
    return {
        "bundleHash": bundle.hash,
        "bundleGasPrice": str(earned // gas if gas else 0),
        "coinbaseDiff": str(earned),
        "ethSentToCoinbase": "0",
        "gasFees": str(earned),
        "results": [_result(bundle, place, ran, scene) for place, ran in enumerate(done)],
        "stateBlockNumber": scene.number - 1,
        "totalGasUsed": gas,
    }


def _result(bundle: Bundle, place: int, ran: Ran, scene: Scene) -> dict[str, Any]:
    sent = bundle.transactions[place]
    tip = sent.tip(scene.base_fee_wei)
    shown: dict[str, Any] = {
        "txHash": sent.hash,
        "fromAddress": to_checksum_address(sent.sender),
        "toAddress": to_checksum_address(sent.to) if sent.to else None,
        "gasUsed": ran.gas_used,
        "gasPrice": str(tip),
        "gasFees": str(tip * ran.gas_used),
        "coinbaseDiff": str(tip * ran.gas_used),
        "ethSentToCoinbase": "0",
    }
    if ran.success:
        return shown | {"value": f"0x{ran.output.hex()}"}
    said = reverted(ran.output)
    return shown | {"error": ran.halt or "execution reverted", "revert": said.message.partition(": ")[2] or said.data}


def _read(words: Sequence[Any], chain_id: int) -> Bundle:
    if not words or not isinstance(words[0], dict):
        raise Refused("missing value for required argument 0", INVALID_PARAMS)
    asked = cast(Mapping[str, Any], words[0])
    listed = asked.get("txs")
    if not isinstance(listed, list) or not 0 < len(cast(list[Any], listed)) <= _TRANSACTIONS_MAX:
        raise Refused(f"txs: 1 to {_TRANSACTIONS_MAX} signed transactions are wanted", INVALID_PARAMS)
    sent = tuple(decoded(bytes_of(one, "txs")) for one in cast(list[Any], listed))
    for one in sent:
        if one.chain_id != chain_id:
            raise Refused(f"invalid sender: invalid chain id for signer: have {one.chain_id} want {chain_id}")
    reverting = cast(object, asked.get("revertingTxHashes") or [])
    times = (asked.get("minTimestamp") or 0, asked.get("maxTimestamp") or _LAST_S)
    if not isinstance(reverting, list) or not all(isinstance(one, int) for one in times):
        raise Refused(
            "revertingTxHashes is a list of hashes, minTimestamp and maxTimestamp are numbers", INVALID_PARAMS
        )
    return Bundle(
        sent,
        number_of(asked.get("blockNumber"), "blockNumber"),
        frozenset(str(digest).lower() for digest in cast(list[object], reverting)),
        *times,
    )
