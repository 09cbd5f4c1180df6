"""Damaged messages through every venue's readers: `python -m tests.conformance.fuzzed --messages 100000 --seed 1`.

Nothing may be raised; what cannot be read is counted, said once for each kind, and kept; a good message right after
each still says what it says.
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.conformance import fuzz_alpaca, fuzz_binance, fuzz_hyperliquid, fuzz_practice
from tests.conformance.damage import Damage, damaged
from tests.conformance.subject import Subject

__all__ = ["SUBJECTS", "Fuzzed", "fuzz"]

WRONG_MAX = 10

# Of each venue, its readers: the messages of a venue are shared out among them.
SUBJECTS: dict[str, tuple[Callable[[], Subject], ...]] = {
    "hyperliquid": (fuzz_hyperliquid.stream, fuzz_hyperliquid.answers),
    "practice": (fuzz_practice.practice,),
    "binance": (fuzz_binance.stream, fuzz_binance.account, fuzz_binance.answers),
    "alpaca": (fuzz_alpaca.stream, fuzz_alpaca.news, fuzz_alpaca.answers),
}


@dataclass
class Fuzzed:
    """What came of a run: damage by kind, how many were read all the same, and what went wrong."""

    damage: Counter[str] = field(default_factory=Counter[str])
    through: int = 0
    wrong: list[str] = field(default_factory=list[str])


def fuzz(subject: Subject, messages: int, seed: int) -> Fuzzed:
    """Sends that many damaged messages through a subject, a good one after each."""
    chance, done = random.Random(f"{seed} {subject.name}"), Fuzzed()
    good = subject.shape.pack(subject.good[subject.sentinel])
    assert subject.sound(subject.read(good, subject.sentinel)), f"{subject.name}: its good message is none"
    for _ in range(messages):
        damage = damaged(chance, subject.good, subject.shape)
        done.damage[damage.how] += 1
        _try(subject, damage, good, done)
        if len(done.wrong) > WRONG_MAX:
            break
    quarantine = subject.quarantine
    if len(subject.said) != len(quarantine.counts):
        done.wrong.append(f"{len(subject.said)} sentences of {len(quarantine.counts)} kinds")
    if quarantine.samples.keys() != quarantine.counts.keys():
        done.wrong.append("of some kinds no sample is kept")
    return done


def _try(subject: Subject, damage: Damage, good: bytes, done: Fuzzed) -> None:
    before = subject.quarantine.total
    try:
        heard = subject.read(damage.raw, damage.place)
    except Exception as error:  # noqa: BLE001 - that nothing is raised is what is tried
        done.wrong.append(f"{damage.how} raised {type(error).__name__}: {error}: {damage.raw[:200]!r}")
        return
    counted = subject.quarantine.total - before
    done.through += bool(heard)
    if damage.hopeless and not counted:
        done.wrong.append(f"{damage.how} was not counted: {damage.raw[:200]!r}")
    if not subject.parts and (counted > subject.counts_most or (counted and heard and subject.counts_most == 1)):
        done.wrong.append(f"{damage.how}: counted {counted} times, {len(heard)} messages: {damage.raw[:200]!r}")
    if not subject.sound(subject.read(good, subject.sentinel)):
        done.wrong.append(f"after {damage.how} a good message is not read: {damage.raw[:200]!r}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000, help="for each venue")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--venue", choices=SUBJECTS, help="only this one")
    asked = parser.parse_args()
    failures = 0
    for venue, readers in SUBJECTS.items():
        for make in readers if asked.venue in {None, venue} else ():
            subject, began = make(), time.monotonic()
            done = fuzz(subject, -(-asked.messages // len(readers)), asked.seed)
            subject.close()
            kinds = ", ".join(f"{count} {how}" for how, count in sorted(done.damage.items()))
            sys.stdout.write(
                f"{subject.name}: {sum(done.damage.values())} messages ({kinds}) in {time.monotonic() - began:.1f} s: "
                f"{subject.quarantine.total} put aside in {len(subject.quarantine.counts)} kinds, each said once; "
                f"{done.through} read all the same; {len(done.wrong)} wrong\n"
            )
            sys.stdout.write("".join(f"  {problem}\n" for problem in done.wrong))
            failures += len(done.wrong)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
