# pragma version ~=0.4.3
# An old token: its transfers answer nothing, and an allowance is never changed from one figure to another.

balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])


@external
def mint(target: address, amount: uint256):
    self.balanceOf[target] += amount


@external
def transfer(target: address, amount: uint256):
    self.balanceOf[msg.sender] -= amount
    self.balanceOf[target] += amount


@external
def approve(spender: address, amount: uint256):
    assert amount == 0 or self.allowance[msg.sender][spender] == 0, "set it to zero first"
    self.allowance[msg.sender][spender] = amount


@external
def transferFrom(source: address, target: address, amount: uint256):
    self.allowance[source][msg.sender] -= amount
    self.balanceOf[source] -= amount
    self.balanceOf[target] += amount
