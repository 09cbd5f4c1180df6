"""What a running desk says of itself: read from its state, as money and names."""

from dataclasses import dataclass
from typing import Any, Final, cast

from quarterdeck.config import DeskConfig
from quarterdeck.desk.narrative import money_text
from quarterdeck.journal import rfc3339
from quarterdeck.kernel.compiled import source_hash
from quarterdeck.kernel.layout import Records
from quarterdeck.kernel.records import INSTRUMENTS, State
from quarterdeck.kernel.vocabulary import BreakerStage, LedgerAccount
from quarterdeck.runtime.directory import Directory, directory
from quarterdeck.runtime.opening import market_instruments

__all__ = ["Profit", "positions", "profit", "standing", "status"]

_PPB: Final = 1_000_000_000
_BOOKS: Final = (  # of Profit's figures: the accounts whose sum each is, and its sign (income is negative when earned)
    (-1, (LedgerAccount.REALISED,)),
    (1, ()),
    (1, (LedgerAccount.FEES, LedgerAccount.REBATES)),
    (-1, (LedgerAccount.FUNDING,)),
    (1, (LedgerAccount.GAS,)),
    (1, (LedgerAccount.PREMIUM, LedgerAccount.BORROW)),
)


@dataclass(frozen=True, slots=True)
class Profit:
    """Desk money units. `funding` is what was received less what was paid; `fees` what was paid less rebates.

    `gas` and `premium` (of loans, what was paid to borrow with it) are paid by attempts on a chain.
    """

    realised: int
    unrealised: int
    fees: int
    funding: int
    gas: int
    premium: int

    @property
    def total(self) -> int:
        return self.realised + self.unrealised - self.fees + self.funding - self.gas - self.premium


def profit(states: Records[State]) -> Profit:
    """Sums what the purses' books say, each at its currency's present rate: positions and charges alike."""
    state = states[0]
    sums = [0] * len(_BOOKS)
    for account in cast(Any, state["accounts"]):
        rate, postings = int(account["rate_ppb"]), account["postings"]
        for place, (sign, columns) in enumerate(_BOOKS):
            figure = sign * sum(int(postings[column]) for column in columns) if columns else int(account["unrealised"])
            sums[place] += figure * rate // _PPB
    return Profit(*sums)


def positions(states: Records[State], config: DeskConfig, names: Directory) -> list[dict[str, object]]:
    """Returns the positions that are not flat, by strategy and instrument."""
    state, instruments = states[0], market_instruments(config)
    held: list[dict[str, object]] = []
    for strategy in range(int(state["strategies_count"])):
        for index, instrument in enumerate(instruments):
            own = cast(Any, state["positions"])[strategy * INSTRUMENTS + index]
            lots, cost = int(own["quantity"]), int(own["cost"])
            if lots:
                average = abs(cost) / (abs(lots) * instrument.value) * float(instrument.tick)
                held.append(
                    {
                        "strategy": names.strategies.label(strategy),
                        "instrument": names.instruments.label(index),
                        "quantity": f"{instrument.lots_to_quantity(abs(lots)) * (1 if lots > 0 else -1):f}",
                        "average_price": f"{average:.8g}",
                    }
                )
    return held


def standing(states: Records[State], names: Directory) -> list[str]:
    """Returns a sentence for each thing that holds entries back, and what lets them go."""
    state = states[0]
    stage = BreakerStage(int(state["breaker"]["stage"]))
    words: list[str] = []
    if state["breaker"]["locked"]:
        words.append("the desk is locked: `quarterdeck unlock` opens it")
    if not state["breaker"]["multiplier_ppm"]:
        words.append(f"the breaker is open ({stage.name}): no entries")
    paused = [name for row, name in enumerate(names.strategies) if state["strategies"][row]["paused"]]
    paused += [name for row, name in enumerate(names.instruments) if state["instruments"][row]["paused"]]
    if state["paused"]:
        paused = ["the whole desk"]
    if paused:
        words.append(f"entries are paused for {', '.join(paused)}: `quarterdeck resume` lets them go on")
    return words


def status(config: DeskConfig, states: Records[State], digest: bytes) -> dict[str, object]:
    """Returns what can be read from the state alone. Money is text in the base currency."""
    state, exponent = states[0], config.base_exponent
    result, breaker = profit(states), state["breaker"]
    heard = [int(cast(Any, state["instruments"])[index]["data_ns"]) for index in range(int(state["instruments_count"]))]
    now = int(state["time_ns"])
    names = directory(config)
    return {
        "desk": config.desk.name,
        "mode": config.desk.mode,
        "epoch": int(state["epoch"]),
        "source_hash": source_hash(),
        "digest": digest.hex(),
        "time": rfc3339(now),
        "currency": config.desk.base_currency,
        "equity": money_text(int(state["equity"]), exponent),
        "pnl": {
            "realised": money_text(result.realised, exponent, 4),
            "unrealised": money_text(result.unrealised, exponent, 4),
            "fees": money_text(result.fees, exponent, 4),
            "funding": money_text(result.funding, exponent, 4),
            "gas": money_text(result.gas, exponent, 4),
            "premium": money_text(result.premium, exponent, 4),
            "total": money_text(result.total, exponent, 4),
        },
        "positions": positions(states, config, names),
        "open_orders": int(state["open_count"]),
        "fills": sum(int(cast(Any, state["instruments"])[index]["net"]["fills"]) for index in range(len(heard))),
        "paused": bool(state["paused"]),
        "locked": bool(breaker["locked"]),
        "breaker": BreakerStage(int(breaker["stage"])).name,
        "multiplier": int(breaker["multiplier_ppm"]) / 1_000_000,
        "unacknowledged": int(state["unacknowledged"]),
        "feed_age_ms": {
            names.instruments.label(index): round((now - time_ns) / 1e6, 1) if time_ns else None
            for index, time_ns in enumerate(heard)
        },
        "events": int(state["events"]),
    }
