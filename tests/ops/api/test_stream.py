"""/stream: what happens on a desk is told as it happens.

What is tested: `quarterdeck.ops.api.stream`.
"""

import json
from typing import Any

from tests.ops.api.rig import Rig


def events(rig: Rig, **query: Any) -> list[dict[str, Any]]:
    """Reads a stream to its end."""
    answer = rig.get("/stream", params={"seconds": 20, **query})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.startswith(": the stream begins\n\n")
    blocks = [block for block in answer.text.split("\n\n") if block.startswith("id: ")]
    found: list[dict[str, Any]] = []
    for block in blocks:
        number, topic, data = block.split("\n")
        facts = json.loads(data.removeprefix("data: "))
        assert topic == f"event: {facts['topic']}"
        assert len(number) > len("id: ")
        found.append(facts)
    return found


def test_what_a_desk_does_is_told(rig: Rig) -> None:
    told = events(rig, events=3)
    assert len(told) == 3
    assert {one["desk"] for one in told} <= {"alpha", ""}


def test_topics_are_chosen(rig: Rig) -> None:
    told = events(rig, events=2, topics="order.state,risk.decision")
    assert {one["topic"] for one in told} <= {"order.state", "risk.decision", "bus.missed"}


def test_another_desks_stream_is_silent_about_this_one(rig: Rig) -> None:
    told = rig.get("/desks/beta/stream", params={"seconds": 0.5})
    assert "alpha" not in told.text


def test_a_stream_ends_with_the_ops_plane(rig: Rig) -> None:
    """Nobody keeps the process from ending by listening."""
    with rig.client.stream("GET", rig.url("/stream"), headers={"X-OPS-TOKEN": rig.tokens["viewer"]}) as answer:
        next(answer.iter_raw())
        assert rig.ops.stop() == 0
    rig.ops = rig.start_ops()
    rig.ops.until(lambda: rig.answers("/readyz"))
