"""What is tested: `quarterdeck.venues.alpaca.numbers`: figures, times and identities."""

from decimal import Decimal

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.venues.alpaca.numbers import figure, identity_number, nanoseconds, offset_ns, rfc3339, stamp_ns

SECOND = 10**9


@pytest.mark.parametrize(
    ("value", "exact"),
    [("1.50", "1.50"), ("-0.01", "-0.01"), (271.0, "271.0"), (3, "3"), ("1e2", "1e2"), (0.1, "0.1"), ("0", "0")],
)
def test_a_figure_is_exact(value: str | float, exact: str) -> None:
    assert figure(value) == Decimal(exact)


@pytest.mark.parametrize(
    "value", [None, True, "", "nan", "Infinity", "1_000", "12x", "9" * 41, "1e41", "²", float("nan"), float("inf")]
)
def test_what_is_no_figure_is_refused(value: str | float | None) -> None:
    with pytest.raises(ValueError, match=r"figure|number"):
        figure(value)


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-11-20T15:30:00.123456789Z", 1_795_188_600_123_456_789),
        ("2026-11-20T10:30:00.123456789-05:00", 1_795_188_600_123_456_789),
        ("2026-11-20T15:30:00.1234567899Z", 1_795_188_600_123_456_789),
        ("2026-11-20 15:30:00Z", 1_795_188_600_000_000_000),
    ],
)
def test_times_are_read(text: str, time_ns: int) -> None:
    assert nanoseconds(text) == time_ns


@pytest.mark.parametrize(
    "text",
    ["", "2026-11-20", "2026-13-20T00:00:00Z", "2026-11-20T25:00:00Z", "2026-11-20T00:00:00", "1969-12-31T00:00:00Z",
     "2026-11-20T00:00:00+99:00", "2026-11-20T00:00:00Zx", "٢026-11-20T00:00:00Z"],
)  # fmt: skip
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no|range|must"):
        nanoseconds(text)


@given(st.integers(0, 4_000_000_000 * SECOND))
def test_a_time_is_read_as_it_was_written(time_ns: int) -> None:
    assert nanoseconds(rfc3339(time_ns)) == time_ns


def test_the_zone_of_a_time() -> None:
    assert offset_ns("2026-11-20T10:30:00-05:00") == -5 * 3_600 * SECOND
    assert offset_ns("2026-11-20T10:30:00Z") == 0


@given(st.integers(0, 4_000_000_000), st.integers(0, SECOND - 1))
def test_timestamps_are_read_as_an_independent_library_writes_them(seconds: int, part: int) -> None:
    packed = msgpack.packb(msgpack.Timestamp(seconds, part))
    assert packed is not None
    code, data = -1, packed[-(4 if not part else 8) :]
    assert stamp_ns(code, data) == seconds * SECOND + part


def test_a_long_timestamp_and_those_that_cannot_be() -> None:
    assert stamp_ns(-1, (5).to_bytes(4, "big") + (7).to_bytes(8, "big")) == 7 * SECOND + 5
    for code, data in ((0, b"\0" * 8), (-1, b"\0" * 5), (-1, b"\xff" * 8), (-1, b"\xff" * 12)):
        with pytest.raises(ValueError, match="timestamp"):
            stamp_ns(code, data)


@given(st.uuids())
def test_an_identity_has_one_number_however_it_is_written(identity: object) -> None:
    text = str(identity)
    number = identity_number(text)
    assert 0 < number < 2**62
    assert identity_number(f" {text.upper()} ") == number


def test_identities_are_told_apart() -> None:
    import uuid

    numbers = {identity_number(str(uuid.UUID(int=place))) for place in range(20_000)}
    assert len(numbers) == 20_000
    for text in ("", "   ", "x" * 65):
        with pytest.raises(ValueError, match="identity"):
            identity_number(text)
