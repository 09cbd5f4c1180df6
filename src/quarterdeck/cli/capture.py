"""`quarterdeck capture`: everything that a desk's venues stream, recorded."""

import sys

from quarterdeck.cli.shared import Desk, Folder, JsonFlag, Seconds, app, load, print_report

__all__ = ["capture"]


@app.command()
def capture(desk: Desk, seconds: Seconds = None, json: JsonFlag = False, folder: Folder = None) -> None:
    """Record all that a desk's venues stream: a journal, daily Parquet files, provenance, data quality.

    A venue's credentials are needed only where it gives no market data without. Ctrl-C ends it in order.
    """
    config = load(desk)
    from quarterdeck.capture.command import capture_desk  # noqa: PLC0415 - heavy for --help

    def say(sentence: str) -> None:
        sys.stderr.write(f"{sentence}\n")
        sys.stderr.flush()

    print_report(capture_desk(config, folder or config.folder, seconds, say), json)
