"""Where an order stands here x what the venue says: every cell. What is tested: `quarterdeck.desk.resolution`."""

import itertools

import pytest

from quarterdeck.desk.resolution import LOCAL, RESOLUTIONS, SAID, Local, Resolution, Said, resolve
from quarterdeck.kernel.lifecycle import LIFE_CYCLE, is_open
from quarterdeck.kernel.vocabulary import Effect, OrderStatus, Report

OPEN = (OrderStatus.SUBMITTED, OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED, OrderStatus.UNKNOWN)
REPORTED = {
    Resolution.ACCEPT: Report.ACCEPTED,
    Resolution.FILLS: Report.ACCEPTED,
    Resolution.MISS: Report.NOT_FOUND,
    Resolution.CANCEL: Report.CANCELED,
    Resolution.REJECT: Report.REJECTED,
    Resolution.EXPIRE: Report.EXPIRED,
}


def test_the_table_has_every_cell() -> None:
    assert set(RESOLUTIONS) == set(itertools.product(Local, Said))


@pytest.mark.parametrize(
    "status", [status for status in OrderStatus if status not in {OrderStatus.NONE, OrderStatus.NEW}]
)
def test_every_status_stands_somewhere(status: OrderStatus) -> None:
    assert (LOCAL[status] is Local.CLOSED) == (not is_open(status))


@pytest.mark.parametrize("said", [None, *SAID])
@pytest.mark.parametrize("local", [None, *LOCAL])
def test_no_resolution_is_an_anomaly_to_the_kernel(local: OrderStatus | None, said: OrderStatus | None) -> None:
    found = resolve(local, said)
    if local is not None and found in REPORTED:
        assert LIFE_CYCLE[local, REPORTED[found]][1] is not Effect.ANOMALY


@pytest.mark.parametrize("local", OPEN)
def test_an_open_order_is_never_closed_by_absence_alone(local: OrderStatus) -> None:
    assert resolve(local, None) is Resolution.MISS
    following = LIFE_CYCLE[local, Report.NOT_FOUND][0]
    assert following is (OrderStatus.REJECTED if local is OrderStatus.UNKNOWN else OrderStatus.UNKNOWN)


@pytest.mark.parametrize("local", OPEN)
def test_nothing_is_assumed_filled(local: OrderStatus) -> None:
    """What the venue calls filled waits for its fills."""
    assert resolve(local, OrderStatus.FILLED) is Resolution.FILLS


@pytest.mark.parametrize("said", [OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED])
def test_an_order_that_works_there_works_here_or_is_ended_there(said: OrderStatus) -> None:
    answers = {status: resolve(status, said) for status in LOCAL}
    assert answers == {
        OrderStatus.SUBMITTED: Resolution.ACCEPT,
        OrderStatus.ACCEPTED: Resolution.AGREE,
        OrderStatus.PARTIALLY_FILLED: Resolution.AGREE,
        OrderStatus.UNKNOWN: Resolution.ACCEPT,
        OrderStatus.FILLED: Resolution.STRAY,
        OrderStatus.CANCELED: Resolution.STRAY,
        OrderStatus.REJECTED: Resolution.STRAY,
        OrderStatus.EXPIRED: Resolution.STRAY,
    }
    assert resolve(None, said) is Resolution.ADOPT


@pytest.mark.parametrize("said", [OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED])
@pytest.mark.parametrize("local", [None, OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED])
def test_what_is_over_on_both_sides_is_left_alone(local: OrderStatus | None, said: OrderStatus) -> None:
    assert resolve(local, said) is Resolution.AGREE
