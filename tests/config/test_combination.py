"""A figure has one place of truth: what the JSON files say takes effect, and contradictions are refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.config import DESK_FILE, combination, load_desk
from quarterdeck.config.files import REGIMES
from quarterdeck.errors import ConfigError

REPOSITORY = Path(__file__).resolve().parents[2]
SIZING = "config/sizing_by_regime.json"
RISK = "config/risk_parameters.json"
TRADING = "config/trading_parameters.json"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped desk."""
    for name in ("MODE", "CAPACITY", "DESKS"):
        monkeypatch.delenv(f"QUARTERDECK_{name}", raising=False)
    copy = tmp_path / "xrpliquid"
    shutil.copytree(REPOSITORY / "desks" / "xrpliquid", copy, ignore=shutil.ignore_patterns("data", "logs", "reports"))
    return copy


def change(folder: Path, file: str, key: str, value: object) -> None:
    """Writes a value at a dotted key of a JSON file."""
    document: dict[str, Any] = json.loads((folder / file).read_text())
    table = document
    *path, last = key.split(".")
    for step in path:
        table = table[step]
    table[last] = value
    (folder / file).write_text(json.dumps(document))


def write(folder: Path, good: str, bad: str) -> None:
    """Replaces one passage of desk.toml."""
    text = (folder / DESK_FILE).read_text()
    assert text.count(good) == 1, good
    (folder / DESK_FILE).write_text(text.replace(good, bad))


def refused(folder: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_desk(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(f"{folder}/", "")


# file, key, value there | where it takes effect
EFFECTS = (
    (SIZING, "hysteresis_settings.kill_switch_cooldown_hours", 12, "breaker.cooldown_hours"),
    (SIZING, "hysteresis_settings.reduction_threshold", 0.025, "breaker.drawdown_trip"),
    (SIZING, "hysteresis_settings.recovery_threshold", 0.005, "breaker.drawdown_recovery"),
    (SIZING, "risk_parameters.max_daily_drawdown", 0.04, "breaker.metrics.daily_drawdown.trigger"),
    (SIZING, "risk_parameters.max_position_risk", 0.003, "limits.max_position_risk"),
    (RISK, "max_daily_loss", 0.01, "limits.max_daily_loss_share"),
    (RISK, "max_drawdown", 0.1, "limits.max_drawdown"),
    (RISK, "stop_loss", 0.0125, "limits.default_stop_bps"),
    (RISK, "max_position_size", 4000, "instruments.0.limits.max_long"),
    (RISK, "max_position_size", 4000, "instruments.0.limits.max_short"),
    (RISK, "max_position_size", 4000, "instruments.1.limits.max_long"),
    (TRADING, "min_notional", "11.5", "instruments.1.limits.min_notional"),
    (TRADING, "fees.perpetual.maker_bps", -0.1, "instruments.0.maker_fee_bps"),
    (TRADING, "fees.spot.taker_bps", 6.5, "instruments.1.taker_fee_bps"),
)


@pytest.mark.parametrize(("file", "key", "value", "place"), EFFECTS)
def test_what_a_file_says_takes_effect(folder: Path, file: str, key: str, value: float, place: str) -> None:
    change(folder, file, key, value)
    found: Any = load_desk(folder)
    for step in place.split("."):
        found = found[int(step)] if step.isdigit() else getattr(found, step)
    scale = 10_000 if place.endswith("_bps") and key == "stop_loss" else 1
    assert float(found) == pytest.approx(float(value) * scale)


def test_every_row_of_the_documented_table_is_tried() -> None:
    rows = [line.split("|") for line in str(combination.__doc__).splitlines() if line.startswith("| ")][1:]
    documented = {row[2].strip() for row in rows}
    tried = {key.partition(".")[0] if key.startswith("fees") else key for _, key, _, _ in EFFECTS}
    assert documented == tried | {"hysteresis_settings.recovery_stages"}


def test_the_stages_come_from_the_file(folder: Path) -> None:
    change(folder, SIZING, "hysteresis_settings.recovery_stages", [0.1, 0.2, 0.3, 0.4])
    assert [str(stage) for stage in load_desk(folder).breaker.stages] == ["0.1", "0.2", "0.3", "0.4"]


def test_capital_turns_shares_into_money(folder: Path) -> None:
    change(folder, RISK, "max_daily_loss", 0.01)
    change(folder, SIZING, "risk_parameters.max_position_risk", 0.001)
    config = load_desk(folder)
    assert config.capital == 10_000
    assert config.max_daily_loss == 100
    assert config.max_exposure(config.instruments[0]) == 500  # 0.1% of 10,000 at a stop of 2%


def test_the_lower_of_sum_and_share_holds(folder: Path) -> None:
    write(folder, 'max_daily_loss = "500"\nequity_floor', 'max_daily_loss = "99"\nequity_floor')
    assert load_desk(folder).max_daily_loss == 99


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("dwell_minutes = 60", "dwell_minutes = 60\ndrawdown_trip = 0.03"),
        ("dwell_minutes = 60", 'dwell_minutes = 60\ndrawdown_trip = "0.030"'),
        ("dwell_minutes = 60", "dwell_minutes = 60\nstages = [0.25, 0.50, 0.75, 1]"),
        ("heat = 0.02", "heat = 0.02\ndefault_stop_bps = 200"),
    ],
)
def test_saying_the_same_twice_is_no_contradiction(folder: Path, good: str, bad: str) -> None:
    write(folder, good, bad)
    load_desk(folder)


