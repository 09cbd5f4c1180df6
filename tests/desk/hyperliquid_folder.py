"""The folder of a live desk on a twin of Hyperliquid."""

from pathlib import Path

from tests.desk.live_rig import DESK_TOML
from tests.twins.hyperliquid.serving import ADDRESSES

CHANGES = (
    ('name = "practised"', 'name = "twinned"'),
    ('base_currency = "USD"', 'base_currency = "USDC"'),
    ('name = "practice"\nkind = "practice"\naddress = "practice.sock"', 'name = "hl"\nkind = "hyperliquid"\n{venue}'),
    ('venue = "practice"\ncurrency = "USD"', 'venue = "hl"\ncurrency = "USDC"\ndeposit = "10000"'),
    ('symbol = "ABC"\nvenue = "practice"', 'symbol = "XRP"\nvenue = "hl"'),
    ('base = "ABC"\nquote = "USD"', 'base = "XRP"\nquote = "USDC"\nsignificant_figures = 5'),
    ('tick = "0.01"', 'tick = "0.000001"'),
    ('instruments = ["ABC"]', 'instruments = ["XRP"]'),
    ("maker_fee_bps = 1\ntaker_fee_bps = 4", "maker_fee_bps = 1.5\ntaker_fee_bps = 4.5\nmin_notional = 10"),
)  # fmt: skip

SPOT = (
    "[[strategies]]",
    """[[instruments]]
symbol = "XRP/USDC"
venue = "hl"
kind = "spot"
base = "XRP"
quote = "USDC"
significant_figures = 5
tick = "0.000001"
lot = "0.01"
maker_fee_bps = 4
taker_fee_bps = 7
min_notional = 10
[instruments.limits]
max_exposure = "100000"
max_notional = "100000"
max_quantity = "1000"
max_long = "1000"

[[strategies]]""",
)


def write_desk(folder: Path, port: int, *changes: tuple[str, str]) -> Path:
    """A live desk at the twin that listens at that port, trading ann's account."""
    venue = f'address = "127.0.0.1:{port}"\naccount = "{ADDRESSES["ann"]}"'
    text = DESK_TOML
    for old, new in (*CHANGES, *changes):
        assert text.count(old) == 1, old
        text = text.replace(old, new.replace("{venue}", venue))
    folder.mkdir(parents=True)
    (folder / "desk.toml").write_text(text)
    return folder
