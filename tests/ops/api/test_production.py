"""An ops plane in production, over TLS, that demands second factors and second persons: all of it through HTTP.

It looks after the desk of the other tests here. What is tested: `quarterdeck.ops.process`, `quarterdeck.ops.commands`,
`quarterdeck.ops.access.gate`, `quarterdeck.ops.api.emergency`, `quarterdeck.ops.api.people`.
"""

import ipaddress
import ssl
import time
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pyotp.totp import TOTP
from sqlalchemy import delete, update

from quarterdeck.audit.operators import OperatorCommand, operator_commands
from quarterdeck.config import load_desk
from quarterdeck.config.ops import OpsConfig, load_ops
from quarterdeck.errors import OpsError
from quarterdeck.ops.access import Gate, Role
from quarterdeck.ops.access.tables import APPROVALS, CODES
from quarterdeck.ops.access.trail import read_trail, verify_trail
from quarterdeck.ops.process import serve
from quarterdeck.ops.store import Store
from tests.ops.api.rig import Rig, Running, free_ports

PEOPLE = {"operator-1": Role.RISK, "operator-2": Role.RISK, "watcher": Role.OPERATOR}
SETTINGS = """
[ops]
desks = ["{desk}"]
production = true
[[listen]]
port = {tls}
tls_certificate = "server.crt"
tls_key = "server.secret"
[[listen]]
port = {plain}
[access]
four_eyes = ["unlock", "configure"]
failures = {failures}
"""
STEP_S = 30
AWAY_S = 5


def certificate(folder: Path) -> None:
    """A certificate of this machine's address, made and signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "server.crt").write_bytes(made.public_bytes(Encoding.PEM))
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "server.secret").write_bytes(secret)


class Production:
    """The plane, and a client that knows its certificate."""

    def __init__(self, folder: Path, rig: Rig, failures: int = 5) -> None:
        self.folder, self.rig = folder, rig
        folder.mkdir()
        certificate(folder)
        self.tls, self.plain = free_ports(2)
        words = {"desk": rig.folder / "alpha", "tls": self.tls, "plain": self.plain, "failures": failures}
        (folder / "ops.toml").write_text(SETTINGS.format(**words))
        self.config: OpsConfig = load_ops(folder)
        self.tokens: dict[str, str] = {}
        self.factors: dict[str, TOTP] = {}
        self._introduce()
        self.ops = Running(("ops", str(folder)), folder, "ops")
        self.client = httpx.Client(verify=ssl.create_default_context(cafile=folder / "server.crt"), timeout=30.0)
        self.ops.until(self._answers)

    def _introduce(self) -> None:
        """People as the command line makes them: with a token each, and all but one with a second factor."""
        store = Store(self.config.data)
        gate = Gate(store, self.config.access, True, self.config.data / "access.jsonl")
        for name, role in PEOPLE.items():
            gate.people.add(name, role)
            self.tokens[name], _ = gate.tokens.new(name, role)
            if name != "watcher":
                self.factors[name] = TOTP(gate.people.set_totp(name)[0])
        self.tokens["operator-1 again"], _ = gate.tokens.new("operator-1", Role.RISK)
        gate.close()
        store.close()

    def _answers(self) -> bool:
        try:
            return self.client.get(self.url("/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    def url(self, path: str) -> str:
        return f"https://127.0.0.1:{self.tls}{path}"

    def ask(self, method: str, path: str, who: str, code: str | None = None, **words: Any) -> httpx.Response:
        """One request of somebody's, with a code of a second factor and an approval where they are given."""
        headers = {"X-OPS-TOKEN": self.tokens[who]}
        approval = words.pop("approval", None)
        if code is not None:
            headers["X-TOTP"] = code
        if approval is not None:
            headers["X-Approval"] = approval
        return self.client.request(method, self.url(path), headers=headers, **words)

    def post(self, path: str, who: str, code: str | None = None, **words: Any) -> httpx.Response:
        return self.ask("POST", path, who, code, **words)

    def code(self, name: str, steps: int = 0) -> str:
        """The code of now, or of so many half minutes later: the gate takes one that is half a minute early or late.

        One that would end while it is on its way is waited for until the next begins.
        """
        left_s = STEP_S - time.time() % STEP_S
        if left_s < AWAY_S:
            time.sleep(left_s)
        return self.factors[name].at(int(time.time()) + steps * STEP_S)

    def later(self) -> None:
        """As if minutes had gone: of the codes that were used nothing is known any more, and other ones are shown."""
        store = Store(self.config.data)
        with store.writing() as line:
            line.execute(delete(CODES))
        store.close()

    def trail(self) -> list[dict[str, Any]]:
        return list(read_trail(self.config.data / "access.jsonl"))

    def audited(self, what: str, **facts: str) -> list[dict[str, Any]]:
        """The records of one kind that say all of this."""
        return [one for one in self.trail() if one["what"] == what and facts.items() <= one.items()]

    def journaled(self) -> list[OperatorCommand]:
        folder = self.rig.folder / "alpha"
        return list(operator_commands(folder, load_desk(folder)))

    def status(self) -> dict[str, Any]:
        return self.ask("GET", "/api/trading/status", "watcher").json()

    def close(self) -> None:
        self.client.close()
        self.ops.kill()


