"""Who is let in: every route without, with a wrong, an expired, a revoked and a viewer's token.

What is tested: `quarterdeck.ops.api.routing`, `quarterdeck.ops.api.caller`, `quarterdeck.ops.api.problems`,
`quarterdeck.ops.api.shield`, `quarterdeck.ops.api.application`.
"""

import base64
from collections import Counter
from typing import Any

import pytest

from quarterdeck.ops.access import Role
from quarterdeck.ops.api.caller import is_loopback, secret_of
from quarterdeck.ops.api.problems import Problem
from tests.ops.api.rig import Rig

PLACES = {"desk": "alpha", "order_id": "1-1", "alert_id": "1", "silence_id": "1", "incident_id": "1", "action_id": "1"}
BODIES = {"PUT": {"max_orders_per_minute": 1}, "POST": {"why": "fuzz"}}


def routes(rig: Rig) -> list[tuple[str, str, str | None, str | None]]:
    """Every route: method, path with something in its places, the action and the role that it needs."""
    found: list[tuple[str, str, str | None, str | None]] = []
    paths: dict[str, dict[str, Any]] = rig.get("/openapi.json").json()["paths"]
    for path, operations in paths.items():
        for method, one in operations.items():
            filled = path.format_map({**PLACES, "token_id": "none", "approval_id": "none"})
            found.append((method.upper(), filled, one.get("x-action"), one.get("x-role")))
    return found


def commanded(rig: Rig) -> int:
    """How many commands the desk has heard."""
    return sum(line["event"] in {"COMMAND", "COMMAND_STOP"} for line in rig.log_lines())


