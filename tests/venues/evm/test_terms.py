"""What desk.toml may say of a chain, and that each thing it may not is refused by its name.

What is tested: `quarterdeck.venues.evm.terms`, and what `quarterdeck.venues.evm.opening` checks before anything opens.
"""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.config import load_desk
from quarterdeck.errors import ConfigError
from quarterdeck.venues.evm.opening import open_evm
from quarterdeck.venues.evm.terms import Purse, desk_terms
from quarterdeck.venues.evm.universe import decode_universe
from tests.desk.builders import REPOSITORY

A, B, C = ("0x" + digit * 40 for digit in "123")
UNIVERSE = f"""{{"chain_id": 31337, "executor": "{C}", "vault": null, "native": "ETH", "wrapped": "{B}",
"tokens": [{{"address": "{A}", "symbol": "USDC", "decimals": 6}},
{{"address": "{B}", "symbol": "WETH", "decimals": 18}}],
"pools": [], "lenders": []}}"""
OTHER_COIN = UNIVERSE.replace('"ETH"', '"POL"')
NO_DOLLARS = UNIVERSE.replace('"USDC"', '"DAI"')


def written(folder: Path, universe: str = UNIVERSE, *changes: tuple[str, str]) -> Path:
    text = (REPOSITORY / "desks" / "quant-arbitrage" / "desk.toml").read_text("utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    (folder / "config").mkdir()
    (folder / "desk.toml").write_text(text, "utf-8")
    (folder / "config" / "universe.json").write_text(universe, "utf-8")
    return folder


def test_purses_and_cycles_are_those_of_the_desk(tmp_path: Path) -> None:
    terms = desk_terms(load_desk(written(tmp_path)), 0, decode_universe(UNIVERSE.encode(), "here"))
    assert [(one.currency, one.exponent, one.decimals) for one in terms.purses.values()] == [
        ("USDC", 6, 6), ("ETH", 10, 18), ("WETH", 10, 18),
    ]  # fmt: skip
    assert terms.gas.currency == "ETH"
    assert not terms.gas.token
    assert [(one.symbol, one.instrument) for one in terms.cycles.values()] == [("USDC-CYCLE", 0), ("WETH-CYCLE", 1)]
    assert terms.cycle_of(1).purse.currency == "WETH"


@given(st.integers(0, 10**30), st.integers(0, 18), st.integers(0, 18))
def test_floor_and_ceiling_are_a_unit_apart_at_most(exact: int, exponent: int, decimals: int) -> None:
    purse = Purse(0, "X", exponent, decimals, A)
    low, high = purse.floor(exact), purse.ceil(exact)
    assert low <= high <= low + 1
    assert purse.exact(low) <= exact
    if exponent <= decimals:
        assert purse.exact(high) >= exact


@pytest.mark.parametrize(
    ("universe", "changes", "words"),
    [
        (OTHER_COIN, (), r"accounts.*ETH"),
        (NO_DOLLARS, (), r"accounts\[0\]\.currency.*USDC"),
        (UNIVERSE, (('lot = "0.000001"', 'lot = "0.00001"'),), r"USDC-CYCLE\]\.lot.*0\.000001"),
        (UNIVERSE, (('quote = "WETH"', 'quote = "ETH"'),), r"WETH-CYCLE\]\.quote.*nobody lends"),
        (UNIVERSE, (('quote = "WETH"', 'quote = "USDC"'), ("0.0000000001", "0.000001")), r"quote.*no other cycle"),
        (UNIVERSE, (("universe.json", "nowhere.json"),), r"venues\.chain\.universe"),
        (UNIVERSE.replace("31337", "1"), (), r"chain_id.*31337"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, universe: str, changes: tuple[tuple[str, str], ...], words: str
) -> None:
    monkeypatch.setenv("QUARTERDECK_EVM_KEY", "11" * 32)
    with pytest.raises(ConfigError, match=words):
        open_evm(load_desk(written(tmp_path, universe, *changes)), 0, list[str]().append)


def test_a_desk_without_its_key_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QUARTERDECK_EVM_KEY", raising=False)
    with pytest.raises(ConfigError, match="QUARTERDECK_EVM_KEY"):
        open_evm(load_desk(written(tmp_path)), 0, list[str]().append)
