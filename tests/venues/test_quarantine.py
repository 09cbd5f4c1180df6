"""What is tested: `quarterdeck.venues.quarantine`: bad messages are counted, kept in part, and said once per kind."""

import threading

import pytest

from quarterdeck.venues.quarantine import SAMPLE_CHARACTERS, Quarantine, complaint_kind


def test_each_kind_is_said_once_and_counted_always() -> None:
    said: list[str] = []
    quarantine = Quarantine("practice", said.append)
    for number in range(50):
        quarantine.hold("not JSON", b"{%d" % number, "unexpected end")
        quarantine.hold("oversized", b"x" * 1_000)
    assert quarantine.counts == {"not JSON": 50, "oversized": 50}
    assert quarantine.total == 100
    assert len(said) == 2
    assert said[0].startswith("practice sent what cannot be read, not JSON (unexpected end): {0;")
    assert quarantine.samples == {"not JSON": "{49", "oversized": "x" * SAMPLE_CHARACTERS}


def test_bytes_of_any_kind_become_one_printable_line() -> None:
    said: list[str] = []
    quarantine = Quarantine("practice", said.append)
    quarantine.hold("garbage", bytes(range(256)))
    assert said[0].isprintable()
    assert len(quarantine.samples["garbage"]) <= SAMPLE_CHARACTERS


def test_kinds_without_end_become_one() -> None:
    said: list[str] = []
    quarantine = Quarantine("practice", said.append)
    for number in range(1_000):
        quarantine.hold(f"kind {number}", b"")
    assert len(quarantine.counts) == 65
    assert quarantine.counts["other"] == 1_000 - 64
    assert len(said) == 65


def test_many_threads_count_right() -> None:
    quarantine = Quarantine("practice", lambda _: None)

    def hold() -> None:
        for _ in range(2_000):
            quarantine.hold("garbage", b"")

    threads = [threading.Thread(target=hold) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert quarantine.counts == {"garbage": 8_000}


KINDS = (
    ("ValidationError: Invalid value 'Bea7' - at `$.type`", "ValidationError: Invalid value"),
    (
        "DecodeError: JSON is malformed: invalid character (byte 17)",
        "DecodeError: JSON is malformed: invalid character",
    ),
    ("ValidationError: Expected `int` <= 4398046511103 - at `$[3]`", "ValidationError: Expected `int` <="),
    (
        "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xfe in position 3: invalid start byte",
        "UnicodeDecodeError:  codec can't decode",
    ),
)


@pytest.mark.parametrize(("complaint", "kind"), KINDS)
def test_a_complaint_is_of_a_kind(complaint: str, kind: str) -> None:
    assert complaint_kind(complaint) == kind
