"""`quarterdeck keys compromise` against the twin chain: what it moves, what it keeps, and what it never shows.

What is tested: `quarterdeck.desk.compromise`, `quarterdeck.venues.evm.rescue`.
"""

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from eth_account import Account

from tests.desk.builders import REPOSITORY
from tests.twins.evm.serving import ANN, BOB, ETHER, Twin, data_of, running

COMMAND = (sys.executable, "-c", "from quarterdeck.cli import main; main()")
SAFE = "0x" + "5a" * 20


def desk_at(folder: Path, twin: Twin, safe: str | None) -> Path:
    text = (REPOSITORY / "desks" / "quant-arbitrage" / "desk.toml").read_text()
    text = text.replace("127.0.0.1:8545", twin.address.removeprefix("http://"))
    if safe is not None:
        text = text.replace("stuck_s = 60", f'stuck_s = 60\nsafe_address = "{safe}"')
    (folder / "config").mkdir(parents=True)
    (folder / "desk.toml").write_text(text)
    (folder / "config" / "universe.json").write_text(json.dumps(twin.universe()))
    return folder


def compromise(folder: Path, typed: str, *more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "QUARTERDECK_EVM_KEY": "0x" + bytes(ANN.key).hex()}
    words = [*COMMAND, "keys", "compromise", str(folder), "--why", "test", *more]
    return subprocess.run(words, env=environment, input=typed, capture_output=True, text=True, timeout=200, check=False)


def settled(twin: Twin, digest: str) -> None:
    deadline = time.monotonic() + 30
    while twin.receipt(digest) is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert twin.receipt(digest)["status"] == "0x1"


def held(twin: Twin, token: str, address: str) -> int:
    data = "0x" + data_of("balanceOf(address)", ["address"], [address]).hex()
    return int(twin.ask("eth_call", {"to": token, "data": data}, "latest"), 16)


def coin(twin: Twin, address: str) -> int:
    return int(twin.ask("eth_getBalance", address, "latest"), 16)


def allowed(twin: Twin, token: str) -> int:
    data = "0x" + data_of("allowance(address,address)", ["address", "address"], [ANN.address, BOB.address]).hex()
    return int(twin.ask("eth_call", {"to": token, "data": data}, "latest"), 16)


def test_everything_goes_to_the_safe_address_and_no_key_is_shown(tmp_path: Path) -> None:
    with running(seed=3, block_s=1.0) as twin:
        folder, universe = desk_at(tmp_path / "desk", twin, SAFE), twin.universe()
        wrapped = universe["wrapped"]
        calls = (
            {"value": 5 * ETHER, "data": data_of("deposit()")},
            {"data": data_of("approve(address,uint256)", ["address", "uint256"], [BOB.address, ETHER]), "value": 0},
            {
                "data": data_of("transfer(address,uint256)", ["address", "uint256"], [universe["executor"], ETHER]),
                "value": 0,
            },
        )
        for words in calls:
            settled(twin, twin.send(ANN, to=wrapped, gas=200_000, **words))
        before = coin(twin, ANN.address)

        refused = compromise(folder, "yes\n")
        assert refused.returncode == 1
        assert "nothing was moved" in refused.stdout
        assert held(twin, wrapped, ANN.address) == 4 * ETHER

        done = compromise(folder, f"{SAFE}\n")
        assert done.returncode == 0, done.stdout + done.stderr
        assert held(twin, wrapped, SAFE) == 5 * ETHER
        assert held(twin, wrapped, ANN.address) == held(twin, wrapped, universe["executor"]) == 0
        assert allowed(twin, wrapped) == 0
        assert coin(twin, ANN.address) == 0
        assert before - coin(twin, SAFE) < ETHER // 20  # gas

        file = folder / "evm-new.key"
        key = file.read_text().strip()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert Account.from_key(key).address in refused.stdout
        record = (folder / "logs" / "key-compromise.jsonl").read_text()
        for text in (done.stdout, done.stderr, refused.stdout, refused.stderr, record):
            assert key[2:] not in text
            assert bytes(ANN.key).hex() not in text
        assert [json.loads(line)["step"] for line in record.splitlines()].count("renew") == 2

        again = compromise(folder, f"{SAFE}\n")
        assert again.returncode == 0
        assert "the account holds nothing" in again.stdout
        assert file.read_text().strip() == key


@pytest.mark.parametrize("safe", [None, ANN.address])
def test_without_a_safe_address_nothing_begins(tmp_path: Path, safe: str | None) -> None:
    with running(seed=3) as twin:
        folder = desk_at(tmp_path / "desk", twin, safe)
        done = compromise(folder, f"{SAFE}\n")
        assert done.returncode == 2
        assert "safe_address" in done.stderr
        assert not (folder / "evm-new.key").exists()
