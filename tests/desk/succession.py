"""The succession proof: a live desk's leader dies, or sleeps, under load, and its standby goes on; nothing is lost.

    python -m tests.desk.succession [--rounds 10] [--seed N] [--store file|postgresql]

Two processes of one desk, in one folder or in two with a database between them (synchronous). In each round the leader
is killed, or stopped past its lease and woken again, or told to hand over; the standby leads, and a new one begins to
follow, in the folder of the one that is gone. At the end the desk is compared with the exchange as in the kill proof.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("QUARTERDECK_CAPACITY", "small")

from quarterdeck.desk.place import DeskPlace
from quarterdeck.desk.wire import Command, Verb, ask
from quarterdeck.errors import DeskError
from quarterdeck.twins.practice_faults import Admin, Fault, ask_admin
from tests import servers
from tests.desk.killed import Process, Proof, write_desk

STANDBY: Final = """
[standby]
ttl_s = 1.0
margin_s = 0.3
longest_request_s = 0.6
"""
HOW: Final = ("kill", "sleep", "hand over", "kill")


class Succession(Proof):
    """`folder` is always the leader's, `other` the standby's."""

    def __init__(self, root: Path, seed: int, url: str | None) -> None:
        self.other = root / "b" if url else root / "a"
        self.took_s: dict[str, list[float]] = {}
        self._store = 'store = "postgresql"\nsynchronous = true\n' if url else 'store = "file"\n'
        self._settings(root / "a")
        if url:
            self._settings(self.other)
            (self.other / "practice.sock").symlink_to(root / "a" / "practice.sock")
            os.environ["DATABASE_URL"] = url
        self._exchange_folder = root / "a"
        super().__init__(root / "a", seed)
        self._settings(root / "a")
        self.wait_ready()
        self.standby = self.follow()

    def _settings(self, folder: Path) -> None:
        write_desk(folder)
        with (folder / "desk.toml").open("a") as file:
            file.write(STANDBY + self._store)

    def start_desk(self, mood: str) -> Process:
        """The first leader, or the last one, which is calm. A test's write_desk has just written the desk anew."""
        self._settings(self.folder)
        return Process("-m", "tests.desk.busy_pair", str(self.folder), mood, "run")

    def follow(self) -> Process:
        made = Process("-m", "tests.desk.busy_pair", str(self.other), "busy", "follow")
        made.line("following")
        return made

    def wait_ready(self) -> None:
        self.desk.line("ready")

    def succeed_once(self, how: str) -> None:
        """The leader goes, one way or another; the standby leads, and somebody follows it."""
        time.sleep(self.chance.random() * 1.5)
        began = time.monotonic()
        old, self.desk = self.desk, self.standby
        if how == "kill":
            old.kill()
        elif how == "sleep":
            old.signal(signal.SIGSTOP)
            if self.folder == self.other:  # it holds the journal's lock until it is woken and finds its lease over
                time.sleep(1.6)
                old.signal(signal.SIGCONT)
        else:
            self._hand_over(lambda: old.ended)
        self.desk.line("ready")
        self.took_s.setdefault(how, []).append(time.monotonic() - began)
        if how == "sleep":
            old.signal(signal.SIGCONT)
            assert "lost" in old.rest(), "it must know that it no longer leads"
        elif how == "hand over":
            said = old.rest()
            assert "digest" in said or "lost" in said
        self.folder, self.other = self.other, self.folder
        self.standby = self.follow()

    def _hand_over(self, gone: Callable[[], bool]) -> None:
        """Asks until the leader has heard its standby."""
        until = time.monotonic() + 20
        while True:
            try:
                ask(DeskPlace(self.folder).socket, "practised", Command(verb=Verb.HANDOVER, person="ada"))
            except DeskError:
                if gone():
                    return  # so busy a machine that it did not renew in time: its standby leads already
                assert time.monotonic() < until
                time.sleep(0.05)
            else:
                return

    def end(self) -> dict[str, Any]:
        """Stops both, lets a calm leader come to rest, and compares."""
        self.standby.stop()
        self.desk.kill()
        self.desk = self.start_desk("calm")
        self.wait_ready()
        ask_admin(self.address, Admin(fault=Fault.HALT, amount=1))
        self._until_agreed()
        digest = self.desk.stop().split()[-1]
        record = ask_admin(self.address, Admin(account="practised"))
        self.exchange.stop()
        found = self._compare(digest, record)
        took = {how: ", ".join(f"{one:.2f}" for one in figures) for how, figures in self.took_s.items()}
        kept = ("orders sent", "fills", "open orders at the end", "journal records", "digest")
        return {**took, **{name: found[name] for name in kept}}

    def kill_all(self) -> None:
        for process in (self.desk, self.standby, self.exchange):
            process.kill()


def prove(root: Path, rounds: int, seed: int, url: str | None) -> dict[str, Any]:
    """So many rounds, each way at least once where there are enough. AssertionError: something was lost or doubled."""
    proof = Succession(root, seed, url)
    try:
        ways = random.Random(seed)
        for number in range(rounds):
            proof.succeed_once(HOW[number] if number < len(HOW) else ways.choice(HOW))
        return proof.end()
    finally:
        proof.kill_all()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**31))
    parser.add_argument("--store", choices=("file", "postgresql"), default="postgresql")
    asked = parser.parse_args()
    sys.stdout.write(f"succession proof: {asked.rounds} rounds, seed {asked.seed}, {asked.store}\n")
    with tempfile.TemporaryDirectory() as scratch:
        if asked.store == "file":
            found = prove(Path(scratch), asked.rounds, asked.seed, None)
        else:
            run = servers.Run()
            try:
                with servers.fresh_database(servers.server_url(run.folder)) as url:
                    found = prove(Path(scratch), asked.rounds, asked.seed, url)
            finally:
                run.end()
    sys.stdout.write("".join(f"{name:<26} {value}\n" for name, value in found.items()))


if __name__ == "__main__":
    main()
