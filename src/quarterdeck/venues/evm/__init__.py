"""An EVM chain: what its pools offer is an order of the desk, and the order a transaction, proven before it leaves.

Imported by its parts: `opening` loads web3, which takes seconds, and a twin needs no more than `sources`.
"""
