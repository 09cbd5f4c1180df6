"""What is tested: `quarterdeck.desk.lease`: one leader at a time, whatever clocks, messages and processes do."""

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from quarterdeck.desk.lease import LeaseKeeper, LeaseTerms, Term
from quarterdeck.errors import LeaseLost, StoreUnreachable

MS = 1_000_000
TTL, MARGIN, LONGEST = 2_000 * MS, 500 * MS, 1_000 * MS
TERMS = LeaseTerms(TTL, MARGIN, LONGEST)


class Register:
    """A store in memory. `before` and `after` are called around each write; `silent`: its answer does not arrive."""

    def __init__(self) -> None:
        self.terms: dict[str, Term] = {}
        self.writes: list[Term] = []
        self.before: Callable[[], Any] = lambda: None
        self.after: Callable[[], Any] = lambda: None
        self.silent = self.down = False

    def read(self, desk: str) -> Term | None:
        if self.down:
            raise StoreUnreachable("the register is down")
        return self.terms.get(desk)

    def write(self, desk: str, before: Term | None, after: Term) -> bool:
        self.before()
        if self.down:
            raise StoreUnreachable("the register is down")
        done = self.terms.get(desk) == before
        if done:
            self.terms[desk] = after
            self.writes.append(after)
        self.after()
        if self.silent:
            raise StoreUnreachable("the answer was lost")
        return done


class Clock:
    """Time that is told to pass; each holder's own clock runs at its own rate from its own beginning."""

    def __init__(self) -> None:
        self.true_ns = 1_000 * MS

    def of(self, rate_ppm: int = 1_000_000, offset_ns: int = 0) -> Callable[[], int]:
        return lambda: self.true_ns * rate_ppm // 1_000_000 + offset_ns

    def pass_ms(self, milliseconds: float) -> None:
        self.true_ns += int(milliseconds * MS)


class Room:
    """A register, a clock and keepers a, b, c on it."""

    def __init__(self) -> None:
        self.clock, self.store = Clock(), Register()
        self.a, self.b, self.c = (self.keeper(name) for name in "abc")

    def keeper(self, holder: str, **options: Any) -> LeaseKeeper:
        return LeaseKeeper(self.store, "desk", holder, TERMS, monotonic=self.clock.of(**options))


@pytest.fixture
def room() -> Room:
    return Room()


def test_a_free_lease_is_taken_at_once_and_held_until_the_margin(room: Room) -> None:
    assert room.a.take()
    assert (room.a.epoch, room.a.wait_ns()) == (1, 0)
    room.clock.pass_ms(1_499.9)
    assert room.a.held()
    room.a.check()
    room.clock.pass_ms(0.1)
    assert not room.a.held()
    with pytest.raises(LeaseLost, match="nothing more is sent"):
        room.a.check()


def test_the_epoch_rises_with_every_take_and_above_what_the_caller_knows(room: Room) -> None:
    assert room.a.take(epoch_known=41)
    assert room.a.epoch == 42
    room.a.release(settled=True)
    assert room.b.take(epoch_known=7)
    assert room.b.epoch == 43


def test_a_lease_is_good_from_the_sending_of_its_renewal_and_not_from_its_arrival(room: Room) -> None:
    assert room.a.take()
    room.clock.pass_ms(500)
    room.store.before = lambda: room.clock.pass_ms(800)
    assert room.a.renew()
    assert room.a.left_ns() == TTL - MARGIN - 800 * MS


def test_renewals_are_due_three_times_in_the_time_that_one_is_good_for(room: Room) -> None:
    assert not room.a.renew_due()
    assert room.a.take()
    room.clock.pass_ms(499)
    assert not room.a.renew_due()
    room.clock.pass_ms(1)
    assert room.a.renew_due()
    assert room.a.renew()
    assert not room.a.renew_due()
    assert room.a.left_ns() == TTL - MARGIN


def test_a_successor_waits_the_lease_and_then_the_longest_request(room: Room) -> None:
    assert room.a.take()
    assert not room.b.take()
    room.clock.pass_ms(1_999)
    assert not room.b.take()
    room.clock.pass_ms(1)
    assert room.b.take()
    assert room.b.epoch == 2
    assert (room.b.held(), room.b.wait_ns()) == (False, LONGEST)
    room.clock.pass_ms(1_000)
    assert room.b.held()
    assert not room.a.held()


def test_a_successor_renews_while_it_waits(room: Room) -> None:
    assert room.a.take()
    room.b.look()
    room.clock.pass_ms(2_000)
    assert room.b.take()
    room.clock.pass_ms(600)
    assert room.b.renew_due()
    assert room.b.renew()
    room.clock.pass_ms(400)
    assert room.b.held()
    assert room.b.left_ns() == TTL - MARGIN - 400 * MS


