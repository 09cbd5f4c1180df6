"""What is posted to /exchange: who signed it, whether its nonce is fresh, and what comes of it.

The signer is recovered with the official SDK's own hashing. An action that was signed in another form than the venue
hashes (trailing zeros, another field order) recovers somebody unknown, as it does there. Both networks' signatures are
taken: clients sign for the test network at any address but the main one's.
"""

import copy
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from quarterdeck.twins.hyperliquid.accounts import Account, Order
from quarterdeck.twins.hyperliquid.admission import OrderRefused, Wire, admit, read_order, wire_number
from quarterdeck.twins.hyperliquid.exchange import TwinExchange
from quarterdeck.twins.hyperliquid.limits import AddressLimits

__all__ = ["Actions", "Unreadable", "refusal"]

_NS_PER_MS: Final = 1_000_000
_SCHEDULE_MIN_MS: Final = 5_000
_SCHEDULES_A_DAY: Final = 10
# What a wallet signs in its own name, and no agent may: the types that its signature covers.
_AGENT_TYPES: Final = [
    {"name": "hyperliquidChain", "type": "string"},
    {"name": "agentAddress", "type": "address"},
    {"name": "agentName", "type": "string"},
    {"name": "nonce", "type": "uint64"},
]
_BUILDER_TYPES: Final = [
    {"name": "hyperliquidChain", "type": "string"},
    {"name": "maxFeeRate", "type": "string"},
    {"name": "builder", "type": "address"},
    {"name": "nonce", "type": "uint64"},
]
_USER_SIGNED: Final = {
    "approveAgent": ("HyperliquidTransaction:ApproveAgent", _AGENT_TYPES),
    "approveBuilderFee": ("HyperliquidTransaction:ApproveBuilderFee", _BUILDER_TYPES),
}
_CANCELS: Final = frozenset({"cancel", "cancelByCloid", "scheduleCancel"})
_MISSING: Final = "Order was never placed, already canceled, or filled."


class Unreadable(ValueError):
    """A body that is not of the form that the venue reads: HTTP 422."""


def refusal(text: str) -> Wire:
    """Returns the answer that refuses a whole action."""
    return {"status": "err", "response": text}


def _done(kind: str, statuses: list[Any] | None = None) -> Wire:
    response: Wire = {"type": kind}
    if statuses is not None:
        response["data"] = {"statuses": statuses}
    return {"status": "ok", "response": response}


