"""What is tested: `quarterdeck.ops.access.tokens`, `quarterdeck.ops.access.secret`, `quarterdeck.ops.access.tables`:
tokens from their making to their end, and those that the configuration gives; on both databases.
"""

from collections.abc import Generator
from pathlib import Path

import pytest
from pyotp.totp import TOTP

from quarterdeck.errors import ConfigError, OpsError
from quarterdeck.ops.access import Action, Refusal, Role
from quarterdeck.ops.access.secret import TOKEN, digest_of, id_of, new_secret, same_digest, shown, weakness
from quarterdeck.ops.access.tokens import (
    OPS_TOKEN_FILE,
    OPS_TOKEN_FILE_VARIABLE,
    OPS_TOKEN_VARIABLE,
    Tokens,
    configured_token,
    write_token_file,
)
from tests.ops.access.rig import DAY, HERE, Rig
from tests.ops.access.test_gate import Make, refusal

HOUR = DAY // 24
STRONG = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
WEAK = (
    *("", "  ", "changeme", "ChangeMe", "changeme123", "token", '"token"', "secret!", "<your-token-here>"),
    *("short-but-odd", "a" * 64, "with a space in it that is long enough", "x1" * 300, "über" * 10),
)


@pytest.fixture(params=["sqlite", "postgresql"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Rig, None, None]:
    url = None if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))
    made = Rig(tmp_path / "ops", url=url, token_days=30, overlap_hours=24, warn_days=7, failures=3)
    yield made
    made.close()


def test_the_life_of_a_token(rig: Rig) -> None:
    tokens, clock = rig.gate.tokens, rig.clock
    secret, first = tokens.new("robin", Role.OPERATOR, ("south", "north"))
    assert first.expires_ns == clock.now_ns + 30 * DAY
    assert first.desks == ("north", "south")
    assert not tokens.expiring()
    clock.now_ns += 23 * DAY
    assert [one.token_id for one in tokens.expiring()] == [first.token_id]
    assert not tokens.expiring(days=6)
    successor, second = tokens.rotate(first.token_id)
    assert (second.person, second.role, second.desks) == (first.person, first.role, first.desks)
    assert not tokens.expiring()  # it has a successor
    clock.now_ns += 24 * HOUR - 1
    assert rig.gate.identify(secret, HERE).token_id == first.token_id  # the overlap
    assert rig.gate.identify(successor, HERE).token_id == second.token_id
    clock.now_ns += 1
    assert refusal(lambda: rig.gate.identify(secret, HERE)) is Refusal.TOKEN_EXPIRED
    tokens.revoke(second.token_id)
    tokens.revoke(second.token_id)
    assert refusal(lambda: rig.gate.identify(successor, HERE)) is Refusal.TOKEN_REVOKED
    assert [one.state(clock.now_ns) for one in tokens.list()] == ["expired", "revoked"]
    for token_id in (first.token_id, second.token_id):
        with pytest.raises(OpsError, match="only an active one is rotated"):
            tokens.rotate(token_id)
    with pytest.raises(OpsError, match="no token with this id"):
        tokens.revoke("qdt_0000000000")


def test_a_rotation_never_lengthens_the_old_token(rig: Rig) -> None:
    _, first = rig.gate.tokens.new("robin", Role.VIEWER, days=0.5)
    rig.gate.tokens.rotate(first.token_id)
    assert rig.gate.tokens.find(first.token_id).expires_ns == first.expires_ns
    assert rig.gate.tokens.find(first.token_id).state(rig.clock.now_ns) == "replaced"


