"""Constants of the workloads. Every peer imports these, nothing is repeated by hand."""

SEED = 20240501
TICK = 0.01
PX_SCALE = 100  # price = ticks / PX_SCALE

# W1: one-minute bars
W1_N = 1_000_000
W1_START_NS = 1_577_836_800_000_000_000  # 2020-01-01T00:00:00Z, open of bar 0
W1_STEP_NS = 60_000_000_000
W1_FAST, W1_SLOW = 10, 30
W1_QUIET = 100  # bars of falling price at the start: no entry yet
W1_SIZE = 1
W1_FEE = 0.0005  # 5 bps of notional, each fill
CASH = 1_000_000.0

# W2: L1 quote ticks
W2_N = 5_000_000
W2_START_NS = 1_704_067_200_000_000_000  # 2024-01-01T00:00:00Z
W2_ALPHA = 0.02  # EMA of mid, called on every tick
W2_EVERY = 200  # requote (cancel all + place 2) each 200 ticks
W2_EDGE = 1  # ticks away from the EMA
W2_SIZE = 1
W2_MAXPOS = 20
W2_FEE = 0.0001  # 1 bp maker fee

# W3: live path
W3_N = 5_000  # measured events
W3_WARM = 500


def w3_gap(k):
    """Pause after event k, 0.5..1.5 ms, uneven so that no engine's own polling timer locks to it."""
    return 0.0005 + 0.000001 * ((k * 7919) % 1000)
