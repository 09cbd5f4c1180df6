"""The EVM twin: one chain in a process, spoken to by JSON-RPC as geth is, with a market of our own contracts on it.

building             the contracts' code, compiled once
machine              pyrevm, with what it leaves to others: nonces, fees, the way back
words, transactions  RLP; signed bytes to a transaction, and who signed it
refusals, admission  what a node says no with, and to what
pool                 transactions that wait
blocks               headers, receipts, logs: shapes and hashes
chain                blocks in a row, mined and orphaned
market, flow         tokens and pairs, and the people who trade there
bundles              private transactions, signed as Flashbots asks
questions, filters   what can be asked by JSON-RPC, and which logs
subscriptions        who listens
faults               what can be made to go wrong
rpc, server          JSON-RPC's forms, and the sockets
command              what `quarterdeck twin evm` does
"""
