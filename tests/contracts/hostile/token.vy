# pragma version ~=0.4.3
# A token that calls somebody during a transfer, or keeps a part of it.

balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
decimals: public(uint8)
totalSupply: public(uint256)
kept: public(uint256)  # of 10,000 units moved
target: public(address)
data: Bytes[4096]
fired: public(uint256)
succeeded: public(uint256)
hooking: bool
early: bool  # calls before the balances have changed, else after


@deploy
def __init__():
    self.decimals = 18


@external
@view
def name() -> String[8]:
    return "Hostile"


@external
@view
def symbol() -> String[8]:
    return "HST"


@external
def mint(target: address, amount: uint256):
    self.balanceOf[target] += amount
    self.totalSupply += amount


@external
def keep(kept: uint256):
    self.kept = kept


@external
def hook(target: address, data: Bytes[4096], early: bool):
    self.target = target
    self.early = early
    self.data = data


@external
def go(target: address, data: Bytes[4096]) -> Bytes[32]:
    return raw_call(target, data, max_outsize=32)


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    return True


@external
def transfer(target: address, amount: uint256) -> bool:
    self._move(msg.sender, target, amount)
    return True


@external
def transferFrom(source: address, target: address, amount: uint256) -> bool:
    self.allowance[source][msg.sender] -= amount
    self._move(source, target, amount)
    return True


@internal
def _move(source: address, target: address, amount: uint256):
    if self.early:
        self._call()
    self.balanceOf[source] -= amount
    self.balanceOf[target] += amount - amount * self.kept // 10000
    if not self.early:
        self._call()


@internal
def _call():
    if self.target != empty(address) and not self.hooking:
        self.hooking = True
        self.fired += 1
        if raw_call(self.target, self.data, revert_on_failure=False):
            self.succeeded += 1
        self.hooking = False
