"""Commands through HTTP: a real desk obeys them, they are in its journal with who and why, and killing needs no API.

What is tested: `quarterdeck.ops.commands`, `quarterdeck.ops.api.emergency`, `quarterdeck.ops.api.settings`,
`quarterdeck.ops.process`, `quarterdeck.cli.ops`.
"""

from pathlib import Path
from typing import Any

import pytest

from quarterdeck.audit.operators import OperatorCommand, operator_commands
from quarterdeck.config import load_desk
from quarterdeck.config.ops import load_ops
from quarterdeck.desk.wire import Command, Verb
from quarterdeck.errors import OpsError
from quarterdeck.ops.commands import approval_words
from quarterdeck.ops.process import serve
from tests.ops.api.rig import PERSON, Rig, write_desks, write_ops


def journaled(rig: Rig, sequence: int) -> OperatorCommand:
    """What the desk's journal says of a command."""
    found = [one for one in commands(rig) if one.sequence == sequence]
    assert len(found) == 1
    return found[0]


def commands(rig: Rig) -> list[OperatorCommand]:
    """What the desk's journal says that people commanded."""
    folder = rig.folder / "alpha"
    return list(operator_commands(folder, load_desk(folder)))


def working(rig: Rig) -> set[str]:
    """The orders that a kill takes back. What closes a position may come anew: it passes every gate but a lock."""
    orders = rig.get("/api/trading/orders/pending").json()["orders"]
    return {one["order_id"] for one in orders if not one["protective"]}


def stands_still(rig: Rig) -> bool:
    """Whether the desk shows that it does not trade: it shows itself ten times a second."""
    return not rig.get("/api/trading/status").json()["auto_trading"]


def test_a_kill_cancels_a_real_desks_orders_and_is_in_its_journal_with_who_and_why(rig: Rig) -> None:
    before = working(rig)
    assert before
    answer = rig.post("/api/emergency/kill-switch", json={"why": "drill of the kill switch"})
    assert answer.status_code == 200, answer.text
    told = answer.json()["desks"]["alpha"]
    assert told["acknowledged"] is True
    rig.until(lambda: not before & working(rig))
    rig.until(lambda: stands_still(rig))
    command = journaled(rig, told["command_sequence"])
    assert (command.verb, command.person, command.why) == ("kill", PERSON, "drill of the kill switch")
    assert f"{PERSON} by api from 127.0.0.1" in command.origin


def test_who_is_no_operator_of_the_desk_may_make_it_safer_and_no_more(rig: Rig) -> None:
    """The kill goes through unsigned, with the name in its origin; to trade again, a desk wants a name it knows."""
    answer = rig.post("/kill", role="stranger", content='{"enabled": false}')
    assert answer.status_code == 200, answer.text
    command = journaled(rig, answer.json()["desks"]["alpha"]["command_sequence"])
    assert command.person != "stranger"
    assert "stranger by api" in command.origin
    refused = rig.post("/kill", role="stranger", content='{"enabled": true}')
    assert refused.status_code == 422
    assert "stranger" in refused.json()["detail"]
    rig.until(lambda: stands_still(rig))


def test_kill_works_by_command_line_with_the_ops_process_dead(rig: Rig) -> None:
    rig.ops.kill()
    try:
        done = rig.cli("kill", str(rig.folder / "alpha"), "--why", "no API")
        assert done.returncode == 0, done.stderr
        killed = [one for one in commands(rig) if one.why == "no API"]
        assert [one.verb for one in killed] == ["kill"]
    finally:
        rig.ops = rig.start_ops()
        rig.ops.until(lambda: rig.answers("/readyz"))
    rig.until(lambda: stands_still(rig))


def test_pause_and_resume_are_for_a_scope(rig: Rig) -> None:
    answer = rig.post("/api/trading/pause", json={"strategy": "SCALP", "why": "look at it"})
    assert answer.status_code == 200
    rig.until(lambda: "SCALP" not in rig.get("/api/trading/status").json()["active_strategies"])
    assert rig.post("/api/trading/resume", json={"strategy": "SCALP"}).status_code == 200
    rig.until(lambda: "SCALP" in rig.get("/api/trading/status").json()["active_strategies"])
    unknown = rig.post("/api/trading/pause", json={"strategy": "NOBODY"})
    assert unknown.status_code == 422
    assert "NOBODY" in unknown.json()["detail"]


