"""A whole venue on a twin of the chain, over real sockets: what a desk is told, and what the chain itself says."""

import json
import queue
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from quarterdeck.arbitrage import records
from quarterdeck.config import load_desk
from quarterdeck.kernel.vocabulary import EventKind, OrderType, Side, TimeInForce
from quarterdeck.venues.evm.opening import open_evm
from quarterdeck.venues.evm.venue import EvmVenue
from quarterdeck.venues.messages import (
    AccountAnswer,
    AskAccount,
    Cancel,
    ChargeReport,
    ChargesNews,
    FillsAnswer,
    FillsNews,
    Line,
    MarketData,
    Message,
    Place,
    Remark,
    TradeReport,
)
from tests.desk.builders import REPOSITORY
from tests.twins.evm.serving import ETHER, Twin, running
from tests.twins.evm.serving import data_of as call_data

KEY = keccak(text="a desk on a chain").hex()
PATIENCE_S = 60.0
BLOCKS_MAX = 120
EXPONENTS = {"USDC": (6, 6), "ETH": (10, 18), "WETH": (10, 18)}  # the desk's and the chain's
M = TypeVar("M")


def write_desk(folder: Path, twin: Twin, *changes: tuple[str, str]) -> None:
    """The desk of the repository, at this twin."""
    text = (REPOSITORY / "desks" / "quant-arbitrage" / "desk.toml").read_text("utf-8")
    for old, new in (("127.0.0.1:8545", f"127.0.0.1:{twin.server.port}"), *changes):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / "config").mkdir(parents=True)
    (folder / "desk.toml").write_text(text, "utf-8")
    (folder / "config" / "universe.json").write_text(json.dumps(twin.universe()), "utf-8")


@dataclass
class Rig:
    """The venue as a desk holds it. `told` is everything that it said, in order, since it was opened."""

    twin: Twin
    folder: Path
    address: str
    said: list[str] = field(default_factory=list[str])
    told: list[Message] = field(default_factory=list[Message])
    _news: "queue.Queue[Message]" = field(default_factory=queue.Queue)
    venue: EvmVenue | None = None
    _number: int = 0

    def open(self) -> None:
        self.venue = open_evm(load_desk(self.folder), 0, self.said.append)
        self.venue.open(self._news.put)

    def close(self) -> None:
        if self.venue is not None:
            self.venue.close()
            self.venue = None

    def hear(self, kind: type[M], fits: Callable[[M], bool] = lambda _: True, patience_s: float = PATIENCE_S) -> M:
        """Waits for one message."""
        end = time.monotonic() + patience_s
        while True:
            message = self._news.get(timeout=max(0.01, end - time.monotonic()))
            self.told.append(message)
            if isinstance(message, kind) and fits(message):
                return message

    def drain(self) -> None:
        while not self._news.empty():
            self.told.append(self._news.get())

    def quote(self) -> dict[str, int]:
        """Mines until a block offers something; returns the best quote of it."""
        for _ in range(BLOCKS_MAX):
            number = self.twin.mine()
            offered = self.look(number)
            if offered:
                return offered
        raise AssertionError(f"no block of {BLOCKS_MAX} offers anything")

    def look(self, number: int) -> dict[str, int]:
        """The best quote of a block; empty: it offers nothing."""
        time_ns = int(self.twin.ask("eth_getBlockByNumber", hex(number), False)["timestamp"], 16) * 10**9
        rows = self.hear(MarketData, lambda data: of_block(data, time_ns)).events
        for row in rows:
            if row["ask_quantity"]:
                return {name: int(row[name]) for name in ("instrument", "ask_quantity", "update_id")}
        return {}

    def place(self, quote: dict[str, int], order_id: int, quantity: int = 0, expires_ns: int = 0) -> Place:
        self._number += 1
        request = Place(
            request_id=self._number, order_id=order_id, strategy=0, instrument=quote["instrument"], side=Side.BUY,
            quantity=quantity or quote["ask_quantity"], price=1, trigger_price=0, post_only=False, reduce_only=False,
            order_type=OrderType.LIMIT, time_in_force=TimeInForce.IOC, expires_ns=expires_ns, tag=quote["update_id"],
        )  # fmt: skip
        self.send(request)
        return request

    def send(self, request: Any) -> None:
        assert self.venue is not None
        self.venue.send(request)

    def cancel(self, order_id: int) -> int:
        self._number += 1
        self.send(
            Cancel(request_id=self._number, order_id=order_id, venue_order_id=0, instrument=0, strategy=0, expires_ns=0)
        )
        return self._number

    def account(self) -> dict[int, int]:
        """What the venue says that the wallet holds, by account."""
        self._number += 1
        self.send(AskAccount(request_id=self._number))
        answer = self.hear(AccountAnswer)
        return {one.account: one.cash for one in answer.balances}

    def held(self) -> dict[str, int]:
        """What the chain itself says, exactly."""
        held = {"ETH": int(self.twin.ask("eth_getBalance", self.address, "latest"), 16)}
        for token in self.twin.universe()["tokens"]:
            if token["symbol"] in EXPONENTS:
                data = "0x" + call_data("balanceOf(address)", ["address"], [self.address]).hex()
                held[token["symbol"]] = int(
                    self.twin.ask("eth_call", {"to": token["address"], "data": data}, "latest"), 16
                )
        return held

    def floors(self) -> list[int]:
        """The same in the desk's units, by account."""
        held = self.held()
        return [held[name] * 10**desk // 10**chain for name, (desk, chain) in EXPONENTS.items()]

    # What was told.

    @property
    def charges(self) -> list[ChargeReport]:
        """Each once, however often it was told."""
        found: dict[tuple[int, int, int], ChargeReport] = {}
        for message in self.told:
            if isinstance(message, ChargesNews):
                for one in message.charges:
                    assert found.setdefault((one.account, one.ledger_account, one.trade_id), one) == one
        return list(found.values())

    @property
    def fills(self) -> list[TradeReport]:
        found = {
            one.trade_id: one
            for message in self.told
            if isinstance(message, FillsNews | FillsAnswer)
            for one in message.fills
        }
        return list(found.values())

    def paid(self) -> list[int]:
        """What all charges took, by account."""
        sums = [0] * len(EXPONENTS)
        for one in self.charges:
            sums[one.account] += one.amount
        return sums

    def records(self, kind: type[M]) -> list[M]:
        decoded = [records.decode(message.text) for message in self.told if isinstance(message, Remark)]
        return [one for one in decoded if isinstance(one, kind)]


def of_block(data: MarketData, time_ns: int) -> bool:
    return bool((data.events["kind"] == EventKind.QUOTE).all() and data.events["venue_time_ns"][0] == time_ns)


@contextmanager
def rig(folder: Path, monkeypatch: pytest.MonkeyPatch, *changes: tuple[str, str], **options: Any) -> Iterator[Rig]:
    """A venue on a twin, open and up."""
    address = str(Account.from_key(KEY).address)
    monkeypatch.setenv("QUARTERDECK_EVM_KEY", KEY)
    with running(funds={address.lower(): 10 * ETHER}, **options) as twin:
        write_desk(folder, twin, *changes)
        made = Rig(twin, folder, address)
        try:
            made.open()
            made.hear(Line, lambda line: line.up)
            yield made
        finally:
            made.close()
