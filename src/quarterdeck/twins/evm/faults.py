"""What can be made to go wrong on the chain, beside what goes wrong at every twin: POST /twin {"fault", "amount"}.

| fault    | amount       | what happens                                                                          |
|----------|--------------|---------------------------------------------------------------------------------------|
| reorg    | blocks       | so many blocks are orphaned; another branch, longer by one, has taken their place     |
| stale    | 1, or 0      | the node stays at the block that is newest now, while the chain goes on               |
| chain-id | a number     | the node says that it is of that chain; 0 ends it                                     |
| hold     | 1, or 0      | the miner passes over everybody's transactions but the traders'                       |
| lose     | transactions | so many are taken, answered with their hash, and never heard of again                 |
| forget   | -            | the pool of waiting transactions is empty, and no bundle waits                        |

The shared ones: disconnect, delay, fail, garble, halt (no blocks), clear; reject and drop-acks count transactions sent.
"""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["ChainFault", "ChainFaults"]


class ChainFault(StrEnum):
    """The switches of the chain."""

    REORG = "reorg"
    STALE = "stale"
    CHAIN_ID = "chain-id"
    HOLD = "hold"
    LOSE = "lose"
    FORGET = "forget"


@dataclass(slots=True)
class ChainFaults:
    """What is switched on. `stale_at` is the number of the block that the node stays at."""

    stale_at: int | None = None
    chain_id: int = 0
    holds: bool = False
    to_lose: int = 0

    def clear(self) -> None:
        """Ends all of them."""
        self.stale_at, self.chain_id, self.holds, self.to_lose = None, 0, False, 0
