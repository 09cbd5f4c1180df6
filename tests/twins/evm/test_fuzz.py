"""What is tested: whatever happens to `quarterdeck.twins.evm.chain` keeps its books, and whatever is asked of
`quarterdeck.twins.evm.questions` is answered or refused, and changes nothing.
"""

import contextlib
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from quarterdeck.twins.evm.chain import HISTORY_BLOCKS, Bundle, Chain
from quarterdeck.twins.evm.faults import ChainFaults
from quarterdeck.twins.evm.flow import Flow, trader_addresses
from quarterdeck.twins.evm.machine import Machine
from quarterdeck.twins.evm.market import found_market
from quarterdeck.twins.evm.questions import Questions
from quarterdeck.twins.evm.refusals import Refused
from quarterdeck.twins.evm.rpc import answer_body
from quarterdeck.twins.evm.transactions import Transaction, decoded
from tests.twins.evm.serving import ANN, BOB, ETHER, GWEI, START_S

RECEIVER = "0x" + "77" * 20
ACCOUNTS = (ANN, BOB)


class World:
    """A chain with its market, without a server."""

    def __init__(self, seed: int) -> None:
        machine, traders = Machine(31_337), trader_addresses(seed)
        self.chain = Chain(31_337, machine, START_S, 12.0, seed)
        machine.look(self.chain.head.scene)
        for account in ACCOUNTS:
            machine.give(account.address.lower(), 5 * ETHER)
        self.market = found_market(machine, seed, ANN.address.lower(), traders)
        self.flow = Flow(self.chain, self.market, seed)
        mine = [account.address.lower() for account in ACCOUNTS]
        nobody, founder, miners = "0x" + "00" * 20, "0x" + "f0" * 20, ["0x" + "c0" * 20, "0x" + "c1" * 20]
        wrapped = self.market.tokens["WETH"].address
        self.holders = [*mine, *traders, *miners, nobody, founder, wrapped, RECEIVER]
        self.ether = self.sum()
        self.nonces = {holder: machine.nonce(holder) for holder in self.holders}

    def sum(self) -> int:
        made = {one.created for block in self.chain.blocks for one in block.receipts if one.created}
        return sum(self.chain.machine.balance(holder) for holder in (*self.holders, *sorted(made)))

    def signed(self, chance: random.Random) -> Transaction:
        account, chain = chance.choice(ACCOUNTS), self.chain
        chain.stand(chain.head.number)
        address = account.address.lower()
        nonce = chain.pool.next_nonce(address, chain.machine.nonce(address)) + chance.choice((0, 0, 0, 0, -1, 1))
        wrapped = self.market.tokens["WETH"].address
        to, gas = chance.choice(((RECEIVER, 21_000), (wrapped, 60_000), (None, 60_000)))
        words = {
            "type": 2, "chainId": 31_337, "nonce": max(0, nonce), "gas": gas, "data": b"",
            "to": bytes.fromhex(to[2:]) if to else b"",
            "value": chance.choice((0, 1, GWEI, ETHER // 10, ETHER)),
            "maxFeePerGas": chance.randint(10, 60) * GWEI, "maxPriorityFeePerGas": chance.randint(0, 5) * GWEI,
        }  # fmt: skip
        return decoded(bytes(account.sign_transaction(words).raw_transaction))

    def check(self) -> None:
        """What must hold at every head."""
        chain = self.chain
        chain.stand(chain.head.number)
        assert self.sum() == self.ether
        mined = [receipt.transaction for block in chain.blocks for receipt in block.receipts]
        assert len({sent.hash for sent in mined}) == len(mined)
        for holder in self.holders:
            sent = [one.nonce for one in mined if one.sender == holder]
            assert sent == list(range(self.nonces[holder], self.nonces[holder] + len(sent)))
            assert chain.machine.nonce(holder) == self.nonces[holder] + len(sent)
        assert all(block.number == place for place, block in enumerate(chain.blocks))
        assert all(chain.mined(sent.hash) is not None and chain.pool.find(sent.hash) is None for sent in mined)
        assert chain.machine.marks == min(chain.head.number, HISTORY_BLOCKS)


def tried(world: World, chance: random.Random) -> None:
    """One thing that happens; what the node refuses has not happened."""
    chain = world.chain
    with contextlib.suppress(Refused):
        match chance.randrange(9):
            case 0 | 1 | 2 | 3:
                chain.admit(world.signed(chance))
            case 4:
                sent = tuple(world.signed(chance) for _ in range(chance.randint(1, 2)))
                chain.admit_bundle(Bundle(sent, chain.head.number + chance.randint(0, 2)))
            case 5:
                chain.stand(max(0, chain.head.number - chance.randint(0, 9)))
            case 6:
                chain.reorganise(chance.randint(1, 5))
                world.flow.send()
            case _:
                chain.mine(empty=chance.random() < 0.1)
                world.flow.send()


def test_no_ether_is_made_or_lost_whatever_happens(seed: int) -> None:
    chance, world = random.Random(f"evm chain {seed}"), World(seed % 1_000)
    for _ in range(60):
        for _ in range(8):
            tried(world, chance)
        world.check()
    assert world.chain.head.number > 30
    assert any(sent.transaction.sender == ANN.address.lower() for one in world.chain.blocks for sent in one.receipts)


WORLD = World(3)
for _ in range(3):
    WORLD.chain.mine()
    WORLD.flow.send()
QUESTIONS = Questions(WORLD.chain, ChainFaults())
BLOCKS = [
    "latest",
    "pending",
    "earliest",
    "finalized",
    "0x1",
    "0x99",
    "0x",
    "new",
    None,
    {"blockHash": WORLD.chain.blocks[2].hash},
    {},
]
CALLS = [
    {"to": WORLD.market.pairs[0].address, "data": "0x0902f1ac"}, {"to": RECEIVER, "value": "0x1"}, {"data": "0x600b"},
    {"from": ANN.address, "to": WORLD.market.crowd, "gas": "0x5208"}, {"to": "0x12"}, {"data": 5}, [],
    {"fromBlock": "0x1", "topics": [None, []]}, {"fromBlock": "latest", "toBlock": "0x1"},
    {"blockHash": "0x" + "12" * 32},
    {"address": [RECEIVER], "topics": ["0x" + "11" * 32]}, {"topics": [[None]]}, {"address": {}},
]  # fmt: skip
WORDS = [
    *BLOCKS, *CALLS, RECEIVER, ANN.address, "0x8", "0x" + "ab" * 32, "0x" + "ff" * 40, True, 5, -1, [10, 50], [50, 10],
    ["x"], {RECEIVER: {"code": "0x600b"}}, {RECEIVER: 5}, WORLD.chain.blocks[1].hash,
]  # fmt: skip


@settings(max_examples=1_500, deadline=None)
@given(
    some.sampled_from([*QUESTIONS.methods, "eth_nothing"]),
    some.lists(some.sampled_from(WORDS) | some.text(max_size=5) | some.integers(), max_size=4),
)
def test_every_question_is_answered_or_refused(method: str, words: list[Any]) -> None:
    head, waiting = WORLD.chain.head.hash, len(WORLD.chain.pool)
    with contextlib.suppress(Refused):
        QUESTIONS.answer(method, words)
    assert (WORLD.chain.head.hash, len(WORLD.chain.pool)) == (head, waiting)


@settings(max_examples=300, deadline=None)
@given(
    some.binary(max_size=60)
    | some.sampled_from((b"[[]]", b"[1,{}]", b'{"id":1,"method":5}', b'{"params":{}}', b"null"))
)
def test_every_body_has_an_answer_or_none(body: bytes) -> None:
    answer = answer_body(body, QUESTIONS.answer)
    assert answer.body is None or answer.body.startswith((b"{", b"["))
