"""A market in a file, and what the command says of it.

What is tested: `quarterdeck.arbitrage.files` and `quarterdeck.cli.arbitrage`.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from quarterdeck.arbitrage.files import read_market
from quarterdeck.cli import app
from quarterdeck.errors import DataError

ONE = 10**18
PAIR = {
    "kind": "constant-product",
    "address": "cheap",
    "tokens": ["a", "b"],
    "reserves": [str(100 * ONE), str(200 * ONE)],
}
WEIGHTED = {
    "kind": "weighted", "address": "w", "tokens": ["a", "b"], "balances": [str(100 * ONE), str(100 * 10**6)],
    "decimals": [18, 6], "fee": str(10**15), "weights": [str(ONE // 2), str(ONE // 2)],
}  # fmt: skip
STABLE = {
    "kind": "stable", "address": "s", "tokens": ["b", "a"], "balances": [str(100 * 10**6), str(100 * ONE)],
    "decimals": [6, 18], "fee": str(10**14), "amplification": 200_000,
}  # fmt: skip
CONCENTRATED = {
    "kind": "concentrated", "address": "c", "tokens": ["a", "b"], "fee": 3000, "spacing": 60, "sqrt_price": str(2**96),
    "tick": 0, "liquidity": str(10**21), "ticks": [[60, str(-(10**21))], [-60, str(10**21)]],
}  # fmt: skip
LOANS = {"a": {"premium_units": "5", "nearest": True}}


def write(folder: Path, pools: list[dict[str, Any]], **more: Any) -> Path:
    path = folder / "market.json"
    path.write_text(json.dumps({"block": 7, "loans": LOANS, "pools": pools, **more}))
    return path


def test_each_kind_of_pool_is_read(tmp_path: Path) -> None:
    written = read_market(write(tmp_path, [PAIR, WEIGHTED, STABLE, CONCENTRATED]))
    assert [type(pool).__name__ for pool in written.pools] == [
        "ConstantProductPool", "WeightedPool", "StablePool", "ConcentratedPool",
    ]  # fmt: skip
    assert written.block == 7
    assert written.loans["a"].owed(10_000) == 10_005
    for pool in written.pools[1:3]:
        at = pool.tokens.index("a")
        assert 980_000 < pool.amount_out(at, 1 - at, ONE) < ONE  # a millionth of its units, less fee and impact


@pytest.mark.parametrize(
    ("pool", "word"),
    [
        ({**PAIR, "kind": "hyperbolic"}, "kind"),
        ({**PAIR, "reserves": ["1", "-1"]}, "reserves"),
        ({**PAIR, "reserves": [str(2**112), "1"]}, "112 bits"),
        ({**PAIR, "tokens": ["a"]}, "tokens"),
        ({**PAIR, "surprise": 1}, "surprise"),
        ({**WEIGHTED, "weights": [str(ONE), "0"]}, "weights"),
        ({**WEIGHTED, "decimals": [18]}, "differ in number"),
        ({**STABLE, "amplification": 0}, "amplification"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, pool: dict[str, Any], word: str) -> None:
    with pytest.raises(DataError, match=word):
        read_market(write(tmp_path, [pool]))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_market(tmp_path / "none.json")


def test_the_command_finds_a_cycle_or_proves_that_there_is_none(tmp_path: Path) -> None:
    dear = {**PAIR, "address": "dear", "reserves": [str(100 * ONE), str(100 * ONE)]}
    path = write(tmp_path, [PAIR, dear])
    said = json.loads(CliRunner().invoke(app, ["arbitrage", str(path), "--json"]).stdout)
    (one,) = said["opportunities"]
    assert one["route"] == ["a", "b", "a"]
    assert one["pools"] == ["cheap", "dear"]
    assert int(one["profit"]) == int(one["returned"]) - int(one["owed"]) > 0
    assert "1 of 1 cycles" in CliRunner().invoke(app, ["arbitrage", str(path)]).stdout
    nothing = CliRunner().invoke(
        app, ["arbitrage", str(write(tmp_path, [PAIR, {**PAIR, "address": "same"}])), "--json"]
    )
    assert json.loads(nothing.stdout)["certain_that_there_is_none"]
