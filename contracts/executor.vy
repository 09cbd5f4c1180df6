# pragma version ~=0.4.3
# pragma evm-version cancun
"""
@title Executor of flash-loan arbitrage
@license Apache-2.0
@notice Borrows, swaps around a cycle, pays back, and keeps the profit; or reverts, and nothing has happened.
@dev
    `run` borrows one token from one lender. The lender calls back, the callback walks the route, each swap's whole
    output being the next one's input, and pays back loan and premium. When the lender has returned, the balance is
    compared with the one before the loan: profit below the minimum reverts, else all of it goes to the owner.

    What is trusted: the owner and the Vault given at deployment. Tokens, pools and other lenders are not:
    - A callback is taken once, from the one address that is awaited at that moment. What it does was written by `run`
      to transient storage; nothing that a caller hands over is executed.
    - Every payment is measured at both ends, so a token that keeps a part of a transfer reverts.
    - No call is made but those of the interfaces below, and only the Vault (or an Aave pool that lends) ever has an
      allowance: for one exact amount, and zero when the run ends.
    What lay here before a run lies here after it: only `sweep` moves it. Ether is not taken.
"""

interface Token:
    def balanceOf(holder: address) -> uint256: view
    def allowance(holder: address, spender: address) -> uint256: view
    def transfer(target: address, amount: uint256) -> bool: nonpayable
    def approve(spender: address, amount: uint256) -> bool: nonpayable

interface Pair:
    def getReserves() -> (uint112, uint112, uint32): view
    def swap(first: uint256, second: uint256, target: address, data: Bytes[1]): nonpayable

interface Pool:
    def swap(
        target: address, falling: bool, amount: int256, limit: uint160, data: Bytes[1]
    ) -> (int256, int256): nonpayable
    def flash(target: address, first: uint256, second: uint256, data: Bytes[1]): nonpayable

interface Sides:
    def token0() -> address: view
    def token1() -> address: view

struct Swap:
    pool: bytes32
    kind: uint8
    source: address
    target: address
    amount: uint256
    data: Bytes[1]

struct Funds:
    sender: address
    from_internal: bool
    recipient: address
    to_internal: bool

interface Vault:
    def swap(what: Swap, funds: Funds, limit: uint256, deadline: uint256) -> uint256: nonpayable
    def flashLoan(
        target: address, tokens: DynArray[address, 1], amounts: DynArray[uint256, 1], data: Bytes[1]
    ): nonpayable

interface Lender:
    def flashLoanSimple(target: address, token: address, amount: uint256, data: Bytes[1], referral: uint16): nonpayable

# How a step swaps or a lender lends. Zero is none of them, so that empty state matches nothing.
UNISWAP_2: constant(uint8) = 1
UNISWAP_3: constant(uint8) = 2
BALANCER: constant(uint8) = 3
AAVE_3: constant(uint8) = 4  # lends only
STEPS_MAX: constant(uint256) = 8
FEE_UNITS: constant(uint256) = 1000
MIN_SQRT_RATIO: constant(uint160) = 4295128739
MAX_SQRT_RATIO: constant(uint160) = 1461446703485210103287273052203988822378723970342
VAULT: public(immutable(address))

struct Loan:
    kind: uint8
    lender: address
    token: address
    amount: uint256
    premium: uint256  # what the proof reckoned with, to the last unit
    kept: uint256  # Uniswap V2 only: 997 where the pair's fee is 0.3 %

struct Step:
    kind: uint8
    pool: address  # the Vault, where Balancer swaps
    identity: bytes32  # Balancer's poolId; else empty
    source: address
    target: address
    minimum: uint256  # less than this out of the step reverts
    kept: uint256  # Uniswap V2 only

event Ran:
    token: indexed(address)
    lender: indexed(address)
    amount: uint256
    premium: uint256
    profit: uint256

event Swept:
    token: indexed(address)
    amount: uint256

event Paused:
    paused: bool

event OwnershipOffered:
    successor: indexed(address)

event OwnershipTaken:
    owner: indexed(address)