def test_lock_out_codes_and_approvals_work_on_this_database(rig: Rig) -> None:
    rig.gate.people.add("robin", Role.RISK)
    secret, _ = rig.gate.people.set_totp("robin")
    code = TOTP(secret).at(rig.clock.now_ns // 10**9)
    assert rig.gate.people.code_fault("robin", code, "qdt_1", "kill") is None
    assert rig.gate.people.code_fault("robin", code, "qdt_1", "kill") is Refusal.TOTP_USED
    for _ in range(3):
        assert refusal(lambda: rig.gate.identify(new_secret(TOKEN)[0], HERE)) is Refusal.TOKEN_WRONG
    assert refusal(lambda: rig.gate.identify(new_secret(TOKEN)[0], HERE)) is Refusal.LOCKED_OUT
    mine, _ = rig.gate.tokens.new("robin", Role.RISK)
    asked = rig.gate.ask_approval(rig.gate.identify(mine, HERE), Action.UNLOCK, "north", "why")
    assert rig.gate.approvals.find(asked).state(rig.clock.now_ns) == "pending"


def test_when_a_token_was_used_is_kept_to_the_minute(rig: Rig) -> None:
    secret, token = rig.gate.tokens.new("robin", Role.VIEWER)
    rig.gate.identify(secret, HERE)
    first = rig.gate.tokens.find(token.token_id).used_ns
    rig.clock.wait(59)
    rig.gate.identify(secret, HERE)
    assert rig.gate.tokens.find(token.token_id).used_ns == first
    rig.clock.wait(1)
    rig.gate.identify(secret, HERE)
    assert rig.gate.tokens.find(token.token_id).used_ns == rig.clock.now_ns


@pytest.mark.parametrize("days", [0, -1, 3651])
def test_days_out_of_range_are_refused(make: Make, days: float) -> None:
    with pytest.raises(OpsError, match="at most 3650 days"):
        make().gate.tokens.new("robin", Role.VIEWER, days=days)


def test_tokens_are_random_and_their_ids_say_nothing_of_them() -> None:
    made = [new_secret(TOKEN) for _ in range(200)]
    assert len({secret for secret, _ in made}) == len({token_id for _, token_id in made}) == 200
    for secret, token_id in made:
        assert id_of(secret) == token_id
        assert len(secret) == len(token_id) + 1 + 43  # 256 bits in base64
        assert same_digest(digest_of(secret), digest_of(secret))
        assert not same_digest(digest_of(secret), digest_of(secret + "x"))
        assert secret not in shown(f"a person typed {secret} as a name")


@pytest.mark.parametrize("value", WEAK)
def test_empty_default_and_weak_tokens_are_refused_at_the_start(tmp_path: Path, value: str) -> None:
    assert weakness(value) is not None
    with pytest.raises(ConfigError) as found:
        configured_token(tmp_path, {OPS_TOKEN_VARIABLE: value})
    assert value.strip() in {"", "token"} or value not in str(found.value)


def test_weak_tokens_are_not_taken_up(make: Make) -> None:
    tokens = make().gate.tokens
    for value in WEAK:
        with pytest.raises(OpsError, match="is refused"):
            tokens.adopt(value)
    assert not tokens.list()


def test_a_configured_token_comes_from_the_variable_then_its_file_then_the_folder(tmp_path: Path) -> None:
    named = tmp_path / "named"
    assert configured_token(tmp_path, {}) is None
    write_token_file(tmp_path / OPS_TOKEN_FILE, STRONG)
    write_token_file(named, STRONG[::-1])
    assert (tmp_path / OPS_TOKEN_FILE).stat().st_mode & 0o777 == 0o600
    assert configured_token(tmp_path, {}) == STRONG
    assert configured_token(tmp_path, {OPS_TOKEN_FILE_VARIABLE: str(named)}) == STRONG[::-1]
    given = {OPS_TOKEN_FILE_VARIABLE: str(named), OPS_TOKEN_VARIABLE: "f" + STRONG}
    assert configured_token(tmp_path, given) == "f" + STRONG
    named.chmod(0o640)
    with pytest.raises(OpsError, match="others may read"):
        configured_token(tmp_path, {OPS_TOKEN_FILE_VARIABLE: str(named)})
    with pytest.raises(OpsError, match="No such file"):
        configured_token(tmp_path, {OPS_TOKEN_FILE_VARIABLE: str(tmp_path / "nowhere")})
    with pytest.raises(OpsError, match="was not written"):
        write_token_file(tmp_path / "no" / "folder", STRONG)


def test_a_configured_token_is_a_token_like_others(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = make()
    monkeypatch.delenv(OPS_TOKEN_VARIABLE, raising=False)
    monkeypatch.delenv(OPS_TOKEN_FILE_VARIABLE, raising=False)
    assert rig.gate.adopt_configured(tmp_path) is None
    monkeypatch.setenv(OPS_TOKEN_VARIABLE, STRONG)
    adopted = rig.gate.adopt_configured(tmp_path)
    assert adopted is not None
    assert rig.gate.adopt_configured(tmp_path) == adopted  # the next start finds it again
    found = rig.gate.identify(STRONG, HERE)
    assert (found.person, found.role) == ("ops-api", Role.RISK)
    rig.gate.tokens.revoke(adopted.token_id)
    with pytest.raises(OpsError, match="is revoked: write a new one there"):
        rig.gate.adopt_configured(tmp_path)
    secret, token = rig.gate.tokens.new("robin", Role.OPERATOR)
    monkeypatch.setenv(OPS_TOKEN_VARIABLE, secret)
    assert rig.gate.adopt_configured(tmp_path) == rig.gate.tokens.find(token.token_id)
    monkeypatch.setenv(OPS_TOKEN_VARIABLE, new_secret(TOKEN)[0])
    with pytest.raises(OpsError, match="none of this plane"):
        rig.gate.adopt_configured(tmp_path)


def test_tokens_without_a_gate_work_too(make: Make) -> None:
    rig = make()
    secret, token = Tokens(rig.store).new("robin", Role.VIEWER, days=3650)
    assert rig.gate.identify(secret, HERE).token_id == token.token_id