def test_one_order_is_cancelled_by_its_id(rig: Rig) -> None:
    one = min(working(rig))
    answer = rig.ask("DELETE", f"/api/trading/orders/{one}", role="operator", params={"why": "this one"})
    if answer.status_code != 200:  # it was filled meanwhile
        assert answer.json()["code"] in {"COMMAND_REFUSED", "ORDER_UNKNOWN", "REQUEST_INVALID"}, answer.text
        return
    rig.until(lambda: one not in working(rig))
    status = rig.get(f"/api/trading/orders/status/{one}").json()
    assert status["history"][-1]["to_state"] == status["status"]
    assert rig.get(f"/api/trading/orders/status/{status['client_order_id']}").json()["order_id"] == one


def test_limits_change_at_run_time_and_only_for_who_may(rig: Rig) -> None:
    words = {"max_daily_loss": -450.5, "portfolio_heat_limit": 0.018, "why": "a nervous day"}
    assert rig.ask("PUT", "/api/config/risk", role="operator", json=words).status_code == 403
    answer = rig.ask("PUT", "/api/config/risk", role="risk", json=words)
    assert answer.status_code == 200, answer.text
    rig.until(lambda: rig.get("/api/config/risk").json()["max_daily_loss"] == 450.5)
    limits = rig.get("/api/config/risk").json()
    assert limits["portfolio_heat_limit"] == 0.018
    assert limits["overrides"]
    throttle = rig.ask("PUT", "/api/config/throttle", role="risk", json={"max_orders_per_minute": 120})
    assert throttle.status_code == 200
    rig.until(lambda: rig.get("/api/config/throttle").json()["max_orders_per_minute"] == 120)


@pytest.mark.parametrize(
    "words", [{}, {"why": "nothing"}, {"max_drawdown": 2}, {"max_daily_loss": "much"}, {"unknown": 1}, [], "x"]
)
def test_limits_that_cannot_be_are_refused_with_what_is_wrong(rig: Rig, words: Any) -> None:
    answer = rig.ask("PUT", "/api/config/risk", role="risk", json=words)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "REQUEST_INVALID"


def test_several_desks_on_a_single_desks_route_are_refused_with_the_way_out(rig: Rig) -> None:
    answer = rig.ask("GET", "/api/config/risk", port="both")
    assert answer.status_code == 409
    problem = answer.json()
    assert problem["code"] == "DESK_AMBIGUOUS"
    assert "/desks/alpha/api/config/risk" in problem["detail"]
    assert rig.ask("GET", "/desks/alpha/api/config/risk", port="both").status_code == 200
    assert rig.ask("GET", "/desks/gamma/api/config/risk", port="both").json()["code"] == "DESK_UNKNOWN"


def test_a_kill_on_a_port_of_several_desks_reaches_all_and_says_of_each_what_became_of_it(rig: Rig) -> None:
    before = working(rig)
    answer = rig.post("/kill", port="both", content='{"enabled": false}')
    assert answer.status_code == 503
    problem = answer.json()
    assert problem["code"] == "DESK_NOT_ANSWERING"
    assert problem["desks"]["alpha"]["acknowledged"] is True
    assert problem["desks"]["beta"]["acknowledged"] is False
    rig.until(lambda: not before & working(rig))


def test_a_desk_that_has_never_run_is_named(rig: Rig) -> None:
    answer = rig.get("/status", port="beta")
    assert answer.status_code == 503
    assert answer.json()["code"] == "DESK_NEVER_RAN"
    assert "quarterdeck run beta" in answer.json()["detail"]


