"""The curl lines of runbooks: read from Markdown, and run by curl itself as they stand there.

The runbooks lie beside the repository, not in it: QUARTERDECK_RUNBOOKS names their folder, else ../shared/runbooks.
"""

import os
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.desk.builders import REPOSITORY

FOLDER: Final = Path(os.environ.get("QUARTERDECK_RUNBOOKS") or REPOSITORY.parent / "shared" / "runbooks")
PORTS: Final = (8002, 8080, 3001)  # that the runbooks call
OURS: Final = ("localhost", "127.0.0.1")
ELLIPSIS: Final = "…"  # what a table leaves out
TOKENS: Final = ("$(cat .ops_token)", "${OPS_API_TOKEN}")  # what a shell would put a token for


@dataclass(frozen=True)
class Line:
    """One curl: its words behind `curl`, and what its output is searched for. `ours`: it asks this machine."""

    book: str
    number: int
    words: tuple[str, ...]
    sought: str = ""

    @property
    def url(self) -> str:
        (found,) = [word for word in self.words if "://" in word]
        return found

    @property
    def ours(self) -> bool:
        return urlsplit(self.url).hostname in OURS

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def method(self) -> str:
        if "-X" in self.words:
            return self.words[self.words.index("-X") + 1]
        return "POST" if "-d" in self.words else "GET"

    def __str__(self) -> str:
        return f"{self.book}-{self.number}-{self.method}-{self.path}"


def read_lines(folder: Path) -> list[Line]:
    """Every curl of every runbook, in the order in which they stand there."""
    return [line for book in sorted(folder.glob("*.md")) for line in _of_book(book)]


def _of_book(book: Path) -> Iterator[Line]:
    fenced, waiting, begun = False, "", 0
    for number, raw in enumerate(book.read_text("utf-8").splitlines(), start=1):
        text = raw.strip()
        if text.startswith("```"):
            fenced = not fenced
        elif not fenced:
            for span in raw.split("`")[1::2]:
                if span.startswith("curl "):
                    yield _line(book.stem, number, span)
        elif waiting or text.startswith("curl "):
            begun = begun if waiting else number
            waiting = f"{waiting} {text}".strip()
            if waiting.endswith("\\"):
                waiting = waiting[:-1]
                continue
            yield _line(book.stem, begun, waiting)
            waiting = ""


def _line(book: str, number: int, text: str) -> Line:
    lexer = shlex.shlex(text.replace(ELLIPSIS, ""), posix=True, punctuation_chars="|;&<>")
    lexer.whitespace_split, lexer.commenters = True, ""
    commands: list[list[str]] = [[]]
    for word in lexer:
        if word == "|":
            commands.append([])
        else:
            commands[-1].append(word)
    sought = [command[1] for command in commands[1:] if command[0] == "grep"]
    return Line(book, number, tuple(commands[0][1:]), sought[0] if sought else "")


def run_line(line: Line, home: Path, token: str, port: int, order_id: str) -> tuple[int, str]:
    """Runs it by curl; returns the status and what was answered.

    curl's own configuration says the token, and at which of this machine's ports the runbook's are.
    """
    ports = [f'connect-to = "localhost:{asked}:127.0.0.1:{port}"' for asked in PORTS]
    words = [*ports, f'header = "X-OPS-TOKEN: {token}"', "silent", "show-error", "max-time = 60"]
    (home / ".curlrc").write_text("\n".join([*words, r'write-out = "\n%{http_code}"', ""]))
    said = [word.replace("ORDER_ID", order_id) for word in line.words]
    for shells in TOKENS:
        said = [word.replace(shells, token) for word in said]
    assert not any("$" in word for word in said), f"{line}: a shell would change this, and none runs it: {said}"
    done = subprocess.run(
        ["curl", *said],
        env={**os.environ, "CURL_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert done.returncode == 0, f"{line}: {done.stderr}"
    answer, _, status = done.stdout.rpartition("\n")
    return int(status), answer
