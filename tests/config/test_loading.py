"""A desk is read whole, or refused with one line that says what to change."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.config import DESK_FILE, DeskConfig, find_desk, load_desk
from quarterdeck.errors import ConfigError

REPOSITORY = Path(__file__).resolve().parents[2]

GOOD = """\
[desk]
name = "test-desk"
mode = "paper"
base_currency = "USD"
capacity = "small"

[[venues]]
name = "venue"
kind = "simulated"
order_latency_ms = 1.5

[venues.limits]
messages_per_second = 10
cancel_reserve = 2

[[accounts]]
venue = "venue"
currency = "USD"
deposit = "1000.50"

[[instruments]]
symbol = "XRP"
venue = "venue"
kind = "perpetual"
base = "XRP"
quote = "USD"
tick = "0.0001"
lot = 1
maker_fee_bps = -0.5
taker_fee_bps = 4.5
min_notional = 10

[instruments.limits]
max_notional = "500"
max_exposure = "900"

[[strategies]]
name = "BUY"
kind = "momentum"
instruments = ["XRP"]
parameters = {fast = 12, threshold = 0.5, words = ["a", "b"]}

[strategies.limits]
max_exposure = "900"

[limits]
orders_per_minute = 30

[breaker]
drawdown_trip = 0.03
drawdown_recovery = 0.01
stages = [0.25, 0.5, 0.75, 1.0]

[breaker.metrics.volatility]
trigger = 0.3
reset = 0.2

[journal]
fsync = "group"

[operators]
people = ["operator-1"]
"""


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MODE", "CAPACITY", "DESKS"):
        monkeypatch.delenv(f"QUARTERDECK_{name}", raising=False)


def desk(folder: Path, text: str = GOOD) -> Path:
    (folder / DESK_FILE).write_text(text)
    return folder


def refused(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_desk(desk(folder, text))
    assert caught.value.exit_code == 2
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{folder / DESK_FILE}: ")
    return message.removeprefix(f"{folder / DESK_FILE}: ")


def test_a_good_desk_loads(tmp_path: Path) -> None:
    config = load_desk(desk(tmp_path))
    assert isinstance(config, DeskConfig)
    assert config.desk.name == "test-desk"
    assert str(config.accounts[0].deposit) == "1000.50"
    assert str(config.instruments[0].maker_fee_bps) == "-0.5"
    assert config.strategies[0].parameters == {"fast": 12, "threshold": 0.5, "words": ["a", "b"]}
    assert config.folder == tmp_path


def test_a_float_is_the_shortest_decimal(tmp_path: Path) -> None:
    config = load_desk(desk(tmp_path, GOOD.replace('tick = "0.0001"', "tick = 0.0001")))
    assert str(config.instruments[0].tick) == "0.0001"


def test_settings_cannot_be_changed_after_loading(tmp_path: Path) -> None:
    config = load_desk(desk(tmp_path))
    with pytest.raises(ValueError, match="frozen"):
        config.limits.orders_per_minute = 1_000_000


TWO_VENUES = GOOD.replace(
    "[[accounts]]\n",
    '[[venues]]\nname = "other"\nkind = "simulated"\n\n'
    '[[accounts]]\nvenue = "other"\ncurrency = "USD"\n\n[[accounts]]\n',
    1,
)
SECOND_INSTRUMENT = """\
[[instruments]]
symbol = "XRP"
venue = "VENUE"
kind = "spot"
base = "XRP"
quote = "USD"
tick = "0.0001"
lot = 1
maker_fee_bps = 1
taker_fee_bps = 4.5

