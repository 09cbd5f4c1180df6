"""What is tested: `quarterdeck.config.chain`, and cycles among the instruments: one clear line for each mistake."""

from decimal import Decimal
from pathlib import Path

import pytest

from quarterdeck.config import load_desk
from tests.config.test_loading import LIVE, PRACTICE, desk, refused

SAFE = "0x" + "Ab" * 20
CHAIN = f"""[venues.chain]
chain_id = 31337
endpoints = ["127.0.0.1:8546", "[::1]:8545"]
relay = "127.0.0.1:8550"
public_fallback = true
safe_address = "{SAFE}"

[venues.limits]"""
EVM = LIVE.replace('kind = "hyperliquid"', 'kind = "evm"\naddress = "127.0.0.1:8545"')
EVM = EVM.replace("[venues.limits]", CHAIN).replace('kind = "perpetual"', 'kind = "cycle"')
EVM = EVM.replace('tick = "0.0001"\nlot = 1', 'tick = 1\nlot = "0.00000001"')
EVM = EVM.replace("maker_fee_bps = -0.5\ntaker_fee_bps = 4.5\n", "")


def test_a_desk_on_a_chain_loads(tmp_path: Path) -> None:
    config = load_desk(desk(tmp_path, EVM))
    chain = config.venues[0].chain
    assert chain is not None
    assert (chain.chain_id, chain.endpoints) == (31337, ("127.0.0.1:8546", "[::1]:8545"))
    assert (chain.relay, chain.public_fallback, chain.safe_address) == ("127.0.0.1:8550", True, SAFE)
    assert (chain.universe, chain.confirmations, chain.max_cycle) == ("config/universe.json", 1, 3)
    assert (chain.minimum_profit, chain.max_gas_cost) == (Decimal(10), Decimal(100))
    assert (chain.max_gas_price_gwei, chain.stuck_s) == (Decimal(150), Decimal(60))
    shares = (chain.gas_share, chain.pool_share, chain.slippage, chain.price_impact, chain.safety_margin)
    assert shares == tuple(map(Decimal, ("0.5", "0.3", "0.03", "0.05", "0.1")))
    assert config.instruments[0].kind == "cycle"


MISTAKES = (
    ("chain_id = 31337", "", "venues[venue].chain.chain_id = (missing) is not allowed"),
    ("chain_id = 31337", "chain_id = 0", "venues[venue].chain.chain_id = 0 is not allowed: a number from 1"),
    ("chain_id = 31337", "chain_id = 1\nkey = 5", "venues[venue].chain.key = 5 is not allowed: unknown key"),
    ("chain_id = 31337", "chain_id = 1\nmax_cycle = 5", "venues[venue].chain.max_cycle = 5 is not allowed: a number"),
    ("chain_id = 31337", "chain_id = 1\ngas_share = 0", "venues[venue].chain.gas_share = 0 is not allowed: a number"),
    ("chain_id = 31337", "chain_id = 1\npool_share = 2", "venues[venue].chain.pool_share = 2 is not allowed: a numb"),
    ("chain_id = 31337", 'chain_id = 1\nuniverse = "../u.json"', "venues[venue].chain.universe = '../u.json' is not"),
    ('"127.0.0.1:8546"', '"10.0.0.1:8546"', "venues[venue].chain.endpoints[#1] = '10.0.0.1:8546' is not allowed: this"),
    ('"127.0.0.1:8546"', '"[::1]:8545"', "venues[venue].chain.endpoints = "),
    ('"127.0.0.1:8546"', '"127.0.0.1:8545"', "venues[venue].chain.endpoints[#1] = '127.0.0.1:8545' is not allowed: a"),
    ("127.0.0.1:8550", "relay.example:443", "venues[venue].chain.relay = 'relay.example:443' is not allowed: this"),
    ('relay = "127.0.0.1:8550"', "", "venues[venue].chain.public_fallback = True is not allowed: false, or a relay"),
    (SAFE, SAFE[:-1], f"venues[venue].chain.safe_address = '{SAFE[:-1]}' is not allowed: 0x and 40"),
    (SAFE, "0x" + "0" * 40, f"venues[venue].chain.safe_address = '0x{'0' * 40}' is not allowed: 0x and 40"),
    ('address = "127.0.0.1:8545"', 'address = "node.example:8545"', "venues[venue].address = 'node.example:8545' is"),
    (CHAIN, "[venues.limits]", "venues[venue].chain = (missing) is not allowed: a table [venues.chain] with at least"),
    ("tick = 1", "tick = 2", "instruments[XRP].tick = 2 is not allowed: 1: a cycle is priced at what it borrows"),
    ("tick = 1", "tick = 1\nmultiplier = 2", "instruments[XRP].multiplier = 2 is not allowed: 1: a cycle is priced"),
    ("tick = 1", "tick = 1\ntaker_fee_bps = 1", "instruments[XRP].taker_fee_bps = 1 is not allowed: 0, or left out"),
    ("tick = 1", "tick = 1\nshort_allowed = true", "instruments[XRP].short_allowed = True is not allowed: false: a"),
)


@pytest.mark.parametrize(("before", "after", "line"), MISTAKES)
def test_a_mistake_is_one_line(tmp_path: Path, before: str, after: str, line: str) -> None:
    assert EVM.count(before) == 1
    assert refused(tmp_path, EVM.replace(before, after)).startswith(line)


def test_a_venue_that_is_no_chain_has_no_such_table(tmp_path: Path) -> None:
    text = PRACTICE.replace("[venues.limits]", "[venues.chain]\nchain_id = 1\n\n[venues.limits]")
    line = refused(tmp_path, text)
    assert line.startswith("venues[venue].chain = ")
    assert line.endswith("is not allowed: left out: a practice venue has none, only evm does")
