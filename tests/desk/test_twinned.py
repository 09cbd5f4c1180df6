"""A desk on twins: a live folder of its own, secrets in the environment alone, children that end with their parent.

What is tested: `quarterdeck.desk.twinned` and `quarterdeck.cli.tethered`.
"""

import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.config import load_desk
from quarterdeck.desk import twinned
from quarterdeck.desk.twinned import RECIPES, Recipe, Twinned, toml_text
from quarterdeck.errors import ConfigError, DeskError
from quarterdeck.venues.hyperliquid.signing import KEY_VARIABLE
from tests.desk.builders import REPOSITORY

DESKS = sorted(path.parent.name for path in (REPOSITORY / "desks").glob("*/desk.toml"))
PATIENCE_S = 120.0

names = st.text("abcdefghij_", min_size=1, max_size=6)
plain: Any = (
    st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8", exclude_categories=["C"]))
)
numbers = st.floats(allow_nan=False, allow_infinity=False)
values: Any = plain | numbers | st.lists(plain, max_size=3)
tables: Any = st.recursive(
    st.dictionaries(names, values, max_size=4),
    lambda inner: st.dictionaries(names, values | inner | st.lists(inner, min_size=1, max_size=3), max_size=4),
    max_leaves=12,
)


@given(tables)
def test_what_is_written_as_toml_reads_the_same(document: dict[str, Any]) -> None:
    assert tomllib.loads(toml_text(document)) == document


@pytest.mark.parametrize("desk", DESKS)
def test_every_venue_of_every_desk_has_a_twin(desk: str) -> None:
    config = load_desk(REPOSITORY / "desks" / desk)
    for venue in config.venues:
        recipe = RECIPES[venue.name](config)
        assert venue.name in recipe.venues
        shown = " ".join(recipe.arguments)
        for name, secret in (*recipe.given.items(), *recipe.kept.items()):
            public = name == "QUARTERDECK_BINANCE_KEY"  # as an address: who, and not the proof of it
            assert public or secret.rpartition("=")[2] not in shown


@pytest.mark.parametrize(("speed", "before_s"), [(0.5, 30), (1, 30), (10, 200), (60, 1_200)])
def test_a_market_that_opens_waits_for_the_desk_to_start(speed: float, before_s: int) -> None:
    """At sixty times the clock a start of five real seconds is five minutes: the whole opening range."""
    recipe = RECIPES["alpaca"](load_desk(REPOSITORY / "desks" / "intraday"))
    assert recipe.opening_ns is not None
    assert recipe.begins_ns(speed) == recipe.opening_ns - before_s * 10**9
    assert RECIPES["hyperliquid"](load_desk(REPOSITORY / "desks" / "hat-manifesto")).begins_ns(speed) is None


def test_a_desk_whose_venue_has_no_twin_is_refused_by_name(tmp_path: Path) -> None:
    text = (REPOSITORY / "desks" / "intraday" / "desk.toml").read_text("utf-8").replace('"alpaca"', '"nowhere"')
    (tmp_path / "desk.toml").write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=r"venues\.name.*nowhere"):
        Twinned(load_desk(tmp_path), tmp_path / "live", speed=1, seed=1, say=list[str]().append)


@pytest.mark.parametrize("left", ["desk.toml", "data"])
def test_a_folder_that_holds_a_desk_is_left_alone(tmp_path: Path, left: str) -> None:
    (tmp_path / left).write_text("mine")
    with pytest.raises(ConfigError, match="--dir"):
        Twinned(load_desk(REPOSITORY / "desks" / "hat-manifesto"), tmp_path, speed=1, seed=1, say=list[str]().append)
    assert (tmp_path / left).read_text() == "mine"


def test_a_twin_that_does_not_start_is_said_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> Recipe:
        return Recipe(arguments=("hyperliquid", "--no-such-option"), venues={}, kept={KEY_VARIABLE: "0x01"})

    monkeypatch.setattr(twinned, "RECIPES", {"hyperliquid": broken})
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    config = load_desk(REPOSITORY / "desks" / "hat-manifesto")
    said = list[str]()
    with pytest.raises(DeskError, match="ended with status"):
        Twinned(config, tmp_path, speed=1, seed=1, say=said.append).__enter__()
    assert KEY_VARIABLE not in os.environ
    assert not (tmp_path / "desk.toml").exists()


@pytest.mark.slow
def test_the_live_folder_is_the_desk_s_own_on_its_twin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    shipped, said = load_desk(REPOSITORY / "desks" / "hat-manifesto"), list[str]()
    with Twinned(shipped, tmp_path, speed=20, seed=3, say=said.append) as found:
        live = load_desk(tmp_path)
        assert live.desk.mode == "live"
        assert live.venues[0].kind == "hyperliquid"
        assert (live.venues[0].address or "").startswith("127.0.0.1:")
        assert live.limits.max_exposure == shipped.limits.max_exposure
        assert live.sizing == shipped.sizing
        key = os.environ[KEY_VARIABLE]
        assert key.removeprefix("0x") not in (tmp_path / "desk.toml").read_text("utf-8") + " ".join(said)
        assert found.alive
        before = found.clock.wall()
        time.sleep(0.05)
        assert found.clock.wall() - before >= 20 * 50_000_000
    assert KEY_VARIABLE not in os.environ
    assert not found.alive


@pytest.mark.slow
def test_a_twin_ends_with_its_parent(tmp_path: Path) -> None:
    """The parent is killed: nobody tells the twin, but its standard input ends."""
    parent = (
        "import sys, time; from pathlib import Path; from quarterdeck.config import load_desk;"
        "from quarterdeck.desk.twinned import Twinned;"
        f"t = Twinned(load_desk({str(REPOSITORY / 'desks' / 'hat-manifesto')!r}), Path({str(tmp_path)!r}),"
        " speed=1, seed=1, say=list[str]().append); t.__enter__();"
        "print(t._children[0]._process.pid, flush=True); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.wait(PATIENCE_S)
    process.stdout.close()
    deadline = time.monotonic() + PATIENCE_S
    while _runs(child):
        assert time.monotonic() < deadline, "the twin outlived its parent"
        time.sleep(0.1)


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except FileNotFoundError:
        return False