CONTRADICTIONS = (
    (
        "dwell_minutes = 60",
        "dwell_minutes = 60\ndrawdown_trip = 0.02",
        "breaker.drawdown_trip = 0.02",
        f"left out, or 0.03 as hysteresis_settings.reduction_threshold of {SIZING} says",
    ),
    (
        "dwell_minutes = 60",
        "dwell_minutes = 60\nstages = [0.3, 0.5, 0.75, 1.0]",
        "breaker.stages = [0.3, 0.5, 0.75, 1.0]",
        f"left out, or ['0.25', '0.5', '0.75', '1'] as hysteresis_settings.recovery_stages of {SIZING} says",
    ),
    (
        'significant_figures = 5\nmin_notional = "10"\ninitial_margin = 0.05',
        "significant_figures = 5\nmaker_fee_bps = 2\ninitial_margin = 0.05",
        "instruments[XRP].maker_fee_bps = 2",
        f"left out, or 1.5 as fees.perpetual.maker_bps of {TRADING} says",
    ),
    (
        "heat = 0.02",
        "heat = 0.02\nmax_drawdown = 0.2",
        "limits.max_drawdown = 0.2",
        f"left out, or 0.15 as max_drawdown of {RISK} says",
    ),
)


@pytest.mark.parametrize(("good", "bad", "named", "allowed"), CONTRADICTIONS)
def test_a_contradiction_names_both(folder: Path, good: str, bad: str, named: str, allowed: str) -> None:
    write(folder, good, bad)
    assert refused(folder) == f"{DESK_FILE}: {named} is not allowed: {allowed}"


VENUE_MINIMUM = "at least the venue's minimum order (10)"

# file, key, value there | the line
BAD = (
    (SIZING, "hysteresis_settings.recovery_threshold", 0.03, "= 0.03 is not allowed: below reduction_threshold (0.03)"),
    (SIZING, "hysteresis_settings.staged_recovery", False, "= False is not allowed: true: a desk recovers in stages"),
    (
        SIZING,
        "hysteresis_settings.recovery_stages",
        [0.5, 0.25, 0.75, 1.0],
        "= [0.5, 0.25, 0.75, 1.0] is not allowed: four shares up to 1, each above the one before",
    ),
    (
        SIZING,
        "regime_sizing_config.high_volatility.max_position_size",
        3001,
        f"= 3001 is not allowed: at most 3000, max_position_size of {RISK}",
    ),
    (
        SIZING,
        "risk_parameters.correlation_limit",
        0.6,
        f"= 0.6 is not allowed: 0.7, as correlation_limit of {RISK} says",
    ),
    (SIZING, "position_size_unit", "BTC", "= 'BTC' is not allowed: the base of an instrument: XRP"),
    (
        SIZING,
        "volatility_unit",
        "percent",
        "= 'percent' is not allowed: one of standard_deviation_of_log_returns",
    ),
    (
        SIZING,
        "risk_parameters.var_confidence_level",
        95,
        "= 95 is not allowed: a number from 0.5 to 0.9999 (confidence level)",
    ),
    (
        RISK,
        "max_drawdown",
        "a lot",
        "= 'a lot' is not allowed: a number from 0.000001 to 1 in steps of 0.000001 (share)",
    ),
    (TRADING, "macd.fast", 26, "= 26 is not allowed: below slow (26)"),
    (TRADING, "atr.perod", 14, '= 14 is not allowed: unknown key; did you mean "period"?'),
    (
        TRADING,
        "min_notional",
        "9",
        f"= 9 is not allowed: as instruments[XRP].limits.min_notional of {DESK_FILE}: {VENUE_MINIMUM}",
    ),
)


@pytest.mark.parametrize(("file", "key", "value", "line"), BAD)
def test_a_mistake_in_a_file_is_one_line(folder: Path, file: str, key: str, value: object, line: str) -> None:
    change(folder, file, key, value)
    assert refused(folder) == f"{file}: {key} {line}"


def test_regimes_rise(folder: Path) -> None:
    change(folder, SIZING, "regime_sizing_config.normal_volatility.volatility_threshold", 0.04)
    key = "regime_sizing_config.high_volatility.volatility_threshold"
    assert refused(folder) == f"{SIZING}: {key} = 0.03 is not allowed: above the next lower regime's (0.04)"


def test_a_syntax_error_names_its_line(folder: Path) -> None:
    (folder / RISK).write_text('{\n  "max_drawdown": 0.15,\n}\n')
    line = "line 3 = '}' is not allowed: valid JSON: Expecting property name enclosed in double quotes"
    assert refused(folder) == f"{RISK}: {line}"


def test_a_key_given_twice_is_refused(folder: Path) -> None:
    (folder / RISK).write_text('{"max_drawdown": 0.15, "max_drawdown": 0.2}')
    assert refused(folder) == f"{RISK}: max_drawdown = 0.2 is not allowed: each key once"


@pytest.mark.parametrize("text", ["[]", "5", '"text"', "null"])
def test_a_file_is_one_object(folder: Path, text: str) -> None:
    (folder / RISK).write_text(text)
    assert refused(folder).endswith("is not allowed: one JSON object")


def test_a_regime_is_found_by_its_threshold(folder: Path) -> None:
    sizing = load_desk(folder).sizing
    assert sizing is not None
    table = {
        0.0: "low_volatility",
        0.005: "low_volatility",
        0.0149: "low_volatility",
        0.015: "normal_volatility",
        0.0299: "normal_volatility",
        0.03: "high_volatility",
        5.0: "high_volatility",
    }
    assert set(table.values()) == set(REGIMES)
    assert {volatility: sizing.regime(volatility)[0] for volatility in table} == table
    for nonsense in (-0.01, float("nan")):
        with pytest.raises(ValueError, match="has no regime"):
            sizing.regime(nonsense)
