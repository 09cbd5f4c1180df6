"""The command `quarterdeck`. Each module holds the commands of one subject."""

import sys

from quarterdeck.cli import (
    access,
    adopting,
    alerts,
    arbitrage,
    audit,
    backup,
    capture,
    checking,
    conformance,
    console,
    control,
    history,
    incidents,
    journal,
    keys,
    ledger,
    metrics,
    ops,
    practice,
    reconcile,
    running,
    simulation,
    standby,
    tethered,
    twin,
    up,
)
from quarterdeck.cli.shared import app
from quarterdeck.errors import QuarterdeckError

__all__ = [
    "access",
    "adopting",
    "alerts",
    "app",
    "arbitrage",
    "audit",
    "backup",
    "capture",
    "checking",
    "conformance",
    "console",
    "control",
    "history",
    "incidents",
    "journal",
    "keys",
    "ledger",
    "main",
    "metrics",
    "ops",
    "practice",
    "reconcile",
    "running",
    "simulation",
    "standby",
    "tethered",
    "twin",
    "up",
    "version",
]


def main() -> None:
    """The console script. An error of ours is one line on standard error and its exit code; no other is swallowed."""
    try:
        app(prog_name="quarterdeck")
    except QuarterdeckError as error:
        sys.stderr.write(f"quarterdeck: {' '.join(str(error).split())}\n")
        sys.exit(error.exit_code)


@app.command()
def version() -> None:
    """Say which version this is."""
    from quarterdeck import __version__  # noqa: PLC0415 - reads the package's metadata

    sys.stdout.write(f"quarterdeck {__version__}\n")
