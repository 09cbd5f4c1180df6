"""The trade ids that were seen: what a venue tells again is applied once.

The newest TRADES of them are kept in a ring, found through a hash table. An id counts together with two words of its
own: a fill's instrument and side, a charge's purse and `charge_side`. What is not newer than the newest id forgotten
may be a repeat, so nobody takes it.
"""

from quarterdeck.kernel.compiled import compiled, inlined
from quarterdeck.kernel.records import TRADES, State

__all__ = ["charge_side", "seen_trade", "trade_place"]

_MASK = 2 * TRADES - 1
_CHARGES = 16  # sides from here on are of charges; a fill's is 1 or -1


@inlined
def charge_side(column: int) -> int:
    """What a charge's ledger account counts as, in place of a fill's side."""
    return _CHARGES + column


@compiled
def trade_place(state: State, trade_id: int, instrument: int, side: int) -> int:
    """Place in the hash table where this trade is, or where it would be entered."""
    place = ((trade_id % 1_000_003) * 7919 + (trade_id // 1_000_003) * 104_729 + instrument * 31 + side) & _MASK
    for _ in range(2 * TRADES):
        held = state["trade_index"][place]
        if held == 0:
            return place
        trade = state["trades"][held - 1]
        if trade["trade_id"] == trade_id and trade["instrument"] == instrument and trade["side"] == side:
            return place
        place = (place + 1) & _MASK
    return -1


@compiled
def _forget_trade(state: State, slot: int) -> None:
    """Takes the oldest trade out of the table; entries behind it in its probe chain move up."""
    trade = state["trades"][slot]
    place = trade_place(state, trade["trade_id"], trade["instrument"], trade["side"])
    state["trade_index"][place] = 0
    probe = (place + 1) & _MASK
    for _ in range(2 * TRADES):
        held = state["trade_index"][probe]
        if held == 0:
            break
        state["trade_index"][probe] = 0
        moved = state["trades"][held - 1]
        state["trade_index"][trade_place(state, moved["trade_id"], moved["instrument"], moved["side"])] = held
        probe = (probe + 1) & _MASK


@compiled
def seen_trade(state: State, trade_id: int, instrument: int, side: int, venue_time_ns: int) -> bool:
    """Whether this trade was applied before; remembers it if not."""
    place = trade_place(state, trade_id, instrument, side)
    if state["trade_index"][place] != 0:
        return True
    slot = state["trade_cursor"] % TRADES
    if state["trades"][slot]["trade_id"] != 0:
        state["trade_horizon_ns"] = max(state["trade_horizon_ns"], state["trades"][slot]["venue_time_ns"])
        _forget_trade(state, slot)
        place = trade_place(state, trade_id, instrument, side)
    trade = state["trades"][slot]
    trade["trade_id"] = trade_id
    trade["instrument"] = instrument
    trade["side"] = side
    trade["venue_time_ns"] = venue_time_ns
    state["trade_index"][place] = slot + 1
    state["trade_cursor"] += 1
    return False
