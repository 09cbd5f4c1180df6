"""A live session from its opening to its end. What is tested: `quarterdeck.desk.live`, `quarterdeck.desk.session`."""

from pathlib import Path

import pytest

from quarterdeck.config import load_desk
from quarterdeck.desk.live import LiveSession
from quarterdeck.desk.paper import PaperSession, SessionOptions
from quarterdeck.desk.wire import Command, Verb
from quarterdeck.errors import DeskError, JournalLocked, LeaseLost
from quarterdeck.kernel.vocabulary import EventKind, OrderStatus
from quarterdeck.runtime.replay import replay_desk
from quarterdeck.strategies.views import DeskView, Quote
from tests.desk.builders import Idle
from tests.desk.live_rig import MS, SECOND, Rig, RigLink, with_options


class Bidder(Idle):
    """Keeps one bid of 10 below the market."""

    kind = "bidder"

    def on_quote(self, desk: DeskView, quote: Quote) -> None:
        if not list(desk.open_orders(0)):
            desk.buy(0, 10, quote.bid - 100)


class Held:
    """A lease that a test takes away."""

    epoch = 1

    def __init__(self) -> None:
        self.good = True

    def held(self) -> bool:
        return self.good


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    made = Rig(tmp_path / "desk", Bidder)
    made.start()
    made.run(SECOND)
    made.quote(9_990, 10_010)
    made.run(SECOND)
    assert made.statuses() == [OrderStatus.ACCEPTED]
    return made


def test_a_session_that_ends_cancels_its_orders_and_replays(rig: Rig) -> None:
    rig.session.obey(Command(verb=Verb.STOP))
    rig.session.close()
    assert rig.exchange.open_orders(0) == []
    assert rig.statuses() == [OrderStatus.CANCELED]
    found = replay_desk(rig.place.root)
    assert found.result.digest == rig.session.desk.digest
    assert found.snapshot is not None
    assert rig.link.deliver is None


def test_a_session_may_leave_its_orders(rig: Rig) -> None:
    rig.session.options = with_options(rig, keep_orders=True)
    rig.session.close()
    assert len(rig.exchange.open_orders(0)) == 1
    rig.start()
    rig.run(SECOND)
    assert rig.session.ready
    assert rig.statuses() == [OrderStatus.ACCEPTED]
    rig.agree()


def test_the_end_does_not_wait_for_ever_for_a_venue_that_is_silent(rig: Rig) -> None:
    rig.link.keep = lambda _: False
    began = rig.now_ns
    rig.session.close()
    assert 5 * SECOND <= rig.now_ns - began < 7 * SECOND
    assert len(rig.exchange.open_orders(0)) == 1


def test_status_says_what_is_waited_for(rig: Rig) -> None:
    assert rig.session.status()["recovered"] is True
    rig.kill()
    rig.start()
    status = rig.session.status()
    assert (status["recovered"], status["venues_waiting"], status["orders_asked_for"]) == (False, ["practice"], 1)
    rig.run(2 * SECOND)
    assert rig.session.status()["recovered"] is True


def test_without_the_lease_nothing_is_sent(tmp_path: Path) -> None:
    rig, lease = Rig(tmp_path / "desk", Bidder), Held()
    rig.session = LiveSession(rig.config, rig.place, [RigLink(rig)], with_options(rig, lease=lease))
    rig.session.open()
    rig.run(SECOND)
    sent = len(rig.link.sent)
    lease.good = False
    rig.quote(9_990, 10_010)
    with pytest.raises(LeaseLost):
        rig.run(SECOND)
    assert len(rig.link.sent) == sent
    with pytest.raises(LeaseLost):
        rig.session.pump()
    assert "another process" in rig.session.fail()


def test_a_second_process_does_not_open_the_same_desk(rig: Rig) -> None:
    other = LiveSession(rig.config, rig.place, [RigLink(rig)], rig.options())
    with pytest.raises(JournalLocked):
        other.open()


def test_a_paper_journal_is_not_traded_live(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "desk")
    words = (tmp_path / "desk" / "desk.toml").read_text()
    paper = words.replace('mode = "live"', 'mode = "paper"').replace('kind = "practice"', 'kind = "simulated"')
    folder = tmp_path / "paper"
    folder.mkdir()
    (folder / "desk.toml").write_text(paper.replace('address = "practice.sock"\n', ""))
    session = PaperSession(load_desk(str(folder)), rig.place, SessionOptions(sources=[Idle]))
    session.open()
    session.close()
    with pytest.raises(DeskError, match="did not trade live"):
        rig.start()


def test_every_start_raises_the_epoch(rig: Rig) -> None:
    epochs = [int(rig.state["epoch"])]
    for _ in range(3):
        rig.kill()
        rig.start()
        rig.run(50 * MS)
        epochs.append(int(rig.state["epoch"]))
    assert epochs == [1, 2, 3, 4]
    assert rig.count(EventKind.SESSION_START) == 4


def test_commands_work_while_the_desk_is_not_recovered(rig: Rig) -> None:
    rig.kill()
    rig.start()
    assert not rig.session.ready
    rig.session.obey(Command(verb=Verb.KILL))
    rig.run(3 * SECOND)
    assert rig.exchange.open_orders(0) == []
