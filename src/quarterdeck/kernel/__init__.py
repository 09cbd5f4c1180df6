"""The kernel: all that decides about money, as a deterministic state machine over fixed-layout records.

It does no I/O, reads no clock and draws no random number. What goes in is a 64-byte `Event`; what comes out are
records of the same shape that say what to do (`SUBMIT`, `CANCEL`) and what happened (`DECISION`, `WARNING`).
"""
