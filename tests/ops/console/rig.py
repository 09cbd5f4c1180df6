"""A real paper desk and a real console, each a process of its own, two people with second factors, and Chromium."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, Page, sync_playwright
from pyotp.totp import TOTP

from quarterdeck.config.ops import load_ops
from quarterdeck.ops.access import Gate, Role
from quarterdeck.ops.access.doors import Doors
from quarterdeck.ops.alerts.book import AlertBook, fire
from quarterdeck.ops.alerts.model import Alert, Finding, Severity
from quarterdeck.ops.store import Store
from tests.desk.builders import REPOSITORY, desk_folder

DESK = "alpha"
PASSWORD = "seven grey geese over water"
PEOPLE = ("operator-1", "operator-2", "operator-3", "operator-4")
PATIENCE_S = 150.0  # many tests share few processors
SPEED = "40"  # the desk trades every few seconds
PROGRAM = (sys.executable, "-c", "from quarterdeck.cli import main; main()")
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
ARTEFACTS_VARIABLE = "QUARTERDECK_ARTEFACTS"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


def until(condition: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """Waits for something to be so; returns what it was."""
    deadline = time.monotonic() + patience_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.05)
    return found


class Rig:
    """The processes, where they lie, and what people need to sign in."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        known = ('people = ["operator-1", "operator-2"]', f"people = {json.dumps(PEOPLE)}")
        desk_folder(folder / DESK, ('name = "xrpliquid"', f'name = "{DESK}"'), known)
        report = folder / DESK / "reports" / "risk"
        report.mkdir(parents=True)
        (report / "var_es.json").write_text('{"var_95": 0.01}\n')
        settings = f'[ops]\ndesks = ["{DESK}"]\nproduction = true\nconsole_port = {self.port}\n'
        (folder / "ops.toml").write_text(f'{settings}[access]\nfour_eyes = ["unlock"]\n')
        self.config = load_ops(folder)
        self.store = Store(self.config.data)
        self.factors = self._people()
        self._said: list[Path] = []
        self.desk = self._start("desk", "run", str(folder / DESK), "--speed", SPEED)
        self.console = self._start("console", "console", str(folder))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait(self) -> None:
        """Until both answer."""
        until(self._console_answers, f"the console answers: {self._last_words()}")
        until((self.folder / DESK / "data" / "control.sock").exists, f"the desk runs: {self._last_words()}")

    def alert(self, summary: str) -> int:
        """Fires an alert, as the engine in another process does."""
        finding = Finding(rule="feed-stale", desk=DESK, subject=summary, severity=Severity.P2, summary=summary)
        with self.store.writing() as line:
            return fire(line, finding, time.time_ns())

    def find_alert(self, number: int) -> Alert:
        return AlertBook(self.store).find(number)

    def code(self, person: str) -> str:
        return self.factors[person].now()

    def stop(self) -> None:
        for process in (self.console, self.desk):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        codes = [process.wait(PATIENCE_S) for process in (self.console, self.desk)]
        self.store.close()
        assert codes == [0, 0], f"{codes}: {self._last_words()}"

    def _people(self) -> dict[str, TOTP]:
        gate = Gate(self.store, self.config.access, True, self.config.data / "access.jsonl")
        factors = {}
        for name in PEOPLE:
            gate.people.add(name, Role.RISK)
            gate.people.set_password(name, PASSWORD)
            factors[name] = TOTP(gate.people.set_totp(name)[0])
        gate.close()
        return factors

    def _start(self, name: str, *words: str) -> "subprocess.Popen[bytes]":
        said = self.folder / f"{name}.said"
        self._said.append(said)
        environment = {key: value for key, value in os.environ.items() if key != "PYTEST_CURRENT_TEST"}
        with said.open("wb") as out:
            return subprocess.Popen(
                [*PROGRAM, *words], cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment
            )

    def _console_answers(self) -> bool:
        assert self.console.poll() is None, self._last_words()
        try:
            return httpx.get(f"{self.url}/alive").status_code == 200
        except httpx.TransportError:
            return False

    def _last_words(self) -> str:
        return "\n".join(f"{path.name}: {path.read_text()[-2_000:]}" for path in self._said)


@contextmanager
def running(folder: Path) -> Iterator[Rig]:
    rig = Rig(folder)
    try:
        rig.wait()
        yield rig
    finally:
        rig.stop()


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


class Screen:
    """One browser page of some size, whatever it asks for, and where its pictures go."""

    def __init__(self, rig: Rig, browser: Browser, size: str, scheme: str, folder: Path) -> None:
        width, height = {"wide": (1440, 900), "phone": (390, 844)}[size]
        self.rig, self.name, self._folder = rig, f"{size}-{scheme}", folder
        self.context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_S * 1e3 / 3)
        self.asked_for: list[str] = []
        self.troubles: list[str] = []
        self.page.on("request", lambda request: self.asked_for.append(request.url))
        self.page.on("websocket", lambda socket: self.asked_for.append(socket.url))
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("console", lambda said: self.troubles.append(said.text) if said.type == "error" else None)

    def sign_in(self, person: str, password: str = PASSWORD) -> None:
        page = self.page
        page.goto(f"{self.rig.url}/sign-in")
        page.get_by_label("Person").fill(person)
        page.get_by_label("Password").fill(password)
        page.get_by_label("Code of your authenticator").fill(self.rig.code(person))
        page.keyboard.press("Enter")

    def enter(self, person: str) -> None:
        """A session without the sign-in's page: a code that was used there is of no use to another session."""
        secret, _ = Doors(self.rig.store, time.time_ns).open_session(person, "a test")
        self.context.add_cookies([{"name": "quarterdeck_session", "value": secret, "url": self.rig.url}])

    def open(self, path: str) -> None:
        self.page.goto(self.rig.url + path)
        self.page.locator("h1").wait_for()

    def command(self, word: str, person: str, answer: str, approval: str = "") -> str:
        """Says an emergency word to the desk, as a person does; returns what is shown once it has such an answer."""
        page = self.page
        if page.locator(f".bar-buttons > [data-word={word}]").count() == 0:
            page.locator(".bar summary").click()
        page.locator(f".bar [data-word={word}]").click()
        dialogue = page.get_by_role("dialog")
        dialogue.get_by_label("Why").fill("a drill")
        dialogue.get_by_label(f"Type {DESK} to confirm").fill(DESK)
        dialogue.get_by_label("Code of your authenticator").fill(self.rig.code(person))
        if approval:
            dialogue.get_by_label("Approval of a second person").fill(approval)
        page.keyboard.press("Enter")
        shown = page.locator(".toast", has_text=answer).last
        shown.wait_for()
        return shown.inner_text()

    def picture(self, what: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=self._folder / f"{what}-{self.name}.png")

    def close(self) -> None:
        self.context.close()


def artefacts(folder: Path) -> Path:
    """Where screenshots are kept: QUARTERDECK_ARTEFACTS, or the test's own folder."""
    named = os.environ.get(ARTEFACTS_VARIABLE)
    return Path(named) / "console" if named else folder
