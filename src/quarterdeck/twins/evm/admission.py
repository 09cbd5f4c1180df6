"""What a node does not take in: geth's checks of a raw transaction, in its order and words."""

from quarterdeck.twins.evm.machine import BLOCK_GAS_MAX
from quarterdeck.twins.evm.refusals import Refused
from quarterdeck.twins.evm.transactions import Transaction, intrinsic_gas

__all__ = ["check_form", "check_state"]


def check_form(sent: Transaction, chain_id: int, base_fee_wei: int) -> None:
    """What the transaction itself says. Raises Refused."""
    if sent.chain_id is None:
        raise Refused("only replay-protected (EIP-155) transactions allowed over RPC")
    if sent.chain_id != chain_id:
        raise Refused(f"invalid sender: invalid chain id for signer: have {sent.chain_id} want {chain_id}")
    if sent.gas > BLOCK_GAS_MAX:
        raise Refused("exceeds block gas limit")
    if sent.priority_fee_wei > sent.max_fee_wei:
        raise Refused("max priority fee per gas higher than max fee per gas")
    needed = intrinsic_gas(sent.data, sent.to is None, sent.access)
    if sent.gas < needed:
        raise Refused(f"intrinsic gas too low: gas {sent.gas}, minimum needed {needed}")
    if sent.max_fee_wei < base_fee_wei:
        raise Refused(
            f"max fee per gas less than block base fee: address {sent.sender}, "
            f"maxFeePerGas: {sent.max_fee_wei}, baseFee: {base_fee_wei}"
        )


def check_state(sent: Transaction, nonce: int, balance: int, waiting: int) -> None:
    """What its sender has. `waiting`: what his other transactions in the pool may cost. Raises Refused."""
    if sent.nonce < nonce:
        raise Refused(f"nonce too low: next nonce {nonce}, tx nonce {sent.nonce}")
    if balance < sent.cost:
        raise Refused(
            f"insufficient funds for gas * price + value: balance {balance}, tx cost {sent.cost}, "
            f"overshot {sent.cost - balance}"
        )
    if balance < sent.cost + waiting:
        raise Refused(
            f"insufficient funds for gas * price + value: balance {balance}, queued cost {waiting}, "
            f"tx cost {sent.cost}, overshot {sent.cost + waiting - balance}"
        )
