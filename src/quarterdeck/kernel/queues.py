"""Where a resting order stands in the queue of its price level.

An order joins behind what is displayed there. Trades at its price always take from the front. What a level loses
without trades (`change`) was cancelled somewhere in the queue, and the model says where:

| model          | a level shrinks by `change` without trades                                        |
|----------------|-----------------------------------------------------------------------------------|
| CONSERVATIVE   | all of it behind the order, as far as there is that much behind                   |
| POWER (n 1..3) | a share f(back) / (f(back) + f(front)) behind it, the rest in front; f(x) = x**n  |

Source: hftbacktest, `ProbQueueModel` with `PowerProbQueueFunc` (hftbacktest/src/backtest/models/queue.rs; docs page
"Queue Models"), after R. Cont's and E. Rigtorp's estimate ("Estimating order queue position", 2013):

    change   = previous - new - traded since the last update      (a trade is not counted twice)
    estimate = front - (1 - p) * change + min(back - p * change, 0)
    front    = min(estimate, new)

The powers are products, so that compiled and plain Python give the same bits.
"""

from quarterdeck.kernel.compiled import compiled
from quarterdeck.kernel.market_records import QueueModel, RestingOrder

__all__ = ["join_queue", "level_changed", "lots_reached", "power_share"]

_ROUNDING = 1e-6  # lots; a share that should come to whole lots may miss them by the float's last bits


@compiled
def join_queue(order: RestingOrder, lots: int) -> None:
    """Puts the order behind `lots`."""
    order["queue_ahead"] = float(lots)
    order["level_lots"] = lots
    order["level_traded"] = 0


@compiled
def power_share(front: float, back: float, power: int) -> float:
    """Share of a loss that happened behind the order: f(back) / (f(back) + f(front)), f(x) = x**power."""
    ahead = 1.0
    behind = 1.0
    for _ in range(power):
        ahead *= front
        behind *= back
    total = ahead + behind
    return behind / total if total > 0.0 else 1.0


@compiled
def level_changed(order: RestingOrder, lots: int, model: int, power: int) -> None:
    """The order's level now displays `lots`."""
    front = order["queue_ahead"]
    change = float(order["level_lots"] - lots - order["level_traded"])
    if model == QueueModel.POWER and change > 0.0:
        back = max(float(order["level_lots"]) - front, 0.0)
        share = power_share(front, back, power)
        front = front - (1.0 - share) * change + min(back - share * change, 0.0)
    order["queue_ahead"] = max(min(front, float(lots)), 0.0)
    order["level_lots"] = lots
    order["level_traded"] = 0


@compiled
def lots_reached(order: RestingOrder, traded: int) -> int:
    """Moves the queue by a trade at its price; returns how many whole lots of the trade came as far as the order."""
    reached = int(float(traded) - order["queue_ahead"] + _ROUNDING)
    order["queue_ahead"] = max(order["queue_ahead"] - float(traded), 0.0)
    order["level_traded"] += traded
    return max(reached, 0)
