"""A desk of one instrument at each twin, and its keys in the environment: what a conformance run wants."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quarterdeck.venues.alpaca import keys as alpaca_keys
from quarterdeck.venues.binance import keys as binance_keys
from quarterdeck.venues.hyperliquid import signing
from tests.desk.live_rig import DESK_TOML
from tests.twins.alpaca import serving as alpaca
from tests.twins.binance import serving as binance
from tests.twins.hyperliquid import serving as hyperliquid

__all__ = ["TWINS", "TwinDesk", "write_twin_desk"]


@dataclass(frozen=True)
class TwinDesk:
    """`kind` and `more` lines of its venue, the instrument's lines, the money it is counted in, its keys, its twin."""

    kind: str
    symbol: str
    base: str
    currency: str
    instrument: str
    keys: dict[str, str]
    running: Callable[..., Any]
    more: str = ""

    @contextlib.contextmanager
    def served(self, folder: Path, **options: Any) -> Iterator[tuple[Path, str]]:
        """A running twin; the folder of a desk at it, and its address."""
        with self.running(**options) as twin:
            address = f"127.0.0.1:{twin.server.port}"
            yield write_twin_desk(folder, self, address), address


BINANCE_KEYS = {
    binance_keys.KEY_VARIABLE: binance.KEYS["ann"],
    binance_keys.SECRET_VARIABLE: binance.SECRETS["ann"],
}
TWINS = {
    "hyperliquid": TwinDesk(
        kind="hyperliquid", symbol="XRP", base="XRP", currency="USDC",
        instrument='kind = "perpetual"\nsignificant_figures = 5\ntick = "0.000001"\nlot = "1"\nmaker_fee_bps = 1.5\n'
        "taker_fee_bps = 4.5\nmin_notional = 10\ninitial_margin = 0.1",
        keys={signing.KEY_VARIABLE: hyperliquid.KEYS["agent"]}, running=hyperliquid.running,
        more=f'account = "{hyperliquid.ADDRESSES["ann"]}"',
    ),
    "hyperliquid spot": TwinDesk(
        kind="hyperliquid", symbol="XRP/USDC", base="XRP", currency="USDC",
        instrument='kind = "spot"\nsignificant_figures = 5\ntick = "0.000001"\nlot = "0.01"\nmaker_fee_bps = 4\n'
        "taker_fee_bps = 7\nmin_notional = 10",
        keys={signing.KEY_VARIABLE: hyperliquid.KEYS["agent"]}, running=hyperliquid.running,
        more=f'account = "{hyperliquid.ADDRESSES["ann"]}"',
    ),
    "binance": TwinDesk(
        kind="binance", symbol="BTCUSDT", base="BTC", currency="USDT",
        instrument='kind = "spot"\ntick = "0.01"\nlot = "0.00001"\nmaker_fee_bps = 10\ntaker_fee_bps = 10\n'
        "min_notional = 5",
        keys=BINANCE_KEYS, running=binance.running,
    ),
    "binance-usdm": TwinDesk(
        kind="binance-usdm", symbol="BTCUSDT", base="BTC", currency="USDT",
        instrument='kind = "perpetual"\ntick = "0.10"\nlot = "0.001"\nmaker_fee_bps = 2\ntaker_fee_bps = 5\n'
        "min_notional = 100\ninitial_margin = 0.1",
        keys=BINANCE_KEYS, running=binance.running,
    ),
    "alpaca": TwinDesk(
        kind="alpaca", symbol="AAPL", base="AAPL", currency="USD",
        instrument='kind = "equity"\ntick = "0.01"\nlot = "1"\nmaker_fee_bps = 0\ntaker_fee_bps = 0',
        keys={alpaca_keys.KEY_VARIABLE: alpaca.ANN.key, alpaca_keys.SECRET_VARIABLE: alpaca.ANN.secret},
        running=alpaca.running,
    ),
}  # fmt: skip


def write_twin_desk(folder: Path, desk: TwinDesk, address: str) -> Path:
    """Writes a live desk at the twin that listens there."""
    instrument = (
        'kind = "perpetual"\nbase = "ABC"\nquote = "USD"\ntick = "0.01"\nlot = "1"\nmaker_fee_bps = 1\n'
        "taker_fee_bps = 4\ninitial_margin = 0.1"
    )
    changes = (
        ('name = "practised"', 'name = "twinned"'),
        ('base_currency = "USD"', f'base_currency = "{desk.currency}"'),
        (
            'name = "practice"\nkind = "practice"\naddress = "practice.sock"',
            f'name = "twin"\nkind = "{desk.kind}"\naddress = "{address}"\n{desk.more}',
        ),
        ('venue = "practice"\ncurrency = "USD"', f'venue = "twin"\ncurrency = "{desk.currency}"\ndeposit = "10000"'),
        ('symbol = "ABC"\nvenue = "practice"', f'symbol = "{desk.symbol}"\nvenue = "twin"'),
        (instrument, f'{desk.instrument}\nbase = "{desk.base}"\nquote = "{desk.currency}"'),
        ('instruments = ["ABC"]', f'instruments = ["{desk.symbol}"]'),
    )
    text = DESK_TOML
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    if 'kind = "perpetual"' not in desk.instrument:
        text = text.replace('max_short = "1000"', 'max_short = "0"')
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "desk.toml").write_text(text)
    return folder