def test_the_same_key_is_done_once_and_answered_alike(rig: Rig) -> None:
    headers = {"Idempotency-Key": "pause-1"}
    first = rig.post("/api/trading/pause", json={"why": "once"}, headers=headers)
    again = rig.post("/api/trading/pause", json={"why": "once"}, headers=headers)
    assert first.status_code == again.status_code == 200
    assert first.content == again.content
    assert again.headers["idempotent-replayed"] == "true"
    paused = [one for one in commands(rig) if one.why == "once"]
    assert len(paused) == 1
    other = rig.post("/api/trading/pause", json={"why": "another"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    somebody = rig.post("/api/trading/pause", json={"why": "another"}, headers=headers, role="admin")
    assert somebody.status_code == 200  # a key is its caller's own
    assert rig.post("/api/trading/pause", headers={"Idempotency-Key": "x" * 300}).status_code == 400
    assert rig.post("/api/trading/pause", headers=headers, role="revoked").status_code == 401


def test_what_a_refused_request_leaves_behind_is_nothing(rig: Rig) -> None:
    headers = {"Idempotency-Key": "scope-1"}
    for _ in range(2):
        assert rig.post("/api/trading/pause", json={"strategy": "NOBODY"}, headers=headers).status_code == 422


def test_a_token_is_shown_once_and_not_kept_for_a_repeated_key(rig: Rig) -> None:
    words = {"person": "operator-2", "role": "viewer", "desks": ["alpha"], "days": 1}
    made = rig.post("/api/tokens", role="admin", json=words, headers={"Idempotency-Key": "token-1"})
    assert made.status_code == 201, made.text
    again = rig.post("/api/tokens", role="admin", json=words, headers={"Idempotency-Key": "token-1"})
    assert again.json() == {**made.json(), "token": None}
    secret = made.json()["token"]
    assert secret not in rig.get("/api/tokens", role="admin").text
    use = {"X-API-Key": secret}
    assert rig.get("/api/me", role=None, headers=use).json()["desks"] == ["alpha"]
    assert rig.get("/status", role=None, headers=use, port="beta").json()["desks"] == {}
    assert rig.get("/desks/beta/status", role=None, headers=use).json()["code"] == "DESK_NOT_YOURS"
    rotated = rig.post(f"/api/tokens/{made.json()['token_id']}/rotate", role="admin").json()
    bearer = {"Authorization": f"Bearer {rotated['token']}"}
    assert rig.get("/api/me", role=None, headers=bearer).status_code == 200
    assert rig.ask("DELETE", f"/api/tokens/{rotated['token_id']}", role="admin").json()["state"] == "revoked"
    assert rig.get("/api/me", role=None, headers=bearer).status_code == 401


def test_an_approval_names_the_command_that_it_is_for() -> None:
    words = approval_words(Command(verb=Verb.CONFIGURE, settings={"max_daily_loss": "-500"}, why="w", person="p"))
    assert words == '{"settings":{"max_daily_loss":"-500"},"verb":"configure"}'


def test_an_approval_is_asked_for_and_given_by_another(rig: Rig) -> None:
    asked = rig.post("/api/approvals", role="risk", json={"action": "unlock", "desks": ["alpha"]})
    assert asked.status_code == 201, asked.text
    number = asked.json()["approval_id"]
    assert rig.post(f"/api/approvals/{number}/approve", role="admin").json()["code"] == "APPROVAL_OWN"
    given = rig.post(f"/api/approvals/{number}/approve", role="second")
    assert given.json()["state"] == "approved", given.text
    assert given.json()["approver"] == "operator-2"


def test_alerts_silences_and_incidents(rig: Rig) -> None:
    made = rig.post("/api/incidents", json={"title": "a drill", "severity": "P3", "desk": "alpha"})
    assert made.status_code == 201, made.text
    number = made.json()["id"]
    assert rig.post(f"/api/incidents/{number}/note", json={"text": "seen", "kind": "cause"}).status_code == 200
    assert rig.post(f"/api/incidents/{number}/acknowledge").json()["state"] == "ACKNOWLEDGED"
    action = rig.post(f"/api/incidents/{number}/action", json={"text": "look", "owner": PERSON})
    assert action.status_code == 201
    assert rig.post(f"/api/incidents/actions/{action.json()['id']}/done").status_code == 200
    assert rig.post(f"/api/incidents/{number}/resolve").json()["state"] == "RESOLVED"
    assert rig.post(f"/api/incidents/{number}/resolve").status_code == 409
    told = rig.get(f"/api/incidents/{number}").json()
    assert {one["what"] for one in told["timeline"]} >= {"cause", "RESOLVED"}
    assert "a drill" in rig.post(f"/api/incidents/{number}/postmortem").text
    words = {"rule": "*", "desk": "alpha", "reason": "test", "hours": 0.01}
    silence = rig.post("/api/alerts/silences", json=words)
    assert silence.status_code == 201, silence.text
    assert rig.ask("DELETE", f"/api/alerts/silences/{silence.json()['id']}", role="operator").status_code == 200
    rig.until(lambda: bool(rig.get("/api/alerts").json()["alerts"]))
    alert = rig.get("/api/alerts").json()["alerts"][0]["id"]
    assert rig.post(f"/api/alerts/{alert}/acknowledge", json={"note": "mine"}).json()["acknowledged_by"] == PERSON
    assert rig.get("/api/alerts/999999").status_code == 404


def test_a_second_ops_plane_in_the_same_folder_says_so(rig: Rig) -> None:
    with pytest.raises(OpsError, match="another ops plane runs in this folder"):
        serve(load_ops(rig.folder), lambda _: None)


def test_an_address_that_is_taken_is_said(rig: Rig, tmp_path: Path) -> None:
    write_desks(tmp_path)
    write_ops(tmp_path, rig.ports)
    with pytest.raises(OpsError, match=f"{rig.ports['alpha']} cannot be listened at"):
        serve(load_ops(tmp_path), lambda _: None)
