"""The shipped desk of flash-loan arbitrage trades live on its twin: it earns, agrees with the chain, and replays.

What is tested: the whole way from a chain's head to the journal, by the command that people run.
"""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from quarterdeck.desk.status import profit
from quarterdeck.kernel.vocabulary import EventKind, LedgerAccount
from quarterdeck.runtime.replay import replay, replay_desk
from tests.desk.builders import REPOSITORY

MAIN = "from quarterdeck.cli import main; main()"
PATIENCE_S = 240.0
PPB = 10**9


def quarterdeck(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *words], cwd=REPOSITORY, capture_output=True, text=True, timeout=PATIENCE_S,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_desk_earns_agrees_with_the_chain_and_replays(tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    told = quarterdeck("demo", "quant-arbitrage", "--for", "30", "--speed", "10", "--seed", "1", "--dir", str(folder))
    found = re.search(r"^digest +([0-9a-f]{64})", told, re.MULTILINE)
    assert found is not None, told
    done = replay_desk(folder).result
    assert done.digest.hex() == found[1] == replay(folder / "data" / "journal").digest.hex()
    state = done.states[0]
    kinds = state["kinds"]
    assert kinds[EventKind.FILL] > 0, told
    assert kinds[EventKind.RECONCILED] > 0
    assert kinds[EventKind.RECONCILIATION] == 0, "desk and chain disagreed"
    assert "could not be cancelled" not in told
    assert "earned" in told
    booked: Counter[tuple[int, LedgerAccount]] = Counter()
    seen: set[tuple[str, ...]] = set()
    charge = re.compile(r" CHARGE .*account=(\d) +amount=(-?\d+) +ledger_account=(\w+) +trade_id=(\d+)")
    for row, amount, column, trade in charge.findall(quarterdeck("journal", "cat", str(folder / "data" / "journal"))):
        if (row, column, trade) not in seen:
            seen.add((row, column, trade))
            booked[int(row), LedgerAccount[column]] += int(amount)
    rates = [int(account["rate_ppb"]) for account in state["accounts"]]
    sums = {
        column: sum(amount * rates[row] // PPB for (row, one), amount in booked.items() if one is column)
        for column in (LedgerAccount.GAS, LedgerAccount.PREMIUM)
    }
    earned = sum(-amount * rates[row] // PPB for (row, one), amount in booked.items() if one is LedgerAccount.REALISED)
    result = profit(done.states)
    assert (result.gas, result.premium, result.realised) == (*sums.values(), earned)
    assert result.total == earned - sum(sums.values())
