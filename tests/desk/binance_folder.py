"""The folder of a live desk on a twin of Binance: its USD-M futures, and its spot market where that is asked for."""

from pathlib import Path

from tests.desk.live_rig import DESK_TOML

CHANGES = (
    ('name = "practised"', 'name = "twinned"'),
    ('base_currency = "USD"', 'base_currency = "USDT"'),
    ('name = "practice"\nkind = "practice"\naddress = "practice.sock"', 'name = "bu"\nkind = "binance-usdm"\n{venue}'),
    ('venue = "practice"\ncurrency = "USD"', 'venue = "bu"\ncurrency = "USDT"\ndeposit = "100000"'),
    ('symbol = "ABC"\nvenue = "practice"', 'symbol = "BTCUSDT"\nvenue = "bu"'),
    ('base = "ABC"\nquote = "USD"', 'base = "BTC"\nquote = "USDT"'),
    ('tick = "0.01"\nlot = "1"', 'tick = "0.10"\nlot = "0.001"'),
    ('instruments = ["ABC"]', 'instruments = ["BTCUSDT"]'),
    ("maker_fee_bps = 1\ntaker_fee_bps = 4", "maker_fee_bps = 2\ntaker_fee_bps = 5\nmin_notional = 100"),
)  # fmt: skip

SPOT = (
    (
        "[[accounts]]",
        """[[venues]]
name = "bs"
kind = "binance"
{venue}
[venues.limits]
max_exposure = "1000000"
messages_per_second = 1000
cancel_reserve = 100

[[accounts]]
venue = "bs"
currency = "USDT"
deposit = "100000"

[[accounts]]""",
    ),
    (
        "[[strategies]]",
        """[[instruments]]
symbol = "BTCUSDT"
venue = "bs"
kind = "spot"
base = "BTC"
quote = "USDT"
tick = "0.01"
lot = "0.00001"
maker_fee_bps = 10
taker_fee_bps = 10
min_notional = 5
[instruments.limits]
max_exposure = "1000000"
max_notional = "100000"
max_quantity = "10"
max_long = "10"
stale_ms = 600000
collar_bps = 5000
collar_period_bps = 5000
collar_period_s = 300
duplicate_window_ms = 0

[[strategies]]""",
    ),
    ('["BTCUSDT"]', '["BTCUSDT@bu", "BTCUSDT@bs"]'),
)


def write_desk(folder: Path, port: int, *changes: tuple[str, str]) -> Path:
    """A live desk at the twin that listens at that port."""
    text = DESK_TOML
    for old, new in (*CHANGES, *changes):
        assert text.count(old) == 1, old
        text = text.replace(old, new.replace("{venue}", f'address = "127.0.0.1:{port}"'))
    folder.mkdir(parents=True)
    (folder / "desk.toml").write_text(text)
    return folder
