"""The people who trade on the twin's chain: after each block some of them send what the next one may take in.

Small trades all the time; now and then a large one that leaves its pair out of line with its twin at the other factory;
and people who bring a pair back to its worth, some blocks later, where nobody else did. One of them only computes:
so much that the base fee stays near an anchor. Everything is drawn from the seed and from what the pairs hold.
"""

import math
import random
from dataclasses import dataclass
from typing import Any, Final, cast

from eth_account import Account
from eth_utils.crypto import keccak

from quarterdeck.twins.evm.chain import Chain
from quarterdeck.twins.evm.machine import BLOCK_GAS_MAX
from quarterdeck.twins.evm.market import Market, Pair, call_data
from quarterdeck.twins.evm.transactions import decoded

__all__ = ["Flow", "trader_addresses"]

_TRADERS: Final = 6
_GWEI: Final = 10**9
_SWAP_GAS: Final = 250_000
_CROWD_GAS: Final = 60_000
_CROWD_SHARE_MAX: Final = 0.7  # of a block: the rest is room for others
_ANCHOR_WEI: Final = 12 * _GWEI
_DRIFT: Final = 0.0004  # of a token's worth, one standard deviation in a block
_LARGE_CHANCE: Final = 0.4
_LARGE: Final = (0.004, 0.012)  # of a pair's reserve; its price moves twice as much
_SMALL: Final = (0.0001, 0.001)
_SMALL_MOST: Final = 2
_OUT_OF_LINE: Final = 0.008
_BACK_CHANCE: Final = 0.25


@dataclass(frozen=True, slots=True)
class _Trader:
    """One of them. The keys come from the seed, for anybody to know: they hold nobody's money."""

    key: bytes
    address: str


def _traders(seed: int) -> list[_Trader]:
    keys = [keccak(text=f"quarterdeck twin trader {seed} {number}") for number in range(_TRADERS)]
    return [_Trader(key, _address(key)) for key in keys]


def trader_addresses(seed: int) -> tuple[str, ...]:
    """Who trades on the chain of this seed."""
    return tuple(one.address for one in _traders(seed))


class Flow:
    """The traders of one chain."""

    def __init__(self, chain: Chain, market: Market, seed: int) -> None:
        self._chain, self._market = chain, market
        self._chance = random.Random(f"flow {seed}")
        self._traders = _traders(seed)
        self._worth = {symbol: token.dollars for symbol, token in market.tokens.items()}
        self._turn = 0

    def send(self) -> None:
        """Sends what these people want from the next block."""
        chance = self._chance
        self._chain.stand(self._chain.head.number)
        for symbol in self._worth:
            if symbol not in {"USDC", "DAI"}:
                self._worth[symbol] *= math.exp(chance.gauss(0.0, _DRIFT))
        for _ in range(chance.randint(0, _SMALL_MOST)):
            self._swap(chance.choice(self._market.pairs), chance.random() < 0.5, chance.uniform(*_SMALL))
        if chance.random() < _LARGE_CHANCE:
            self._swap(chance.choice(self._market.pairs), chance.random() < 0.5, chance.uniform(*_LARGE))
        for pair in self._market.pairs:
            if chance.random() < _BACK_CHANCE:
                self._bring_back(pair)
        self._compute()

    def _bring_back(self, pair: Pair) -> None:
        held, other = self._market.reserves(self._chain.machine, pair)
        worth = [self._worth[token.symbol] / 10**token.decimals for token in (pair.first, pair.second)]
        aim = math.sqrt(held * other * worth[1] / worth[0])  # what it holds of the first where its price is fair
        away = aim / held - 1.0
        if abs(away) * 2 > _OUT_OF_LINE:
            share = away if away > 0 else math.sqrt(held * other * worth[0] / worth[1]) / other - 1.0
            self._swap(pair, away > 0, share * self._chance.uniform(0.5, 1.0))

    def _swap(self, pair: Pair, first_in: bool, share: float) -> None:
        held = self._market.reserves(self._chain.machine, pair)[0 if first_in else 1]
        token = pair.first if first_in else pair.second
        amount = int(held * share)
        if amount > 0:
            data = call_data("swap(address,address,uint256,uint256)", pair.address, token.address, amount, 0)
            self._send(self._market.router, data, _SWAP_GAS, int(self._chance.uniform(0.02, 2.0) * _GWEI))

    def _compute(self) -> None:
        """More where gas is cheap, less where it is dear, as people do."""
        dear = self._chain.base_fee_wei / _ANCHOR_WEI
        share = min(_CROWD_SHARE_MAX, max(0.0, 0.5 * (2.0 - dear) + self._chance.gauss(0.0, 0.08)))
        gas = int(BLOCK_GAS_MAX * share)
        if gas > _CROWD_GAS:
            self._send(self._market.crowd, call_data("compute(uint256)", gas - _CROWD_GAS), gas, _GWEI // 100)

    def _send(self, to: str, data: bytes, gas: int, tip_wei: int) -> None:
        chain, trader = self._chain, self._traders[self._turn % len(self._traders)]
        self._turn += 1
        nonce = chain.pool.next_nonce(trader.address, chain.machine.nonce(trader.address))
        words: dict[str, Any] = {
            "type": 2,
            "chainId": chain.chain_id,
            "nonce": nonce,
            "to": bytes.fromhex(to[2:]),
            "value": 0,
            "data": data,
            "gas": gas,
            "maxPriorityFeePerGas": tip_wei,
            "maxFeePerGas": chain.base_fee_wei * 4 + tip_wei,
        }
        signed = Account.sign_transaction(words, trader.key)
        chain.admit(decoded(bytes(signed.raw_transaction)))


def _address(key: bytes) -> str:
    return cast(str, Account.from_key(key).address).lower()
