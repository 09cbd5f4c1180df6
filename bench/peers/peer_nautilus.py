"""nautilus_trader, low-level BacktestEngine (W1, W2) and live TradingNode (W3)."""

import os
from decimal import Decimal
from math import ceil, floor

import nautilus_trader
import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.config import BacktestEngineConfig, LoggingConfig, StrategyConfig
from nautilus_trader.indicators import SimpleMovingAverage
from nautilus_trader.model import Money, Venue
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide, OrderStatus
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TraderId
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler, QuoteTickDataWrangler
from nautilus_trader.trading.strategy import Strategy

import spec as S
from common import Clock, feed_from_thread, main, w3_quote, w3_stats

VENUE = Venue("SIM")
# cancel_all_orders() walks every order of the run, so its cost grows with the
# history; keeping the two live orders and cancelling those is the faster way.
CANCEL_ALL = os.environ.get("BENCH_VARIANT") == "cancel_all"


def instrument():
    return CurrencyPair(
        instrument_id=InstrumentId(Symbol("BTCUSDT"), VENUE),
        raw_symbol=Symbol("BTCUSDT"),
        base_currency=BTC,
        quote_currency=USDT,
        price_precision=2,
        size_precision=0,
        price_increment=Price.from_str("0.01"),
        size_increment=Quantity.from_int(1),
        lot_size=None,
        max_quantity=None,
        min_quantity=None,
        max_notional=None,
        min_notional=None,
        max_price=None,
        min_price=None,
        margin_init=Decimal("0.01"),
        margin_maint=Decimal("0.01"),
        maker_fee=Decimal(str(S.W2_FEE)),
        taker_fee=Decimal(str(S.W1_FEE)),
        ts_event=0,
        ts_init=0,
    )


class SmaConfig(StrategyConfig, frozen=True):
    bar_type: BarType


class Sma(Strategy):
    def __init__(self, config):
        super().__init__(config)
        self.fast = SimpleMovingAverage(S.W1_FAST)
        self.slow = SimpleMovingAverage(S.W1_SLOW)
        self.iid = config.bar_type.instrument_id
        self.size = Quantity.from_int(S.W1_SIZE)

    def on_start(self):
        bt = self.config.bar_type
        self.register_indicator_for_bars(bt, self.fast)
        self.register_indicator_for_bars(bt, self.slow)
        self.subscribe_bars(bt)

    def on_bar(self, bar):
        if not self.slow.initialized:
            return
        long = self.portfolio.is_net_long(self.iid)
        want = self.fast.value > self.slow.value
        if want != long:
            self.submit_order(self.order_factory.market(self.iid, OrderSide.BUY if want else OrderSide.SELL, self.size))


class MmConfig(StrategyConfig, frozen=True):
    instrument_id: InstrumentId


class Mm(Strategy):
    def __init__(self, config):
        super().__init__(config)
        self.iid = config.instrument_id
        self.size = Quantity.from_int(S.W2_SIZE)
        self.k = -1
        self.ema = 0.0
        self.pos = 0
        self.n_orders = 0
        self.live = []

    def send(self, order):
        self.n_orders += 1
        self.live.append(order)
        self.submit_order(order)

    def on_start(self):
        self.subscribe_quote_ticks(self.iid)

    def on_order_filled(self, e):
        self.pos += 1 if e.order_side == OrderSide.BUY else -1

    def on_quote_tick(self, t):
        self.k = k = self.k + 1
        b, a = t.bid_price.as_double(), t.ask_price.as_double()
        mid = (b + a) * 0.5
        self.ema = ema = mid if k == 0 else self.ema + S.W2_ALPHA * (mid - self.ema)
        if k % S.W2_EVERY != S.W2_EVERY - 1:
            return
        if CANCEL_ALL:
            self.cancel_all_orders(self.iid)
        else:
            for o in self.live:
                if o.is_open:
                    self.cancel_order(o)
            self.live.clear()
        e = ema * S.PX_SCALE
        if self.pos < S.W2_MAXPOS:
            px = min(round(b * S.PX_SCALE), floor(e) - S.W2_EDGE) / S.PX_SCALE
            self.send(self.order_factory.limit(self.iid, OrderSide.BUY, self.size, Price(px, 2), post_only=True))
        if self.pos > -S.W2_MAXPOS:
            px = max(round(a * S.PX_SCALE), ceil(e) + S.W2_EDGE) / S.PX_SCALE
            self.send(self.order_factory.limit(self.iid, OrderSide.SELL, self.size, Price(px, 2), post_only=True))