def test_a_term_that_changes_is_waited_for_anew(room: Room) -> None:
    assert room.a.take()
    for _ in range(6):
        room.clock.pass_ms(1_000)
        assert room.a.renew()
        assert not room.b.take()
    room.clock.pass_ms(2_000)
    assert room.b.take()


def test_two_that_find_a_lapsed_lease_do_not_both_get_it(room: Room) -> None:
    assert room.a.take()
    room.b.look()
    room.c.look()
    room.clock.pass_ms(2_000)
    room.store.before = lambda: (setattr(room.store, "before", lambda: None), room.c.take())
    assert not room.b.take()
    assert room.c.taken
    assert not room.b.taken


def test_a_leader_that_slept_past_its_lease_is_lost_for_good(room: Room) -> None:
    assert room.a.take()
    room.clock.pass_ms(1_500)
    assert not room.a.renew()
    assert room.a.lost
    assert not room.a.renew()
    assert room.store.terms["desk"].holder == "a", "it must not have written anything"


def test_a_leader_whose_lease_was_taken_learns_it_from_its_renewal(room: Room) -> None:
    slow = room.keeper("slow", rate_ppm=100_000)  # beyond what the margin allows: the store still tells
    assert slow.take()
    room.b.look()
    room.clock.pass_ms(2_000)
    assert room.b.take()
    assert not slow.renew()
    assert slow.lost


def test_a_renewal_whose_answer_is_lost_is_found_again(room: Room) -> None:
    assert room.a.take()
    room.store.silent = True
    room.clock.pass_ms(500)
    with pytest.raises(StoreUnreachable):
        room.a.renew()
    room.store.silent = False
    room.clock.pass_ms(500)
    assert room.a.left_ns() == 500 * MS, "what was not answered does not count"
    assert room.a.renew()
    assert room.a.left_ns() == TTL - MARGIN


def test_a_take_whose_answer_is_lost_is_found_again(room: Room) -> None:
    assert room.a.take()
    room.b.look()
    room.clock.pass_ms(2_000)
    room.store.silent = True
    with pytest.raises(StoreUnreachable):
        room.b.take()
    room.store.silent = False
    assert not room.b.taken
    room.clock.pass_ms(100)
    assert room.b.take()
    assert room.b.epoch == 2
    assert room.b.wait_ns() == LONGEST - 100 * MS


def test_a_store_that_is_down_does_not_end_a_lease_before_its_time(room: Room) -> None:
    assert room.a.take()
    room.store.down = True
    room.clock.pass_ms(600)
    with pytest.raises(StoreUnreachable):
        room.a.renew()
    assert room.a.held()
    assert not room.a.renew_due(), "it is not asked without a pause"
    room.store.down = False
    room.clock.pass_ms(600)
    assert room.a.renew()


@pytest.mark.parametrize(("settled", "wait_ns"), [(True, 0), (False, LONGEST + MARGIN)])
def test_a_lease_that_was_given_back_is_free_at_once(room: Room, settled: bool, wait_ns: int) -> None:
    assert room.a.take()
    assert room.a.release(settled=settled)
    assert not room.a.held()
    assert room.b.take()
    assert room.b.wait_ns() == wait_ns


def test_an_heir_goes_first_and_others_when_it_does_not_come(room: Room) -> None:
    assert room.a.take()
    assert room.a.release(heir="b", settled=True)
    assert not room.c.take()
    assert room.b.take()
    assert room.b.release(heir="nobody there", settled=True)
    assert not room.c.take()
    room.clock.pass_ms(2_000)
    assert room.c.take()


def test_what_is_not_ours_any_more_is_not_given_back(room: Room) -> None:
    assert not room.a.release()
    assert room.a.take()
    room.b.look()
    room.clock.pass_ms(2_000)
    assert room.b.take()
    assert not room.a.release()
    assert room.store.terms["desk"].holder == "b"


@pytest.mark.parametrize("terms", [(1, 1, 0), (1, 0, 0), (5, 2, -1), (0, 0, 0)])
def test_figures_that_make_no_lease_are_refused(terms: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="0 < margin < ttl"):
        LeaseTerms(*terms)


NAMES = ("a", "b", "c")
PPM = st.integers(900_000, 1_100_000)  # clocks that part by up to a fifth: the margin allows a quarter
DELAYS = st.sampled_from([0, 0, 1, 20, 300, 900, 1_400, 1_600, 2_100, 4_000])


