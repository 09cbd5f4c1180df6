"""The file that says what a desk may touch: what it gives, and one clear sentence for each mistake in it."""

import json
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.errors import DataError
from quarterdeck.venues.evm.universe import (
    BalancerStable,
    BalancerWeighted,
    UniswapV2,
    UniswapV3,
    decode_universe,
    read_universe,
)

WETH = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"
USDC = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
VAULT = "0xBA12222222228d8Ba445958a75a0704d566BF2C8"
POOL = "0x" + "ab" * 20


def document(**changes: Any) -> dict[str, Any]:
    return {
        "chain_id": 1,
        "executor": "0x" + "11" * 20,
        "vault": VAULT,
        "native": "ETH",
        "wrapped": WETH.lower(),
        "tokens": [
            {"address": WETH.lower(), "symbol": "WETH", "decimals": 18},
            {"address": USDC, "symbol": "USDC", "decimals": 6},
        ],
        "pools": [
            {"kind": "uniswap-v2", "address": "0x" + "01" * 20},
            {"kind": "uniswap-v3", "address": "0x" + "02" * 20},
            {"kind": "balancer-weighted", "address": POOL, "identity": POOL + "00" * 12},
            {"kind": "balancer-stable", "address": "0x" + "cd" * 20, "identity": "0x" + "CD" * 20 + "00" * 12},
        ],
        "lenders": [{"name": "vault", "kind": "balancer", "address": VAULT.lower()}],
    } | changes


def test_a_universe_is_read_with_checksums_and_defaults(tmp_path: Path) -> None:
    file = tmp_path / "universe.json"
    file.write_text(json.dumps(document()))
    universe = read_universe(file)
    assert [type(pool) for pool in universe.pools] == [UniswapV2, UniswapV3, BalancerWeighted, BalancerStable]
    assert [pool.kind for pool in universe.pools] == [pool["kind"] for pool in document()["pools"]]
    assert universe.wrapped == universe.token("WETH").address == WETH
    assert universe.lenders[0].address == universe.vault == VAULT
    first, last = universe.pools[0], universe.pools[-1]
    assert isinstance(first, UniswapV2)
    assert first.kept == 997
    assert isinstance(last, BalancerStable)
    assert last.identity == "0x" + "cd" * 20 + "00" * 12


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"executor": "0x12"}, "executor: '0x12' is no address"),
        ({"executor": "0x" + "00" * 20}, "is no address"),
        ({"wrapped": WETH.replace("aaA", "AaA")}, "checksum"),
        ({"wrapped": VAULT}, "none of the tokens"),
        ({"tokens": document()["tokens"] * 2}, f"tokens: {WETH} stands there twice"),
        ({"tokens": [{"address": WETH, "symbol": "WETH", "decimals": 19}]}, "decimals"),
        ({"pools": [{"kind": "curve", "address": POOL}]}, "curve"),
        ({"pools": [{"kind": "uniswap-v2", "address": POOL, "kept": 1001}]}, "kept"),
        ({"pools": [{"kind": "uniswap-v3", "address": POOL, "fee": 1}]}, "fee"),
        ({"pools": [{"kind": "balancer-stable", "address": POOL, "identity": "0x" + "01" * 32}]}, "is not of pool"),
        ({"vault": None, "lenders": []}, "vault: null"),
        ({"lenders": [{"name": "v", "kind": "balancer", "address": POOL}]}, "lenders: v is not the vault"),
        ({"chain_id": 0}, "chain_id"),
        ({"more": 1}, "more"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence_that_names_the_file(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError) as error:
        decode_universe(json.dumps(document(**changes)).encode(), "universe.json")
    assert str(error.value).startswith("universe.json: ")
    assert said in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"universe\.json: it cannot be read: No such file"):
        read_universe(tmp_path / "universe.json")
