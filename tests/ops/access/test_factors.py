"""What is tested: `quarterdeck.ops.access.sealing`, `quarterdeck.ops.access.people`,
`quarterdeck.ops.access.approvals`: second factors that cannot be replayed, and what needs two people.
"""

import threading
from collections.abc import Callable

import pytest
from pyotp.totp import TOTP
from sqlalchemy import text

from quarterdeck.errors import AuditError, OpsError
from quarterdeck.ops.access import ACTIONS, Action, Identity, Refusal, Refused, Role
from quarterdeck.ops.access.sealing import KEY_FILE, STEP_S, matching_step, provisioning_uri
from tests.ops.access.rig import HERE, PASSWORD, SECOND, Rig
from tests.ops.access.test_gate import Make, refusal


@pytest.fixture
def rig(make: Make) -> Rig:
    """A gate in production, with robin (risk) and kim (admin), who have second factors."""
    made = make(production=True, failures=4, lockout_s="300", four_eyes=("unlock",), approval_minutes="10")
    for name, role in (("robin", Role.RISK), ("kim", Role.ADMIN)):
        made.gate.people.add(name, role)
        made.factors[name] = _factor(made, name)
    return made


def _factor(rig: Rig, name: str) -> TOTP:
    return TOTP(rig.gate.people.set_totp(name)[0])


def holder(name: str, role: Role, token_id: str = "qdt_0000000001") -> Identity:
    return Identity(name, role, frozenset(), token_id, HERE)


def test_dangerous_commands_need_a_code_in_production_and_others_none(rig: Rig, make: Make) -> None:
    robin, trial = holder("robin", Role.ADMIN), make(production=False).gate
    for action, rule in ACTIONS.items():
        if action is Action.UNLOCK:
            continue
        trial.permit(robin, action)
        if rule.dangerous:
            assert refusal(lambda action=action: rig.gate.permit(robin, action)) is Refusal.TOTP_MISSING
        else:
            rig.gate.permit(robin, action)


def test_one_code_is_good_once_for_each_command_and_desk(rig: Rig) -> None:
    robin, code = holder("robin", Role.RISK), rig.code("robin")
    rig.gate.permit(robin, Action.KILL, "north", code)
    assert refusal(lambda: rig.gate.permit(robin, Action.KILL, "north", code)) is Refusal.TOTP_USED
    rig.gate.permit(robin, Action.FLATTEN, "north", code)  # at once: nobody waits half a minute in an emergency
    rig.gate.permit(robin, Action.KILL, "south", code)
    rig.gate.permit(robin, Action.KILL, ("south", "north"), code)
    assert refusal(lambda: rig.gate.permit(robin, Action.KILL, ("north", "south"), code)) is Refusal.TOTP_USED


def test_a_code_that_somebody_else_saw_opens_nothing(rig: Rig) -> None:
    code = rig.code("robin")
    rig.gate.permit(holder("robin", Role.RISK), Action.KILL, "north", code)
    thief = holder("robin", Role.RISK, "qdt_0000000002")
    assert refusal(lambda: rig.gate.permit(thief, Action.FLATTEN, "north", code)) is Refusal.TOTP_USED
    kim = holder("kim", Role.ADMIN)
    assert refusal(lambda: rig.gate.permit(kim, Action.FLATTEN, "north", code)) is Refusal.TOTP_WRONG