def test_every_route_that_is_not_open_refuses_who_shows_nothing_good(rig: Rig) -> None:
    before, audited = commanded(rig), refusals(rig)
    closed = [route for route in routes(rig) if route[2] is not None]
    assert len(closed) > 70
    wrong = {"none": None, "wrong": "qdt_0000000000_" + "A" * 43, **{name: rig.tokens[name] for name in DEAD}}
    for method, path, _, _ in closed:
        for name, token in wrong.items():
            headers = {} if token is None else {"X-OPS-TOKEN": token}
            answer = rig.ask(method, path, role=None, headers=headers, json=BODIES.get(method))
            assert answer.status_code == 401, (method, path, name, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
            assert "Bearer" in answer.headers["www-authenticate"]
            assert answer.json()["code"] in CODES
    assert commanded(rig) == before
    rig.until(lambda: all((refusals(rig) - audited)[code] >= min(len(closed), 200) for code in CODES))


DEAD = ("expired", "revoked")
CODES = ("TOKEN_MISSING", "TOKEN_WRONG", "TOKEN_EXPIRED", "TOKEN_REVOKED")


def refusals(rig: Rig) -> Counter[str]:
    counts: Counter[str] = Counter()
    for line in rig.audit_lines():
        if "code" in line:
            counts[str(line["code"])] += int(line.get("times", 1))
    return counts


def test_a_viewer_changes_nothing(rig: Rig) -> None:
    before, audited = commanded(rig), refusals(rig)
    above = [route for route in routes(rig) if route[3] not in {None, Role.VIEWER}]
    assert len(above) > 40
    for method, path, action, _ in above:
        answer = rig.ask(method, path, role="viewer", json=BODIES.get(method))
        assert answer.status_code == 403, (method, path, action, answer.text)
        assert answer.json()["code"] == "ROLE_TOO_LOW"
    assert commanded(rig) == before
    assert (refusals(rig) - audited)["ROLE_TOO_LOW"] >= len(above)


def test_a_token_of_another_desk_neither_sees_nor_commands_this_one(rig: Rig) -> None:
    before = commanded(rig)
    for path in ("/api/emergency/kill-switch", "/desks/alpha/kill", "/api/trading/pause"):
        answer = rig.post(path, role="beta-admin")
        assert (answer.status_code, answer.json()["code"]) == (403, "DESK_NOT_YOURS")
    assert rig.get("/api/trading/positions", role="beta-admin").json()["positions"] == []
    assert [one["name"] for one in rig.get("/desks", role="beta-admin").json()["desks"]] == ["beta"]
    assert rig.post("/api/tokens", role="beta-admin", json={"person": "x", "role": "admin"}).status_code in {403, 422}
    assert commanded(rig) == before


def test_health_and_metrics_are_open_on_loopback(rig: Rig) -> None:
    for path in ("/healthz", "/api/health", "/metrics", "/readyz", "/docs", "/openapi.json"):
        assert rig.get(path, role=None).status_code == 200, path


def test_the_consoles_own_address_is_found(rig: Rig) -> None:
    for path in ("/", "/console"):
        answer = rig.get(path, role=None)
        assert (answer.status_code, answer.headers["location"]) == (307, "http://127.0.0.1:8003/")


def test_a_browser_sees_the_dashboard_with_the_token_as_its_password_and_commands_nothing(rig: Rig) -> None:
    asked = rig.get("/pnl_dashboard.html", role=None)
    assert asked.status_code == 401
    assert "Basic" in asked.headers["www-authenticate"]
    word = base64.b64encode(f"me:{rig.tokens['admin']}".encode()).decode()
    basic = {"Authorization": f"Basic {word}"}
    page = rig.get("/pnl_dashboard.html", role=None, headers=basic)
    assert page.status_code == 200
    assert "alpha" in page.text
    assert "script" not in page.text
    assert "://" not in page.text
    assert rig.post("/kill", role=None, headers=basic).status_code == 401


def test_a_loopback_port_answers_to_this_machines_names_alone(rig: Rig) -> None:
    answer = rig.get("/healthz", headers={"Host": "rebound.example:8002"})
    assert (answer.status_code, answer.json()["code"]) == (421, "HOST_UNKNOWN")
    for name in ("localhost", "127.0.0.1:1", "[::1]:80", "api.localhost"):
        assert rig.get("/docs", headers={"Host": name}).status_code == 200


def test_every_answer_says_what_a_browser_must_not_do(rig: Rig) -> None:
    for path in ("/docs", "/nowhere", "/status"):
        headers = rig.get(path, role=None).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "server" not in headers


def test_errors_are_problem_documents(rig: Rig) -> None:
    absent = rig.get("/strategy/weights")
    assert (absent.status_code, absent.json()["code"]) == (404, "NOT_FOUND")
    method = rig.ask("DELETE", "/status")
    assert (method.status_code, method.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    large = rig.post("/kill", content=b'{"why": "' + b"x" * 100_000 + b'"}')
    assert (large.status_code, large.json()["code"]) == (413, "BODY_TOO_LARGE")
    broken = rig.post("/api/trading/pause", content=b"{")
    assert (broken.status_code, broken.json()["code"]) == (422, "REQUEST_INVALID")
    unknown = rig.get("/api/trading/orders/status/999-999")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "ORDER_UNKNOWN")
    for answer in (absent, method, large, broken, unknown):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json().keys() >= {"type", "title", "status", "code", "detail", "instance"}


def test_the_log_of_the_ops_plane_has_who_was_not_let_in(rig: Rig) -> None:
    assert rig.get("/status", role=None).status_code == 401
    log = (rig.folder / "ops" / "logs" / "ops.log").read_text()
    assert '"event":"unauthorized"' in log
    for token in rig.tokens.values():
        assert token not in log


def test_a_token_stands_in_one_place() -> None:
    assert secret_of({"authorization": "Bearer a", "x-ops-token": "a"}) == "a"
    assert secret_of({"x-api-key": " a "}) == "a"
    assert secret_of({"authorization": "Basic eDp5"}) is None
    with pytest.raises(Problem, match="different tokens"):
        secret_of({"x-api-key": "a", "x-ops-token": "b"})


@pytest.mark.parametrize(
    ("host", "own"), [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("10.0.0.1", False), ("name", False)]
)
def test_loopback(host: str, own: bool) -> None:
    assert is_loopback(host) is own