@pytest.fixture(scope="module")
def plane(shared_rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Generator[Production]:
    made = Production(tmp_path_factory.mktemp("production") / "plane", shared_rig)
    try:
        yield made
    finally:
        made.close()


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_https_is_spoken_to_whoever_knows_the_certificate(plane: Production) -> None:
    answer = plane.ask("GET", "/api/me", "operator-1")
    assert answer.json()["person"] == "operator-1"
    assert "max-age" in answer.headers["strict-transport-security"]
    named = plane.client.get(f"https://localhost:{plane.tls}/healthz")
    assert named.headers["x-content-type-options"] == "nosniff"


def test_a_stranger_to_the_certificate_and_plain_http_are_refused(plane: Production) -> None:
    with httpx.Client() as stranger, pytest.raises(httpx.ConnectError, match="certificate"):
        stranger.get(plane.url("/healthz"))
    with httpx.Client() as plain:
        with pytest.raises(httpx.TransportError):
            plain.get(f"http://127.0.0.1:{plane.tls}/healthz")
        beside = plain.get(f"http://127.0.0.1:{plane.plain}/healthz")  # the other port has no TLS, and says so
        assert beside.status_code in {200, 503}
        assert "strict-transport-security" not in beside.headers
    old = ssl.create_default_context(cafile=plane.folder / "server.crt")
    old.minimum_version = ssl.TLSVersion.TLSv1_2
    assert httpx.get(plane.url("/docs"), verify=old).status_code == 200
    said = plane.ops.said.read_text()
    assert f"https://127.0.0.1:{plane.tls}" in said
    assert f"http://127.0.0.1:{plane.plain}" in said


@pytest.mark.parametrize("broken", ["server.crt", "server.secret"])
def test_a_certificate_that_cannot_be_used_is_said_before_anything_listens(
    plane: Production, tmp_path: Path, broken: str
) -> None:
    certificate(tmp_path)
    (tmp_path / broken).write_text("nonsense")
    port = free_ports(1)[0]
    listen = f'port = {port}\ntls_certificate = "server.crt"\ntls_key = "server.secret"'
    (tmp_path / "ops.toml").write_text(f'[ops]\ndesks = ["{plane.rig.folder / "alpha"}"]\n[[listen]]\n{listen}\n')
    with pytest.raises(OpsError, match=r"server\.crt: the certificate or its key cannot be used"):
        serve(load_ops(tmp_path), lambda _: None)


def test_a_dangerous_command_wants_a_code_and_is_done_with_it(plane: Production) -> None:
    plane.later()
    plane.rig.trading_again()
    before = len(plane.journaled())
    refused(plane.post("/kill", "operator-1"), 403, "TOTP_MISSING")
    refused(plane.post("/kill", "operator-1", "000 00"), 403, "TOTP_WRONG")
    refused(plane.post("/kill", "watcher", "000000"), 403, "TOTP_NOT_SET_UP")
    refused(plane.post("/kill", "operator-1", plane.code("operator-2")), 403, "TOTP_WRONG")
    assert len(plane.journaled()) == before
    code = plane.code("operator-1")
    done = plane.post("/kill", "operator-1", code, json={"enabled": False, "why": "with a code"})
    assert done.status_code == 200, done.text
    command = plane.journaled()[-1]
    assert (command.verb, command.person, command.why) == ("kill", "operator-1", "with a code")
    assert command.sequence == done.json()["desks"]["alpha"]["command_sequence"]
    plane.rig.until(lambda: not plane.status()["auto_trading"])
    refused(plane.post("/kill", "operator-1", code), 403, "TOTP_USED")
    refused(plane.post("/api/emergency/liquidate-all", "operator-1 again", code), 403, "TOTP_USED")
    assert plane.journaled()[-1].sequence == command.sequence
    resumed = plane.post("/api/trading/resume", "operator-1", code)  # another command, and the same holder
    assert resumed.status_code == 200, resumed.text
    kills = plane.audited("permitted", action="kill", desk="alpha", person="operator-1")
    assert len(kills) == 1
    for word, many in (("TOTP_MISSING", 1), ("TOTP_WRONG", 2), ("TOTP_NOT_SET_UP", 1), ("TOTP_USED", 2)):
        assert len(plane.audited("refused", code=word)) == many, word


def test_what_is_not_dangerous_wants_no_code(plane: Production) -> None:
    assert plane.post("/api/trading/pause", "watcher", json={"strategy": "SCALP"}).status_code == 200
    assert plane.post("/api/trading/acknowledge", "operator-2").status_code == 200
    assert plane.rig.post("/api/trading/resume", json={"strategy": "SCALP"}).status_code == 200  # for the others


def asked(plane: Production, who: str, action: str, **words: Any) -> str:
    answer = plane.post("/api/approvals", who, json={"action": action, "desks": ["alpha"], **words})
    assert answer.status_code == 201, answer.text
    assert answer.json()["state"] == "pending"
    return str(answer.json()["approval_id"])


def expire(plane: Production, approval: str) -> None:
    """As if its minutes were over."""
    store = Store(plane.config.data)
    with store.writing() as line:
        line.execute(update(APPROVALS).where(APPROVALS.c.approval_id == approval).values(expires_ns=time.time_ns()))
    store.close()


def test_a_lock_is_opened_by_two_people(plane: Production) -> None:
    plane.later()
    locked = plane.post("/api/emergency/lock", "operator-1", plane.code("operator-1"), json={"why": "drill"})
    assert locked.status_code == 200, locked.text
    unlock, code = "/api/emergency/unlock", plane.code("operator-1")
    refused(plane.post(unlock, "operator-1", code), 403, "APPROVAL_NEEDED")
    approval = asked(plane, "operator-1", "unlock")
    way = f"/api/approvals/{approval}/approve"
    refused(plane.post(unlock, "operator-1", code, approval=approval), 403, "APPROVAL_PENDING")
    refused(plane.post(way, "operator-1", plane.code("operator-1")), 403, "APPROVAL_OWN")
    refused(plane.post(way, "operator-1 again", plane.code("operator-1", -1)), 403, "APPROVAL_OWN")
    refused(plane.post(way, "watcher"), 403, "ROLE_TOO_LOW")
    refused(plane.post(way, "operator-2"), 403, "TOTP_MISSING")
    assert [one["approval_id"] for one in plane.ask("GET", "/api/approvals", "operator-2").json()["approvals"]] == [
        approval
    ]
    given = plane.post(way, "operator-2", plane.code("operator-2"))
    assert (given.status_code, given.json()["state"], given.json()["approver"]) == (200, "approved", "operator-2")
    refused(plane.post(unlock, "operator-2", plane.code("operator-2"), approval=approval), 403, "APPROVAL_OTHER")
    refused(plane.post(unlock, "operator-1", approval=approval), 403, "TOTP_MISSING")  # it is not used up by that
    code = plane.code("operator-1")
    done = plane.post(unlock, "operator-1", code, approval=approval, json={"why": "all is well"})
    assert done.status_code == 200, done.text
    command = plane.journaled()[-1]
    assert (command.verb, command.person, command.why) == ("unlock", "operator-1", "all is well")
    refused(plane.post(unlock, "operator-1", plane.code("operator-1", 1), approval=approval), 403, "APPROVAL_USED")
    assert len(plane.audited("approval_asked", action="unlock", person="operator-1", approval=approval)) == 1
    assert len(plane.audited("approved", person="operator-2", asked_by="operator-1", approval=approval)) == 1
    assert len(plane.audited("permitted", action="unlock", person="operator-1", approver="operator-2")) == 1
    assert len(plane.audited("refused", code="APPROVAL_OWN")) == 2


def test_a_limit_is_changed_by_two_people_and_only_to_what_was_approved(plane: Production) -> None:
    """Whatever way a number is written in, -450.5 is what was approved, and -999 is not."""
    plane.later()
    route = "/api/config/risk"
    wider = {"max_daily_loss": -450.5, "why": "a nervous day"}
    refused(plane.ask("PUT", route, "operator-2", json=wider), 403, "APPROVAL_NEEDED")
    approval = asked(plane, "operator-2", "configure", settings={"max_daily_loss": -450.50})
    given = plane.post(f"/api/approvals/{approval}/approve", "operator-1", plane.code("operator-1"))
    assert given.status_code == 200, given.text
    code = plane.code("operator-2")
    other = plane.ask("PUT", route, "operator-2", code, json={"max_daily_loss": -999}, approval=approval)
    refused(other, 403, "APPROVAL_OTHER")
    done = plane.ask("PUT", route, "operator-2", code, json=wider, approval=approval)
    assert done.status_code == 200, done.text
    plane.rig.until(lambda: plane.ask("GET", route, "watcher").json()["max_daily_loss"] == 450.5)
    again = plane.ask("PUT", route, "operator-2", plane.code("operator-2", 1), json=wider, approval=approval)
    refused(again, 403, "APPROVAL_USED")
    assert len(plane.audited("permitted", action="configure", person="operator-2", approver="operator-1")) == 1


def test_an_approval_does_not_last(plane: Production) -> None:
    """Neither one that nobody gave in time, nor one that was given and not used."""
    plane.later()
    late = asked(plane, "operator-1", "unlock")
    expire(plane, late)
    code = plane.code("operator-2")
    refused(plane.post(f"/api/approvals/{late}/approve", "operator-2", code), 403, "APPROVAL_EXPIRED")
    assert plane.ask("GET", "/api/approvals", "operator-2").json()["approvals"] == []
    given = asked(plane, "operator-2", "unlock")
    answer = plane.post(f"/api/approvals/{given}/approve", "operator-1", plane.code("operator-1"))
    assert answer.status_code == 200, answer.text
    expire(plane, given)
    refused(
        plane.post("/api/emergency/unlock", "operator-2", plane.code("operator-2"), approval=given),
        403,
        "APPROVAL_EXPIRED",
    )
    assert len(plane.audited("refused", code="APPROVAL_EXPIRED", person="operator-2")) == 2


def test_who_guesses_codes_is_locked_out(plane: Production) -> None:
    """Five wrong ones in a minute, then not even the right one; the last test here, since it locks that person."""
    answers = [plane.post("/kill", "operator-2", f"{number:06}x").status_code for number in range(5)]
    assert answers == [403] * 5
    locked = plane.post("/kill", "operator-2", plane.code("operator-2"))
    refused(locked, 429, "LOCKED_OUT")
    assert int(locked.headers["retry-after"]) > 0


def test_the_trail_of_all_this_is_whole_and_has_no_secret(plane: Production) -> None:
    assert plane.ops.stop() == 0
    file = plane.config.data / "access.jsonl"
    store = Store(plane.config.data)
    verify_trail(file, store)
    store.close()
    text = file.read_text() + plane.ops.said.read_text() + (plane.config.data / "logs" / "ops.log").read_text()
    for secret in (*plane.tokens.values(), *(factor.secret for factor in plane.factors.values())):
        assert secret not in text
