"""A slice of `make proof-fuzz`: 3,000 damaged messages through each venue's readers.

What is tested: every venue's stream reader and reader of answers, by `tests.conformance.fuzzed`; and that a reader
which raises, counts nothing or does not recover is found.
"""

import random
from collections.abc import Sequence

import pytest

from quarterdeck.venues.messages import Message
from tests.conformance.damage import Shape, damaged
from tests.conformance.fuzz_hyperliquid import stream
from tests.conformance.fuzzed import SUBJECTS, fuzz

MESSAGES = 3_000


@pytest.mark.parametrize("venue", SUBJECTS)
def test_damaged_messages_stop_nothing(venue: str) -> None:
    for make in SUBJECTS[venue]:
        subject = make()
        try:
            done = fuzz(subject, MESSAGES // len(SUBJECTS[venue]), seed=20_261_121)
        finally:
            subject.close()
        assert not done.wrong, done.wrong
        assert sum(done.damage.values()) == MESSAGES // len(SUBJECTS[venue])
        assert done.through > 0
        assert subject.quarantine.total > MESSAGES // len(SUBJECTS[venue]) // 3


def test_every_kind_of_damage_is_made() -> None:
    chance, made = random.Random(1), set[str]()
    for _ in range(20_000):
        made.add(damaged(chance, [{"channel": "x", "data": [1, "2"]}], Shape(("channel",), 10)).how)
    assert made == {"truncated", "unknown", "shapeless", "oversized", "wrong-typed", "noisy"}


def test_a_reader_that_is_not_robust_is_found() -> None:
    def wrong_of(read: object) -> str:
        subject = stream()
        sound, good = subject.read, subject.shape.pack(subject.good[0])

        def twisted(raw: bytes, which: int) -> Sequence[Message]:
            return sound(raw, which) if raw == good else read(raw, which, sound)  # type: ignore[operator] # a function

        subject.read = twisted
        return " ".join(fuzz(subject, 300, seed=1).wrong)

    def raises(raw: bytes, which: int, sound: object) -> Sequence[Message]:
        del which, sound
        raise ValueError(raw[:3])

    broken: list[int] = []

    def stays_broken(raw: bytes, which: int) -> Sequence[Message]:
        broken.append(which)
        return ()

    assert "raised ValueError" in wrong_of(raises)
    assert "was not counted" in wrong_of(lambda _raw, _which, _sound: ())
    subject = stream()
    sound = subject.read
    subject.read = lambda raw, which: stays_broken(raw, which) if broken else (broken.append(0), sound(raw, which))[1]
    assert "a good message is not read" in " ".join(fuzz(subject, 50, seed=1).wrong)