def engine(account):
    eng = BacktestEngine(
        BacktestEngineConfig(trader_id=TraderId("BENCH-001"), logging=LoggingConfig(bypass_logging=True))
    )
    cash = [Money(S.CASH, USDT)] + ([Money(0, BTC)] if account == AccountType.CASH else [])
    eng.add_venue(VENUE, OmsType.NETTING, account, starting_balances=cash, base_currency=None)
    ins = instrument()
    eng.add_instrument(ins)
    return eng, ins


def finish(eng, ins, last, run, prep, extra):
    acc = eng.portfolio.account(VENUE)
    orders = eng.cache.orders()
    fills = sum(1 for o in orders if o.filled_qty > 0)
    pos = float(eng.portfolio.net_position(ins.id))
    eq = float(acc.balance_total(USDT).as_double())
    if acc.type == AccountType.CASH:
        eq += pos * last
    else:
        eq += sum(p.unrealized_pnl(Price(last, 4)).as_double() for p in eng.cache.positions_open())
    res = {"run": run, "prep": prep, "fills": fills, "equity": round(eq, 6), "position": pos}
    res.update(extra)
    eng.dispose()
    return res


def w1(d, n):
    eng, ins = engine(AccountType.CASH)
    bt = BarType.from_str(f"{ins.id}-1-MINUTE-LAST-EXTERNAL")
    with Clock() as prep:
        df = pd.DataFrame(
            {k: d[k] for k in ("open", "high", "low", "close", "volume")},
            index=pd.to_datetime(d["ts"] + S.W1_STEP_NS, utc=True),
        )
        bars = BarDataWrangler(bt, ins).process(df)
        eng.add_data(bars)
    eng.add_strategy(Sma(SmaConfig(bar_type=bt)))
    with Clock() as run:
        eng.run()
    return finish(eng, ins, d["close"][-1], run, prep, {})


def w2(d, n):
    eng, ins = engine(AccountType.MARGIN)
    with Clock() as prep:
        df = pd.DataFrame(
            {"bid_price": d["bid"], "ask_price": d["ask"], "bid_size": d["bsz"], "ask_size": d["asz"]},
            index=pd.to_datetime(d["ts"], utc=True),
        )
        ticks = QuoteTickDataWrangler(ins).process(df)
        eng.add_data(ticks)
    st = Mm(MmConfig(instrument_id=ins.id))
    eng.add_strategy(st)
    with Clock() as run:
        eng.run()
    st_of = [o.status for o in eng.cache.orders()]
    rej = sum(s == OrderStatus.REJECTED or s == OrderStatus.DENIED for s in st_of)
    canc = sum(s == OrderStatus.CANCELED for s in st_of)
    return finish(
        eng,
        ins,
        (d["bid"][-1] + d["ask"][-1]) * 0.5,
        run,
        prep,
        {
            "variant": "cancel_all_orders" if CANCEL_ALL else "cancel_order",
            "orders": st.n_orders,
            "cancels": canc,
            "rejected": rej,
            "on_tick_calls": st.k + 1,
        },
    )


# ---------------------------------------------------------------- W3, live path