class Contest(RuleBasedStateMachine):
    """Keepers that pause, whose messages are slow, whose answers are lost, and who come between each other's."""

    @initialize(rates=st.tuples(PPM, PPM, PPM), offsets=st.tuples(*(st.integers(0, 10**12),) * 3))
    def begin(self, rates: tuple[int, ...], offsets: tuple[int, ...]) -> None:
        self.clock, self.store = Clock(), Register()
        self.lives = 0
        self.keepers: dict[str, LeaseKeeper] = {}
        self.clocks = dict(zip(NAMES, zip(rates, offsets, strict=True), strict=True))
        self.epochs: list[int] = []
        self.last_sent: dict[int, int] = {}  # epoch: the true time at which its holder could send last
        for name in NAMES:
            self.live(name)

    def live(self, name: str) -> None:
        self.lives += 1
        rate, offset = self.clocks[name]
        self.keepers[name] = LeaseKeeper(
            self.store, "desk", f"{name}-{self.lives}", TERMS, monotonic=self.clock.of(rate, offset)
        )

    def one_leads(self) -> None:
        """At this true time at most one may send, and nobody's request of before can take effect any more."""
        holding = [keeper for keeper in self.keepers.values() if keeper.held()]
        assert len(holding) <= 1, [keeper.holder for keeper in holding]
        for keeper in holding:
            self.last_sent[keeper.epoch] = self.clock.true_ns
            for epoch, sent_ns in self.last_sent.items():
                assert epoch <= keeper.epoch, "an older epoch sends again"
                assert epoch == keeper.epoch or self.clock.true_ns - sent_ns > LONGEST, "an old request may arrive"

    def pass_ms(self, milliseconds: int) -> None:
        """Time passes in steps, looked at after each."""
        for _ in range(4):
            self.clock.pass_ms(milliseconds / 4)
            self.one_leads()

    @rule(name=st.sampled_from(NAMES), other=st.sampled_from(NAMES), before=DELAYS, after=DELAYS, silent=st.booleans())
    def write_slowly(self, name: str, other: str, before: int, after: int, silent: bool) -> None:
        """One writes; its message and its answer take time, and another acts in between."""

        def then() -> None:
            self.store.before = self.store.after = lambda: None
            self.act(other)
            self.pass_ms(after)
            self.act(other)

        def first() -> None:
            self.store.before = lambda: None
            self.pass_ms(before)
            self.act(other)
            self.store.after = then

        self.store.before = first
        self.store.silent = silent
        self.act(name)
        self.store.before = self.store.after = lambda: None
        self.store.silent = False

    @rule(name=st.sampled_from(NAMES))
    def act(self, name: str) -> None:
        keeper = self.keepers[name]
        if keeper.lost:
            return
        silent, self.store.silent = self.store.silent, False
        try:
            self.store.silent = silent
            if keeper.epoch:
                keeper.renew()
            elif keeper.take():
                self.epochs.append(keeper.epoch)
        except StoreUnreachable:
            return

    @rule(milliseconds=DELAYS)
    def wait(self, milliseconds: int) -> None:
        self.pass_ms(milliseconds)

    @rule(milliseconds=st.integers(100, 600), turns=st.integers(1, 12))
    def all_go_on(self, milliseconds: int, turns: int) -> None:
        for _ in range(turns):
            self.pass_ms(milliseconds)
            for name in NAMES:
                self.act(name)

    @rule(sleeper=st.sampled_from(NAMES), turns=st.integers(15, 80))
    def one_sleeps(self, sleeper: str, turns: int) -> None:
        """The others look often, so that one of them takes over as early as it may."""
        for _ in range(turns):
            self.pass_ms(50)
            for name in NAMES:
                if name != sleeper:
                    self.act(name)

    @rule(name=st.sampled_from(NAMES))
    def die_and_come_back(self, name: str) -> None:
        self.live(name)

    @rule(name=st.sampled_from(NAMES), heir=st.sampled_from(("", *NAMES)))
    def give_back(self, name: str, heir: str) -> None:
        """What was sent until now may still be on its way: the lease is not given back settled."""
        self.keepers[name].release(heir=self.keepers[heir].holder if heir else "")

    @invariant()
    def at_most_one(self) -> None:
        if hasattr(self, "clock"):
            self.one_leads()

    @invariant()
    def epochs_rise(self) -> None:
        if hasattr(self, "clock"):
            taken = [term.epoch for term in self.store.writes]
            assert taken == sorted(taken)
            assert len(set(self.epochs)) == len(self.epochs)


Contest.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestContest = Contest.TestCase
