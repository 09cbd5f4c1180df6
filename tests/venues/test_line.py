"""What is tested: `quarterdeck.venues.line`: waits between attempts, and a connection that is kept."""

import queue
import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.venues.line import Backoff, StandingLine

PATIENCE_S = 20.0


def test_waits_grow_to_the_most_and_begin_anew_after_a_settled_connection() -> None:
    backoff = Backoff(first_s=1.0, most_s=4.0, factor=2.0, settled_s=5.0, seed=1)
    for most in (1.0, 2.0, 4.0, 4.0):
        assert most / 2 < backoff.wait_s() <= most
    assert 2.0 < backoff.wait_s(lasted_s=4.9) <= 4.0
    assert 0.5 < backoff.wait_s(lasted_s=5.0) <= 1.0


@given(seed=st.integers(0, 2**32), lasted=st.lists(st.floats(0, 20), max_size=30))
def test_the_same_seed_waits_the_same_and_never_too_long(seed: int, lasted: list[float]) -> None:
    one, other = Backoff(seed=seed), Backoff(seed=seed)
    waits = [one.wait_s(each) for each in lasted]
    assert waits == [other.wait_s(each) for each in lasted]
    assert all(0.05 <= wait <= 10.0 for wait in waits)


@pytest.mark.parametrize("wrong", [{"first_s": 0}, {"first_s": 2, "most_s": 1}, {"factor": 0.5}])
def test_waits_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="waits from"):
        Backoff(**wrong)


class Pipe:
    """A wire that ends when it is closed."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.released = 0

    def close(self) -> None:
        self.ended.set()

    def release(self) -> None:
        self.released += 1


class Scene:
    """A line whose attempts follow a script: each step is an error, or None for a wire that is attended."""

    def __init__(self, *script: OSError | None) -> None:
        self.script = list(script)
        self.wires: queue.Queue[Pipe] = queue.Queue()
        self.made: list[Pipe] = []
        self.reasons: queue.Queue[str] = queue.Queue()
        self.line = StandingLine(
            "scene", self.connect, self.attend, self.reasons.put, Backoff(first_s=0.001, most_s=0.002)
        )

    def connect(self) -> Pipe:
        step = self.script.pop(0) if self.script else None
        if step is not None:
            raise step
        self.made.append(Pipe())
        return self.made[-1]

    def attend(self, wire: Pipe) -> str:
        self.wires.put(wire)
        assert wire.ended.wait(PATIENCE_S)
        return "it ended"


def test_a_line_is_made_again_after_each_end_and_each_failure() -> None:
    scene = Scene(OSError("nobody there"), None, OSError("still nobody"))
    scene.line.open()
    assert "nobody there" in scene.reasons.get(timeout=PATIENCE_S)
    scene.wires.get(timeout=PATIENCE_S)
    scene.line.break_off()
    assert scene.reasons.get(timeout=PATIENCE_S) == "it ended"
    assert "still nobody" in scene.reasons.get(timeout=PATIENCE_S)
    scene.wires.get(timeout=PATIENCE_S)
    scene.line.close()
    assert [wire.released for wire in scene.made] == [1, 1]
    assert scene.reasons.empty()
    assert not [thread for thread in threading.enumerate() if thread.name == "scene line"]


def test_an_error_while_attending_is_a_reason() -> None:
    scene = Scene()

    def attend(_: Pipe) -> str:
        raise ConnectionResetError("reset by peer")

    scene.line = StandingLine("scene", scene.connect, attend, scene.reasons.put, Backoff(first_s=0.001))
    scene.line.open()
    assert "reset by peer" in scene.reasons.get(timeout=PATIENCE_S)
    scene.line.close()


def test_close_ends_a_long_wait_at_once() -> None:
    scene = Scene(OSError("nobody there"))
    scene.line = StandingLine(
        "scene", scene.connect, scene.attend, scene.reasons.put, Backoff(first_s=3_600, most_s=3_600)
    )
    scene.line.open()
    scene.reasons.get(timeout=PATIENCE_S)
    scene.line.close()
    assert scene.line.closing


def test_a_wire_that_was_made_while_the_line_closed_is_closed_too() -> None:
    connecting, go = threading.Event(), threading.Event()
    scene = Scene()

    def connect() -> Pipe:
        connecting.set()
        assert go.wait(PATIENCE_S)
        return scene.connect()

    scene.line = StandingLine("scene", connect, scene.attend, scene.reasons.put)
    scene.line.open()
    assert connecting.wait(PATIENCE_S)
    closer = threading.Thread(target=scene.line.close)
    closer.start()
    poll(lambda: scene.line.closing)
    go.set()
    closer.join(PATIENCE_S)
    assert not closer.is_alive()
    assert scene.made[0].released == 1


def poll(condition: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(20_000):
        if condition():
            return
        waiting.wait(0.001)
    raise AssertionError("it never came to be")
