"""`quarterdeck audit`: is the journal what it was, its head for a third party, and who commanded what."""

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from quarterdeck.cli.shared import Folder, JsonFlag, app, folder_of, load, print_json, print_report

__all__ = ["PublicKeys", "anchor", "audit_app", "log", "place_of", "verify"]

audit_app = typer.Typer(no_args_is_help=True, help="Prove that a desk's journal is what it was, and who commanded it.")
app.add_typer(audit_app, name="audit")

Place = Annotated[str, typer.Argument(metavar="DESK", help="A desk's name, or the folder that its data/ lies in.")]
PublicKeys = Annotated[
    list[str] | None,
    typer.Option("--public-key", metavar="KEY", help="Who may have signed: ed25519:..., or a file with it."),
]


def place_of(desk: str, folder: Path | None) -> Path:
    """Where a desk's data/ lies; the capacity is chosen on the way."""
    if folder is None:
        return folder_of(desk)
    load(desk)
    return folder


@audit_app.command()
def verify(
    desk: Place,
    anchors: Annotated[
        list[Path] | None, typer.Option("--anchor", metavar="FILE", help="An anchor, or a backup's manifest, you keep.")
    ] = None,
    public_keys: PublicKeys = None,
    json: JsonFlag = False,
    folder: Folder = None,
) -> None:
    """Verify the whole journal: its chain, every anchor, every record of pruning."""
    root = place_of(desk, folder)
    from quarterdeck.audit import DeskFiles, audit  # noqa: PLC0415 - heavy for --help

    report = audit(DeskFiles(root), anchors or (), public_keys or ())
    print_report(report, json)
    raise typer.Exit(report.exit_code)


@audit_app.command()
def anchor(
    desk: Place,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to; by default data/anchors.")] = None,
    json: JsonFlag = False,
    folder: Folder = None,
) -> None:
    """Sign the journal's head, for somebody else to keep. The journal is verified first."""
    root = place_of(desk, folder)
    from quarterdeck.audit import DeskFiles, audit, obtain_key, write_anchor  # noqa: PLC0415 - heavy for --help

    files = DeskFiles(root)
    key, made = obtain_key(files)
    report = audit(files, public_keys=())
    if report.problems:
        print_report(report, json)
        raise typer.Exit(1)
    path, document = write_anchor(files, key, time.time_ns(), out=out)
    if json:
        print_json({"file": str(path), "key_made": made, **document})
        return
    whose = "made now" if made else "the desk's"
    sys.stdout.write(
        f"{path}: record {document['sequence']}, chain {document['chain']}\n"
        f"public key ({whose}): {key.public}\n"
        "keep both where nobody who can write the journal can write\n"
    )


@audit_app.command()
def log(desk: Place, json: JsonFlag = False, folder: Folder = None) -> None:
    """List what people told the desk: sequence, time, who, from where, what, for what, why."""
    root = place_of(desk, folder)
    from quarterdeck.audit.operators import operator_commands, operator_lines  # noqa: PLC0415 - heavy for --help

    found = operator_commands(root, _config_of(desk))
    if json:
        print_json([one.as_dict() for one in found])
        return
    for line in operator_lines(found):
        sys.stdout.write(line + "\n")


def _config_of(desk: str) -> Any:
    """The desk's settings, for the names in them; None where only a journal is given."""
    path = Path(desk)
    if path.exists() and not (path / "desk.toml").is_file() and path.name != "desk.toml":
        return None
    return load(desk)
