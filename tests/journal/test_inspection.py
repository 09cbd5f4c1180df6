import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.journal import JournalReader, JournalWriter, attach
from quarterdeck.journal.fields import COLUMN_WORDS, FIELDS, flag_names
from quarterdeck.journal.inspection import cat, cat_json, decode, rfc3339, stat
from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.vocabulary import DeskLimit, EventKind, Flag, OrderType, Reason, Table, TimeInForce
from tests.journal.builders import DESK, SMALL, quotes


def event(kind: EventKind, **values: int) -> np.ndarray:
    made = np.zeros(1, EVENT)
    made["kind"] = kind
    made["time_ns"] = 1_700_000_000_123_456_789
    for name, value in values.items():
        made[name] = value
    return made


REQUEST = event(
    EventKind.ORDER_REQUEST,
    instrument=2,
    strategy=1,
    price=105,
    quantity=7,
    tag=9,
    order_type=OrderType.STOP_LIMIT,
    time_in_force=TimeInForce.IOC,
    reason=Reason.STOP_LOSS,
    person=-1,
    flags=Flag.SELL | Flag.REDUCE_ONLY,
)


def test_a_request_shows_its_fields_and_no_others() -> None:
    assert decode(REQUEST, 0, 41) == {
        "sequence": 41,
        "time": "2023-11-14T22:13:20.123456789Z",
        "kind": "ORDER_REQUEST",
        "side": "SELL",
        "instrument": 2,
        "strategy": 1,
        "price": 105,
        "quantity": 7,
        "trigger_price": 0,
        "tag": 9,
        "order_type": "STOP_LIMIT",
        "time_in_force": "IOC",
        "reason": "STOP_LOSS",
        "person": -1,
        "flags": ["REDUCE_ONLY"],
    }


def test_a_quote_shows_the_venue_s_time() -> None:
    shown = decode(event(EventKind.QUOTE, bid=1, ask=2, venue_time_ns=1_000_000_001), 0, 0)
    assert shown["venue_time"] == "1970-01-01T00:00:01.000000001Z"
    assert (shown["bid"], shown["ask"], "price" in shown) == (1, 2, False)


def test_a_setting_names_its_table_and_column() -> None:
    shown = decode(event(EventKind.CONFIGURE, table=Table.DESK_LIMIT, column=DeskLimit.HEAT_PPM, setting=5), 0, 0)
    assert (shown["table"], shown["column"], shown["setting"]) == ("DESK_LIMIT", "HEAT_PPM", 5)


def test_a_number_without_a_name_is_shown_as_it_is() -> None:
    shown = decode(event(EventKind.CONFIGURE, table=99, column=3, setting=5), 0, 0)
    assert (shown["table"], shown["column"]) == (99, 3)
    assert decode(event(EventKind.ORDER_REJECTED, value=4000), 0, 0)["reason"] == 4000
    strange = event(EventKind.CLOCK)
    strange["kind"] = 200
    assert decode(strange, 0, 0)["kind"] == "kind 200"


def test_one_bit_has_one_name_for_a_kind() -> None:
    assert flag_names(EventKind.FUNDING, 64) == ["SETTLE"]
    assert flag_names(EventKind.FILL, 64 | 16 | 1) == ["SELL", "MAKER", "LIQUIDATED"]


@pytest.mark.parametrize("kind", EventKind)
def test_every_kind_has_its_fields(kind: EventKind) -> None:
    assert all(field.column in (EVENT.names or ()) for field in FIELDS[kind])
    assert len({field.name for field in FIELDS[kind]}) == len(FIELDS[kind])
    assert decode(event(kind), 0, 0)["kind"] == kind.name


def test_every_table_with_named_columns_has_its_words() -> None:
    assert set(COLUMN_WORDS) <= set(Table)


@given(st.binary(min_size=64, max_size=64))
def test_any_64_bytes_can_be_shown(raw: bytes) -> None:
    assert decode(np.frombuffer(raw, EVENT), 0, 0)["sequence"] == 0


@given(st.integers(-(2**63), 2**63 - 1))
def test_times_have_nine_digits(time_ns: int) -> None:
    text = rfc3339(time_ns)
    assert len(text) == len("2023-11-14T22:13:20.123456789Z")
    assert text.endswith(f"{time_ns % 10**9:09d}Z")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    with JournalWriter(tmp_path, DESK, SMALL, clock=lambda: 1) as writer:
        writer.append(quotes(5))
        writer.append(attach(REQUEST, '{"why": "größer"}'.encode()))
        writer.seal(0xABC)
        writer.append(quotes(2, 5))
        writer.seal()
        writer.append(quotes(3, 7))
        writer.flush()
        lines = list(cat_json(tmp_path))
        assert json.loads(lines[-1])["bid"] == 9
    return tmp_path


def test_cat_shows_a_payload_with_its_head_and_seals(journal: Path) -> None:
    shown = [json.loads(line) for line in cat_json(journal)]
    assert [record["sequence"] for record in shown] == [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14]
    assert shown[5]["payload"] == '{"why": "größer"}'
    assert shown[6]["kind"] == "SEAL"
    assert shown[6]["state_digest"] == "0000000000000abc"
    assert shown[6]["records"] == 7
    assert shown[9]["state_digest"] is None


@pytest.mark.parametrize(("start", "stop"), [(0, 3), (6, 8), (7, 8), (4, 100), (14, 15), (15, 20)])
def test_cat_shows_a_range(journal: Path, start: int, stop: int) -> None:
    everything = [record for record in cat(journal) if start <= record["sequence"] < stop]  # type: ignore[operator]
    assert list(cat(journal, start, stop)) == everything


def test_stat_counts(journal: Path) -> None:
    found = stat(journal)
    assert found.records == found.next_sequence == JournalReader(journal).next_sequence == 15
    assert found.kinds == {"QUOTE": 10, "SEAL": 3, "ORDER_REQUEST": 1, "CONTINUATION": 1}
    assert (found.seals, found.digests, found.unsealed, found.segments) == (3, 1, 0, 1)
    assert found.bytes == sum(path.stat().st_size for path in journal.glob("*.qdj"))
    assert (found.first_ns, found.last_ns) == (1, 1_700_000_000_123_456_789)
    assert json.loads(json.dumps(found.as_dict()))["desk"] == DESK
    assert any(line.endswith("10  QUOTE") for line in found.lines())


def test_stat_of_a_journal_without_records(tmp_path: Path) -> None:
    JournalWriter(tmp_path, DESK, SMALL).close()
    found = stat(tmp_path)
    assert (found.records, found.first_ns, found.kinds) == (0, None, {})
    assert found.lines()
