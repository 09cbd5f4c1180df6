# pragma version ~=0.4.3
# pragma evm-version cancun
"""
@title The chain's own coin as a token: what is sent here is held one to one.
@license Apache-2.0
"""

event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    value: uint256

event Approval:
    owner: indexed(address)
    spender: indexed(address)
    value: uint256

event Deposit:
    receiver: indexed(address)
    value: uint256

event Withdrawal:
    sender: indexed(address)
    value: uint256

name: public(String[32])
symbol: public(String[16])
decimals: public(uint8)
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])


@deploy
def __init__():
    self.name = "Wrapped Ether"
    self.symbol = "WETH"
    self.decimals = 18


@external
@payable
def deposit():
    self._wrap()


@external
@payable
def __default__():
    self._wrap()


@external
def withdraw(amount: uint256):
    assert self.balanceOf[msg.sender] >= amount, "WETH: withdrawal exceeds balance"
    self.balanceOf[msg.sender] -= amount
    log Withdrawal(sender=msg.sender, value=amount)
    raw_call(msg.sender, b"", value=amount)


@external
@view
def totalSupply() -> uint256:
    return self.balance


@external
def transfer(receiver: address, amount: uint256) -> bool:
    self._move(msg.sender, receiver, amount)
    return True


@external
def transferFrom(sender: address, receiver: address, amount: uint256) -> bool:
    allowed: uint256 = self.allowance[sender][msg.sender]
    if sender != msg.sender and allowed != max_value(uint256):
        assert allowed >= amount, "WETH: insufficient allowance"
        self.allowance[sender][msg.sender] = allowed - amount
    self._move(sender, receiver, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    log Approval(owner=msg.sender, spender=spender, value=amount)
    return True


@internal
@payable
def _wrap():
    self.balanceOf[msg.sender] += msg.value
    log Deposit(receiver=msg.sender, value=msg.value)


@internal
def _move(sender: address, receiver: address, amount: uint256):
    assert self.balanceOf[sender] >= amount, "WETH: transfer amount exceeds balance"
    self.balanceOf[sender] -= amount
    self.balanceOf[receiver] += amount
    log Transfer(sender=sender, receiver=receiver, value=amount)
