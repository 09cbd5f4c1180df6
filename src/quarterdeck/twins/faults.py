"""What can be made to go wrong at the twin, while it runs: POST /twin {"fault": ..., "amount": ...}.

| fault      | amount             | what happens                                                         |
|------------|--------------------|----------------------------------------------------------------------|
| disconnect | -                  | every websocket is cut                                               |
| delay      | milliseconds       | answers come that late; 0 ends it                                    |
| reject     | actions            | so many actions are refused, not looked at                           |
| fail       | calls              | so many calls get HTTP 502, not looked at                            |
| drop-acks  | actions            | so many actions are done, and their connection is cut instead        |
| garble     | messages           | so many websocket messages are cut in half                           |
| halt       | 1, or 0            | the market stands still and orders are refused                       |
| clear      | -                  | ends all of these                                                    |
"""

from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Fault", "Faults"]


class Fault(StrEnum):
    """The switches."""

    DISCONNECT = "disconnect"
    DELAY = "delay"
    REJECT = "reject"
    FAIL = "fail"
    DROP_ACKS = "drop-acks"
    GARBLE = "garble"
    HALT = "halt"
    CLEAR = "clear"


@dataclass(slots=True)
class Faults:
    """What goes wrong now."""

    delay_s: float = 0.0
    left: dict[Fault, int] = field(default_factory=dict[Fault, int])

    def take(self, fault: Fault) -> bool:
        """Whether it happens this time; then it happens once less."""
        count = self.left.get(fault, 0)
        if count > 0:
            self.left[fault] = count - 1
        return count > 0

    def set(self, fault: Fault, amount: int) -> None:
        """Switches one on, or all off."""
        if fault is Fault.CLEAR:
            self.delay_s = 0.0
            self.left.clear()
        elif fault is Fault.DELAY:
            self.delay_s = amount / 1_000
        else:
            self.left[fault] = amount
