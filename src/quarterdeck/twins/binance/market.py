"""Public market data of both halves as REST answers tell it: exchangeInfo, depth, trades, bars, tickers, funding."""

from collections import deque
from decimal import Decimal
from typing import Any, Final

from quarterdeck.twins.binance.accounts import eight, plain
from quarterdeck.twins.binance.admission import STP_MODES
from quarterdeck.twins.binance.books import MINUTE_MS, Bar, Book
from quarterdeck.twins.binance.exchange import FUNDING_HOURS, PublicTrade, TwinExchange
from quarterdeck.twins.binance.limits import rate_limit_rows
from quarterdeck.twins.binance.listings import USDT, Listing
from quarterdeck.twins.binance.parameters import Parameters
from quarterdeck.twins.binance.refusals import Refused, malformed

__all__ = ["INTERVALS", "PublicMarket", "bar_row"]

Wire = dict[str, Any]
INTERVALS: Final = {
    "1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "2h": 120, "4h": 240, "6h": 360, "8h": 480,
    "12h": 720, "1d": 1_440,
}  # fmt: skip
_TRADES: Final = 1_000
_FUNDING_MS: Final = FUNDING_HOURS * 3_600_000
_ONBOARD_MS: Final = 1_569_398_400_000
_DELIVERY_MS: Final = 4_133_404_800_000  # what the venue writes for perpetuals
_SPOT_PERMISSIONS: Final = ["SPOT"]
_FUTURES_DEPTHS: Final = frozenset({5, 10, 20, 50, 100, 500, 1_000})


