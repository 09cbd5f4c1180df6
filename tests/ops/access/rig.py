"""A gate with a clock that tests set, and people with second factors."""

from pathlib import Path

from pyotp.totp import TOTP

from quarterdeck.config.ops import AccessSettings
from quarterdeck.ops.access import Gate, Role
from quarterdeck.ops.store import Store

PASSWORD = "seven grey geese over water"
HERE = "127.0.0.1"
SECOND = 1_000_000_000
DAY = 86_400 * SECOND
START = 1_800_000_000 * SECOND


class Clock:
    """UTC nanoseconds that go on when a test says so."""

    def __init__(self) -> None:
        self.now_ns = START

    def __call__(self) -> int:
        return self.now_ns

    def wait(self, seconds: float) -> None:
        self.now_ns += int(seconds * SECOND)


class Rig:
    """A gate in a folder of its own."""

    def __init__(self, folder: Path, *, production: bool = False, url: str | None = None, **settings: object) -> None:
        self.folder, self.clock = folder, Clock()
        self.settings = AccessSettings.model_validate(settings)
        self.store = Store(folder, url)
        self.file = folder / "access.jsonl"
        self.gate = Gate(self.store, self.settings, production, self.file, self.clock)
        self.factors: dict[str, TOTP] = {}

    def person(self, name: str, role: Role, desks: tuple[str, ...] = (), *, totp: bool = False) -> None:
        self.gate.people.add(name, role, desks)
        self.gate.people.set_password(name, PASSWORD)
        if totp:
            self.factors[name] = TOTP(self.gate.people.set_totp(name)[0])

    def code(self, name: str) -> str:
        return self.factors[name].at(self.clock.now_ns // SECOND)

    def close(self) -> None:
        self.gate.close()
        self.store.close()
