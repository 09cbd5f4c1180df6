"""What is tested: `quarterdeck.venues.links`: which adapter speaks to which kind of venue.

And `quarterdeck.venues.hyperliquid.terms`, `quarterdeck.venues.binance.terms`: what of a desk's terms cannot be meant.
"""

from pathlib import Path

import pytest

from quarterdeck.config import DeskConfig, load_desk
from quarterdeck.errors import ConfigError
from quarterdeck.venues.binance import BinanceVenue
from quarterdeck.venues.hyperliquid import HyperliquidVenue
from quarterdeck.venues.hyperliquid.signing import KEY_FILE_VARIABLE, KEY_VARIABLE
from quarterdeck.venues.hyperliquid.terms import desk_instruments
from quarterdeck.venues.links import open_market_data, open_venue
from quarterdeck.venues.practice.venue import PracticeVenue
from tests.desk import binance_folder
from tests.desk.builders import desk_folder
from tests.desk.hyperliquid_folder import SPOT, write_desk
from tests.desk.live_rig import desk_config
from tests.twins.hyperliquid.serving import KEYS
from tests.twins.serving import Ear

SAID = "no connection: [Errno 2] No such file or directory"


def test_a_practice_venue_listens_in_the_desks_folder(tmp_path: Path) -> None:
    said: list[str] = []
    venue = open_venue(desk_config(tmp_path), 0, said.append)
    assert isinstance(venue, PracticeVenue)
    ear = Ear()
    venue.open(ear)
    assert "No such file" in ear.line(up=False).text
    venue.close()
    assert said == [f"no line to the practice exchange at {tmp_path / 'practice.sock'} ({SAID}); it is tried again"]


def test_a_kind_without_an_adapter_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"venues\[hyperliquid\]\.kind = 'simulated' is not allowed: one of prac"):
        open_venue(desk_folder(tmp_path), 0)


def hyperliquid(folder: Path, *changes: tuple[str, str]) -> DeskConfig:
    return load_desk(write_desk(folder / "desk", 8901, *changes))


def test_hyperliquid_is_opened_with_the_key_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = hyperliquid(tmp_path, SPOT)
    instruments = desk_instruments(config, 0)
    assert [(index, purse, one.symbol) for index, purse, one in instruments] == [(0, 0, "XRP"), (1, 0, "XRP/USDC")]
    assert {one.currency_exponent for _, _, one in instruments} == {8}
    monkeypatch.setenv(KEY_VARIABLE, KEYS["agent"])
    venue = open_venue(config, 0)
    assert isinstance(venue, HyperliquidVenue)
    assert not venue.capabilities.amend
    monkeypatch.delenv(KEY_VARIABLE)
    kept = tmp_path / "key"
    kept.write_text(KEYS["agent"])
    kept.chmod(0o600)
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(kept))
    assert isinstance(open_venue(config, 0), HyperliquidVenue)


@pytest.mark.parametrize("key", ["", "0x12", "g" * 64, "0" * 64])
def test_a_missing_or_broken_key_is_one_line_that_does_not_show_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, key)
    with pytest.raises(ConfigError, match=KEY_VARIABLE) as caught:
        open_venue(hyperliquid(tmp_path), 0)
    assert "\n" not in str(caught.value)
    assert not key or key not in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            'kind = "perpetual"',
            'kind = "equity"\nshort_allowed = true',
            r"instruments\[XRP\].kind = 'equity' is not allowed: perpetual or spot",
        ),
        (
            'lot = "1"',
            'lot = "1"\nmultiplier = "2"',
            r"instruments\[XRP\].multiplier = '2' is not allowed: 1, as at hl",
        ),
        ("significant_figures = 5", "", r"instruments\[XRP\].significant_figures = 0 is not allowed: 5, as at hl"),
    ],
)
def test_terms_that_are_not_the_venues_are_one_line(tmp_path: Path, before: str, after: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        open_venue(hyperliquid(tmp_path, (before, after)), 0)


def test_the_purse_is_in_usdc(tmp_path: Path) -> None:
    config = hyperliquid(
        tmp_path,
        ('base_currency = "USDC"', 'base_currency = "USD"'),
        ('currency = "USDC"\ndeposit', 'currency = "USD"\ndeposit'),
        ('quote = "USDC"', 'quote = "USD"'),
    )
    with pytest.raises(ConfigError, match=r"accounts\[USD\].currency = 'USD' is not allowed: USDC at hl"):
        open_venue(config, 0)


SECRETS = {"QUARTERDECK_BINANCE_KEY": "k" * 64, "QUARTERDECK_BINANCE_SECRET": "s" * 64}


def binance(folder: Path, *changes: tuple[str, str]) -> DeskConfig:
    return load_desk(binance_folder.write_desk(folder / "desk", 8902, *binance_folder.SPOT, *changes))


def test_both_markets_of_binance_are_opened_with_one_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    config, said = binance(tmp_path), list[str]()
    rows = {venue.kind: row for row, venue in enumerate(config.venues)}
    futures, spot = (open_venue(config, rows[kind], said.append) for kind in ("binance-usdm", "binance"))
    assert isinstance(futures, BinanceVenue)
    assert isinstance(spot, BinanceVenue)
    assert (futures.capabilities.reduce_only, futures.capabilities.stops, futures.capabilities.expiry) == (
        True,
        False,
        False,
    )
    assert (spot.capabilities.reduce_only, spot.capabilities.stops, spot.capabilities.amend) == (False, True, False)
    assert ["BTCUSDT buy in BTC" in text for text in said] == [True]
    monkeypatch.delenv("QUARTERDECK_BINANCE_SECRET")
    assert isinstance(open_market_data(config, rows["binance"]), BinanceVenue)
    with pytest.raises(ConfigError, match="QUARTERDECK_BINANCE_SECRET") as caught:
        open_venue(config, rows["binance"])
    assert "k" * 64 not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        (
            ('kind = "perpetual"', 'kind = "equity"\nshort_allowed = true'),
            "binance-usdm",
            "kind = 'equity' is not allowed: perpetual, as at bu",
        ),
        (
            ('lot = "0.001"', 'lot = "0.001"\nmultiplier = "2"'),
            "binance-usdm",
            "multiplier = '2' is not allowed: 1, as at bu",
        ),
        (
            ('tick = "0.10"', 'tick = "0.10"\nsignificant_figures = 5'),
            "binance-usdm",
            "significant_figures = 5 is not allowed: 0, no such rule, as at bu",
        ),
        (
            ('kind = "spot"', 'kind = "spot"\nshort_allowed = true'),
            "binance",
            "short_allowed = True is not allowed: false: spot lends nothing, as at bs",
        ),
    ],
)
def test_terms_that_are_not_binances_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str], kind: str, said: str
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    config = binance(tmp_path, change)
    with pytest.raises(ConfigError) as caught:
        open_venue(config, [venue.kind for venue in config.venues].index(kind))
    assert said in str(caught.value)


def test_an_assets_balance_is_one_pairs_position(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pairs of one asset, or a pair whose asset is another's money: their positions could not be told apart."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    text = binance_folder.SPOT[1][1]
    pair = text[: text.index("[[strategies]]")].replace('symbol = "BTCUSDT"', 'symbol = "BTCFDUSD"')
    config = binance(tmp_path, ("[[strategies]]", pair + "[[strategies]]"))
    with pytest.raises(
        ConfigError, match=r"instruments\[BTCFDUSD\].base = 'BTC' is not allowed: an asset that no other"
    ):
        open_venue(config, 0 if config.venues[0].kind == "binance" else 1)
