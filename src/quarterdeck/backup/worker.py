"""The process that a desk begins once a day: its logs are rolled, it is backed up, and old journal goes by policy.

    python -m quarterdeck.backup.worker FOLDER ROOT

FOLDER holds desk.toml, ROOT the data/ and logs/. The last line of its output is one JSON object. Secrets come by the
environment alone.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from quarterdeck.audit.files import DeskFiles
from quarterdeck.backup.envelope import recipients_of
from quarterdeck.backup.logs import roll_logs
from quarterdeck.backup.pruning import prune
from quarterdeck.backup.taking import take_backup
from quarterdeck.config import DeskConfig, load_desk
from quarterdeck.errors import QuarterdeckError

__all__ = ["daily_work", "main"]

_NICENESS: Final = 10


def daily_work(config: DeskConfig, root: Path, now_ns: int) -> dict[str, Any]:
    """Does each part of the day's work though another one fails; returns facts by part, and `error` for what failed."""
    files = DeskFiles(root)
    facts: dict[str, Any] = {}
    errors: list[str] = []
    settings = config.backup
    recipients = recipients_of(settings, config.folder, config.file) if settings.encrypt_logs else None
    parts = {
        "logs": lambda: roll_logs(files.logs, settings, recipients, now_ns),
        "backup": lambda: take_backup(config, root, now_ns),
        "prune": lambda: prune(files, settings, now_ns),
    }
    for name, work in parts.items():
        try:
            facts[name] = work().as_dict()
        except (QuarterdeckError, OSError) as error:
            errors.append(f"{name}: {error}")
    return {"ok": not errors, **facts, **({"error": "; ".join(errors)} if errors else {})}


def main() -> None:
    """Runs the day's work and prints one JSON line; exit code 1 when a part of it failed."""
    os.nice(_NICENESS)
    try:
        config = load_desk(sys.argv[1])
        answer = daily_work(config, Path(sys.argv[2]), time.time_ns())
    except QuarterdeckError as error:
        answer = {"ok": False, "error": str(error)}
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
    sys.exit(0 if answer["ok"] else 1)


if __name__ == "__main__":
    main()