class PublicMarket:
    """One half of the venue."""

    def __init__(self, exchange: TwinExchange, *, futures: bool, budget: int) -> None:
        self._exchange, self.futures, self._budget = exchange, futures, budget
        self.trades: dict[int, deque[PublicTrade]] = {
            one.index: deque(maxlen=_TRADES) for one in exchange.listings if one.futures == futures
        }

    def listing(self, asked: Parameters) -> Listing:
        """Returns the market that is asked about. Raises Refused."""
        found = self._exchange.by_symbol.get((self.futures, asked.text("symbol")))
        if found is None:
            raise Refused(-1121, "Invalid symbol.")
        return found

    def _listings(self, asked: Parameters) -> tuple[list[Listing], bool]:
        """The markets asked about, and whether it is one by name."""
        every = [one for one in self._exchange.listings if one.futures == self.futures]
        if "symbols" in asked.values:
            names = asked.texts("symbols")
            found = [one for one in every if one.symbol in names]
            if len(found) < len(set(names)):
                raise Refused(-1121, "Invalid symbol.")
            return found, False
        return ([self.listing(asked)], True) if "symbol" in asked.values else (every, False)

    def _book(self, listing: Listing) -> Book:
        return self._exchange.books[listing.index]

    # The list of markets.

    def info(self, asked: Parameters) -> Wire:
        """Returns exchangeInfo, at the market's time: of the real time, which keys are of, /time alone tells."""
        listings, _ = self._listings(asked)
        told: Wire = {
            "timezone": "UTC", "serverTime": self._exchange.now_ms,
            "rateLimits": rate_limit_rows(futures=self.futures, budget=self._budget), "exchangeFilters": [],
        }  # fmt: skip
        if self.futures:
            told["futuresType"] = "U_MARGINED"
            told["assets"] = [{"asset": USDT, "marginAvailable": True, "autoAssetExchange": "-10000"}]
        told["symbols"] = [self._futures_symbol(one) if self.futures else self._spot_symbol(one) for one in listings]
        return told

    def _spot_symbol(self, listing: Listing) -> Wire:
        return {
            "symbol": listing.symbol, "status": "BREAK" if self._exchange.halted else "TRADING",
            "baseAsset": listing.base, "baseAssetPrecision": 8, "quoteAsset": USDT, "quotePrecision": 8,
            "quoteAssetPrecision": 8, "baseCommissionPrecision": 8, "quoteCommissionPrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"], "icebergAllowed": False, "ocoAllowed": False,
            "otoAllowed": False, "quoteOrderQtyMarketAllowed": True, "allowTrailingStop": False,
            "cancelReplaceAllowed": True, "amendAllowed": False, "pegInstructionsAllowed": False,
            "isSpotTradingAllowed": True, "isMarginTradingAllowed": False, "filters": self._spot_filters(listing),
            "permissions": [], "permissionSets": [_SPOT_PERMISSIONS],
            "defaultSelfTradePreventionMode": "EXPIRE_MAKER", "allowedSelfTradePreventionModes": sorted(STP_MODES),
        }  # fmt: skip

    @staticmethod
    def _spot_filters(listing: Listing) -> list[Wire]:
        step, most = f"{listing.lot:.8f}", f"{listing.lot * listing.lots_max:.8f}"
        up, down = plain(listing.price_up), plain(listing.price_down)
        return [
            {"filterType": "PRICE_FILTER", "minPrice": f"{listing.tick:.8f}", "maxPrice": "1000000.00000000",
             "tickSize": f"{listing.tick:.8f}"},
            {"filterType": "LOT_SIZE", "minQty": step, "maxQty": most, "stepSize": step},
            {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": most, "stepSize": "0.00000000"},
            {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": up, "bidMultiplierDown": down,
             "askMultiplierUp": up, "askMultiplierDown": down, "avgPriceMins": 5},
            {"filterType": "NOTIONAL", "minNotional": f"{listing.instrument.min_notional:.8f}",
             "applyMinToMarket": True, "maxNotional": "9000000.00000000", "applyMaxToMarket": False,
             "avgPriceMins": 5},
        ]  # fmt: skip

    def _futures_symbol(self, listing: Listing) -> Wire:
        step, most = plain(listing.lot), plain(listing.lot * listing.lots_max)
        return {
            "symbol": listing.symbol, "pair": listing.symbol, "contractType": "PERPETUAL",
            "deliveryDate": _DELIVERY_MS, "onboardDate": _ONBOARD_MS,
            "status": "PENDING_TRADING" if self._exchange.halted else "TRADING", "maintMarginPercent": "2.5000",
            "requiredMarginPercent": "5.0000", "baseAsset": listing.base, "quoteAsset": USDT, "marginAsset": USDT,
            "pricePrecision": _decimals(listing.tick), "quantityPrecision": _decimals(listing.lot),
            "baseAssetPrecision": 8, "quotePrecision": 8, "underlyingType": "COIN", "underlyingSubType": ["PoW"],
            "triggerProtect": "0.0500", "liquidationFee": "0.012500", "marketTakeBound": "0.05",
            "maxMoveOrderLimit": 10_000, "orderTypes": ["LIMIT", "MARKET"],
            "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": plain(listing.tick), "maxPrice": "4529764",
                 "tickSize": f"{listing.tick:f}"},
                {"filterType": "LOT_SIZE", "minQty": step, "maxQty": most, "stepSize": step},
                {"filterType": "MARKET_LOT_SIZE", "minQty": step, "maxQty": most, "stepSize": step},
                {"filterType": "MAX_NUM_ORDERS", "limit": 200},
                {"filterType": "MIN_NOTIONAL", "notional": plain(listing.instrument.min_notional)},
                {"filterType": "PERCENT_PRICE", "multiplierUp": f"{listing.price_up:.4f}",
                 "multiplierDown": f"{listing.price_down:.4f}", "multiplierDecimal": "4"},
            ],
        }  # fmt: skip

    # Books, trades, bars.

    def depth(self, asked: Parameters) -> Wire:
        """Returns the book, up to `limit` levels a side."""
        listing, limit = self.listing(asked), asked.whole("limit", 500 if self.futures else 100)
        if limit <= 0 or (self.futures and limit not in _FUTURES_DEPTHS):
            raise Refused(-4021, f"'{limit}' is not valid depth limit.") if self.futures else malformed("limit")
        book = self._book(listing)
        told: Wire = {"lastUpdateId": book.update_id}
        if self.futures:
            told |= {"E": self._exchange.now_ms, "T": self._exchange.now_ms}
        return {**told, "bids": book.rows(1, min(limit, 5_000)), "asks": book.rows(-1, min(limit, 5_000))}

    def recent(self, asked: Parameters) -> list[Wire]:
        """Returns the latest public trades, oldest first."""
        listing, limit = self.listing(asked), asked.limit(500, _TRADES)
        book, value = self._book(listing), listing.instrument.value
        rows: list[Wire] = []
        for one in list(self.trades[listing.index])[-limit:]:
            paid = one.price * one.lots * value
            row: Wire = {
                "id": one.number, "price": book.price_text(one.price), "qty": book.lots_text(one.lots),
                "quoteQty": plain(Decimal(paid).scaleb(-8)) if self.futures else eight(paid), "time": one.time_ms,
                "isBuyerMaker": one.sold,
            }  # fmt: skip
            rows.append(row if self.futures else {**row, "isBestMatch": True})
        return rows

    def bars(self, asked: Parameters) -> list[list[Any]]:
        """Returns bars since the twin began: it makes none up for the time before."""
        listing, interval = self.listing(asked), asked.text("interval")
        if interval not in INTERVALS:
            raise Refused(-1120, "Invalid interval.")
        limit = asked.limit(500, 1_500 if self.futures else 1_000)
        start, end = asked.whole("startTime", 0), asked.whole("endTime", 2**60)
        book, minutes = self._book(listing), INTERVALS[interval]
        bars = book.merged(minutes, start, end, 10**9 if start else limit)
        return [bar_row(book, bar, minutes) for bar in bars[:limit]]

    def book_ticker(self, asked: Parameters) -> Wire | list[Wire]:
        """Returns best prices, of one market or of all."""
        listings, one = self._listings(asked)
        rows: list[Wire] = []
        for listing in listings:
            book = self._book(listing)
            (bid, bid_lots), (ask, ask_lots) = book.touch()
            row: Wire = {
                "symbol": listing.symbol, "bidPrice": book.price_text(bid), "bidQty": book.lots_text(bid_lots),
                "askPrice": book.price_text(ask), "askQty": book.lots_text(ask_lots),
            }  # fmt: skip
            if self.futures:
                row |= {"time": self._exchange.now_ms, "lastUpdateId": book.update_id}
            rows.append(row)
        return rows[0] if one else rows

    def price_ticker(self, asked: Parameters) -> Wire | list[Wire]:
        """Returns last prices, of one market or of all."""
        listings, one = self._listings(asked)
        rows: list[Wire] = [
            {"symbol": listing.symbol, "price": self._book(listing).price_text(self._book(listing).last)}
            for listing in listings
        ]
        if self.futures:
            rows = [{**row, "time": self._exchange.now_ms} for row in rows]
        return rows[0] if one else rows

    # Marks and funding of the futures.

    def premium(self, asked: Parameters) -> Wire | list[Wire]:
        """Returns marks and the funding that comes next."""
        listings, one = self._listings(asked)
        rows = [self.mark_row(listing) for listing in listings]
        return rows[0] if one else rows

    def mark_row(self, listing: Listing) -> Wire:
        """Returns a row of premiumIndex."""
        mark = eight(int(listing.instrument.ticks_to_price(self._book(listing).mark).scaleb(8)))
        now_ms = self._exchange.now_ms
        return {
            "symbol": listing.symbol, "markPrice": mark, "indexPrice": mark, "estimatedSettlePrice": mark,
            "lastFundingRate": self.rate(listing), "interestRate": "0.00010000",
            "nextFundingTime": (now_ms // _FUNDING_MS + 1) * _FUNDING_MS, "time": now_ms,
        }  # fmt: skip

    @staticmethod
    def rate(listing: Listing) -> str:
        """Returns the rate of the funding that comes next."""
        return f"{Decimal(listing.terms.funding_rate_ppb * FUNDING_HOURS).scaleb(-9):.8f}"

    def fundings(self, asked: Parameters) -> list[Wire]:
        """Returns fundings that were, oldest first."""
        listings, _ = self._listings(asked)
        start, end = asked.whole("startTime", 0), asked.whole("endTime", 2**60)
        rows: list[Wire] = [
            {
                "symbol": listing.symbol, "fundingTime": time_ms,
                "fundingRate": f"{Decimal(rate).scaleb(-9):.8f}",
                "markPrice": eight(int(listing.instrument.ticks_to_price(mark).scaleb(8))),
            }
            for listing in listings
            for time_ms, rate, mark in self._exchange.fundings[listing.index]
            if start <= time_ms <= end
        ]  # fmt: skip
        limit = asked.limit(100, 1_000)
        return rows[:limit] if start else rows[-limit:]


def bar_row(book: Book, bar: Bar, minutes: int) -> list[Any]:
    """Returns a bar as klines tell it."""
    return [
        bar.open_ms, *(book.price_text(one) for one in (bar.open, bar.high, bar.low, bar.close)),
        book.lots_text(bar.lots), bar.open_ms + minutes * MINUTE_MS - 1, eight(bar.paid), bar.last - bar.first + 1,
        book.lots_text(bar.taker_lots), eight(bar.taker_paid), "0",
    ]  # fmt: skip


def _decimals(step: Decimal) -> int:
    return max(0, -int(step.normalize().as_tuple().exponent))
