"""Transactions of one account, from the call that is asked for to the block that it stands in.

    submit -> written -> sent -> mined -> deep enough: told -> closed
                 |         |        `-- its block is gone: told, and it waits again
                 |         |-- stuck: replaced with higher fees, at last cancelled by a transfer of nothing to ourselves
                 |         `-- its nonce was used by another one: told as dropped
                 `-- refused: nothing left, the nonce is free

What holds, whatever dies in between: an order id is signed for once, and everything else with its nonce excludes it on
the chain; a transaction is on the medium before it leaves; nothing is told twice as new, and nothing that is not booked
is forgotten. One lock makes it one thing after another: eight threads that submit get eight nonces in a row.

A nonce is given again only when its transaction was refused at its first sending, or when no block took its bundle.
Even then the first one is watched on: should it be mined after all, it is told, and the second one is dropped.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final, Protocol

from msgspec.structs import replace

from quarterdeck.errors import AllDown, ChainError, DataError, RpcFailed, RpcRefused, TransactionRefused
from quarterdeck.venues.evm.access import Access
from quarterdeck.venues.evm.bundles import Relay
from quarterdeck.venues.evm.fees import FeeLimits, FeeMarket, Fees, Market
from quarterdeck.venues.evm.nonces import choose, find_taker, gaps
from quarterdeck.venues.evm.receipts import Dropped, Facts, Outcome, Resent, SentTx, Trouble, gather, said
from quarterdeck.venues.evm.settling import foreign_trouble, judge, named, take_away
from quarterdeck.venues.evm.store import Purpose, Row, Store
from quarterdeck.venues.evm.wallet import Signed, Wallet

__all__ = ["Call", "Position", "Settings", "Transactions"]

_TRANSFER_GAS: Final = 21_000
_NS_PER_S: Final = 1_000_000_000
_CANCEL_FACTOR: Final = (
    2  # a cancel may offer twice the limit: it has to outbid what it cancels, and 21,000 gas are few
)
_FOREIGN_MAX: Final = 16  # named one by one at one head
_REVERTED: Final = 3  # JSON-RPC's code of a call that reverted
_COMPLAINTS_MAX: Final = 1_000


class Position(Protocol):
    """What `poll` needs to know of a head."""

    @property
    def number(self) -> int: ...
    @property
    def time_s(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Call:
    """What a transaction does. `value` in wei."""

    to: str
    data: bytes
    value: int
    gas_limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How transactions are sent and watched. `confirmations` 1: the block that it stands in is enough."""

    chain_id: int
    confirmations: int = 1
    final_blocks: int = 64
    stuck_s: float = 60.0
    replacements_max: int = 3
    fees: FeeLimits = field(default_factory=FeeLimits)
    bundle_blocks: int = 3
    public_fallback: bool = False
    simulate_bundles: bool = True