[[strategies]]
"""

NAME = "a name: a small letter, then small letters, digits, -; at most 32"
MONEY = "a number from 0 to 10000000000 (money)"
SHARE = "a number from 0.000001 to 1 in steps of 0.000001 (share)"
STEP = "a number from 0.000000000000000001 to 1000000000 (more than 0)"
FEE = "a number from -1000 to 1000 in steps of 0.00001 (basis points; negative is a rebate)"
RATE = "a number from 0 to 1000000 (orders per minute), whole"
VENUE_KEYS = "max_exposure, messages_per_second, cancel_reserve, error_rate, error_samples_min, error_cooldown_s"
STAGES = "four shares up to 1, each above the one before"
VALUE = "tick * lot * multiplier a whole number of 1e-8 USD, below 2**50 of them"
LOTS = "a whole number of lots of 1, at most 4398046511104 lots"
NEEDS_FEE = "required: basis points of notional, here or in the trading_file (fees.perpetual)"
PATH = "a path below the desk's folder"
QUOTA = 'max_exposure = "900"\n\n[limits]'
ACCOUNT = '[[accounts]]\nvenue = "venue"\ncurrency = "USD"\ndeposit = "1000.50"\n'
SIZING = '[risk]\nsizing_file = "{}"\n[operators]'


def unknown_near(key: str) -> str:
    return f'unknown key; did you mean "{key}"?'


# what stands in the good file | what is put there | the key and value that the error names | what it allows
BAD = (
    # slips of the pen
    ("orders_per_minute =", "orders_per_minut =", "limits.orders_per_minut = 30", unknown_near("orders_per_minute")),
    ("cancel_reserve = 2", "zebra = 2", "venues[venue].limits.zebra = 2", f"unknown key; known here: {VENUE_KEYS}"),
    ("[journal]", "[jornal]", "jornal = {'fsync': 'group'}", unknown_near("journal")),
    (QUOTA, QUOTA.replace("sure", "zure"), "strategies[BUY].limits.max_expozure = '900'", unknown_near("max_exposure")),
    ('name = "test-desk"\n', "", "desk.name = (missing)", f"required: {NAME}"),
    ("lot = 1\n", "", "instruments[XRP].lot = (missing)", f"required: {STEP}"),
    (ACCOUNT, "", "accounts = (missing)", "required: a [[accounts]] table"),
    ('"test-desk"', "test-desk", "line 2 = 'name = test-desk'", "valid TOML: Invalid value"),
    ("[journal]", "[limits]", "line 58 = '[limits]'", "valid TOML: Cannot declare ('limits',) twice"),
    # wrong types
    ("minute = 30", 'minute = "30"', "limits.orders_per_minute = '30'", RATE),
    ("minute = 30", "minute = 30.0", "limits.orders_per_minute = 30.0", RATE),
    ("minute = 30", "minute = true", "limits.orders_per_minute = True", RATE),
    ('name = "BUY"', 'name = "BUY"\nenabled = 1', "strategies[BUY].enabled = 1", "true or false"),
    ('instruments = ["XRP"]', 'instruments = "XRP"', "strategies[BUY].instruments = 'XRP'", "a list"),
    ("[[accounts]]", "[accounts]", "accounts = {'venue': 'venue', 'currency': 'USD', 'deposit': '1000.50'}", "a list"),
    (
        "fast = 12",
        "fast = {}",
        "strategies[BUY].parameters.fast = {}",
        "a text, a number, true or false, or a list of these",
    ),
    ('"1000.50"', "1979-05-27", "accounts[USD].deposit = datetime.date(1979, 5, 27)", MONEY),
    # out of range
    ('"1000.50"', "-1", "accounts[USD].deposit = -1", MONEY),
    ('"1000.50"', "nan", "accounts[USD].deposit = nan", MONEY),
    ('"1000.50"', '"unlimited"', "accounts[USD].deposit = 'unlimited'", MONEY),
    ('"1000.50"', '"1e999999999"', "accounts[USD].deposit = '1e999999999'", MONEY),
    ('"1000.50"', '"1e-999999"', "accounts[USD].deposit = '1e-999999'", f"{MONEY}, at most 18 decimal places"),
    (
        '"1000.50"',
        '"0.000000001"',
        "accounts[USD].deposit = '0.000000001'",
        "at most 8 decimal places and below 11529215046 USD",
    ),
    ("trip = 0.03", "trip = 3", "breaker.drawdown_trip = 3", SHARE),
    ("trip = 0.03", "trip = 0.03000001", "breaker.drawdown_trip = 0.03000001", SHARE),
    ("taker_fee_bps = 4.5", "taker_fee_bps = 4.500001", "instruments[XRP].taker_fee_bps = 4.500001", FEE),
    ('mode = "paper"', 'mode = "papr"', "desk.mode = 'papr'", "one of backtest, paper, live"),
    ('fsync = "group"', 'fsync = "never"', "journal.fsync = 'never'", "one of os, group, always"),
    ('capacity = "small"', 'capacity = "tiny"', "desk.capacity = 'tiny'", "one of small, standard, large"),
    ('name = "test-desk"', 'name = "../test"', "desk.name = '../test'", NAME),
    (
        "orders_per_minute = 30",
        'day_start = "24:00"',
        "limits.day_start = '24:00'",
        'a time of day "HH:MM" UTC, from "00:00" to "23:59"',
    ),
    # combinations that cannot be
    ("recovery = 0.01", "recovery = 0.04", "breaker.drawdown_recovery = 0.04", "below drawdown_trip (0.03)"),
    ("0.25, 0.5, 0.75", "0.25, 0.75, 0.5", "breaker.stages = [0.25, 0.75, 0.5, 1.0]", STAGES),
    ("0.25, 0.5, 0.75", "0.25", "breaker.stages = [0.25, 1.0]", STAGES),
    ("reset = 0.2", "reset = 0.3", "breaker.metrics.volatility.reset = 0.3", "below trigger (0.3)"),
    (
        "trigger = 0.3\nreset = 0.2",
        "trigger = 0.1",
        "breaker.metrics.volatility.reset = 0.20 (by default)",
        "below trigger (0.1)",
    ),
    ("minute = 30", "minute = 0", "limits.orders_per_minute = 0", "1 or more while a strategy is enabled"),
    ("reserve = 2", "reserve = 10", "venues[venue].limits.cancel_reserve = 10", "less than messages_per_second (10)"),
    (
        'max_notional = "500"',
        'max_notional = "500"\nmin_notional = "501"',
        "instruments[XRP].limits.min_notional = '501'",
        "at most max_notional (500)",
    ),
    ('"500"', '"901"', "instruments[XRP].limits.max_notional = '901'", "at most max_exposure (900)"),
    (
        '"500"',
        '"500"\nmin_notional = "9"',
        "instruments[XRP].limits.min_notional = '9'",
        "at least the venue's minimum order (10)",
    ),
    ('"500"', '"9"', "instruments[XRP].limits.max_notional = '9'", "at least the venue's minimum order (10)"),
    ('"500"', '"500"\nmax_quantity = "1.5"', "instruments[XRP].limits.max_quantity = '1.5'", LOTS),
    (
        "min_notional = 10\n\n[instruments.limits]",
        "short_allowed = false\n\n[instruments.limits]\nmax_short = 5",
        "instruments[XRP].limits.max_short = 5",
        "0: short_allowed is false",
    ),
    (
        "min_notional = 10",
        "initial_margin = 0.05\nmaintenance_margin = 0.1",
        "instruments[XRP].maintenance_margin = 0.1",
        "at most initial_margin (0.05)",
    ),
    ('"0.0001"', '"0.000000001"', "instruments[XRP].tick = '0.000000001'", VALUE),
    (
        '"0.0001"',
        '"0.0005"\nsignificant_figures = 5',
        "instruments[XRP].tick = '0.0005'",
        "a power of ten, such as 0.0001, where significant_figures is set",
    ),
    ("taker_fee_bps = 4.5\n", "", "instruments[XRP].taker_fee_bps = (missing)", NEEDS_FEE),
    (
        QUOTA,
        QUOTA.replace("\n\n", '\nmax_long_exposure = "901"\n\n'),
        "strategies[BUY].limits.max_long_exposure = '901'",
        "at most max_exposure (900)",
    ),
    (
        'deposit = "1000.50"',
        "",
        "limits.max_position_risk = 0.02",
        "a share of capital needs an account's deposit",
    ),
    # names that lead nowhere
    (
        '["XRP"]',
        '["XRP", "BTC"]',
        "strategies[BUY].instruments[#2] = 'BTC'",
        "a symbol of the [[instruments]]: XRP",
    ),
    ('["XRP"]', "[]", "strategies[BUY].instruments = []", "at least one symbol of the [[instruments]]"),
    (
        'symbol = "XRP"\nvenue = "venue"',
        'symbol = "XRP"\nvenue = "elsewhere"',
        "instruments[XRP].venue = 'elsewhere'",
        "the name of one of the [[venues]]: venue",
    ),
    ('"USD"\ntick', '"EUR"\ntick', "instruments[XRP].quote = 'EUR'", "the currency of an account at venue: USD"),
    (
        'kind = "momentum"',
        'kind = "momentum"\nowner = "nobody"',
        "strategies[BUY].owner = 'nobody'",
        "one of [operators]: operator-1",
    ),
    (
        'people = ["operator-1"]',
        "people = []",
        "operators.people = []",
        "at least one name: every order is attributable to a person",
    ),
    (
        'base_currency = "USD"',
        'base_currency = "EUR"',
        "accounts[USD].rate = (missing)",
        "required: EUR per USD, such as 1.0",
    ),
    ('"1000.50"', '"1000.50"\nrate = 2', "accounts[USD].rate = 2", "1, or left out: USD is the base currency"),
    (
        "[operators]",
        SIZING.format("../up.json"),
        "risk.sizing_file = '../up.json'",
        f'{PATH}, such as "config/sizing_by_regime.json"',
    ),
    ("[operators]", SIZING.format("a/../../b"), "risk.sizing_file = 'a/../../b'", PATH),
    ("[operators]", SIZING.format("no.json"), "risk.sizing_file = 'no.json'", "a file below the desk's folder FOLDER"),
)


@pytest.mark.parametrize(("good", "bad", "named", "allowed"), BAD)
def test_a_mistake_is_one_line(tmp_path: Path, good: str, bad: str, named: str, allowed: str) -> None:
    text = GOOD
    if "max_position_risk" in named:
        text = text.replace("[limits]", "[limits]\nmax_position_risk = 0.02")
    assert text.count(good) == 1, good
    allowed = allowed.replace("FOLDER", str(tmp_path))
    assert refused(tmp_path, text.replace(good, bad)) == f"{named} is not allowed: {allowed}"


def test_two_instruments_cannot_share_symbol_and_venue(tmp_path: Path) -> None:
    text = GOOD.replace("[[strategies]]\n", SECOND_INSTRUMENT.replace("VENUE", "venue"))
    assert refused(tmp_path, text) == "instruments[XRP].symbol = 'XRP' is not allowed: each symbol once at venue"


def test_a_symbol_of_two_venues_needs_its_venue(tmp_path: Path) -> None:
    text = TWO_VENUES.replace("[[strategies]]\n", SECOND_INSTRUMENT.replace("VENUE", "other"))
    line = "strategies[BUY].instruments[#1] = 'XRP' is not allowed: a symbol at one venue: XRP@venue or XRP@other"
    assert refused(tmp_path, text) == line
    config = load_desk(desk(tmp_path, text.replace('["XRP"]', '["XRP@other"]')))
    assert config.find_instruments("XRP@other") == [1]


def test_a_venue_is_named_once(tmp_path: Path) -> None:
    line = "venues[venue].name = 'venue' is not allowed: a name that no other venue has"
    assert refused(tmp_path, TWO_VENUES.replace('name = "other"', 'name = "venue"')) == line


def test_a_currency_has_one_account_at_a_venue(tmp_path: Path) -> None:
    text = TWO_VENUES.replace('venue = "other"', 'venue = "venue"')
    line = "accounts[USD].currency = 'USD' is not allowed: one account per venue and currency; venue has one already"
    assert refused(tmp_path, text) == line


def test_too_many_instruments_for_the_capacity_names_one_that_fits(tmp_path: Path) -> None:
    one = SECOND_INSTRUMENT.replace("VENUE", "venue").removesuffix("[[strategies]]\n")
    more = "".join(one.replace('symbol = "XRP"', f'symbol = "{name}"') for name in "ABCD")
    line = "desk.capacity = 'small' is not allowed: 5 instruments need more than 4 places: standard or large"
    assert refused(tmp_path, GOOD.replace("[[strategies]]\n", f"{more}[[strategies]]\n")) == line


def test_further_mistakes_are_counted(tmp_path: Path) -> None:
    text = GOOD.replace("orders_per_minute = 30", "orders_per_minute = -1").replace("reset = 0.2", "reset = 0.5")
    text = text.replace('fsync = "group"', "fsync = 5")
    assert refused(tmp_path, text).endswith("whole (and 2 more mistakes in this file)")


def test_an_unknown_key_comes_before_the_missing_one_it_was_meant_to_be(tmp_path: Path) -> None:
    line = (
        "desk.nam = 'test-desk' is not allowed: unknown key; did you mean \"name\"? (and 1 more mistake in this file)"
    )
    assert refused(tmp_path, GOOD.replace('name = "test-desk"', 'nam = "test-desk"')) == line


LIVE = (
    GOOD.replace('mode = "paper"', 'mode = "live"')
    .replace('kind = "simulated"', 'kind = "hyperliquid"')
    .replace("[venues.limits]", '[venues.limits]\nmax_exposure = "900"')
    .replace("\n[limits]", '\n[limits]\nmax_exposure = "900"')
)


LIMITS_BY_HAND = (
    ('[venues.limits]\nmax_exposure = "900"', "[venues.limits]", "venues[venue].limits.max_exposure = 10000"),
    (
        'max_notional = "500"\nmax_exposure = "900"',
        'max_notional = "500"',
        "instruments[XRP].limits.max_exposure = 5000",
    ),
    ('[strategies.limits]\nmax_exposure = "900"', "[strategies.limits]", "strategies[BUY].limits.max_exposure = 5000"),
    ('[limits]\nmax_exposure = "900"\norders_per_minute = 30', "", "limits.max_exposure = 10000"),
)


@pytest.mark.parametrize(("written", "left", "named"), LIMITS_BY_HAND)
def test_a_desk_goes_live_only_with_its_limits_written(tmp_path: Path, written: str, left: str, named: str) -> None:
    assert LIVE.count(written) == 1
    text = LIVE.replace(written, left)
    reason = 'written by hand while desk.mode is "live": limits are set before go-live'
    assert refused(tmp_path, text) == f"{named} (by default) is not allowed: {reason}"
    paper = text.replace('mode = "live"', 'mode = "paper"').replace('kind = "hyperliquid"', 'kind = "simulated"')
    assert load_desk(desk(tmp_path, paper)).desk.mode == "paper"


def test_a_live_limit_is_finite(tmp_path: Path) -> None:
    text = LIVE.replace("orders_per_minute = 30", 'max_daily_loss = "unlimited"')
    line = "limits.max_daily_loss = 'unlimited' is not allowed: a finite limit while desk.mode is \"live\""
    assert refused(tmp_path, text) == line


def test_a_simulated_venue_cannot_go_live(tmp_path: Path) -> None:
    text = LIVE.replace('kind = "hyperliquid"', 'kind = "simulated"')
    line = "desk.mode = 'live' is not allowed: backtest or paper: none of the venues is a real one"
    assert refused(tmp_path, text) == line


PRACTICE = LIVE.replace('kind = "hyperliquid"', 'kind = "practice"\naddress = "practice.sock"')


def test_a_desk_goes_live_at_a_practice_venue(tmp_path: Path) -> None:
    config = load_desk(desk(tmp_path, PRACTICE))
    assert (config.desk.mode, config.venues[0].kind, config.venues[0].address) == ("live", "practice", "practice.sock")


REAL_OR_NOT = (
    ('address = "practice.sock"', "", "venues[venue].address = (missing) is not allowed: where a practice venue"),
    ('mode = "live"', 'mode = "paper"', "venues[venue].kind = 'practice' is not allowed: simulated while desk.mode is"),
    ('kind = "practice"', 'kind = "simulated"', "venues[venue].address = 'practice.sock' is not allowed: where a"),
    (
        "[[accounts]]",
        '[[venues]]\nname = "other"\nkind = "simulated"\nlimits = {max_exposure = "900"}\n\n[[accounts]]',
        "venues[other].kind = 'simulated' is not allowed: a real venue, as the others",
    ),
)


@pytest.mark.parametrize(("before", "after", "line"), REAL_OR_NOT)
def test_a_desk_is_real_at_all_its_venues_or_at_none(tmp_path: Path, before: str, after: str, line: str) -> None:
    assert before in PRACTICE
    assert refused(tmp_path, PRACTICE.replace(before, after, 1)).startswith(line)


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    (tmp_path / DESK_FILE).write_bytes(b"[desk]\n\xff")
    with pytest.raises(ConfigError, match=r"byte 7 = \(unreadable\) is not allowed: text in UTF-8"):
        load_desk(tmp_path)


def test_a_number_too_long_to_read_is_one_line(tmp_path: Path) -> None:
    line = refused(tmp_path, GOOD.replace("orders_per_minute = 30", "orders_per_minute = " + "9" * 5000))
    assert line.startswith("file = (unreadable) is not allowed: valid TOML: Exceeds the limit")


def test_an_empty_file_says_what_is_needed(tmp_path: Path) -> None:
    line = "desk = (missing) is not allowed: required: a [desk] table (and 3 more mistakes in this file)"
    assert refused(tmp_path, "") == line


@pytest.mark.parametrize("place", ["folder", "file", "name"])
def test_a_desk_is_found_by_folder_file_and_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    (tmp_path / "desks" / "alpha").mkdir(parents=True)
    path = desk(tmp_path / "desks" / "alpha") / DESK_FILE
    monkeypatch.chdir(tmp_path)
    word = {"folder": path.parent, "file": path, "name": "alpha"}[place]
    assert load_desk(word).desk.name == "test-desk"


def test_an_unknown_desk_lists_those_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        find_desk("beta")
    allowed = "a desk's folder, its desk.toml, or its name"
    assert str(caught.value) == f"command: desk = 'beta' is not allowed: {allowed}; desks/ holds no desk"
    (tmp_path / "desks" / "alpha").mkdir(parents=True)
    desk(tmp_path / "desks" / "alpha")
    with pytest.raises(ConfigError, match=r"in desks/ there is alpha$"):
        find_desk("beta")


def test_the_shipped_desk_loads() -> None:
    config = load_desk(REPOSITORY / "desks" / "xrpliquid")
    assert [strategy.name for strategy in config.strategies] == ["BUY", "SCALP", "FUNDING_ARBITRAGE"]
    assert config.sizing is not None
    assert config.risk_parameters is not None
    assert config.trading_parameters is not None
    assert str(config.breaker.drawdown_trip) == "0.03"
    assert [str(stage) for stage in config.breaker.stages] == ["0.25", "0.5", "0.75", "1"]
    assert config.max_daily_loss == 500


# Fuzz: whatever a hand does to the file, it is read or refused by name; nothing else comes out.

VALUES = (
    "",
    "0",
    "-1",
    "1e400",
    "nan",
    "inf",
    "true",
    '""',
    '"unlimited"',
    '"x"',
    "[]",
    "[[]]",
    "{}",
    "{a = 1}",
    "[1, 'a']",
    "1979-05-27T07:32:00Z",
    "'''\n'''",
    "9223372036854775808",
    '"1e9999999"',
    "0x10",
    "[nan, inf]",
    '"\\u0000"',
)
LINES = GOOD.splitlines()


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_spoilt_file_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(["value", "drop", "double", "junk", "swap"])):
            case "value":
                lines[place] = f"{lines[place].partition('=')[0]}= {data.draw(st.sampled_from(VALUES))}"
            case "drop":
                del lines[place]
            case "double":
                lines.insert(place, lines[place])
            case "junk":
                lines[place] = data.draw(st.text(max_size=8))
            case _:
                other = data.draw(st.integers(0, len(lines) - 1))
                lines[place], lines[other] = lines[other], lines[place]
    (tmp_path / DESK_FILE).write_text("\n".join(lines), encoding="utf-8", errors="replace")
    assert "\n" not in outcome(tmp_path)


def outcome(folder: Path) -> str:
    """What loading says: nothing, or its one error."""
    try:
        load_desk(folder)
    except ConfigError as error:
        return str(error)
    return ""
