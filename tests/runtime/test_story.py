"""The story of an order, told from the journal: who asked, what the rails and the venue said, what came of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quarterdeck.errors import DeskError, JournalError
from quarterdeck.journal import JournalReader, attach
from quarterdeck.kernel.records import EVENT
from quarterdeck.kernel.vocabulary import (
    DeskLimit,
    EventKind,
    Flag,
    InstrumentLimit,
    InstrumentTerm,
    OnBreach,
    OrderType,
    Reason,
)
from quarterdeck.runtime.chapters import Chapter
from quarterdeck.runtime.story import Story, why, why_rejected
from quarterdeck.runtime.wording import order_name, parse_order
from tests.kernel.desks import SECOND, VALUE, Desk, submitted
from tests.runtime.recording import write_desk, write_story, write_tape

STRATEGY = -1  # the person of a request that no person made
EVERYONE = {"instrument": -1, "strategy": -1}


@pytest.fixture
def desk() -> Desk:
    """A desk of one instrument, ticks of 0.01, at 99.99 to 100.01."""
    made = Desk(counts=(1, 2, 1, 1))
    made.term(InstrumentTerm.PRICE_EXPONENT, -2)
    made.quote(10_000, half_spread=1, after=SECOND)
    return made


def told(story: Story) -> list[tuple[str, str]]:
    """(what happened, how it is told), without the market around it."""
    return [(chapter.word, chapter.text) for chapter in story.chapters if chapter.word != "market"]


def story_of(folder: Path, desk: Desk, word: str) -> Story:
    write_story(folder, desk)
    return why(folder, word, write_desk(folder / "settings"))


def test_an_order_that_was_approved_and_filled_twice(desk: Desk, tmp_path: Path) -> None:
    desk.hold(-1, 10_100)
    order = desk.order(1, 5, 10_000, tag=7, reason=Reason.SIGNAL_ENTRY, person=STRATEGY, after=SECOND // 4)
    desk.report(EventKind.ORDER_ACCEPTED, order, venue_order_id=991)
    desk.fill(order, 2, 9_999, fee=123_000_000)
    desk.quote(10_050)
    desk.fill(order, 3, 10_000, fee=-1_000_000, flags=Flag.MAKER)
    story = story_of(tmp_path, desk, order_name(order))
    assert story.subject == "order 1-2 of TIDE: BUY 5 BTCUSDT at 100.00 (LIMIT, GTC)"
    assert story.chapters[0].text == "BTCUSDT: bid 99.99 x 100, ask 100.01 x 100, mark 100.00, 0.250 s old"
    earned = f"{(10_100 - 9_999) * VALUE / 1e8:.8f}"
    assert told(story) == [
        ("asked", "TIDE asks to BUY 5 BTCUSDT at 100.00 (LIMIT, GTC) for SIGNAL_ENTRY, tag 7"),
        ("approved", "5 of 5"),
        ("submitted", "5 at 100.00 for SIGNAL_ENTRY"),
        ("accepted", "by the venue as 991"),
        ("filled", f"2 at 99.99 as taker, fee 1.23000000 USDT; position -1 -> 1, realised {earned} USDT"),
        ("filled", "3 at 100.00 as maker, fee -0.01000000 USDT; position 1 -> 4, realised 0.00000000 USDT"),
    ]
    assert story.ending == (
        f"FILLED, 5 of 5 filled at 99.9960 on average, fees 1.22000000 USDT, realised {earned} USDT"
    )
    shown: Any = story.as_dict()
    assert (shown["status"], shown["filled"], shown["realised"]) == ("FILLED", 5, 101 * VALUE)
    assert shown["chapters"][0]["data_age_ns"] == SECOND // 4
    fills = [chapter for chapter in shown["chapters"] if chapter["what"] == "filled"]
    assert [(fill["position_before"], fill["position_after"]) for fill in fills] == [(-1, 1), (1, 4)]


def test_an_order_that_a_rail_made_smaller(desk: Desk, tmp_path: Path) -> None:
    desk.limit(DeskLimit.ON_BREACH, OnBreach.REDUCE)
    desk.limit(InstrumentLimit.MAX_LONG_LOTS, 3)
    asked = desk.ask(1, 5, person=STRATEGY)
    story = story_of(tmp_path, desk, f"desk-{order_name(submitted(asked)[0])}")
    assert ("modified", "by POSITION_LIMIT, 3 of 5 approved; limit: max_long_lots 3") in told(story)
    assert ("warning", "POSITION_LIMIT: 3 of 3") in told(story)
    facts = next(chapter.facts for chapter in story.chapters if chapter.word == "modified")
    assert (facts["rail"], facts["quantity_approved"], facts["quantity_asked"]) == ("POSITION_LIMIT", 3, 5)
    assert story.ending == "SUBMITTED, 0 of 3 filled"


def test_a_rejected_request_has_no_id_and_is_found_by_its_record_or_tag(desk: Desk, tmp_path: Path) -> None:
    desk.limit(InstrumentLimit.MAX_LOTS, 4)
    desk.hold(1)
    desk.ask(1, 5, tag=70, person=STRATEGY)
    refused = len(desk.tape) - 1
    desk.ask(1, 2, tag=70, person=STRATEGY)  # passes
    story = story_of(tmp_path, desk, f"@{refused}")
    assert story.order_id is None
    assert told(story) == [
        ("asked", "TIDE asks to BUY 5 BTCUSDT at 100.00 (LIMIT, GTC), tag 70"),
        ("standing", "TIDE holds 1 and works to buy 0 and sell 0; breaker NORMAL"),
        ("rejected", "by QUANTITY_TOO_LARGE, 0 of 5 approved; limit: max_lots 4"),
    ]
    assert story.ending == "REJECTED by QUANTITY_TOO_LARGE, 0 of 5 approved; limit: max_lots 4"
    assert [found.subject for found in why_rejected(tmp_path, 70)] == [f"request @{refused}"]
    with pytest.raises(DeskError, match="no request with tag 71 was rejected"):
        why_rejected(tmp_path, 71)


def test_an_order_that_a_kill_cancelled_names_who_killed_and_why(desk: Desk, tmp_path: Path) -> None:
    order = desk.order(1, 5, 9_900, person=STRATEGY)
    desk.report(EventKind.ORDER_ACCEPTED, order)
    desk.event(EventKind.KILL, **EVERYONE, person=1, reason=Reason.MANUAL_OVERRIDE)
    killed = len(desk.tape) - 1
    desk.report(EventKind.ORDER_CANCELED, order)
    head = np.frombuffer(desk.tape[killed], EVENT)
    desk.tape[killed] = attach(head, b"storm warning").tobytes()
    story = story_of(tmp_path, desk, order_name(order))
    assert told(story)[-2:] == [
        ("cancel sent", "to the venue for KILLED, upon KILL by operator-1: storm warning"),
        ("canceled", ""),
    ]
    assert story.ending == "CANCELED, 0 of 5 filled"


def test_an_order_whose_fate_was_unknown_until_it_was_found(desk: Desk, tmp_path: Path) -> None:
    order = desk.order(-1, 2, 10_010, person=1)
    desk.report(EventKind.ORDER_UNKNOWN, order, after=SECOND)
    desk.report(EventKind.ORDER_ACCEPTED, order, venue_order_id=5, after=SECOND)
    desk.event(EventKind.CANCEL_REQUEST, order_id=order, person=1, reason=Reason.RISK_MANAGEMENT)
    desk.report(EventKind.CANCEL_REJECTED, order)
    story = story_of(tmp_path, desk, str(order))
    assert told(story) == [
        ("asked", "operator-1 asks to SELL 2 BTCUSDT at 100.10 (LIMIT, GTC)"),
        ("approved", "2 of 2"),
        ("submitted", "2 at 100.10"),
        ("unknown", ""),
        ("accepted", "by the venue as 5"),
        ("asked", "operator-1 asks to cancel 1-1 for RISK_MANAGEMENT"),
        ("cancel sent", "to the venue for RISK_MANAGEMENT"),
        ("cancel rejected", ""),
    ]
    assert story.ending == "ACCEPTED, 0 of 2 filled"


def test_an_order_that_was_replaced(desk: Desk, tmp_path: Path) -> None:
    order = desk.order(1, 5, 9_990, person=STRATEGY)
    desk.report(EventKind.ORDER_ACCEPTED, order)
    desk.event(EventKind.REPLACE_REQUEST, instrument=-1, order_id=order, price=9_998, quantity=4, person=STRATEGY)
    desk.report(EventKind.ORDER_REPLACED, order, instrument=-1, price=9_998, quantity=4)
    story = story_of(tmp_path, desk, order_name(order))
    assert told(story)[-4:] == [
        ("asked", "TIDE asks to make it 4 at 99.98"),
        ("approved", "4 of 4"),
        ("replace sent", "4 at 99.98"),
        ("replaced", "now 4 at 99.98"),
    ]


def test_a_fill_that_left_another_order_too_large_tells_of_that_order(desk: Desk, tmp_path: Path) -> None:
    desk.hold(5)
    stop = desk.order(
        -1, 5, 0, order_type=OrderType.STOP, trigger_price=9_500, flags=Flag.REDUCE_ONLY | Flag.PROTECTIVE
    )
    desk.report(EventKind.ORDER_ACCEPTED, stop)
    entry = desk.order(-1, 8, 10_000, person=STRATEGY)
    desk.fill(entry, 2)
    story = story_of(tmp_path, desk, order_name(entry))
    assert story.as_dict()["related_orders"] == [order_name(stop)]
    assert told(story)[-1][0] == "related"
    assert told(story)[-1][1].startswith(f"order {order_name(stop)}: ")
    other = why(tmp_path, order_name(stop))
    assert other.chapters[-1].text.endswith(f"for RISK_MANAGEMENT, upon FILL of order {order_name(entry)}")
    assert "once 95.00 is reached (STOP, GTC, REDUCE_ONLY, PROTECTIVE)" in other.subject


def test_an_order_that_the_desk_sent_to_flatten(desk: Desk, tmp_path: Path) -> None:
    desk.hold(3)
    desk.event(EventKind.FLATTEN, **EVERYONE, person=1, reason=Reason.EMERGENCY_EXIT)
    closing = int(desk.state["order_sequence"]) | int(desk.state["epoch"]) << 40
    desk.fill(closing, 3)
    story = story_of(tmp_path, desk, order_name(closing))
    assert story.subject == "order 1-2 of TIDE: SELL 3 BTCUSDT (MARKET, IOC, REDUCE_ONLY)"
    assert told(story)[0][0] == "submitted"
    assert "for EMERGENCY_EXIT, upon FLATTEN by operator-1" in told(story)[0][1]
    assert story.ending.startswith("FILLED, 3 of 3 filled at 100.00")


def test_an_order_found_at_the_venue(desk: Desk, tmp_path: Path) -> None:
    desk.event(EventKind.ORDER_ADOPTED, price=9_900, quantity=2, venue_order_id=77)
    desk.report(EventKind.ORDER_EXPIRED, 1 << 40 | 1)
    story = story_of(tmp_path, desk, "1-1")
    assert told(story) == [("adopted", "by the venue as 77"), ("expired", "")]


def test_any_record_can_be_asked_about(desk: Desk, tmp_path: Path) -> None:
    order = desk.order(1, 5, 9_900)
    request = len(desk.tape) - 1
    desk.report(EventKind.ORDER_ACCEPTED, order)
    desk.quote(10_000, after=-SECOND)
    write_story(tmp_path, desk)
    for place in (request, request + 1):
        assert why(tmp_path, f"@{place}").order_id == order
    late = why(tmp_path, f"@{request + 2}")
    assert late.subject == f"record @{request + 2}: QUOTE"
    assert told(late)[-1] == ("refused", "reason=TIME_BACKWARDS refused=QUOTE order_id=100")
    assert why(tmp_path, "@0").ending == "the kernel said nothing of it"
    seal = JournalReader(tmp_path).next_sequence - 1
    assert why(tmp_path, f"@{seal}").subject == f"record @{seal}: SEAL"
    with pytest.raises(JournalError, match=f"record {seal + 1} is not here"):
        why(tmp_path, f"@{seal + 1}")


def test_without_the_desk_s_settings_indices_stand_for_names(desk: Desk, tmp_path: Path) -> None:
    order = desk.order(1, 5, tag=7, person=1)
    desk.fill(order, 5, fee=10)
    write_story(tmp_path, desk)
    story = why(tmp_path, order_name(order))
    assert story.subject == "order 1-1 of strategy 0: BUY 5 instrument 0 at 100.00 (LIMIT, GTC)"
    assert told(story)[0][1].startswith("person 1 asks to BUY 5 instrument 0")
    assert "fee 10 money units" in told(story)[-1][1]


def test_an_order_that_never_was(desk: Desk, tmp_path: Path) -> None:
    desk.order(1, 5)
    write_tape(tmp_path, b"".join(desk.tape))
    with pytest.raises(DeskError, match="there is no order 3-17; the last one of this journal is 1-1"):
        why(tmp_path, "3-17")


@pytest.mark.parametrize("word", ["", "yesterday", "3-", "-", "@", "@x", "0", "3-17-x"])
def test_a_word_that_names_nothing_is_answered_with_what_would(word: str, desk: Desk, tmp_path: Path) -> None:
    write_tape(tmp_path, b"".join(desk.tape))
    with pytest.raises(DeskError, match=r"say .*@SEQUENCE"):
        why(tmp_path, word)


def test_a_chapter_is_one_line_to_read_and_one_object_to_parse() -> None:
    chapter = Chapter(12, 1_500_000_000, "accepted", "by the venue as 9", {"venue_order_id": 9})
    assert chapter.line() == "@12       1970-01-01T00:00:01.500000000Z  accepted        by the venue as 9"
    assert chapter.as_dict() == {
        "sequence": 12,
        "time": "1970-01-01T00:00:01.500000000Z",
        "what": "accepted",
        "text": "by the venue as 9",
        "venue_order_id": 9,
    }


def test_an_order_is_named_by_epoch_and_sequence() -> None:
    for order_id in (1 << 40 | 1, 3 << 40 | 17, 2**61 | 2**39):
        assert parse_order(order_name(order_id)) == order_id
        assert parse_order(f"harbour-{order_name(order_id)}") == order_id
        assert parse_order(str(order_id)) == order_id
