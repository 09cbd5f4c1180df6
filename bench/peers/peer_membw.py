"""Memory-bandwidth figure: numpy sum over every column of the same arrays."""

import numpy as np

from common import Clock, main


def run(d, n):
    cols = list(d.values())
    best = None
    for _ in range(7):
        with Clock() as c:
            for a in cols:
                a.sum()
        if best is None or c.wall < best.wall:
            best = c
    mb = sum(a.nbytes for a in cols) / 1e6
    return {"run": best, "mb": round(mb, 1), "gb_per_s": round(mb / 1e3 / best.wall, 2)}


if __name__ == "__main__":
    main("membw", np.__version__, {"W1": run, "W2": run})