class Actions:
    """The /exchange endpoint of one exchange."""

    def __init__(self, exchange: TwinExchange, limits: AddressLimits) -> None:
        self._exchange, self._limits = exchange, limits
        from hyperliquid.utils import signing  # noqa: PLC0415 - it takes 0.3 s that only a twin pays

        self._signing: Any = signing
        self._verbs: dict[str, Callable[[Account, Wire], Wire]] = {
            "order": self._order,
            "cancel": self._cancel,
            "cancelByCloid": self._cancel_by_cloid,
            "modify": self._modify,
            "batchModify": self._batch_modify,
            "scheduleCancel": self._schedule_cancel,
            "updateLeverage": self._update_leverage,
            "approveAgent": self._approve_agent,
            "approveBuilderFee": self._approve_builder_fee,
            "setReferrer": lambda account, action: _done("default"),  # noqa: ARG005 - it changes nothing here
        }

    def act(self, body: Any, wall_ms: int, reject: str = "") -> Wire:
        """Returns the answer to a posted action; `reject` is a refusal that a fault asks for.

        Raises Unreadable. `wall_ms` is real time: nonces and expiries are of it, whatever the market's clock does.
        """
        try:
            action, nonce, signature = body["action"], body["nonce"], body["signature"]
            expires, vault, kind = body.get("expiresAfter"), body.get("vaultAddress"), action["type"]
            whole = isinstance(nonce, int) and isinstance(expires, int | None) and isinstance(vault, str | None)
            if not whole or kind not in self._verbs:
                raise Unreadable("unknown action")
            signers = self._signers(action, signature, vault, nonce, expires)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise Unreadable(str(error)) from error
        if not signers:
            return refusal("Unable to recover signer.")
        account = self._account(signers, own=kind in _USER_SIGNED)
        if account is None:
            return refusal(f"User or API Wallet {signers[0]} does not exist.")
        if vault is not None:
            return refusal(f"Vault not registered: {vault.lower()}")
        if expires is not None and expires <= wall_ms:
            return refusal("Action already expired")
        if reject:
            return refusal(reject)
        limited = self._limits.refuse(account, wall_ms, cancel=kind in _CANCELS, count=_count(action))
        if limited:
            return refusal(limited)
        stale = account.refuse_nonce(nonce, wall_ms)
        if stale:
            return refusal(stale)
        try:
            return self._verbs[kind](account, action)
        except OrderRefused as error:
            return refusal(str(error))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Unreadable(str(error)) from error

    def _account(self, signers: list[str], *, own: bool) -> Account | None:
        for signer in signers:
            account = self._exchange.accounts.get(signer) if own else self._exchange.account_of(signer)
            if account is not None:
                return account
        return None

    def _signers(self, action: Wire, signature: Wire, vault: str | None, nonce: int, expires: int | None) -> list[str]:
        """Addresses that may have signed this: of the test network, and of the main one."""
        found: list[str] = []
        hashed = _as_hashed(action)
        for mainnet in (False, True):
            try:
                if action["type"] in _USER_SIGNED:
                    primary, types = _USER_SIGNED[action["type"]]
                    address = self._signing.recover_user_from_user_signed_action(
                        copy.deepcopy(action), signature, types, primary, mainnet
                    )
                else:
                    address = self._signing.recover_agent_or_user_from_l1_action(
                        hashed, signature, vault, nonce, expires, mainnet
                    )
            except Exception as error:  # noqa: BLE001 - a library of curves raises what it likes at a broken signature
                self.latest_bad_signature = str(error)
                continue
            found.append(str(address).lower())
        return found

    latest_bad_signature = ""

    # Orders.

    def _order(self, account: Account, action: Wire) -> Wire:
        tenths = self._builder_tenths(account, action.get("builder"))
        statuses: list[Any] = []
        for wire in action["orders"]:
            try:
                order = read_order(self._exchange, wire, tenths)
                statuses.append(self._place(account, order))
            except OrderRefused as error:
                statuses.append({"error": str(error)})
        return _done("order", statuses)

    def _builder_tenths(self, account: Account, builder: Wire | None) -> int:
        if builder is None:
            return 0
        if builder["b"].lower() not in account.builders:
            raise OrderRefused("Builder fee has not been approved.")
        return int(builder["f"])

    def _place(self, account: Account, order: Order, replaced: Order | None = None) -> Wire | str:
        admit(self._exchange, account, order, replaced)
        error = self._exchange.enter(account, order)
        if error:
            raise OrderRefused(f"{error} asset={order.listing.asset}")
        if order.trigger is not None:
            return "waitingForTrigger"
        named = {"cloid": order.cloid} if order.cloid else {}
        if order.left < order.size and (order.left == 0 or not order.open):
            fills = [fill for fill in account.fills if fill["oid"] == order.oid]
            average = _average(fills)
            size = order.listing.instrument.lots_to_quantity(order.size - order.left)
            return {"filled": {"totalSz": f"{size.normalize():f}", "avgPx": average, "oid": order.oid, **named}}
        return {"resting": {"oid": order.oid, **named}}

    def _cancel(self, account: Account, action: Wire) -> Wire:
        return self._cancel_each(account, [(row["a"], int(row["o"])) for row in action["cancels"]])

    def _cancel_by_cloid(self, account: Account, action: Wire) -> Wire:
        return self._cancel_each(account, [(row["asset"], str(row["cloid"])) for row in action["cancels"]])

    def _cancel_each(self, account: Account, named: list[tuple[int, int | str]]) -> Wire:
        statuses: list[Any] = []
        for asset, name in named:
            order = account.find(name)
            if order is None or not order.open or order.listing.asset != asset:
                statuses.append({"error": f"{_MISSING} asset={asset}"})
            else:
                self._exchange.cancel(account, order)
                statuses.append("success")
        return _done("cancel", statuses)

    def _modify(self, account: Account, action: Wire) -> Wire:
        status = self._modify_one(account, action)
        return refusal(status["error"]) if "error" in status else _done("default")

    def _batch_modify(self, account: Account, action: Wire) -> Wire:
        return _done("order", [self._modify_one(account, row) for row in action["modifies"]])

    def _modify_one(self, account: Account, row: Wire) -> Any:
        """Cancels an order and places another under a new number and the same client id."""
        old = account.find(row["oid"])
        if old is None or not old.open:
            return {"error": "Cannot modify canceled or filled order"}
        try:
            order = read_order(self._exchange, row["order"])
            if order.listing is not old.listing:
                return {"error": "Cannot modify asset"}
            admit(self._exchange, account, order, old)
        except OrderRefused as error:
            return {"error": str(error)}
        self._exchange.cancel(account, old)
        try:
            return self._place(account, order, old)
        except OrderRefused as error:
            return {"error": f"Error placing new order during modify: {error}"}

    # Switches and approvals.

    def _schedule_cancel(self, account: Account, action: Wire) -> Wire:
        time_ms = action.get("time")
        if time_ms is None:
            account.cancel_at_ms = 0
            return _done("default")
        if not isinstance(time_ms, int):
            raise Unreadable("time is milliseconds")
        if time_ms < self._limits.now_ms + _SCHEDULE_MIN_MS:
            return refusal("Scheduled cancel time too early, must be at least 5 seconds from now.")
        if account.cancels_triggered >= _SCHEDULES_A_DAY:
            return refusal("Too many scheduled cancels triggered today.")
        account.cancel_at_ms = time_ms
        return _done("default")

    def _update_leverage(self, account: Account, action: Wire) -> Wire:
        listing = self._exchange.by_asset.get(action["asset"])
        leverage = action["leverage"]
        if listing is None or listing.spot:
            return refusal("Asset not found")
        if not isinstance(leverage, int) or not 1 <= leverage <= listing.max_leverage:
            return refusal("Invalid leverage value")
        account.leverage[listing.index] = leverage
        return _done("default")

    def _approve_agent(self, account: Account, action: Wire) -> Wire:
        agent = str(action["agentAddress"]).lower()
        if self._exchange.account_of(agent) is not None:
            return refusal("Extra agent already used.")
        account.agents[agent] = str(action.get("agentName") or "")
        return _done("default")

    def _approve_builder_fee(self, account: Account, action: Wire) -> Wire:
        account.builders[str(action["builder"]).lower()] = str(action["maxFeeRate"])
        return _done("default")


def _count(action: Wire) -> int:
    """How many requests an action counts as: each order or cancel of a batch is one."""
    rows: list[Any] = action.get("orders") or action.get("cancels") or action.get("modifies") or [None]
    return len(rows)


def _as_hashed(action: Wire) -> Wire:
    """The action as the venue hashes it: its figures without trailing zeros."""
    action = copy.deepcopy(action)
    modifies: list[Wire] = action.get("modifies") or []
    rows: list[Wire] = [*(action.get("orders") or []), *(row["order"] for row in modifies)]
    rows += [action["order"]] if "order" in action else []
    for row in rows:
        row["p"], row["s"] = wire_number(row["p"]), wire_number(row["s"])
        if "trigger" in row["t"]:
            row["t"]["trigger"]["triggerPx"] = wire_number(row["t"]["trigger"]["triggerPx"])
    return action


def _average(fills: list[Wire]) -> str:
    size = sum((Decimal(fill["sz"]) for fill in fills), Decimal(0))
    paid = sum((Decimal(fill["sz"]) * Decimal(fill["px"]) for fill in fills), Decimal(0))
    return f"{round(paid / size, 8).normalize():f}"