owner: public(address)
successor: public(address)
paused: public(bool)

# Of the flight that is on. Transient: gone with the transaction, whatever happens in it.
loan: transient(Loan)
steps: transient(DynArray[Step, STEPS_MAX])
before: transient(uint256)
lender_awaited: transient(address)
pool_awaited: transient(address)
due_token: transient(address)
due_amount: transient(uint256)


@deploy
def __init__(vault: address):
    self.owner = msg.sender
    VAULT = vault


@external
@nonreentrant
def run(loan: Loan, steps: DynArray[Step, STEPS_MAX], minimum_profit: uint256) -> uint256:
    """
    @notice One arbitrage, whole or not at all.
    @return What was earned after the premium, in whole units of the loan's token; the owner has it.
    """
    self._only_owner()
    assert not self.paused, "paused"
    self._check_route(loan, steps)
    self.loan = loan
    self.steps = steps
    self.before = self._held(loan.token, self)
    before: uint256 = self.before
    self.lender_awaited = loan.lender
    self._borrow(loan)
    assert self.lender_awaited == empty(address), "lender did not call back"
    if loan.kind == AAVE_3:
        self._disallow(loan.token, loan.lender)
    after: uint256 = self._held(loan.token, self)
    if after < before or after - before < minimum_profit or after == before:
        self._refuse_profit(before, after, minimum_profit)
    profit: uint256 = after - before
    self._pay(loan.token, self.owner, profit)
    log Ran(token=loan.token, lender=loan.lender, amount=loan.amount, premium=loan.premium, profit=profit)
    return profit


@external
@nonreentrant
def sweep(token: address) -> uint256:
    """
    @notice Sends the whole balance of a token to the owner. The only thing that moves tokens while paused.
    """
    self._only_owner()
    amount: uint256 = self._held(token, self)
    assert extcall Token(token).transfer(self.owner, amount, default_return_value=True), "transfer refused"
    log Swept(token=token, amount=amount)
    return amount


@external
@nonreentrant
def set_paused(paused: bool):
    self._only_owner()
    self.paused = paused
    log Paused(paused=paused)


@external
@nonreentrant
def offer_ownership(successor: address):
    """
    @notice The first of two steps; nothing changes until the successor takes it. The zero address withdraws an offer.
    """
    self._only_owner()
    self.successor = successor
    log OwnershipOffered(successor=successor)


@external
@nonreentrant
def take_ownership():
    assert msg.sender == self.successor, "not the successor"
    self.owner = msg.sender
    self.successor = empty(address)
    log OwnershipTaken(owner=msg.sender)


# What lenders and pools call. Each is taken once, from the one address that is awaited.


@external
def uniswapV2Call(sender: address, first: uint256, second: uint256, data: Bytes[1]):
    self._land(UNISWAP_2, msg.sender)
    assert sender == self, "loan not asked for"
    # ceil(amount * units / kept) is the least that the pair's product lets pass.
    kept: uint256 = self.loan.kept
    assert kept > 0 and kept <= FEE_UNITS, "kept is not in 1..1000"
    owed: uint256 = (self.loan.amount * FEE_UNITS + kept - 1) // kept
    self._fly(owed - self.loan.amount)


@external
def uniswapV3FlashCallback(first: uint256, second: uint256, data: Bytes[1]):
    self._land(UNISWAP_3, msg.sender)
    self._fly(first + second)  # nothing is borrowed of the other token, so its fee is zero


@external
def receiveFlashLoan(
    tokens: DynArray[address, 1], amounts: DynArray[uint256, 1], premiums: DynArray[uint256, 1], data: Bytes[1]
):
    self._land(BALANCER, msg.sender)
    assert tokens[0] == self.loan.token and amounts[0] == self.loan.amount, "loan not asked for"
    self._fly(premiums[0])


@external
def executeOperation(token: address, amount: uint256, premium: uint256, initiator: address, data: Bytes[1]) -> bool:
    self._land(AAVE_3, msg.sender)
    assert initiator == self and token == self.loan.token and amount == self.loan.amount, "loan not asked for"
    self._fly(premium)
    return True


