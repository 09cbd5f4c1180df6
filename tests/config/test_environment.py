"""What the environment says goes over the file, and is named when it is wrong."""

from pathlib import Path

import pytest

from quarterdeck.config import load_desk, read_environment
from quarterdeck.errors import ConfigError

REPOSITORY = Path(__file__).resolve().parents[2]
DESK = REPOSITORY / "desks" / "xrpliquid"


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MODE", "CAPACITY", "DESKS"):
        monkeypatch.delenv(f"QUARTERDECK_{name}", raising=False)


def test_nothing_set_changes_nothing() -> None:
    environment = read_environment()
    assert (environment.mode, environment.capacity, environment.desks) == (None, None, "desks")
    assert load_desk(DESK).desk.mode == "paper"


def test_mode_and_capacity_go_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUARTERDECK_MODE", "backtest")
    monkeypatch.setenv("QUARTERDECK_CAPACITY", "large")
    config = load_desk(DESK)
    assert (config.desk.mode, config.desk.capacity) == ("backtest", "large")


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUARTERDECK_MODE", "")
    assert load_desk(DESK).desk.mode == "paper"


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUARTERDECK_MODE", "papr")
    with pytest.raises(ConfigError) as caught:
        load_desk(DESK)
    line = "environment: QUARTERDECK_MODE = 'papr' is not allowed: one of backtest, paper, live"
    assert str(caught.value) == line


def test_a_variable_that_does_not_fit_the_desk_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Live is refused for the desk's limits or venues, whoever asked for it."""
    monkeypatch.setenv("QUARTERDECK_MODE", "live")
    with pytest.raises(ConfigError) as caught:
        load_desk(DESK)
    assert str(caught.value).startswith("environment: QUARTERDECK_MODE = live is not allowed: as desk.mode of ")


def test_desks_are_looked_up_where_the_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUARTERDECK_DESKS", str(DESK.parent))
    assert load_desk("xrpliquid").desk.name == "xrpliquid"
