"""What is tested: all of `quarterdeck.ops.access`: whatever is offered, in whatever order, nobody is let in who may not
be, each refusal is recorded, and no secret is ever in an error, a representation, the trail or the database.
"""

import contextlib
import logging
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import text

from quarterdeck.errors import QuarterdeckError
from quarterdeck.ops.access import ACTIONS, Action, Identity, Refusal, Refused, Role, people
from quarterdeck.ops.access.tokens import Token
from quarterdeck.ops.access.trail import read_trail, verify_trail
from tests.ops.access.rig import HERE, PASSWORD, Rig

ORIGINS = (HERE, "10.0.0.7", "2001:db8::1", "", "\x00\n\x1b", "x" * 300)
DESKS = ("north", "south", None, "", "../../etc", "x" * 200)
OFFERS = st.one_of(
    st.text(max_size=80),
    st.text(alphabet="qdts_0123456789abcdef-AZ", max_size=70),
    st.sampled_from(["null", "None", "Bearer", "' OR 1=1 --", "\ud800", "é" * 40, "x" * 10_000]),
)


def everything(folder: Path) -> bytes:
    """All bytes that a gate has left in its folder, but for the key of second factors."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".key")


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = Rig(tmp_path_factory.mktemp("fuzz"), failures=1000)
    made.gate.people.add("robin", Role.VIEWER)
    yield made
    made.close()


@given(offer=OFFERS, origin=st.sampled_from(ORIGINS))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_that_is_made_up_opens_a_door(rig: Rig, offer: str, origin: str) -> None:
    before = len(list(read_trail(rig.file)))
    with pytest.raises(Refused) as found:
        rig.gate.identify(offer, origin)
    assert found.value.status in {401, 429}
    assert len(list(read_trail(rig.file))) == before + 1
    if len(offer) > 12:
        assert offer not in str(found.value)
        assert offer not in repr(found.value)


@example(person="\ud800", password="\ud800", code="\ud800", origin=HERE)
@example(person="robin", password="\ud800", code=None, origin=HERE)
@example(person="\x00", password="\x00", code="\x00", origin=HERE)
@given(person=OFFERS, password=OFFERS, code=st.one_of(st.none(), OFFERS), origin=st.sampled_from(ORIGINS))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=8)
def test_nothing_that_is_made_up_signs_in(rig: Rig, person: str, password: str, code: str | None, origin: str) -> None:
    with pytest.raises(Refused) as found:
        rig.gate.sign_in(person, password, code, origin)
    assert found.value.status in {401, 429}
    for typed in (person, password):  # people type passwords where a name is asked for
        if len(typed) > 12 and typed.isprintable():
            assert typed.encode(errors="replace") not in rig.file.read_bytes()
            assert typed not in str(found.value)


class Doors(RuleBasedStateMachine):
    """Tokens come and go while people come to the gate with good, old and foreign ones; a model says who may."""

    @initialize(production=st.booleans())
    def open(self, production: bool) -> None:
        self.place = tempfile.TemporaryDirectory(prefix="quarterdeck-doors-")
        self.rig = Rig(Path(self.place.name), production=production, failures=1000, overlap_hours=1)
        self.secrets: dict[str, str] = {}
        self.model: dict[str, Token] = {}
        self.refused = 0
        self.permitted: list[str] = []

    @rule(role=st.sampled_from(Role), desks=st.sampled_from([(), ("north",), ("north", "south")]))
    def make(self, role: Role, desks: tuple[str, ...]) -> None:
        secret, token = self.rig.gate.tokens.new("robin", role, desks, days=1)
        self.secrets[token.token_id], self.model[token.token_id] = secret, token

    @rule(pick=st.integers(0, 20))
    def revoke(self, pick: int) -> None:
        if self.secrets:
            token_id = list(self.secrets)[pick % len(self.secrets)]
            self.model[token_id] = self.rig.gate.tokens.revoke(token_id)

    @rule(pick=st.integers(0, 20))
    def rotate(self, pick: int) -> None:
        if not self.secrets:
            return
        token_id = list(self.secrets)[pick % len(self.secrets)]
        with contextlib.suppress(QuarterdeckError):
            secret, token = self.rig.gate.tokens.rotate(token_id, days=1)
            self.secrets[token.token_id], self.model[token.token_id] = secret, token
        self.model[token_id] = self.rig.gate.tokens.find(token_id)

    @rule(hours=st.integers(0, 30))
    def wait(self, hours: int) -> None:
        self.rig.clock.wait(hours * 3600)

    @rule(
        pick=st.integers(0, 20),
        change=st.integers(0, 60),
        action=st.sampled_from(Action),
        desk=st.sampled_from(DESKS),
        origin=st.sampled_from(ORIGINS),
    )
    def come(self, pick: int, change: int, action: Action, desk: str | None, origin: str) -> None:
        if not self.secrets:
            return
        token_id = list(self.secrets)[pick % len(self.secrets)]
        offered = self.secrets[token_id]
        broken = change < len(offered) and change % 3 == 0
        if broken:
            offered = offered[:change] + ("x" if offered[change] != "x" else "y") + offered[change + 1 :]
        token = self.model[token_id]
        state = token.state(self.rig.clock.now_ns)
        if broken or state in {"expired", "revoked"}:
            with pytest.raises(Refused) as error:
                self.rig.gate.identify(offered, origin)
            assert error.value.status == 401
            self.refused += 1
            return
        found = self.rig.gate.identify(offered, origin)
        assert state in {"active", "replaced"}
        assert (found.person, found.role, found.desks) == (token.person, token.role, frozenset(token.desks))
        self.permit(found, action, desk)

    def permit(self, found: Identity, action: Action, desk: str | None) -> None:
        needed = ACTIONS[action]
        on_desk = not found.desks or (desk in found.desks and needed.scope == "desk")
        on_desk = on_desk or (action is Action.VIEW and not desk)
        may = found.role.covers(needed.role) and on_desk and not (needed.dangerous and self.rig.gate.production)
        if not may:
            with pytest.raises(Refused) as error:
                self.rig.gate.permit(found, action, desk)
            assert error.value.status == 403
            self.refused += 1
            return
        self.rig.gate.permit(found, action, desk)
        if action is not Action.VIEW:
            self.permitted.append(action.value)

    @invariant()
    def all_is_recorded_and_nothing_is_told(self) -> None:
        if not hasattr(self, "rig"):
            return
        rows = list(read_trail(self.rig.file))
        assert sum(row["what"] == "refused" for row in rows) == self.refused
        assert [row["action"] for row in rows if row["what"] == "permitted"] == self.permitted
        left = everything(self.rig.folder)
        for token_id, secret in self.secrets.items():
            assert secret.encode() not in left
            assert secret.removeprefix(f"{token_id}_").encode() not in left

    def teardown(self) -> None:
        if hasattr(self, "rig"):
            self.rig.gate.close()
            verify_trail(self.rig.file, self.rig.store)
            self.rig.store.close()
            self.place.cleanup()


Doors.TestCase.settings = settings(max_examples=12, stateful_step_count=18, deadline=None)
TestDoors = Doors.TestCase


def test_no_secret_is_anywhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A day of planted secrets: of what opens doors only hashes and sealed texts are left, and no error repeats one."""
    caplog.set_level(logging.DEBUG)
    rig = Rig(tmp_path / "ops", production=True, four_eyes=("unlock",))
    said: list[str] = []
    rig.person("robin", Role.ADMIN, totp=True)
    rig.person("kim", Role.ADMIN)
    token, found_token = rig.gate.tokens.new("robin", Role.ADMIN)
    rotated, _ = rig.gate.tokens.rotate(found_token.token_id)
    session = rig.gate.sign_in("robin", PASSWORD, rig.code("robin"), HERE)
    factor = rig.factors["robin"].secret
    secrets = {PASSWORD, token, rotated, session, factor, PASSWORD[::-1], "planted-" * 6}
    identity = rig.gate.identify(session, HERE)
    attempts = (
        lambda: rig.gate.identify(token[:-1], HERE),
        lambda: rig.gate.identify(session, token),
        lambda: rig.gate.identify("planted-" * 6, "planted-" * 6),
        lambda: rig.gate.sign_in(PASSWORD, PASSWORD, None, HERE),
        lambda: rig.gate.sign_in("robin", PASSWORD, factor, HERE),
        lambda: rig.gate.sign_in(token, PASSWORD[::-1], session, HERE),
        lambda: rig.gate.permit(identity, Action.KILL, token, factor),
        lambda: rig.gate.permit(identity, Action.UNLOCK, "north", rotated, token),
        lambda: rig.gate.ask_approval(identity, Action.UNLOCK, "north", f"because of {token}"),
        lambda: rig.gate.approve(identity, session, token),
        lambda: rig.gate.people.add(token, Role.VIEWER),
        lambda: rig.gate.people.set_password("robin", "planted"),
        lambda: rig.gate.tokens.new(session, Role.VIEWER),
        lambda: rig.gate.tokens.rotate(token),
        lambda: rig.gate.tokens.adopt("planted-" * 3),
        lambda: rig.gate.tokens.adopt(token + "x"),
        lambda: rig.gate.sign_out(token[::-1], HERE),
    )
    for attempt in attempts:
        try:
            said.append(repr(attempt()))
        except QuarterdeckError as error:
            said += [str(error), repr(error), repr(error.__context__), repr(error.__cause__), str(vars(error))]
    rig.gate.people.set_password("kim", PASSWORD[::-1])
    said += map(repr, (identity, rig.gate, rig.store, *rig.gate.tokens.list(), *rig.gate.people.list(), found_token))
    said += [record.getMessage() for record in caplog.records]
    left = everything(rig.folder)  # with the log beside the database, before it is folded in
    rig.close()
    for shown in (" ".join(said).encode(), left, everything(rig.folder)):
        for secret in secrets:
            assert secret.encode() not in shown


def test_passwords_are_hashed_at_full_cost(full_cost: None, tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.person("robin", Role.VIEWER)
    rig.gate.sign_in("robin", PASSWORD, None, HERE)
    kept = re.findall(rb"\$argon2id\$v=19\$m=(\d+),t=(\d+)", everything(rig.folder))
    rig.close()
    assert kept
    assert all(int(memory) >= 64 * 1024 and int(turns) >= 3 for memory, turns in kept)  # RFC 9106, low memory


def test_a_hash_of_another_cost_is_made_anew_at_the_next_sign_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(tmp_path)
    rig.person("robin", Role.VIEWER)
    monkeypatch.setattr(people, "_HASHER", PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    rig.gate.sign_in("robin", PASSWORD, None, HERE)
    rig.gate.sign_in("robin", PASSWORD, None, HERE)
    with rig.store.reading() as line:
        kept = str(line.execute(text("SELECT password FROM access_people")).scalar())
    rig.close()
    assert "m=16,t=2" in kept


def test_refusals_have_words_and_a_status_of_their_own() -> None:
    seen = {str(Refused(code)) for code in Refusal}
    assert len(seen) == len(Refusal)
    assert all(Refused(code).status in {401, 403, 429} for code in Refusal)