@external
def uniswapV3SwapCallback(first: int256, second: int256, data: Bytes[1]):
    assert self.pool_awaited != empty(address) and msg.sender == self.pool_awaited, "callback not awaited"
    self.pool_awaited = empty(address)
    asked: int256 = first if self.due_token == staticcall Sides(msg.sender).token0() else second
    # Less than the whole input is refused too: the rest would stay behind here.
    if asked != convert(self.due_amount, int256) or min(first, second) > 0:
        raw_revert(abi_encode(asked, self.due_amount, method_id=method_id("WrongAmountAsked(int256,uint256)")))
    self._pay(self.due_token, msg.sender, self.due_amount)


@internal
@view
def _only_owner():
    assert msg.sender == self.owner, "not the owner"


@internal
@view
def _check_route(loan: Loan, steps: DynArray[Step, STEPS_MAX]):
    assert len(steps) >= 2, "route of less than two steps"
    assert loan.amount > 0, "nothing to borrow"
    token: address = loan.token
    for step: Step in steps:
        assert step.source == token and step.target != token, "route is broken"
        assert step.kind >= UNISWAP_2 and step.kind <= BALANCER, "no such kind of step"
        assert step.kind != BALANCER or step.pool == VAULT, "not the Vault"
        token = step.target
    assert token == loan.token, "route does not return"


@internal
def _borrow(loan: Loan):
    if loan.kind == BALANCER:
        assert loan.lender == VAULT, "not the Vault"
        extcall Vault(VAULT).flashLoan(self, [loan.token], [loan.amount], b"")
        return
    if loan.kind == AAVE_3:
        extcall Lender(loan.lender).flashLoanSimple(self, loan.token, loan.amount, b"", 0)
        return
    first: uint256 = 0
    second: uint256 = 0
    if staticcall Sides(loan.lender).token0() == loan.token:
        first = loan.amount
    else:
        assert staticcall Sides(loan.lender).token1() == loan.token, "lender has no such token"
        second = loan.amount
    if loan.kind == UNISWAP_2:
        extcall Pair(loan.lender).swap(first, second, self, b"1")  # a pair calls back only where there are data
    elif loan.kind == UNISWAP_3:
        extcall Pool(loan.lender).flash(self, first, second, b"")
    else:
        raise "no such kind of lender"


@internal
def _land(kind: uint8, sender: address):
    """
    @dev Lets the awaited lender in, once.
    """
    awaited: address = self.lender_awaited
    assert awaited != empty(address) and sender == awaited and self.loan.kind == kind, "callback not awaited"
    self.lender_awaited = empty(address)


@internal
def _fly(premium: uint256):
    """
    @dev The route, between what came and what is owed.
    """
    loan: Loan = self.loan
    if premium != loan.premium:
        raw_revert(abi_encode(premium, loan.premium, method_id=method_id("WrongPremium(uint256,uint256)")))
    self._check_moved(loan.token, self.before, self._held(loan.token, self), loan.amount)
    steps: DynArray[Step, STEPS_MAX] = self.steps
    amount: uint256 = loan.amount
    place: uint256 = 0
    for step: Step in steps:
        amount = self._step(step, amount)
        if amount < step.minimum:
            raw_revert(
                abi_encode(
                    place, amount, step.minimum, method_id=method_id("StepPaidTooLittle(uint256,uint256,uint256)")
                )
            )
        place += 1
    owed: uint256 = loan.amount + loan.premium
    held: uint256 = self._held(loan.token, self)
    if held < self.before + owed:  # a loss: said here, since the lender's own words would hide it
        self._refuse_profit(self.before + owed, held, 0)
    if loan.kind == AAVE_3:
        self._allow(loan.token, loan.lender, owed)  # such a lender fetches it itself
    else:
        self._pay(loan.token, loan.lender, owed)


