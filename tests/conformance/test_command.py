"""The command on real twins, and the gate as `quarterdeck run` meets it.

What is tested: `quarterdeck.conformance.command`, `quarterdeck.cli.conformance`.
"""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from quarterdeck.cli.conformance import read_notional
from quarterdeck.config import load_desk
from quarterdeck.config.credentials import CREDENTIALS_FILE
from quarterdeck.config.secrets import IDENTITY_FILE_VARIABLE, IDENTITY_VARIABLE
from quarterdeck.conformance.command import ConformanceOptions, conformance_command, pass_gate
from quarterdeck.conformance.outcome import Outcome
from quarterdeck.conformance.report import kept_at
from quarterdeck.errors import ConfigError, DeskError
from quarterdeck.venues.addresses import Address
from quarterdeck.venues.hyperliquid.signing import KEY_VARIABLE
from tests.conformance.practising import desk_at, serving
from tests.conformance.test_gate import REMOTE, moved
from tests.conformance.twinned import TWINS
from tests.desk.hyperliquid_folder import write_desk
from tests.twins.hyperliquid.serving import KEYS

PROGRAM = "from quarterdeck.cli import main; main()"


def command(*words: str) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-c", PROGRAM, "conformance", *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=240, check=False)


def options(**changes: object) -> ConformanceOptions:
    return ConformanceOptions(**{"say": list[str]().append, **changes})  # pyright: ignore[reportArgumentType] by name


# What a twin's venue does not know, and so cannot be tried there.
ABSENT = {
    "hyperliquid": {"replace"},
    "hyperliquid spot": {"replace", "reduce-only"},
    "binance": {"replace", "reduce-only", "order that comes too late"},
    "binance-usdm": {"replace", "order that comes too late"},
    "alpaca": {"replace", "post-only", "reduce-only", "order that comes too late", "rate limit"},
}
MADE_BY_THE_MARKET = {"partial fill", "self-match"}  # more may be offered than the account can pay


@pytest.mark.slow
@pytest.mark.parametrize("name", TWINS)
def test_every_twin_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    desk = TWINS[name]
    for variable, secret in desk.keys.items():
        monkeypatch.setenv(variable, secret)
    said: list[str] = []
    with desk.served(tmp_path / "desk") as (folder, address):
        config = load_desk(str(folder))
        report, path = conformance_command(config, options(twin=address, most=Decimal(400_000), say=said.append))
    outcomes = {one.name: one.outcome for one in report.scenarios}
    assert report.passed, said
    absent = {name for name, outcome in outcomes.items() if outcome is Outcome.NOT_APPLICABLE}
    assert absent - MADE_BY_THE_MARKET == ABSENT[name]
    assert (report.twin, report.kind, report.address) == (True, desk.kind, address)
    assert path == kept_at(tmp_path / "desk" / "data", "twin")
    assert not any(secret in line for line in (*said, path.read_text()) for secret in desk.keys.values())
    warnings: list[str] = []
    pass_gate(config, warnings.append)
    assert warnings == []


def test_the_table_and_the_file(tmp_path: Path) -> None:
    config = desk_at(tmp_path / "desk")
    with serving(config):
        done = command(str(config.folder), "--twin", "practice.sock")
        assert done.returncode == 0, done.stdout + done.stderr
        as_json = command(str(config.folder), "--json")
    rows = {line[:30].strip(): line[30:46].strip() for line in done.stdout.splitlines()}
    assert rows["kill"] == "passed"
    assert rows["rate limit"] == "not applicable"
    assert "PASSED  practice (practice at practice.sock), ABC:" in done.stdout
    kept = msgspec.json.decode((config.folder / "data" / "conformance" / "practice.json").read_bytes())
    assert json.loads(as_json.stdout) == kept
    assert kept["passed"]
    assert "answer lost" in [one["name"] for one in kept["scenarios"] if one["why"] == "no fault switch"]


def test_a_venue_that_fails_is_exit_1_and_kept(tmp_path: Path) -> None:
    config = desk_at(tmp_path / "desk")
    done = command(str(config.folder), "--patience", "0.5")
    assert done.returncode == 1
    assert "FAILED  practice" in done.stdout
    said: list[str] = []
    pass_gate(config, said.append)
    assert said == ["practice is on this machine, so it is only said: its latest conformance run failed"]


def test_real_money_is_agreed_to(tmp_path: Path) -> None:
    config = moved(load_desk(str(write_desk(tmp_path / "desk", 8901))), REMOTE)
    for half in ({}, {"yes": True}, {"most": Decimal(50)}):
        with pytest.raises(DeskError, match=r"trades real money: .*--yes, and --max-notional"):
            conformance_command(config, options(**half))


def test_a_live_session_meets_the_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = moved(load_desk(str(write_desk(tmp_path / "desk", 8901))), REMOTE)
    monkeypatch.setenv(KEY_VARIABLE, KEYS["agent"])
    with pytest.raises(DeskError, match="no conformance run of it is kept"):
        pass_gate(config, list[str]().append)
    monkeypatch.delenv(KEY_VARIABLE)
    with pytest.raises(DeskError, match="its credentials are not there"):
        pass_gate(config, list[str]().append)


@pytest.mark.parametrize(("mode", "why"), [(0o644, "others may read it"), (0o600, "it is encrypted: name an identity")])
def test_credentials_that_cannot_be_read_are_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, why: str
) -> None:
    """They are there, so it is not said that they are not, and nothing else of the gate is looked at."""
    config = moved(load_desk(str(write_desk(tmp_path / "desk", 8901))), REMOTE)
    for name in (KEY_VARIABLE, f"{KEY_VARIABLE}_FILE", IDENTITY_VARIABLE, IDENTITY_FILE_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    path = config.folder / CREDENTIALS_FILE
    path.write_bytes(b"age-encryption.org/v1")
    path.chmod(mode)
    with pytest.raises(DeskError, match=f"may not open at .*: its credentials cannot be read: .*{why}"):
        pass_gate(config, list[str]().append)


@pytest.mark.slow
def test_a_session_says_first_what_is_not_proven(tmp_path: Path) -> None:
    # The desk's strategy has no parameters, so nothing begins: what is asked at the gate is asked before that.
    config = desk_at(tmp_path / "desk")
    argv = [sys.executable, "-c", PROGRAM, "run", str(config.folder), "--for", "1"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=280, check=False)
    assert done.stdout.startswith("practice is on this machine, so it is only said: no conformance run of it is kept")
    assert done.returncode == 2


def test_one_account_one_desk(tmp_path: Path) -> None:
    config = desk_at(tmp_path / "desk")
    (config.folder / "data").mkdir()
    with Address(path=config.folder / "data" / "control.sock").listen(), pytest.raises(DeskError, match="is running"):
        conformance_command(config, options())


def test_words_that_make_no_sense_are_one_line(tmp_path: Path) -> None:
    config = desk_at(tmp_path / "desk")
    with pytest.raises(ConfigError, match="one of practice"):
        conformance_command(config, options(venue="nowhere"))
    for text in ("0", "-1", "much", "inf", "nan"):
        with pytest.raises(ConfigError, match="--max-notional"):
            read_notional(text)
    assert read_notional(None) is None
    assert read_notional("12.5") == Decimal("12.5")
