"""What must hold of a kernel state after any event: recomputed from its parts, compared with what it says."""

from typing import Any

from quarterdeck.kernel.records import ACCOUNTS, INSTRUMENTS, NO_LIMIT, ORDERS, STRATEGIES
from quarterdeck.kernel.vocabulary import InstrumentTerm, LedgerAccount, OrderFlag, OrderStatus, OrderType

OPEN = (OrderStatus.SUBMITTED, OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED, OrderStatus.UNKNOWN)
PPB = 10**9


def check(state: Any) -> None:
    """Raises AssertionError with the figures of what does not hold. Only Python ints, so nothing wraps here."""
    check_orders(state)
    check_working(state)
    check_money(state)
    check_counts(state)


def check_orders(state: Any) -> None:
    count = int(state["open_count"])
    assert 0 <= count <= ORDERS
    listed = [int(slot) for slot in state["open_orders"][:count]]
    assert len(set(listed)) == count
    assert not state["open_orders"][count:].any()
    status = state["orders"]["status"]
    assert sorted(listed) == [slot for slot in range(ORDERS) if status[slot] in OPEN]
    for place, slot in enumerate(listed):
        order = state["orders"][slot]
        assert (order["open_index"], order["id"] % ORDERS) == (place, slot)
    for slot in set(range(ORDERS)) - set(listed):
        assert state["orders"][slot]["working_lots"] == 0


def check_working(state: Any) -> None:
    """Working lots, reduce lots and stops of every position are the sums over the open orders."""
    names = ("buy_lots", "sell_lots", "reduce_lots", "stop_lots", "stop_cost")
    own = {(s, i): dict.fromkeys(names, 0) for s in range(STRATEGIES) for i in range(INSTRUMENTS)}
    for slot in state["open_orders"][: int(state["open_count"])]:
        order = state["orders"][slot]
        lots = int(order["working_lots"])
        assert lots >= 0
        sums = own[int(order["strategy"]), int(order["instrument"])]
        sums["buy_lots" if order["side"] > 0 else "sell_lots"] += lots
        if order["flags"] & OrderFlag.REDUCING:
            sums["reduce_lots"] += lots
        if order["flags"] & OrderFlag.PROTECTIVE and order["order_type"] >= OrderType.STOP:
            sums["stop_lots"] += lots
            sums["stop_cost"] += lots * int(order["trigger_price"])
    for (strategy, instrument), sums in own.items():
        position = state["positions"][strategy * INSTRUMENTS + instrument]
        assert {name: int(position[name]) for name in names} == sums, (strategy, instrument)
    for instrument in range(INSTRUMENTS):
        net = state["instruments"][instrument]["net"]
        for name in names:
            assert int(net[name]) == sum(own[s, instrument][name] for s in range(STRATEGIES)), (instrument, name)


def converted(amount: int, rate_ppb: int) -> int:
    """Towards zero, as the kernel converts."""
    part = abs(amount) * rate_ppb // PPB
    return part if amount >= 0 else -part


def check_money(state: Any) -> None:
    equity = 0
    unrealised = [0] * ACCOUNTS
    for instrument in state["instruments"]:
        net = instrument["net"]
        lots, cost = int(net["quantity"]), int(net["cost"])
        worth = lots * int(instrument["mark_half_ticks"]) * int(instrument["terms"][InstrumentTerm.VALUE]) // 2
        assert int(instrument["unrealised"]) == (worth - cost if lots else 0)
        assert lots or not cost
        unrealised[int(instrument["terms"][InstrumentTerm.ACCOUNT])] += int(instrument["unrealised"])
    for row, account in enumerate(state["accounts"]):
        postings = [int(posting) for posting in account["postings"]]
        assert sum(postings) == 0, postings
        assert all(abs(posting) < NO_LIMIT for posting in postings)
        assert int(account["unrealised"]) == unrealised[row]
        own = postings[LedgerAccount.CASH] + postings[LedgerAccount.INVENTORY] + unrealised[row]
        equity += converted(own, int(account["rate_ppb"]))
    assert int(state["equity"]) == equity
    assert int(state["equity_peak"]) >= equity


def check_counts(state: Any) -> None:
    for name in ("events", "refused", "fills_unmatched", "unacknowledged", "open_count", "order_sequence"):
        assert int(state[name]) >= 0, name
    assert int(state["emitted"]) == 0
    assert (state["reasons"] >= 0).all()
    assert (state["kinds"] >= 0).all()
    assert (state["positions"]["fills"] >= 0).all()
    windows = [state["order_rate"], *(venue[n] for venue in state["venues"] for n in ("messages", "results", "errors"))]
    for window in windows:
        assert int(window["total"]) == sum(int(count) for count in window["counts"])
        assert (window["counts"] >= 0).all()


def check_net_is_the_sum(state: Any) -> None:
    """Holds while every fill names a strategy and no order was liquidated for nobody."""
    for instrument in range(INSTRUMENTS):
        held = sum(int(state["positions"][s * INSTRUMENTS + instrument]["quantity"]) for s in range(STRATEGIES))
        assert int(state["instruments"][instrument]["net"]["quantity"]) == held, instrument
