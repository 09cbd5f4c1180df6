# pragma version ~=0.4.3
# A token that does not do what it is told: what it says of balances grows by itself, or it keeps a part of what is sent
# to some places.

shares: HashMap[address, uint256]
allowance: public(HashMap[address, HashMap[address, uint256]])
index: uint256  # units for a share, in parts of 10**18
taxed: HashMap[address, bool]  # the tenth part of what is sent there is burnt
decimals: public(uint8)


@deploy
def __init__(index: uint256):
    self.index = index
    self.decimals = 18


@external
@view
def name() -> String[8]:
    return "Odd"


@external
@view
def symbol() -> String[8]:
    return "ODD"


@external
@view
def balanceOf(owner: address) -> uint256:
    return self.shares[owner] * self.index // 10**18


@external
def rebase(index: uint256):
    self.index = index


@external
def tax(target: address):
    self.taxed[target] = True


@external
def mint(target: address, amount: uint256):
    self.shares[target] += amount // self.index * 10**18  # the tests give very much


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
    moved: uint256 = amount * 10**18 // self.index
    self.shares[source] -= moved
    if self.taxed[target]:
        moved -= moved // 10
    self.shares[target] += moved
