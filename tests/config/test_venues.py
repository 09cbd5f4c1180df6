"""What is tested: `quarterdeck.config.venues`: what each kind of venue may say, one clear line for each mistake."""

from pathlib import Path

import pytest

from quarterdeck.config import load_desk
from tests.config.test_loading import LIVE, PRACTICE, desk, refused

ACCOUNT = "0x" + "Ab" * 20
TWIN = LIVE.replace('kind = "hyperliquid"', f'kind = "hyperliquid"\naddress = "127.0.0.1:8901"\naccount = "{ACCOUNT}"')
ONLY = (
    "this version trades on a twin only: the numbers of this machine's own loopback and the twin's port, such as "
    '"127.0.0.1:8901" (quarterdeck twin hyperliquid --port 8901)'
)
DIGITS = "0x and 40 hexadecimal digits"


def test_a_desk_goes_live_on_a_twin(tmp_path: Path) -> None:
    venue = load_desk(desk(tmp_path, TWIN)).venues[0]
    assert (venue.kind, venue.address, venue.account) == ("hyperliquid", "127.0.0.1:8901", ACCOUNT)
    assert (venue.depth, venue.dead_man_s, venue.allow_master_key) == (False, 0, False)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.8.9.1:65535", "[::1]:8901"])
def test_loopback_is_taken(tmp_path: Path, address: str) -> None:
    assert load_desk(desk(tmp_path, TWIN.replace("127.0.0.1:8901", address))).venues[0].address == address


@pytest.mark.parametrize(
    "address",
    [
        "api.example:443", "localhost:8901", "localhost.example:8901", "10.0.0.1:8901", "0.0.0.0:8901", "[::]:8901",
        "[::ffff:127.0.0.1]:8901", "::1:8901", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536",
        "127.0.0.1:+80", "127.0.0.1.example:80", "127.1:80", "127.0.0.1@example:80", "example:80#127.0.0.1:80",
        "user@127.0.0.1:80", "127.0.0.1:80/path", "twin.sock", "127.0.0.1:\\u0668\\u0660", "[127.0.0.1]:80",
        "::1%lo:80",
    ],
)  # fmt: skip
def test_any_other_address_is_refused(tmp_path: Path, address: str) -> None:
    line = refused(tmp_path, TWIN.replace("127.0.0.1:8901", address))
    assert line.startswith("venues[venue].address = ")
    assert line.endswith(f"is not allowed: {ONLY}")


MISTAKES = (
    ('address = "127.0.0.1:8901"\n', "", f"venues[venue].address = (missing) is not allowed: {ONLY}"),
    (f'account = "{ACCOUNT}"', "", "venues[venue].account = (missing) is not allowed: the address of the account"),
    (ACCOUNT, ACCOUNT[:-1], f"venues[venue].account = '{ACCOUNT[:-1]}' is not allowed: the address of the account"),
    (ACCOUNT, "0x" + "x" * 40, f"venues[venue].account = '0x{'x' * 40}' is not allowed: the address of the account"),
    (ACCOUNT, "ada", f"venues[venue].account = 'ada' is not allowed: {DIGITS}"),
    (f'"{ACCOUNT}"', f'"{ACCOUNT}"\ndead_man_s = 5', "venues[venue].dead_man_s = 5 is not allowed: 0 (not used), or"),
    (f'"{ACCOUNT}"', f'"{ACCOUNT}"\ndead_man_s = -1', "venues[venue].dead_man_s = -1 is not allowed: a number from 0"),
    (f'"{ACCOUNT}"', f'"{ACCOUNT}"\ndepth = "yes"', "venues[venue].depth = 'yes' is not allowed"),
    (f'"{ACCOUNT}"', f'"{ACCOUNT}"\nprivate_key = "1"', "venues[venue].private_key = '1' is not allowed: unknown key"),
)  # fmt: skip


@pytest.mark.parametrize(("before", "after", "line"), MISTAKES)
def test_a_mistake_is_one_line(tmp_path: Path, before: str, after: str, line: str) -> None:
    assert before in TWIN
    said = refused(tmp_path, TWIN.replace(before, after))
    assert said.startswith(line)
    assert "\n" not in said


@pytest.mark.parametrize(
    ("key", "shown"), [(f'account = "{ACCOUNT}"', f"account = '{ACCOUNT}'"), ("depth = false", "depth = False")]
)
def test_a_practice_venue_has_none_of_them(tmp_path: Path, key: str, shown: str) -> None:
    line = refused(tmp_path, PRACTICE.replace('address = "practice.sock"', f'address = "practice.sock"\n{key}'))
    assert line.startswith(
        f"venues[venue].{shown} is not allowed: left out: a practice venue has none, only hyperliquid"
    )


def test_a_twin_is_for_live_desks(tmp_path: Path) -> None:
    line = refused(tmp_path, TWIN.replace('mode = "live"', 'mode = "paper"'))
    assert line.startswith("venues[venue].kind = 'hyperliquid' is not allowed: simulated while desk.mode is")


BINANCE = LIVE.replace(
    'kind = "hyperliquid"', 'kind = "binance-usdm"\naddress = "127.0.0.1:8902"\ndepth = true\ndead_man_s = 60'
)


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ('"binance-usdm"', '"binance"', "venues[venue].dead_man_s = 60 is not allowed: left out: a binance venue has"),
        ("= 60", "= 5", "venues[venue].dead_man_s = 5 is not allowed: 0 (not used), or 15 seconds or more"),
        (
            "127.0.0.1",
            "10.0.0.1",
            "venues[venue].address = '10.0.0.1:8902' is not allowed: this version trades on a twin",
        ),
        ("127.0.0.1:8902", "api.example:443", "venues[venue].address = 'api.example:443' is not allowed: this version"),
        ("depth = true", "allow_master_key = true", "venues[venue].allow_master_key = True is not allowed: left out"),
        ("depth = true", f'account = "{ACCOUNT}"', f"venues[venue].account = '{ACCOUNT}' is not allowed: left out"),
    ],
)
def test_a_binance_venue_has_what_its_market_has(tmp_path: Path, before: str, after: str, line: str) -> None:
    assert load_desk(desk(tmp_path, BINANCE)).venues[0].kind == "binance-usdm"
    assert before in BINANCE
    assert refused(tmp_path, BINANCE.replace(before, after)).startswith(line)