def w3(_, n):
    """TradingNode + in-process data client + SandboxExecutionClient, all on one asyncio loop.

    t0 data client hands the tick over / t1 strategy called / t2 just before
    submit_order() / t3 the execution client's submit_order() entered. Between
    them: data queue, message bus, risk engine (its default checks), two more queues.
    """
    import asyncio
    from time import perf_counter_ns as now

    from nautilus_trader.adapters.sandbox.config import SandboxExecutionClientConfig
    from nautilus_trader.adapters.sandbox.execution import SandboxExecutionClient
    from nautilus_trader.adapters.sandbox.factory import SandboxLiveExecClientFactory
    from nautilus_trader.common.providers import InstrumentProvider
    from nautilus_trader.config import (
        LiveDataClientConfig,
        LiveDataEngineConfig,
        LiveExecEngineConfig,
        LiveRiskEngineConfig,
        TradingNodeConfig,
    )
    from nautilus_trader.live.data_client import LiveMarketDataClient
    from nautilus_trader.live.factories import LiveDataClientFactory
    from nautilus_trader.live.node import TradingNode
    from nautilus_trader.model.data import QuoteTick
    from nautilus_trader.model.identifiers import ClientId

    total = n + S.W3_WARM
    t0, t1, t2, t3 = ([0] * total for _ in range(4))
    ins = instrument()
    ten = Quantity.from_int(10)
    index = {}  # client order id -> event number

    class Feed(LiveMarketDataClient):
        def __init__(self, loop, msgbus, cache, clock):
            super().__init__(
                loop=loop,
                client_id=ClientId("SIM"),
                venue=VENUE,
                msgbus=msgbus,
                cache=cache,
                clock=clock,
                instrument_provider=InstrumentProvider(),
            )

        async def _connect(self):
            pass

        async def _disconnect(self):
            pass

        async def _subscribe_quote_ticks(self, command):
            feed_from_thread(asyncio.get_running_loop(), self.inject, total, lambda: node.stop())

        def inject(self, k):
            bid, ask = w3_quote(k)
            ts = self._clock.timestamp_ns()
            tick = QuoteTick(ins.id, Price(bid, 2), Price(ask, 2), ten, ten, ts, ts)
            t0[k] = now()
            self._handle_data(tick)

    class FeedFactory(LiveDataClientFactory):
        @staticmethod
        def create(loop, name, config, msgbus, cache, clock):
            return Feed(loop, msgbus, cache, clock)

    class Exec(SandboxExecutionClient):
        def submit_order(self, command):
            t3[index[command.order.client_order_id]] = now()
            return super().submit_order(command)

    class ExecFactory(SandboxLiveExecClientFactory):
        @staticmethod
        def create(loop, name, config, portfolio, msgbus, cache, clock):
            return Exec(loop=loop, clock=clock, portfolio=portfolio, msgbus=msgbus, cache=cache, config=config)

    # the node builder hands the portfolio to the sandbox factory only, which it knows by this name
    ExecFactory.__name__ = "SandboxLiveExecClientFactory"

    class Quoter(Strategy):
        def on_start(self):
            self.k, self.ema, self.last, self.size = -1, 1000.0, None, Quantity.from_int(1)
            self.subscribe_quote_ticks(ins.id)

        def on_quote_tick(self, t):
            self.k = k = self.k + 1
            t1[k] = now()
            b, a = t.bid_price.as_double(), t.ask_price.as_double()
            self.ema += S.W2_ALPHA * ((b + a) * 0.5 - self.ema)
            px = Price(min(b, floor(self.ema * 100) / 100) - 1.0, 2)
            order = self.order_factory.limit(ins.id, OrderSide.BUY, self.size, px, post_only=True)
            index[order.client_order_id] = k
            t2[k] = now()
            self.submit_order(order)
            if self.last is not None and self.last.is_open:
                self.cancel_order(self.last)
            self.last = order

    node = TradingNode(
        TradingNodeConfig(
            trader_id=TraderId("BENCH-001"),
            logging=LoggingConfig(log_level="ERROR"),
            data_engine=LiveDataEngineConfig(),
            exec_engine=LiveExecEngineConfig(reconciliation=False),
            # default is 100 orders per second: anything above is denied, not delayed
            risk_engine=LiveRiskEngineConfig(
                max_order_submit_rate="100000/00:00:01", max_order_modify_rate="100000/00:00:01"
            ),
            data_clients={"SIM": LiveDataClientConfig()},
            exec_clients={"SIM": SandboxExecutionClientConfig(venue="SIM", starting_balances=["1000000 USDT"])},
            timeout_connection=5.0,
            timeout_reconciliation=2.0,
            timeout_portfolio=2.0,
            timeout_disconnection=1.0,
            timeout_post_stop=0.2,
        )
    )
    node.add_data_client_factory("SIM", FeedFactory)
    node.add_exec_client_factory("SIM", ExecFactory)
    node.cache.add_instrument(ins)
    node.trader.add_strategy(Quoter())
    node.build()
    try:
        node.run()
    finally:
        node.dispose()
    w = S.W3_WARM
    return {
        "tick_to_submit_us": w3_stats(t0, t3, w),
        "feed_to_strategy_us": w3_stats(t0, t1, w),
        "build_order_us": w3_stats(t1, t2, w),
        "submit_to_client_us": w3_stats(t2, t3, w),
    }


if __name__ == "__main__":
    main("nautilus", nautilus_trader.__version__, {"W1": w1, "W2": w2, "W3": w3})
