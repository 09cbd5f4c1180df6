"""What a USD-M account is worth and may do: cross margin, one-way positions, figures in units of 1e-8 USDT."""

from collections.abc import Sequence
from typing import Final

from quarterdeck.twins.binance.accounts import Account
from quarterdeck.twins.binance.books import Book
from quarterdeck.twins.binance.listings import Listing

__all__ = ["MAINTENANCE_PPM", "Margin"]

MAINTENANCE_PPM: Final = 4_000
_PPM: Final = 10**6


class Margin:
    """Computed from positions, working orders and marks whenever it is asked for."""

    def __init__(self, books: Sequence[Book]) -> None:
        self._books = books

    def mark(self, listing: Listing) -> int:
        """Returns the mark price in ticks."""
        return self._books[listing.index].mark

    def notional(self, account: Account, listing: Listing) -> int:
        """Returns the signed value of a position at the mark."""
        held = account.positions.get(listing.index)
        return held.lots * self.mark(listing) * listing.instrument.value if held else 0

    def unrealised(self, account: Account, listing: Listing) -> int:
        """Returns the result of a position at the mark."""
        held = account.positions.get(listing.index)
        return self.notional(account, listing) - held.cost if held else 0

    def position_margin(self, account: Account, listing: Listing) -> int:
        """Returns the initial margin of a position."""
        return abs(self.notional(account, listing)) // account.leverage_of(listing)

    def order_margin(self, account: Account, listing: Listing) -> int:
        """Returns the initial margin that working orders hold in a market."""
        held = sum(
            order.left * (order.price or self.mark(listing)) * listing.instrument.value
            for order in account.open_orders(futures=True, listing=listing)
            if not order.reduce_only
        )
        return held // account.leverage_of(listing)

    def maintenance(self, account: Account, listing: Listing) -> int:
        """Returns the maintenance margin of a position."""
        return abs(self.notional(account, listing)) * MAINTENANCE_PPM // _PPM

    def _listings(self, account: Account) -> list[Listing]:
        return [self._books[index].listing for index in account.positions]

    def all_unrealised(self, account: Account) -> int:
        """Returns the result of all positions at their marks."""
        return sum(self.unrealised(account, one) for one in self._listings(account))

    def all_position_margin(self, account: Account) -> int:
        """Returns the initial margin of all positions."""
        return sum(self.position_margin(account, one) for one in self._listings(account))

    def all_order_margin(self, account: Account) -> int:
        """Returns the initial margin of all working orders."""
        listings = {one.listing.index: one.listing for one in account.open_orders(futures=True)}
        return sum(self.order_margin(account, one) for one in listings.values())

    def all_maintenance(self, account: Account) -> int:
        """Returns the maintenance margin of all positions."""
        return sum(self.maintenance(account, one) for one in self._listings(account))

    def worth(self, account: Account) -> int:
        """Returns the margin balance: wallet and unrealised result."""
        return account.wallet + self.all_unrealised(account)

    def available(self, account: Account) -> int:
        """Returns what may be used for new orders, 0 or more."""
        return max(0, self.worth(account) - self.all_position_margin(account) - self.all_order_margin(account))

    def liquidates(self, account: Account) -> bool:
        """Whether the account is below its maintenance margin."""
        needed = self.all_maintenance(account)
        return needed > 0 and self.worth(account) < needed