@internal
def _step(step: Step, amount: uint256) -> uint256:
    """
    @dev One swap of exactly `amount`. What left here, what came to the pool and what came back are all measured.
    """
    source_before: uint256 = self._held(step.source, self)
    target_before: uint256 = self._held(step.target, self)
    pool_before: uint256 = self._held(step.source, step.pool)
    paid: uint256 = 0
    if step.kind == UNISWAP_2:
        paid = self._swap_2(step, amount)
    elif step.kind == UNISWAP_3:
        paid = self._swap_3(step, amount)
    else:
        paid = self._swap_balancer(step, amount)
    self._check_moved(step.source, self._held(step.source, self), source_before, amount)
    self._check_moved(step.source, pool_before, self._held(step.source, step.pool), amount)
    self._check_moved(step.target, target_before, self._held(step.target, self), paid)
    return paid


@internal
def _swap_2(step: Step, amount: uint256) -> uint256:
    first: uint112 = 0
    second: uint112 = 0
    since: uint32 = 0
    first, second, since = staticcall Pair(step.pool).getReserves()
    rising: bool = staticcall Sides(step.pool).token0() == step.source
    held: uint256 = convert(first if rising else second, uint256)
    left: uint256 = convert(second if rising else first, uint256)
    effective: uint256 = amount * step.kept
    paid: uint256 = effective * left // (held * FEE_UNITS + effective)
    self._pay(step.source, step.pool, amount)
    extcall Pair(step.pool).swap(0 if rising else paid, paid if rising else 0, self, b"")
    return paid


@internal
def _swap_3(step: Step, amount: uint256) -> uint256:
    falling: bool = staticcall Sides(step.pool).token0() == step.source
    limit: uint160 = MIN_SQRT_RATIO + 1 if falling else MAX_SQRT_RATIO - 1
    self.pool_awaited = step.pool
    self.due_token = step.source
    self.due_amount = amount
    first: int256 = 0
    second: int256 = 0
    first, second = extcall Pool(step.pool).swap(self, falling, convert(amount, int256), limit, b"")
    assert self.pool_awaited == empty(address), "pool did not call back"
    return convert(-second if falling else -first, uint256)


@internal
def _swap_balancer(step: Step, amount: uint256) -> uint256:
    self._allow(step.source, VAULT, amount)
    what: Swap = Swap(pool=step.identity, kind=0, source=step.source, target=step.target, amount=amount, data=b"")
    funds: Funds = Funds(sender=self, from_internal=False, recipient=self, to_internal=False)
    paid: uint256 = extcall Vault(VAULT).swap(what, funds, step.minimum, block.timestamp)
    self._disallow(step.source, VAULT)
    return paid


@internal
@view
def _held(token: address, holder: address) -> uint256:
    return staticcall Token(token).balanceOf(holder)


@internal
def _allow(token: address, spender: address, amount: uint256):
    # Old tokens answer nothing: that counts as yes; what has no code is refused.
    assert extcall Token(token).approve(spender, amount, default_return_value=True), "approval refused"


@internal
def _disallow(token: address, spender: address):
    if staticcall Token(token).allowance(self, spender) != 0:
        self._allow(token, spender, 0)


@internal
def _pay(token: address, target: address, amount: uint256):
    before: uint256 = self._held(token, target)
    assert extcall Token(token).transfer(target, amount, default_return_value=True), "transfer refused"
    self._check_moved(token, before, self._held(token, target), amount)


@internal
@pure
def _check_moved(token: address, low: uint256, high: uint256, amount: uint256):
    """
    @dev A balance went from low to high by exactly `amount`, else the token keeps a part, or somebody lies.
    """
    if high < low or high - low != amount:
        moved: uint256 = 0
        if high > low:
            moved = high - low
        raw_revert(abi_encode(token, moved, amount, method_id=method_id("WrongTransfer(address,uint256,uint256)")))


@internal
@pure
def _refuse_profit(before: uint256, after: uint256, minimum: uint256):
    gained: int256 = convert(after, int256) - convert(before, int256)
    raw_revert(abi_encode(gained, minimum, method_id=method_id("ProfitTooSmall(int256,uint256)")))
