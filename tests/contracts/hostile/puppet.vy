# pragma version ~=0.4.3
# A contract that calls whatever it is told to: an owner that is a contract, or a stranger behind one.


@external
def go(target: address, data: Bytes[4096]) -> Bytes[32]:
    return raw_call(target, data, max_outsize=32)
