"""The desk's logs: JSON lines in logs/system.log, logs/trading.log and logs/error.log, written off the trading path."""

import os
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TextIO

import msgspec
import structlog

from quarterdeck.desk.narrative import Channel, Line

__all__ = ["DeskLogs"]

_CHANNELS: Final[tuple[Channel, ...]] = ("system", "trading", "error")


def _render(value: Any, **_: object) -> str:
    return msgspec.json.encode(value).decode()


class DeskLogs:
    """Opens the three logs for appending. What is an error is in system.log too."""

    def __init__(self, folder: Path, desk: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._desk = folder, desk
        self._files: dict[str, TextIO] = {}
        self._loggers: dict[str, Any] = {}
        for channel in _CHANNELS:
            self._open(channel)

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
        processors: list[Any] = [
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="logged"),
            structlog.processors.JSONRenderer(serializer=_render),
        ]
        logger = structlog.wrap_logger(
            structlog.WriteLogger(file), processors=processors, wrapper_class=structlog.stdlib.BoundLogger
        )
        self._loggers[channel] = logger.bind(desk=self._desk)

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
