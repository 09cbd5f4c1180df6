# pragma version ~=0.4.3
# A provider of rates, as a composable stable pool asks one: what one token is worth, in parts of 10**18.

getRate: public(uint256)


@deploy
def __init__(rate: uint256):
    self.getRate = rate


@external
def change(rate: uint256):
    self.getRate = rate
