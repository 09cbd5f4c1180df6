"""The desk's logs: JSON lines in logs/system.log, logs/trading.log and logs/error.log, written off the trading path.

logs/trading_platform.log has every line of the three, once, with its level in capitals. No line holds a credential:
`desk.redaction` puts its kind in its place.
"""

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TextIO

import structlog

from quarterdeck.config.credentials import CredentialsFile
from quarterdeck.desk.narrative import Channel, Line
from quarterdeck.desk.redaction import Redactor, environment_secrets
from quarterdeck.errors import AuditError

__all__ = ["DeskLogs"]

_CHANNELS: Final[tuple[Channel, ...]] = ("system", "trading", "error")
_PLATFORM: Final = "trading_platform"  # all of them in one


class _Lines:
    """Where a logger's lines go: into their own file, and into the one of all where there is one."""

    def __init__(self, file: TextIO, platform: Callable[[], TextIO] | None) -> None:
        self._file, self._platform = file, platform

    def info(self, line: str) -> None:
        self._write(line, "info")

    def error(self, line: str) -> None:
        self._write(line, "error")

    def _write(self, line: str, level: str) -> None:
        self._file.write(f"{line}\n")
        self._file.flush()
        if self._platform is not None:
            file = self._platform()
            file.write(line.replace(f'"level":"{level}"', f'"level":"{level.upper()}"', 1) + "\n")
            file.flush()


class DeskLogs:
    """Opens the logs for appending. What is an error is in system.log too."""

    def __init__(self, folder: Path, desk: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._desk = folder, desk
        self._files: dict[str, TextIO] = {}
        self._loggers: dict[str, Any] = {}
        self._redactor = Redactor(environment_secrets())
        for channel in (*_CHANNELS, _PLATFORM):
            self._open(channel)

    def learn(self, folder: Path) -> None:
        """Keeps what the credentials file of a desk's folder holds out of the logs."""
        try:
            self._redactor.learn(CredentialsFile(folder).read())
        except AuditError as error:  # who cannot open it has no need of it: a paper desk
            self.system("CREDENTIALS_NOT_READ", error=str(error))

    def refresh(self) -> None:
        """Goes over to a new file where a log was rolled: then its name no longer means the file that is open."""
        for channel, file in list(self._files.items()):
            try:
                same = os.path.samestat(self._path(channel).stat(), os.fstat(file.fileno()))
            except FileNotFoundError:
                same = False
            if not same:
                self._open(channel)
                file.close()

    def _path(self, channel: str) -> Path:
        return self._folder / f"{channel}.log"

    def _open(self, channel: str) -> None:
        file = self._path(channel).open("a", encoding="utf-8")
        self._files[channel] = file
        if channel == _PLATFORM:
            return
        processors: list[Any] = [
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="logged"),
            structlog.processors.JSONRenderer(serializer=self._render),
        ]
        platform = None if channel == "error" else lambda: self._files[_PLATFORM]  # an error is a line of system too
        logger = structlog.wrap_logger(
            _Lines(file, platform), processors=processors, wrapper_class=structlog.stdlib.BoundLogger
        )
        self._loggers[channel] = logger.bind(desk=self._desk)

    def _render(self, value: Any, **_: object) -> str:
        return self._redactor.line(value)

    def system(self, event: str, **fields: object) -> None:
        """Writes a line about the desk itself."""
        self._loggers["system"].info(event, **fields)

    def error(self, event: str, **fields: object) -> None:
        """Writes a line about what went wrong."""
        self._loggers["error"].error(event, **fields)
        self._loggers["system"].error(event, **fields)

    def tell(self, line: Line) -> None:
        """Writes a narrated line where it belongs."""
        if line.channel == "error":
            self.error(line.event, **line.as_dict())
        else:
            self._loggers[line.channel].info(line.event, **line.as_dict())

    def close(self) -> None:
        for file in self._files.values():
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
