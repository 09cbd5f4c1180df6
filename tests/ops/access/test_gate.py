"""What is tested: `quarterdeck.ops.access.gate`, `quarterdeck.ops.access.roles`, `quarterdeck.ops.access.doors`,
`quarterdeck.ops.access.refusal`, `quarterdeck.ops.access.identity`, `quarterdeck.ops.access.lockout`.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from quarterdeck.ops.access import ACTIONS, Action, Identity, Refusal, Refused, Role
from quarterdeck.ops.access.doors import SESSION_HOURS, SESSION_IDLE_MINUTES
from quarterdeck.ops.access.lockout import origin_place, wait_s
from quarterdeck.ops.access.secret import SESSION, TOKEN, new_secret
from tests.ops.access.rig import DAY, HERE, PASSWORD, SECOND, Rig

Make = Callable[..., Rig]


def refusal(call: Callable[[], object]) -> Refusal:
    with pytest.raises(Refused) as found:
        call()
    assert found.value.status in {401, 403, 429}
    return found.value.code


def identity(role: Role, *desks: str, person: str = "robin") -> Identity:
    return Identity(person, role, frozenset(desks), "qdt_0123456789", HERE)


def test_a_token_opens_until_it_expires_or_is_revoked(make: Make) -> None:
    rig = make()
    secret, token = rig.gate.tokens.new("robin", Role.OPERATOR, ("north",), days=1)
    found = rig.gate.identify(secret, HERE)
    assert (found.person, found.role, found.desks) == ("robin", Role.OPERATOR, {"north"})
    assert found.may_see("north")
    assert not found.may_see("south")
    assert (found.token_id, found.origin, found.expires_ns) == (token.token_id, HERE, rig.clock.now_ns + DAY)
    rig.clock.now_ns += DAY - 1
    rig.gate.identify(secret, HERE)
    rig.clock.now_ns += 1
    assert refusal(lambda: rig.gate.identify(secret, HERE)) is Refusal.TOKEN_EXPIRED
    other, token = rig.gate.tokens.new("robin", Role.OPERATOR)
    rig.gate.tokens.revoke(token.token_id)
    assert refusal(lambda: rig.gate.identify(other, HERE)) is Refusal.TOKEN_REVOKED


@pytest.mark.parametrize("offered", ["", None])
def test_no_token_is_a_refusal_of_its_own(make: Make, offered: str | None) -> None:
    assert refusal(lambda: make().gate.identify(offered, HERE)) is Refusal.TOKEN_MISSING


def test_every_action_has_a_rule_and_every_role_may_what_the_weaker_may(make: Make) -> None:
    gate = make(failures=1000).gate
    assert set(ACTIONS) == set(Action)
    for action, rule in ACTIONS.items():
        for role in Role:
            if role.covers(rule.role):
                gate.permit(identity(role), action, "north")
            else:
                code = refusal(lambda role=role, action=action: gate.permit(identity(role), action, "north"))
                assert code is Refusal.ROLE_TOO_LOW
    assert all(weaker.rank < stronger.rank for weaker, stronger in pairwise(Role))


def test_a_desk_that_is_not_ones_own_is_refused(make: Make) -> None:
    gate, bound = make().gate, identity(Role.ADMIN, "north", "east")
    gate.permit(bound, Action.KILL, "north")
    gate.permit(bound, Action.KILL, ("north", "east"))
    gate.permit(bound, Action.VIEW)  # who lists desks shows him his own
    for desk in ("south", ("north", "south"), None):
        code = refusal(lambda desk=desk: gate.permit(bound, Action.KILL, desk))
        assert code is Refusal.DESK_NOT_YOURS
    assert refusal(lambda: gate.permit(bound, Action.VIEW, "south")) is Refusal.DESK_NOT_YOURS
    assert refusal(lambda: gate.permit(bound, Action.TOKENS, "north")) is Refusal.DESK_NOT_YOURS


def test_sign_in_session_and_sign_out(make: Make) -> None:
    rig = make()
    rig.person("robin", Role.RISK, ("north",))
    secret = rig.gate.sign_in("robin", PASSWORD, None, HERE)
    found = rig.gate.identify(secret, HERE)
    assert (found.person, found.role, found.desks) == ("robin", Role.RISK, {"north"})
    rig.gate.sign_out(secret, HERE)
    assert refusal(lambda: rig.gate.identify(secret, HERE)) is Refusal.SESSION_EXPIRED


def test_a_session_ends_when_nobody_uses_it_and_at_the_latest_after_hours(make: Make) -> None:
    rig = make()
    rig.person("robin", Role.VIEWER)
    idle = rig.gate.sign_in("robin", PASSWORD, None, HERE)
    used = rig.gate.sign_in("robin", PASSWORD, None, HERE)
    for _ in range(SESSION_HOURS * 60 // (SESSION_IDLE_MINUTES - 1)):
        rig.clock.wait((SESSION_IDLE_MINUTES - 1) * 60)
        rig.gate.identify(used, HERE)
    assert refusal(lambda: rig.gate.identify(idle, HERE)) is Refusal.SESSION_EXPIRED
    rig.clock.wait((SESSION_IDLE_MINUTES - 1) * 60)
    assert refusal(lambda: rig.gate.identify(used, HERE)) is Refusal.SESSION_EXPIRED


def test_what_changes_for_a_person_changes_for_the_doors_that_are_open(make: Make) -> None:
    rig = make()
    rig.person("robin", Role.ADMIN)
    session = rig.gate.sign_in("robin", PASSWORD, None, HERE)
    token, _ = rig.gate.tokens.new("robin", Role.ADMIN, ("north", "south"))
    rig.gate.people.add("robin", Role.OPERATOR, ("north", "west"))
    assert rig.gate.identify(session, HERE).role is Role.OPERATOR
    narrowed = rig.gate.identify(token, HERE)
    assert (narrowed.role, narrowed.desks) == (Role.OPERATOR, {"north"})
    rig.gate.people.add("robin", Role.OPERATOR, ("west",))
    assert refusal(lambda: rig.gate.identify(token, HERE)) is Refusal.TOKEN_REVOKED  # none in common is not all
    rig.gate.people.remove("robin")
    for secret in (session, token):
        assert refusal(lambda secret=secret: rig.gate.identify(secret, HERE)).value.startswith(("SESSION", "TOKEN"))
    assert refusal(lambda: rig.gate.sign_in("robin", PASSWORD, None, HERE)) is Refusal.SIGN_IN_WRONG


def test_a_new_password_ends_sessions(make: Make) -> None:
    rig = make()
    rig.person("robin", Role.VIEWER)
    session = rig.gate.sign_in("robin", PASSWORD, None, HERE)
    rig.gate.people.set_password("robin", PASSWORD[::-1])
    assert refusal(lambda: rig.gate.identify(session, HERE)) is Refusal.SESSION_EXPIRED
    assert refusal(lambda: rig.gate.sign_in("robin", PASSWORD, None, HERE)) is Refusal.SIGN_IN_WRONG
    rig.gate.sign_in("robin", PASSWORD[::-1], None, HERE)


def test_sign_in_does_not_say_what_was_wrong(make: Make) -> None:
    rig = make()
    rig.person("robin", Role.VIEWER, totp=True)
    said: set[str] = set()
    for name, password, code in (
        ("robin", "not the password", rig.code("robin")),
        ("nobody", PASSWORD, rig.code("robin")),
        ("robin", PASSWORD, "000000" if rig.code("robin") != "000000" else "000001"),
    ):
        with pytest.raises(Refused) as found:
            rig.gate.sign_in(name, password, code, HERE)
        said.add(f"{found.value.code} {found.value}")
    assert len(said) == 1
    assert refusal(lambda: rig.gate.sign_in("robin", PASSWORD, None, HERE)) is Refusal.TOTP_MISSING
    rig.gate.sign_in("robin", PASSWORD, rig.code("robin"), HERE)


def test_wrong_tries_of_one_token_lock_even_the_right_one_for_that_origin_only(make: Make) -> None:
    rig = make(failures=3, failures_window_s="60", lockout_s="100")
    secret, _ = rig.gate.tokens.new("robin", Role.VIEWER)
    wrong = secret[:-6] + ("AAAAAA" if not secret.endswith("AAAAAA") else "BBBBBB")
    for _ in range(3):
        assert refusal(lambda: rig.gate.identify(wrong, HERE)) is Refusal.TOKEN_WRONG
    with pytest.raises(Refused) as found:
        rig.gate.identify(secret, HERE)
    assert (found.value.code, found.value.status, found.value.retry_after_s) == (Refusal.LOCKED_OUT, 429, 100)
    rig.gate.identify(secret, "10.0.0.7")
    rig.clock.wait(100)
    rig.gate.identify(secret, HERE)


def test_many_wrong_tokens_lock_an_origin_but_never_a_right_token(make: Make) -> None:
    rig = make(failures=5)
    secret, _ = rig.gate.tokens.new("robin", Role.OPERATOR)
    codes = [refusal(lambda: rig.gate.identify(new_secret(TOKEN)[0], HERE)) for _ in range(8)]
    assert codes == [Refusal.TOKEN_WRONG] * 5 + [Refusal.LOCKED_OUT] * 3
    assert refusal(lambda: rig.gate.identify("x" * 5000, HERE)) is Refusal.LOCKED_OUT
    assert rig.gate.identify(secret, HERE).person == "robin"  # an old token elsewhere must not take the kill away
    assert refusal(lambda: rig.gate.identify(new_secret(SESSION)[0], "10.0.0.7")) is Refusal.TOKEN_WRONG


def test_failures_that_are_old_do_not_count(make: Make) -> None:
    rig = make(failures=3, failures_window_s="60")
    for _ in range(9):
        assert refusal(lambda: rig.gate.identify(new_secret(TOKEN)[0], HERE)) is Refusal.TOKEN_WRONG
        rig.clock.wait(31)


def test_sign_in_is_locked_by_person_from_anywhere_and_by_origin_for_anybody(make: Make) -> None:
    rig = make(failures=3, lockout_s="100")
    rig.person("robin", Role.VIEWER)
    rig.person("kim", Role.VIEWER)
    for origin in ("10.0.0.1", "10.0.0.2", "10.0.0.3"):
        assert refusal(lambda origin=origin: rig.gate.sign_in("robin", "wrong", None, origin)) is Refusal.SIGN_IN_WRONG
    assert refusal(lambda: rig.gate.sign_in("robin", PASSWORD, None, "10.0.0.4")) is Refusal.LOCKED_OUT
    rig.gate.sign_in("kim", PASSWORD, None, "10.0.0.1")
    rig.clock.wait(100)
    rig.gate.sign_in("robin", PASSWORD, None, "10.0.0.4")
    for name in ("anna", "berta", "carla"):
        refusal(lambda name=name: rig.gate.sign_in(name, "wrong", None, "10.0.0.9"))
    assert refusal(lambda: rig.gate.sign_in("kim", PASSWORD, None, "10.0.0.9")) is Refusal.LOCKED_OUT


def test_each_lock_out_lasts_twice_as_long_and_survives_a_restart(make: Make) -> None:
    rig = make(failures=2, lockout_s="100")
    waits: list[int] = []
    for _ in range(3):
        for _ in range(2):
            assert refusal(lambda: rig.gate.identify(new_secret(TOKEN)[0], HERE)) is Refusal.TOKEN_WRONG
        again = Rig(rig.folder, failures=2, lockout_s="100")
        again.clock.now_ns = rig.clock.now_ns
        with pytest.raises(Refused) as found:
            again.gate.identify(new_secret(TOKEN)[0], HERE)
        again.close()
        waits.append(found.value.retry_after_s)
        rig.clock.wait(waits[-1])
    assert waits == [100, 200, 400]


@pytest.mark.parametrize(
    ("origin", "place"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("[2001:db8:1:2::9]", "2001:db8:1:2::"),
        ("console", "console"),
    ],
)
def test_an_origin_is_counted_as_one_place(origin: str, place: str) -> None:
    assert origin_place(origin) == place


def test_wait_is_whole_seconds() -> None:
    assert wait_s(2 * SECOND + 1, SECOND) == 2
    assert wait_s(5, 5) == 1


def test_identities_do_not_change() -> None:
    found = identity(Role.ADMIN)
    with pytest.raises(AttributeError):
        found.role = Role.VIEWER  # type: ignore[misc] # that it cannot be is what is tested
    assert replace(found, role=Role.VIEWER).role is Role.VIEWER
