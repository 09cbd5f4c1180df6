"""Atomic arbitrage as mathematics: pools with the contracts' own integer arithmetic, cycles through them, best inputs.

    arithmetic        256-bit integers as the chain computes with them, and Balancer's fixed point
    pools             what every kind of pool answers
    constant_product  Uniswap V2
    concentrated      Uniswap V3, tick by tick (`ticks` holds its mathematics)
    weighted          Balancer weighted (`powers` holds its mathematics)
    stable            Balancer composable stable
    market            all pools of a chain, by token; which of them a block has changed
    screen            every cycle whose marginal rates leave a profit, or the certificate that there is none
    sizing            the input of a cycle that earns the most
    discovery         both, in exact integers: what a block offers
    files             a market written down

Only `files` reads anything; nothing knows a chain or a clock. Amounts are whole units of a token.
"""