def test_a_code_is_taken_half_a_minute_early_and_late_and_no_more(rig: Rig) -> None:
    factor, now_ns = rig.factors["robin"], rig.clock.now_ns
    for steps in range(-3, 4):
        code = factor.at(now_ns // SECOND + steps * STEP_S)
        found = matching_step(factor.secret, code, now_ns)
        assert (found is not None) == (abs(steps) <= 1)
    for nonsense in ("", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "-12345"):
        assert matching_step(factor.secret, nonsense, now_ns) is None
    assert matching_step(
        factor.secret, f" {factor.at(now_ns // SECOND)[:3]} {factor.at(now_ns // SECOND)[3:]} ", now_ns
    )


def test_codes_are_not_guessed_and_a_lock_is_for_that_person(rig: Rig) -> None:
    robin = holder("robin", Role.RISK)
    wrong = f"{(int(rig.code('robin')) + 1) % 10**6:06}"
    assert matching_step(rig.factors["robin"].secret, wrong, rig.clock.now_ns) is None
    for _ in range(4):
        assert refusal(lambda: rig.gate.permit(robin, Action.KILL, "north", wrong)) is Refusal.TOTP_WRONG
    with pytest.raises(Refused) as found:
        rig.gate.permit(robin, Action.KILL, "north", rig.code("robin"))
    assert (found.value.status, found.value.code) == (429, Refusal.LOCKED_OUT)
    rig.gate.permit(holder("kim", Role.ADMIN), Action.KILL, "north", rig.code("kim"))
    rig.clock.wait(300)
    rig.gate.permit(robin, Action.KILL, "north", rig.code("robin"))


def test_the_code_of_a_sign_in_is_good_for_that_sessions_first_commands(rig: Rig) -> None:
    rig.gate.people.set_password("robin", PASSWORD)
    code = rig.code("robin")
    session = rig.gate.identify(rig.gate.sign_in("robin", PASSWORD, code, HERE), HERE)
    rig.gate.permit(session, Action.KILL, "north", code)
    assert refusal(lambda: rig.gate.sign_in("robin", PASSWORD, code, HERE)) is Refusal.TOTP_USED


def test_who_has_no_second_factor_may_nothing_dangerous_in_production(rig: Rig) -> None:
    service = holder("scraper", Role.ADMIN)
    assert refusal(lambda: rig.gate.permit(service, Action.KILL, "north", "123456")) is Refusal.TOTP_NOT_SET_UP
    rig.gate.permit(service, Action.PAUSE, "north")


def test_of_many_at_once_one_has_the_code(rig: Rig) -> None:
    code, won = rig.code("robin"), []
    started = threading.Barrier(6)

    def permit(number: int) -> None:
        started.wait()
        try:
            rig.gate.permit(holder("robin", Role.RISK, f"qdt_000000000{number}"), Action.KILL, "north", code)
            won.append(number)
        except Refused as error:
            assert error.code is Refusal.TOTP_USED  # noqa: PT017 - in a thread of its own

    threads = [threading.Thread(target=permit, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_the_database_has_a_factor_only_sealed_and_the_key_is_its_owners(rig: Rig) -> None:
    secret = rig.factors["robin"].secret
    with rig.store.reading() as line:
        kept = str(line.execute(text("SELECT totp FROM access_people WHERE name = 'robin'")).scalar())
    assert secret not in kept
    key = rig.folder / KEY_FILE
    assert key.stat().st_mode & 0o777 == 0o600
    key.chmod(0o644)
    with pytest.raises(AuditError, match="others may read it"):
        rig.gate.permit(holder("robin", Role.RISK), Action.KILL, "north", rig.code("robin"))
    key.unlink()
    with pytest.raises(AuditError, match="name an identity"):
        rig.gate.permit(holder("robin", Role.RISK), Action.KILL, "north", rig.code("robin"))


def test_the_address_for_an_authenticator_says_whose_it_is() -> None:
    assert provisioning_uri("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "robin").startswith(
        "otpauth://totp/Quarterdeck:robin?secret="
    )


def approval_of(rig: Rig, desk: str | None = "north") -> str:
    return rig.gate.ask_approval(holder("robin", Role.RISK), Action.UNLOCK, desk, "unlock after the drill")


def permit(rig: Rig, approval: str | None, action: Action = Action.UNLOCK, desk: str = "north") -> None:
    rig.gate.permit(holder("robin", Role.RISK), action, desk, rig.code("robin"), approval)


def approve(rig: Rig, approval: str, name: str = "kim", role: Role = Role.ADMIN) -> None:
    rig.gate.approve(holder(name, role), approval, rig.code(name))


def test_four_eyes_need_a_second_person_once(rig: Rig) -> None:
    assert refusal(lambda: permit(rig, None)) is Refusal.APPROVAL_NEEDED
    assert refusal(lambda: permit(rig, "apv_0")) is Refusal.APPROVAL_UNKNOWN
    asked = approval_of(rig)
    assert refusal(lambda: permit(rig, asked)) is Refusal.APPROVAL_PENDING
    assert refusal(lambda: approve(rig, asked, "robin", Role.RISK)) is Refusal.APPROVAL_OWN
    assert [one.approval_id for one in rig.gate.approvals.waiting()] == [asked]
    rig.clock.wait(STEP_S)
    approve(rig, asked)
    assert rig.gate.approvals.find(asked).approver == "kim"
    assert not rig.gate.approvals.waiting()
    permit(rig, asked)
    rig.clock.wait(STEP_S)
    assert refusal(lambda: permit(rig, asked)) is Refusal.APPROVAL_USED
    assert refusal(lambda: approve(rig, asked)) is Refusal.APPROVAL_USED


def test_an_approval_is_for_exactly_what_was_asked(rig: Rig) -> None:
    asked = approval_of(rig)
    approve(rig, asked)
    robin, code = holder("robin", Role.RISK), rig.code("robin")
    others: tuple[Callable[[], None], ...] = (
        lambda: permit(rig, asked, desk="south"),
        lambda: rig.gate.permit(robin, Action.UNLOCK, ("north", "south"), code, asked),
        lambda: rig.gate.permit(robin, Action.UNLOCK, None, code, asked),
        lambda: rig.gate.permit(robin, Action.UNLOCK, "north", code, asked, words="another reason"),
        lambda: rig.gate.permit(holder("kim", Role.ADMIN), Action.UNLOCK, "north", rig.code("kim"), asked),
    )
    for other in others:
        assert refusal(other) is Refusal.APPROVAL_OTHER
    rig.gate.permit(robin, Action.UNLOCK, "north", code, asked, words="unlock after the drill")


def test_an_approval_that_came_too_late_is_none(rig: Rig) -> None:
    first, second = approval_of(rig), approval_of(rig)
    approve(rig, first)
    rig.clock.wait(600)
    assert refusal(lambda: permit(rig, first)) is Refusal.APPROVAL_EXPIRED
    assert refusal(lambda: approve(rig, second)) is Refusal.APPROVAL_EXPIRED


def test_a_wrong_code_does_not_use_an_approval_up(rig: Rig) -> None:
    asked = approval_of(rig)
    approve(rig, asked)
    robin = holder("robin", Role.RISK)
    assert refusal(lambda: rig.gate.permit(robin, Action.UNLOCK, "north", None, asked)) is Refusal.TOTP_MISSING
    permit(rig, asked)


def test_who_may_not_do_it_neither_asks_nor_approves(rig: Rig) -> None:
    weak = holder("kim", Role.OPERATOR)
    ask = lambda: rig.gate.ask_approval(weak, Action.UNLOCK, "north", "please")  # noqa: E731 - a sentence short
    assert refusal(ask) is Refusal.ROLE_TOO_LOW
    asked = approval_of(rig)
    assert refusal(lambda: rig.gate.approve(weak, asked, rig.code("kim"))) is Refusal.ROLE_TOO_LOW
    elsewhere = Identity("kim", Role.ADMIN, frozenset({"south"}), "qdt_0000000003", HERE)
    assert refusal(lambda: rig.gate.approve(elsewhere, asked, rig.code("kim"))) is Refusal.DESK_NOT_YOURS
    assert refusal(lambda: rig.gate.approvals.approve(elsewhere, asked)) is Refusal.DESK_NOT_YOURS
    assert refusal(lambda: rig.gate.approve(holder("kim", Role.ADMIN), "apv_0", None)) is Refusal.APPROVAL_UNKNOWN
    with pytest.raises(OpsError, match="what is to be approved"):
        rig.gate.ask_approval(holder("kim", Role.ADMIN), Action.UNLOCK, "north", " ")


def test_an_approval_is_used_by_one_of_many_at_once(rig: Rig) -> None:
    asked = approval_of(rig)
    approve(rig, asked)
    won: list[str] = []
    started = threading.Barrier(6)

    def use() -> None:
        started.wait()
        try:
            won.append(rig.gate.approvals.use(asked).approval_id)
        except Refused as error:
            assert error.code is Refusal.APPROVAL_USED  # noqa: PT017 - in a thread of its own

    threads = [threading.Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [asked]


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaa", "my name is robin!", "x" * 2000])
def test_plain_passwords_are_refused_and_not_repeated(rig: Rig, password: str) -> None:
    with pytest.raises(OpsError) as found:
        rig.gate.people.set_password("robin", password)
    assert password not in str(found.value)


def test_people_are_listed_without_what_opens_their_doors(rig: Rig) -> None:
    people = rig.gate.people
    people.set_password("robin", PASSWORD)
    assert [one.name for one in people.list()] == ["kim", "robin"]
    found = people.find("robin")
    assert (found.has_password, found.has_totp, found.role, found.desks) == (True, True, Role.RISK, ())
    people.remove("kim")
    assert people.get("kim") is None
    assert [one.name for one in people.list()] == ["robin"]
    for name in ("", "-x", "a b", "x" * 65, "qdt_0123456789_abc"):
        with pytest.raises(OpsError):
            people.add(name, Role.VIEWER)
    with pytest.raises(OpsError, match="nobody has this name"):
        people.set_totp("kim")