class Transactions:
    """One account on one chain. With a relay, orders go there alone, unless `public_fallback` says otherwise.

    Any thread may call. ChainError: the chain does not answer; DataError: the store cannot write, so nothing is sent.
    """

    def __init__(
        self, access: Access, wallet: Wallet, store: Store, settings: Settings, relay: Relay | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:  # fmt: skip
        if settings.confirmations < 1 or settings.final_blocks < settings.confirmations:
            raise ValueError("confirmations must be 1 or more, and final_blocks no less")
        self.market = FeeMarket(access, settings.fees)
        self._access, self._wallet, self._store, self._settings = access, wallet, store, settings
        self._relay, self._clock = relay, clock
        self._turn = threading.RLock()
        self._bound = False
        self._unnamed: dict[int, int] = {}  # nonces that the chain has used and the node names nobody for, by head
        self._complained: set[tuple[str, int, str]] = set()

    # What an order asks for.

    def submit(self, call: Call, order_id: int, plan: int, fees: Fees) -> SentTx:
        """Signs, writes down and sends the transaction of an order. An order id that was submitted sends nothing again.

        Not `known`: the line broke, and `poll` will find out. TransactionRefused: nothing left, and the order is over.
        """
        if order_id <= 0:
            raise ValueError(f"an order id is above 0, not {order_id}")
        with self._turn:
            self._bind()
            before = self._store.of_order(order_id)
            if before:
                if all(row.freed for row in before):
                    raise TransactionRefused(f"order {order_id} was refused before: nothing was sent")
                return before[-1].shown()
            head, nonce = self._next()
            row = self._sign(nonce, call, fees, Purpose.ORDER, order_id, plan, head)
            if self._relay is not None:
                row = replace(row, private=True, last_target=head + self._settings.bundle_blocks)
            self._store.enter(row)
            return self._send_first(row).shown()

    def replace(self, order_id: int) -> SentTx:
        """Sends an order's transaction with higher fees. TransactionRefused: it does not wait, or is at its ceiling."""
        with self._turn:
            self._bind()
            waiting = [row for row in self._store.of_order(order_id) if row.waits]
            if not waiting or not waiting[-1].of_order:
                raise TransactionRefused(f"order {order_id} has no transaction that waits: nothing was replaced")
            return self._replace(waiting[-1], self._head(), self.market.look())

    def cancel(self, order_id: int) -> SentTx | None:
        """Takes the nonce of an order's transaction by a transfer of nothing to ourselves; the chain decides who wins.

        A bundle is offered for no further block instead. None: nothing was sent, because nothing public waits.
        """
        with self._turn:
            self._bind()
            waiting = [row for row in self._store.of_order(order_id) if row.waits]
            if not waiting or not waiting[-1].of_order:
                return None
            newest = waiting[-1]
            if newest.private:
                self._store.apply([replace(row, unwanted=True) for row in waiting])
                return None
            return self._cancel(newest, self._head(), self.market.look())

    def find(self, order_id: int) -> SentTx | None:
        """The newest transaction of an order, its cancel included; None: nothing ever left for it."""
        rows = self._store.of_order(order_id)
        if all(row.freed for row in rows) and not self._store.history(order_id):
            return None  # refused, and whoever submitted may have died before he heard it
        return rows[-1].shown()

    def signed(self, hash_: str) -> SentTx | None:
        """One transaction by its hash; None: it was not signed here."""
        row = self._store.find(hash_)
        return None if row is None else row.shown()

    def waits(self, order_id: int) -> bool:
        """Something of this order may still be mined that is not yet."""
        return any(row.waits for row in self._store.of_order(order_id))

    # What became of it.

    def poll(self, head: Position) -> list[Outcome]:
        """Looks at everything that is not closed, at a new head, and does what has become due.

        Returns all outcomes that are not settled, oldest first: the same ones again until `settle` is told.
        """
        with self._turn:
            self._bind()
            rows = self._store.watched()
            facts = self._gather(rows, head)
            judged = judge(rows, facts, self._settings.confirmations, self._settings.final_blocks)
            self._store.apply(judged.rows, judged.outcomes)
            self._unnamed = {nonce: at for nonce, at in self._unnamed.items() if nonce in judged.foreign}
            for nonce in judged.foreign:
                self._find_foreign(nonce, facts)
            self._look_for_strangers(facts)
            self._tend(facts)
            return self._store.unsettled()

    def settle(self, number: int) -> None:
        """That outcome is booked: it is not told again."""
        self._store.settle(number)

    def history(self, order_id: int) -> list[Outcome]:
        """All outcomes of an order so far, settled ones too."""
        return self._store.history(order_id)

    # Looking.

    def _bind(self) -> None:
        """The first thing that is asked of a chain: whether it is the one that the store knows."""
        if self._bound:
            return
        first, count = self._access.ask_many(
            [("eth_getBlockByNumber", ["0x0", False]), ("eth_getTransactionCount", [self._wallet.address, "latest"])]
        )
        block: Any = said(first)
        if not block:
            raise DataError(str(self._store.path), "the node has no first block to know the chain by: use another one")
        self._store.bind(str(block["hash"]).lower())
        if self._store.meta("seen") is None:
            self._store.set_meta("seen", str(int(said(count), 16)))  # what the account did before is not judged
        self._bound = True

    def _gather(self, rows: Sequence[Row], head: Position) -> Facts:
        hashes = [row.hash for row in rows]
        heights = [row.block for row in rows if row.block_hash]
        at = (head.number, head.time_s * _NS_PER_S)
        return gather(self._access, self._wallet.address, hashes, heights, at, self._settings.confirmations)

    def _find_foreign(self, nonce: int, facts: Facts) -> None:
        """The chain has used a nonce of ours, and no receipt of ours says so.

        Where the node does not name what has it, a receipt may just be late: only the second head in a row counts.
        """
        deep = facts.head - self._settings.confirmations + 1
        taker = find_taker(self._access, self._wallet.address, nonce, deep)
        if taker is None and self._unnamed.get(nonce, facts.head) >= facts.head:
            self._unnamed[nonce] = facts.head
            return
        self._unnamed.pop(nonce, None)
        if taker is not None and self._is_ours(taker.hash):
            return
        group = [row for row in self._store.watched() if row.nonce == nonce]
        judged = take_away(group, taker, facts)
        self._store.apply(judged.rows, judged.outcomes)

    def _is_ours(self, hash_: str) -> bool:
        """It is watched again, if nobody did: a refused transaction that was mined long after."""
        row = self._store.find(hash_)
        if row is not None and row.closed:
            self._store.apply([replace(row, closed=False)])
        return row is not None

    def _look_for_strangers(self, facts: Facts) -> None:
        """Says which nonces were used that nothing here was ever signed for."""
        seen = int(self._store.meta("seen") or 0)
        if facts.count <= seen:
            return
        ours = self._store.nonces(seen)
        strange = [nonce for nonce in range(seen, facts.count) if nonce not in ours]
        for nonce in strange[-_FOREIGN_MAX:]:
            taker = find_taker(self._access, self._wallet.address, nonce, facts.head)
            if taker is None or not self._is_ours(taker.hash):
                self._store.apply([], [foreign_trouble(nonce, taker, facts.at_ns)])
        self._store.set_meta("seen", str(facts.count))

    def _next(self) -> tuple[int, int]:
        """The newest block's number and the next nonce."""
        account = self._wallet.address
        answers = self._access.ask_many(
            [
                ("eth_blockNumber", []),
                ("eth_getTransactionCount", [account, "latest"]),
                ("eth_getTransactionCount", [account, "pending"]),
            ]
        )
        head, count, pending = (int(said(one), 16) for one in answers)
        taken = {row.nonce for row in self._store.watched() if not row.freed}
        return head, choose(max(count, self._store.floor()), pending, taken)

    def _head(self) -> int:
        return int(self._access.ask("eth_blockNumber", []), 16)

    # Doing what is due.

    def _tend(self, facts: Facts) -> None:
        """Sends again what a node has lost, replaces what is stuck, offers bundles, fills gaps."""
        rows = self._store.watched()
        now_ns, stuck_ns = self._clock(), self._settings.stuck_s * _NS_PER_S
        for nonce, several in groupby(rows, key=lambda row: row.nonce):
            group = list(several)
            waiting = [row for row in group if row.waits]
            if not waiting or nonce < facts.count:
                continue
            newest = waiting[-1]
            if newest.private:
                self._tend_bundle(waiting, facts)
                continue
            left = any(row.sent_ns or row.hash in facts.known for row in waiting)
            tried_ns = max(row.sent_ns or row.written_ns for row in group)  # in vain, too
            if now_ns - tried_ns > stuck_ns and (nonce == facts.count or not left):
                self._unstick(waiting, facts, left=left)
            elif newest.hash not in facts.known or not newest.sent_ns:
                has_it = newest.hash in facts.known
                sent = self._sent(newest) if has_it else self._send_again(newest, facts)
                if sent.replaces and sent.sent_ns and not newest.sent_ns:  # whoever sent it first could not tell
                    cancels = sent.purpose is Purpose.CANCEL
                    self._resent(sent.shown(), sent.replaces, facts, cancels=cancels)
        taken = {row.nonce for row in rows if not row.freed}
        tried = {row.nonce for row in rows if row.purpose is Purpose.FILL and now_ns - row.written_ns <= stuck_ns}
        for nonce in gaps(max(facts.count, self._store.floor()), facts.pending, taken):
            if nonce not in tried:
                self._fill(nonce, facts)

    def _unstick(self, waiting: Sequence[Row], facts: Facts, *, left: bool) -> None:
        """What should have been mined by now is offered more; what never left is too old by now, and cancelled."""
        newest = waiting[-1]
        tried = sum(row.purpose is Purpose.REPLACEMENT for row in waiting)
        market = self.market.look()
        if newest.of_order and left and tried < self._settings.replacements_max:
            try:
                self._resent(self._replace(newest, facts.head, market), newest.hash, facts, cancels=False)
            except TransactionRefused as refused:
                self._complain(newest, facts, "capped", f"{refused}; it is cancelled instead")
            else:
                return
        try:
            self._resent(self._cancel(newest, facts.head, market), newest.hash, facts, cancels=True)
        except TransactionRefused as refused:
            self._complain(newest, facts, "capped", f"nonce {newest.nonce} is stuck: {refused}")
            if newest.hash not in facts.known:
                self._send_again(newest, facts)

    def _tend_bundle(self, waiting: Sequence[Row], facts: Facts) -> None:
        """Offers a bundle that never left; lets go of one that no block took."""
        row = waiting[-1]
        if facts.head < row.last_target:
            if not row.sent_ns and not row.unwanted:
                self._send_again(row, facts)
            return
        if self._settings.public_fallback and self._fresh(row) and not row.unwanted:
            self._store.apply([replace(row, private=False, sent_ns=0)])
            public = self._send_again(replace(row, private=False, sent_ns=0), facts)
            self._resent(public.shown(), row.hash, facts, cancels=False)
            return
        reason = f"no block up to {row.last_target} took its bundle"
        over = [
            Dropped(**named(one, facts.at_ns), reason=reason, by="", closes=one is row) for one in waiting
        ]  # fmt: skip
        self._store.apply([replace(one, freed=True) for one in waiting], over)

    def _fresh(self, row: Row) -> bool:
        return self._clock() - row.written_ns <= self._settings.stuck_s * _NS_PER_S

    def _fill(self, nonce: int, facts: Facts) -> None:
        """A transfer of nothing to ourselves, so that what waits behind a nonce that nobody has can be mined."""
        cap = self._settings.fees.max_gas_price_wei
        try:
            fees = self.market.quote(_TRANSFER_GAS, _TRANSFER_GAS * cap)
            row = self._sign(nonce, self._nothing(), fees, Purpose.FILL, 0, 0, facts.head)
            self._store.enter(row)
            self._send_first(row)
        except TransactionRefused as refused:
            text = f"nonce {nonce} is missing and holds up those behind it: {refused}"
            self._say_once(
                Trouble(order_id=0, plan=0, hash="", nonce=nonce, at_ns=facts.at_ns, kind="refused", text=text)
            )

    def _replace(self, row: Row, head: int, market: Market) -> SentTx:
        fees = self.market.raised(Fees(row.max_fee_wei, row.priority_fee_wei, row.ceiling_wei), market)
        call = Call(row.recipient, row.data, int(row.value), row.gas_limit)
        new = self._sign(row.nonce, call, fees, Purpose.REPLACEMENT, row.order_id, row.plan, head, row.hash)
        if row.private:
            new = replace(new, private=True, last_target=head + self._settings.bundle_blocks)
        self._store.enter(new)
        return self._send_first(new).shown()

    def _cancel(self, row: Row, head: int, market: Market) -> SentTx:
        cap = max(_CANCEL_FACTOR * self._settings.fees.max_gas_price_wei, row.ceiling_wei)
        fees = self.market.raised(Fees(row.max_fee_wei, row.priority_fee_wei, cap), market)
        new = self._sign(row.nonce, self._nothing(), fees, Purpose.CANCEL, row.order_id, row.plan, head, row.hash)
        self._store.enter(new)
        return self._send_first(new).shown()

    # Signing and sending.

    def _nothing(self) -> Call:
        return Call(self._wallet.address, b"", 0, _TRANSFER_GAS)

    def _sign(
        self, nonce: int, call: Call, fees: Fees, purpose: Purpose, order_id: int, plan: int, head: int,
        replaces: str = "",
    ) -> Row:  # fmt: skip
        """A transaction that no other order has: the same words give the same hash, so then the tip moves by a wei."""
        step = 1 if fees.priority_fee_wei < fees.max_fee_wei else -1
        tip = fees.priority_fee_wei
        signed = self._signed(nonce, call, fees.max_fee_wei, tip)
        while self._store.find(signed.hash) is not None:
            tip += step
            if not 0 <= tip <= fees.max_fee_wei:
                raise TransactionRefused(f"every tip for nonce {nonce} was tried: nothing was sent")
            signed = self._signed(nonce, call, fees.max_fee_wei, tip)
        return Row(
            hash=signed.hash, nonce=nonce, order_id=order_id, plan=plan, purpose=purpose, recipient=call.to,
            data=call.data, value=str(call.value), gas_limit=call.gas_limit, max_fee_wei=fees.max_fee_wei,
            priority_fee_wei=tip, ceiling_wei=fees.ceiling_wei, raw=signed.raw, replaces=replaces,
            private=False, last_target=0, head=head, written_ns=self._clock(),
        )  # fmt: skip

    def _signed(self, nonce: int, call: Call, max_fee_wei: int, tip_wei: int) -> Signed:
        return self._wallet.sign(
            {
                "type": 2,
                "chainId": self._settings.chain_id,
                "nonce": nonce,
                "to": call.to,
                "data": call.data,
                "value": call.value,
                "gas": call.gas_limit,
                "maxFeePerGas": max_fee_wei,
                "maxPriorityFeePerGas": tip_wei,
            }
        )

    def _send_first(self, row: Row) -> Row:
        """Sends what was just written down. TransactionRefused: it did not leave, and its nonce is free."""
        try:
            if row.private and self._settings.simulate_bundles:
                self._simulate(row)
            return self._send(row)
        except AllDown as down:  # no connection came about at all
            refused: ChainError = down
        except RpcRefused as no:
            refused = no
            try:
                if self._access.ask("eth_getTransactionByHash", [row.hash]):
                    return self._sent(row)  # one endpoint had taken it before another one refused it
            except (RpcFailed, AllDown):
                return row
        self._store.apply([replace(row, freed=True)])
        raise TransactionRefused(f"the transaction with nonce {row.nonce} was refused: {refused}") from refused

    def _send_again(self, row: Row, facts: Facts) -> Row:
        """Sends the same bytes once more. A refusal proves nothing now: the first time may have done."""
        try:
            return self._send(row)
        except AllDown:
            return row
        except RpcRefused as refused:
            text = f"the transaction with nonce {row.nonce} was refused when it was sent again: {refused}"
            self._complain(row, facts, "refused", text)
            return row

    def _send(self, row: Row) -> Row:
        """Sends; where the line broke, the row comes back as it was: nobody knows. RpcRefused, AllDown: it did not."""
        try:
            if row.private:
                return self._offer(row)
            self._access.ask("eth_sendRawTransaction", [f"0x{row.raw.hex()}"])
        except RpcFailed:
            return row
        return self._sent(row)

    def _simulate(self, row: Row) -> None:
        """Asks the relay what the bundle would do. RpcRefused: it would revert, which nobody need see on the chain."""
        assert self._relay is not None, "what is private was signed with a relay"
        try:
            called = self._relay.call_bundle([row.raw], self._head() + 1)
        except ChainError:
            return  # a relay may not simulate; what it says to the bundle itself counts
        for one in called:
            if one.error:
                raise RpcRefused(_REVERTED, f"the relay's simulation failed: {one.error}")

    def _offer(self, row: Row) -> Row:
        """Offers a bundle for each block up to its last. What the relay refuses goes public where that is allowed."""
        assert self._relay is not None, "what is private was signed with a relay"
        offered = False
        try:
            for target in range(self._head() + 1, row.last_target + 1):
                self._relay.send_bundle([row.raw], target)
                offered = True
        except (RpcRefused, RpcFailed):
            if not offered:
                if not self._settings.public_fallback or row.unwanted:
                    raise
                public = replace(row, private=False)
                self._store.apply([public])
                return self._send(public)
        return self._sent(row) if offered else row

    def _sent(self, row: Row) -> Row:
        """Notes that it left. Where that cannot be written it left all the same: the next head finds out."""
        sent = replace(row, sent_ns=row.sent_ns or self._clock())
        try:
            self._store.apply([sent])
        except DataError:
            return row
        return sent

    # Telling.

    def _resent(self, sent: SentTx, replaces: str, facts: Facts, *, cancels: bool) -> None:
        if sent.order_id:
            told = Resent(
                order_id=sent.order_id, plan=sent.plan, hash=sent.hash, nonce=sent.nonce, at_ns=facts.at_ns, sent=sent,
                replaces=replaces, cancels=cancels,
            )  # fmt: skip
            self._store.apply([], [told])

    def _complain(self, row: Row, facts: Facts, kind: str, text: str) -> None:
        """Says what is wrong with a transaction; of each kind once in a process, however often it is tried again."""
        self._say_once(Trouble(**named(row, facts.at_ns), kind=kind, text=text))

    def _say_once(self, trouble: Trouble) -> None:
        key = (trouble.kind, trouble.nonce, trouble.hash)
        if key in self._complained:
            return
        if len(self._complained) >= _COMPLAINTS_MAX:
            self._complained.clear()
        self._complained.add(key)
        self._store.apply([], [trouble])
