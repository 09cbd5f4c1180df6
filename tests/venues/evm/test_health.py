"""What makes one healthy, degraded, unhealthy, and healthy again."""

import pytest

from quarterdeck.venues.evm.health import Health, Status

HEALTHY, DEGRADED, UNHEALTHY, OFFLINE = Status.HEALTHY, Status.DEGRADED, Status.UNHEALTHY, Status.OFFLINE


@pytest.mark.parametrize(
    ("notes", "status"),
    [
        ("", HEALTHY),
        ("+-+", HEALTHY),  # one failure says nothing
        ("--", DEGRADED),
        ("--+", DEGRADED),  # two of the last three
        ("---", UNHEALTHY),
        ("--+-+--", DEGRADED),
        ("---++", UNHEALTHY),
        ("---++-++", UNHEALTHY),  # good ones count in a row only
        ("---+++", HEALTHY),  # and what was before is forgotten
        ("---+++--", DEGRADED),
        ("-+" * 9, DEGRADED),
        ("+-" * 10, UNHEALTHY),  # half of twenty, never three in a row
        ("+" * 50 + "--" + "+" * 10, HEALTHY),  # two of fifty
        ("X", UNHEALTHY),
        ("X++", UNHEALTHY),
        ("X+++", HEALTHY),
        ("X++X++", UNHEALTHY),
        ("Xoooo", UNHEALTHY),  # answers that are no probes
        ("O", OFFLINE),
        ("O+++++", OFFLINE),  # only a person brings it back
        ("---I", HEALTHY),
        ("O---I", HEALTHY),
        ("XI", HEALTHY),
    ],
)
def test_status(notes: str, status: Status) -> None:
    health = Health()
    steps = {
        "+": lambda: health.note(True, 10.0),
        "o": lambda: health.note(True, 10.0, probe=False),
        "-": lambda: health.note(False, None, "no answer"),
        "X": lambda: health.condemn("it lies"),
        "O": health.offline,
        "I": health.online,
    }
    for each in notes:
        steps[each]()
    assert health.status is status
    assert health.usable == (status in (HEALTHY, DEGRADED))
    assert health.shown()["status"] == str(status)


def test_latency_is_a_moving_average_of_answers() -> None:
    health = Health(slow_ms=100)
    health.note(True, 50)
    health.note(False, 9_999, "no answer")
    health.note(True, 250)
    assert health.latency_ms == pytest.approx(50 + 0.3 * 200)
    health.note(True, 250)
    assert health.status is Status.DEGRADED, "155 ms"


def test_shown_has_what_the_runbook_reads_and_makes_no_figure_up() -> None:
    health = Health()
    assert health.shown()["success_rate"] is None
    assert health.shown()["last_error"] is None
    health.note(True, 4.0)
    health.note(False, None, "no answer in 5 s")
    shown = health.shown()
    assert (shown["success_rate"], shown["consecutive_failures"], shown["last_error"]) == (0.5, 1, "no answer in 5 s")
    assert (shown["total_requests"], shown["total_failures"]) == (2, 1)
