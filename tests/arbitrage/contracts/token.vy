# pragma version ~=0.4.3
# A plain ERC-20 that anybody may mint: what the pools of the tests hold.

balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
decimals: public(uint8)
totalSupply: public(uint256)


@deploy
def __init__(decimals: uint8):
    self.decimals = decimals


@external
@view
def name() -> String[8]:
    return "Token"


@external
@view
def symbol() -> String[8]:
    return "TKN"


@external
def mint(target: address, amount: uint256):
    self.balanceOf[target] += amount
    self.totalSupply += amount


@external
def transfer(target: address, amount: uint256) -> bool:
    self.balanceOf[msg.sender] -= amount
    self.balanceOf[target] += amount
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    return True


@external
def transferFrom(source: address, target: address, amount: uint256) -> bool:
    self.allowance[source][msg.sender] -= amount
    self.balanceOf[source] -= amount
    self.balanceOf[target] += amount
    return True
