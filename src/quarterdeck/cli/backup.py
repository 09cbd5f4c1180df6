"""`quarterdeck backup` and `quarterdeck restore`: copies of a desk, made, checked, restored and proved."""

import os
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from quarterdeck.cli.audit import PublicKeys
from quarterdeck.cli.shared import CAPACITY_VARIABLE, Desk, Folder, JsonFlag, app, compile_halves, load, print_report
from quarterdeck.errors import BackupError

__all__ = ["backup_app", "drill", "make", "prune", "restore", "verify"]

_DEFAULT = "make"


class _DeskFirst(TyperGroup):
    """`quarterdeck backup DESK` is `quarterdeck backup make DESK`: a word that is no command is a desk."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        named = bool(args) and args[0] in self.commands
        return super().resolve_command(ctx, args if named else [_DEFAULT, *args])


backup_app = typer.Typer(
    cls=_DeskFirst, no_args_is_help=True, help="Copy a desk while it runs; check and prove copies."
)

app.add_typer(backup_app, name="backup")

Source = Annotated[str, typer.Argument(metavar="DESK|DIR", help="A desk, or the folder that its backups lie in.")]
At = Annotated[str | None, typer.Option("--at", metavar="NAME", help="Which backup; by default the newest.")]
IdentityFile = Annotated[
    Path | None,
    typer.Option("--identity", metavar="FILE", help="age identities, mode 0600; else QUARTERDECK_AGE_IDENTITY[_FILE]."),
]
Scratch = Annotated[Path | None, typer.Option("--scratch", metavar="DIR", help="Where there is room to take it out.")]


@backup_app.command()
def make(
    desk: Desk,
    to: Annotated[Path | None, typer.Option(metavar="DIR", help="Instead of [backup] directory.")] = None,
    json: JsonFlag = False,
    folder: Folder = None,
) -> None:
    """Back up a desk, running or not. Old backups go by policy."""
    config = load(desk)
    from quarterdeck.backup.taking import take_backup  # noqa: PLC0415 - heavy for --help

    print_report(take_backup(config, folder or config.folder, time.time_ns(), to=to), json)


@backup_app.command()
def verify(
    source: Source,
    at: At = None,
    identity: IdentityFile = None,
    public_keys: PublicKeys = None,
    scratch: Scratch = None,
    json: JsonFlag = False,
) -> None:
    """Hold every stored byte against its hash; with an identity, take the newest out and verify its journal."""
    store, _ = _store(source)
    from quarterdeck.backup.checking import check_backups  # noqa: PLC0415 - heavy for --help
    from quarterdeck.config.secrets import identities  # noqa: PLC0415 - heavy for --help

    found = check_backups(store, identities(identity), name=at, public_keys=_keys(public_keys), scratch=scratch)
    print_report(found, json)
    raise typer.Exit(found.exit_code)


@backup_app.command()
def drill(
    source: Source,
    at: At = None,
    identity: IdentityFile = None,
    scratch: Scratch = None,
    json: JsonFlag = False,
    folder: Folder = None,
) -> None:
    """Restore into a scratch place, replay, compare digests; print what would be lost and how long it takes."""
    store, live = _store(source, folder)
    compile_halves()
    from quarterdeck.audit.files import DeskFiles  # noqa: PLC0415 - heavy for --help
    from quarterdeck.backup.drill import drill as run_drill  # noqa: PLC0415 - compiles the kernel
    from quarterdeck.config.secrets import identities  # noqa: PLC0415 - heavy for --help

    files = None if live is None else DeskFiles(live)
    found = run_drill(store, files, identities(identity), name=at, scratch=scratch)
    print_report(found, json)
    raise typer.Exit(found.exit_code)


@backup_app.command()
def prune(
    desk: Desk,
    dry: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    json: JsonFlag = False,
    folder: Folder = None,
) -> None:
    """Let journal segments go that are older than the policy, with a signed record of what went."""
    config = load(desk)
    if not dry:
        compile_halves()
    from quarterdeck.audit.files import DeskFiles  # noqa: PLC0415 - heavy for --help
    from quarterdeck.backup.pruning import prune as run_prune  # noqa: PLC0415 - heavy for --help

    files = DeskFiles(folder or config.folder)
    print_report(run_prune(files, config.backup, time.time_ns(), dry=dry), json)


@app.command()
def restore(
    source: Source,
    to: Annotated[Path, typer.Option(metavar="DIR", help="A folder that is empty or not there yet.")],
    at: At = None,
    identity: IdentityFile = None,
    public_keys: PublicKeys = None,
    json: JsonFlag = False,
    folder: Folder = None,
) -> None:
    """Restore a backup to a folder, whole or not at all."""
    store, live = _store(source, folder)
    from quarterdeck.audit.files import DeskFiles  # noqa: PLC0415 - heavy for --help
    from quarterdeck.backup.restoring import restore as run_restore  # noqa: PLC0415 - heavy for --help
    from quarterdeck.config.secrets import identities  # noqa: PLC0415 - heavy for --help

    epoch = 0 if live is None else DeskFiles(live).epoch()
    keys = _keys(public_keys)
    print_report(run_restore(store, to, identities(identity), name=at, public_keys=keys, epoch=epoch), json)


def _keys(words: list[str] | None) -> tuple[str, ...]:
    from quarterdeck.audit.keys import read_public_key  # noqa: PLC0415 - heavy for --help

    return tuple(read_public_key(word) for word in words or ())


def _store(source: str, folder: Path | None = None) -> tuple[Any, Path | None]:
    """The backups that a person means, and the folder of the desk that they are of, where it is known."""
    path = Path(source)
    if path.is_dir() and not (path / "desk.toml").is_file():
        _choose_capacity(path)
        from quarterdeck.backup.store import find_store  # noqa: PLC0415 - heavy for --help

        return find_store(path), None
    config = load(source)
    from quarterdeck.backup.store import store_of  # noqa: PLC0415 - heavy for --help

    root = folder or config.folder
    return store_of(config.backup, root, config.desk.name), root


def _choose_capacity(path: Path) -> None:
    """Takes the capacity from the newest manifest: the kernel cannot be imported before it is known."""
    import msgspec  # noqa: PLC0415 - heavy for --help

    class Words(msgspec.Struct):
        capacity: str

    manifests = sorted(path.rglob("manifests/*.json"), key=lambda found: found.name)
    if manifests and CAPACITY_VARIABLE not in os.environ:
        try:
            os.environ[CAPACITY_VARIABLE] = msgspec.json.decode(manifests[-1].read_bytes(), type=Words).capacity
        except msgspec.DecodeError:
            raise BackupError(f"{manifests[-1]}: it is not a backup's manifest") from None
