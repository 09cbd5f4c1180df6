"""The shipped desk on a universe of two pools, and records as its journal would hold them."""

import shutil
from pathlib import Path
from typing import Any

import msgspec

from quarterdeck.arbitrage import records
from quarterdeck.config import load_desk
from quarterdeck.journal import note
from quarterdeck.kernel.account import new_events
from quarterdeck.kernel.vocabulary import EventKind, LedgerAccount
from quarterdeck.ops.attempts.place import ChainDesk
from tests.desk.builders import REPOSITORY

SHIPPED = REPOSITORY / "desks" / "quant-arbitrage"
USDC, WETH = "0x" + "11" * 20, "0x" + "22" * 20
POOLS = ("0x" + "33" * 20, "0x" + "44" * 20)
BEGIN_NS = 1_700_000_000_000_000_000
SECOND_NS = 1_000_000_000
ETH_RATE = 300_000_000  # of 10**-10 ETH in 10**-6 USDC, in billionths: 3,000
ORDER = (1 << 40) + 1


def chain_desk(folder: Path) -> ChainDesk:
    """A copy of the shipped desk that may touch two pools of two tokens."""
    folder.mkdir(parents=True)
    shutil.copyfile(SHIPPED / "desk.toml", folder / "desk.toml")
    universe = {
        "chain_id": 31337, "executor": "0x" + "55" * 20, "vault": None, "native": "ETH", "wrapped": WETH,
        "tokens": [
            {"address": USDC, "symbol": "USDC", "decimals": 6}, {"address": WETH, "symbol": "WETH", "decimals": 18},
        ],
        "pools": [{"kind": "uniswap-v2", "address": pool} for pool in POOLS],
        "lenders": [{"name": "first", "kind": "uniswap-v2", "address": POOLS[0]}],
    }  # fmt: skip
    (folder / "config").mkdir()
    (folder / "config" / "universe.json").write_bytes(msgspec.json.encode(universe))
    return ChainDesk(load_desk(folder))


def rate(account: int, ppb: int = ETH_RATE) -> bytes:
    event = new_events(1)
    event["kind"], event["time_ns"], event["row"], event["rate"] = EventKind.CURRENCY_RATE, BEGIN_NS, account, ppb
    return event.tobytes()


def gas(trade_id: int, amount: int, *, order: int = ORDER, at_s: int = 12) -> bytes:
    """What the venue charged of the ETH purse, in its units."""
    event = new_events(1)
    event["kind"], event["time_ns"], event["row"] = EventKind.CHARGE, BEGIN_NS + at_s * SECOND_NS, 1
    event["column"], event["amount"], event["trade_id"], event["tag"] = LedgerAccount.GAS, amount, trade_id, order
    event["strategy"] = 0
    return event.tobytes()


def said(record: records.Record, at_s: int) -> bytes:
    return note(records.encode(record), BEGIN_NS + at_s * SECOND_NS).tobytes()


def proposed(plan: int = 7) -> records.Proposed:
    """1,000 USDC borrowed, 1,030 back, 3 for the lender."""
    legs = (
        records.Leg(POOLS[0], "ConstantProductPool", USDC, WETH, "1000000000", "333000000000000000"),
        records.Leg(POOLS[1], "ConstantProductPool", WETH, USDC, "333000000000000000", "1030000000"),
    )
    return records.Proposed(
        plan=plan, block=4, at_ns=BEGIN_NS, token=USDC, lender=POOLS[0], lender_kind="uniswap-v2", amount="1000000000",
        premium="3000000", returned="1030000000", gas=200_000, cost="5000000", legs=legs,
    )  # fmt: skip


def sent(hash_: str = "0xaa", plan: int = 7, order: int = ORDER) -> records.Sent:
    return records.Sent(
        order_id=order, plan=plan, hash=hash_, nonce=3, gas_limit=300_000, max_fee_wei="20000000000",
        priority_fee_wei="100000000", private=False, block=4, at_ns=BEGIN_NS + SECOND_NS,
    )  # fmt: skip


def included(hash_: str = "0xaa", block_hash: str = "0xb1", **changed: Any) -> records.Included:
    """It earned 25 of the 30 that were expected; 0.002 ETH of gas."""
    words: dict[str, Any] = {
        "order_id": ORDER, "plan": 7, "hash": hash_, "block": 5, "block_hash": block_hash, "success": True,
        "gas_used": 200_000, "gas_price_wei": "10000000000", "gas_wei": "2000000000000000", "token": USDC,
        "amount": "1000000000", "premium": "3000000", "gross": "25000000", "net": "22000000", "reason": "",
        "at_ns": BEGIN_NS + 12 * SECOND_NS, "detected_ns": BEGIN_NS, "sent_ns": BEGIN_NS + SECOND_NS,
        "confirmed_ns": BEGIN_NS + 12 * SECOND_NS,
    }  # fmt: skip
    return records.Included(**{**words, **changed})


def reverted(hash_: str = "0xaa", block_hash: str = "0xb1") -> records.Included:
    return included(hash_, block_hash, success=False, premium="0", gross="0", net="0", reason="StepPaidTooLittle")


def orphaned(hash_: str = "0xaa", block_hash: str = "0xb1") -> records.Orphaned:
    return records.Orphaned(order_id=ORDER, hash=hash_, block=5, block_hash=block_hash, at_ns=BEGIN_NS + 14 * SECOND_NS)
