"""The ops plane's own log: JSON lines in logs/ops.log, rolled, with the server's errors in it."""

import logging
import logging.handlers
from pathlib import Path
from typing import Final

import msgspec
from structlog.processors import TimeStamper

from quarterdeck import __version__

__all__ = ["Logbook"]

_BYTES: Final = 10 * 1024 * 1024
_KEPT: Final = 5
_SERVER: Final = ("uvicorn", "uvicorn.error", "uvicorn.asgi")
_STAMP: Final = TimeStamper(fmt="iso", utc=True, key="logged")


class Logbook(logging.Handler):
    """Writes what happens to the ops plane itself. It is a handler too, so that the server's log goes the same way."""

    def __init__(self, folder: Path) -> None:
        super().__init__(logging.INFO)
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "ops.log"
        self._file = logging.handlers.RotatingFileHandler(
            self.path, maxBytes=_BYTES, backupCount=_KEPT, encoding="utf-8"
        )
        self._file.setFormatter(logging.Formatter("%(message)s"))
        for name in _SERVER:
            logger = logging.getLogger(name)
            logger.handlers[:] = [self] if name == _SERVER[0] else []
            logger.propagate = name != _SERVER[0]
            logger.setLevel(logging.WARNING)
        self.info("OPS_STARTED", version=__version__)

    def info(self, event: str, **fields: object) -> None:
        self._write("INFO", event, fields)

    def error(self, event: str, **fields: object) -> None:
        self._write("ERROR", event, fields)

    def emit(self, record: logging.LogRecord) -> None:
        """A line of the server's: its text, and where an error came from."""
        fields: dict[str, object] = {"text": record.getMessage()}
        if record.exc_info:
            fields["trace"] = logging.Formatter().formatException(record.exc_info)
        self._write(record.levelname, "SERVER", fields)

    def close(self) -> None:
        logging.getLogger(_SERVER[0]).handlers[:] = []
        self._file.close()
        super().close()

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        line = dict(_STAMP(None, "", {"level": level, "event": event, **fields}))
        text = msgspec.json.encode(line).decode()
        self._file.emit(logging.LogRecord("quarterdeck.ops", logging.INFO, "", 0, text, None, None))
