"""The command for a child process that must not outlive its parent: it is told to end when its standard input ends."""

import os
import signal
import threading
from typing import Final

__all__ = ["main"]

_STANDARD_INPUT: Final = 0


def _follow() -> None:
    while os.read(_STANDARD_INPUT, 1_024):
        pass  # only its end says something
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Runs the command given in argv, as `quarterdeck` does, tied to the standard input."""
    threading.Thread(target=_follow, name="tether", daemon=True).start()
    from quarterdeck.cli import main as command  # noqa: PLC0415 - the tether stands before anything heavy is imported

    command()
