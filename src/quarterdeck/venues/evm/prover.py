"""The process that runs transactions on a copy of the chain. It is a program of its own, and `proof` talks to it.

pyrevm asks its node for what it lacks one piece at a time, holds the interpreter all that while, and waits for ever for
a node that says nothing. Here that harms nobody: each job sets an alarm whose signal ends the process, whoever holds
what. A job is one line of JSON on standard input, its answer one line on standard output; the node's address comes in
that line too, so that no key in it is seen in the list of processes.

Every job gets a fresh machine: one that has run something before counts too little gas, and knows an old block.
"""

import json
import signal
import sys
from typing import Any, Final

from pyrevm import EVM, BlockEnv, CfgEnv, Env

__all__ = ["main", "run"]

_NODE_FAILED: Final = "a node did not give the state"


def run(job: dict[str, Any]) -> dict[str, Any]:
    """One transaction on the state after a block, in the block that would come next.

    Answers {"output", "gas", "refunded", "logs"} of a success, {"reverted", "gas"} with the bytes of a revert,
    {"halted"} with the machine's words where no contract spoke, {"failed"} where there was no state to run on.
    """
    block = BlockEnv(
        number=job["number"], coinbase=job["miner"], timestamp=job["time_s"], basefee=job["base_fee_wei"],
        prevrandao=bytes.fromhex(job["random"]), gas_limit=job["block_gas"], excess_blob_gas=0,
    )  # fmt: skip
    environment = Env(cfg=CfgEnv(chain_id=job["chain_id"]), block=block)
    machine = EVM(
        env=environment,
        fork_url=job["url"],
        fork_block=job["block_hash"],
        gas_limit=job["block_gas"],
        spec_id=job["spec"],
    )
    try:
        output = machine.message_call(
            job["sender"], job["target"], calldata=bytes.fromhex(job["data"]), value=job["value_wei"], gas=job["gas"],
            gas_price=job["gas_price_wei"],
        )  # fmt: skip
    except RuntimeError as error:
        return _refused(str(error))
    result = machine.result
    if result is None or not result.is_success:
        return {"halted": "the machine gave no result"}
    logs = [
        {"address": log.address, "topics": list(log.topics), "data": "0x" + log.data[1].hex()} for log in result.logs
    ]
    return {"output": output.hex(), "gas": result.gas_used, "refunded": result.gas_refunded, "logs": logs}


def _refused(words: str) -> dict[str, Any]:
    head, _, rest = words.partition(" ")
    if head == "Revert":  # Revert { gas_used: 99015, output: 0x }
        gas = rest.partition("gas_used: ")[2].partition(",")[0]
        return {"reverted": rest.partition("output: 0x")[2].partition(" ")[0], "gas": int(gas)}
    if "Database(" in words:  # its words have the node's address in them, and maybe a key
        return {"failed": _NODE_FAILED}
    return {"halted": words}


def main() -> None:
    """Jobs from standard input until it ends."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the desk's Ctrl-C is the desk's: it closes our input
    for line in sys.stdin:
        job = json.loads(line)
        signal.setitimer(signal.ITIMER_REAL, job["timeout_s"])
        answer = run(job)
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
