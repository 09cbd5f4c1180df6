"""What is tested: `quarterdeck.backup.restoring`, `quarterdeck.backup.manifest` and `quarterdeck.backup.checking`."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.audit import DeskFiles, SigningKey, audit, obtain_key, write_anchor
from quarterdeck.backup import Store, check_backups, restore
from quarterdeck.backup.manifest import parse_manifest
from quarterdeck.backup.restoring import EPOCH_LEAP
from quarterdeck.backup.store import find_store
from quarterdeck.config import DeskConfig
from quarterdeck.errors import BackupError
from quarterdeck.runtime.replay import replay
from tests.backup.builders import DAY_NS, NOW_NS, Keys, back_up, desk, files_of, go_on, objects, snapshots, store

WITHIN = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(tmp_path_factory.mktemp("safe"))


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> DeskConfig:
    """An encrypted desk with two backups, an anchor and a snapshot."""
    folder = tmp_path_factory.mktemp("sealed")
    config = desk(folder, keys.settings, events=200)
    back_up(config)
    go_on(config, folder, 400)
    snapshots(folder, 500)
    files = files_of(config)
    write_anchor(files, obtain_key(files)[0], NOW_NS)
    back_up(config, NOW_NS + DAY_NS)
    return config


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> DeskConfig:
    config = desk(tmp_path_factory.mktemp("plain"), events=200)
    back_up(config)
    return config


def nothing_left(target: Path) -> bool:
    """Neither the target nor anything that was written beside it is there."""
    return not target.exists() and not any(".unfinished" in path.name for path in target.parent.iterdir())


def test_a_restored_desk_is_the_desk(sealed: DeskConfig, keys: Keys, tmp_path: Path) -> None:
    restored = restore(store(sealed), tmp_path / "new" / "desk", [keys.identity])
    names = {str(path.relative_to(restored.target)) for path in restored.target.rglob("*") if path.is_file()}
    kept = {file.path for file in restored.manifest.files}
    assert names == kept > {"desk.toml", "config/extra.json", "data/keys/audit.key"}
    segments = {f"data/journal/{path.name}" for path in files_of(sealed).journal.glob("*.qdj")}
    others = {f"data/{path.parent.name}/{path.name}" for path in sealed.folder.glob("data/[ask]*/*")}
    assert kept > segments | others
    assert any("snapshots" in name for name in others)
    assert any("anchor-" in name for name in others)
    for name in names - {"data/epoch"}:
        assert (restored.target / name).read_bytes() == (sealed.folder / name).read_bytes()
    assert audit(DeskFiles(restored.target)).problems == []
    assert replay(restored.target).digest == replay(sealed.folder).digest
    assert restored.as_dict()["sequence"] == restored.manifest.sequence
    assert restored.lines()


def test_an_older_backup_can_be_named(sealed: DeskConfig, keys: Keys, tmp_path: Path) -> None:
    first, second = store(sealed).names()
    one = restore(store(sealed), tmp_path / "one", [keys.identity], name=first)
    two = restore(store(sealed), tmp_path / "two", [keys.identity])
    assert one.manifest.sequence < two.manifest.sequence
    assert two.manifest.name == second
    with pytest.raises(BackupError, match=f"there is no backup yesterday; the newest is {second}"):
        restore(store(sealed), tmp_path / "three", [keys.identity], name="yesterday")


@pytest.mark.parametrize(("known", "expected"), [(0, 1 + EPOCH_LEAP), (5_000, 5_000)])
def test_sessions_after_the_backup_keep_their_numbers(
    known: int, expected: int, plain: DeskConfig, tmp_path: Path
) -> None:
    restored = restore(store(plain), tmp_path / "desk", epoch=known)
    assert restored.epoch == expected == DeskFiles(restored.target).epoch()


@pytest.mark.parametrize("inside", ["a file", "a folder"])
def test_a_folder_that_is_not_empty_is_refused_and_left_alone(inside: str, plain: DeskConfig, tmp_path: Path) -> None:
    target = tmp_path / "desk"
    target.mkdir()
    (target / "mine").mkdir() if inside == "a folder" else (target / "mine").write_text("mine")
    with pytest.raises(BackupError, match="it is not empty: restore into a new folder"):
        restore(store(plain), target)
    assert [path.name for path in target.iterdir()] == ["mine"]
    assert [path.name for path in tmp_path.iterdir()] == ["desk"]


def test_a_file_in_the_way_is_refused(plain: DeskConfig, tmp_path: Path) -> None:
    (tmp_path / "desk").write_text("mine")
    with pytest.raises(BackupError, match="it is not empty"):
        restore(store(plain), tmp_path / "desk")


def test_an_empty_folder_is_taken(plain: DeskConfig, tmp_path: Path) -> None:
    restore(store(plain), tmp_path)
    assert (tmp_path / "desk.toml").is_file()


@pytest.mark.parametrize("given_", ["none", "another"])
def test_without_the_right_identity_one_clear_line_is_said(given_: str, sealed: DeskConfig, tmp_path: Path) -> None:
    identities = [] if given_ == "none" else [Keys(tmp_path / "other").identity]
    with pytest.raises(BackupError) as caught:
        restore(store(sealed), tmp_path / "desk", identities)
    told = "name the identity's file with --identity" if given_ == "none" else "none of the identities given opens it"
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert nothing_left(tmp_path / "desk")


@WITHIN
@given(data=st.data())
def test_any_changed_byte_is_found_and_nothing_is_restored(
    data: st.DataObject, sealed: DeskConfig, keys: Keys, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "copy", ignore_errors=True)
    shutil.copytree(store(sealed).root, tmp_path / "copy")
    found = Store(tmp_path / "copy")
    newest = {file.object for file in found.manifest().files}
    path = data.draw(st.sampled_from([path for path in objects(found) if path.name in newest]))
    raw = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(raw) - 1))
    match data.draw(st.sampled_from(["flip", "cut", "grow", "remove"])):
        case "flip":
            raw[place] ^= data.draw(st.integers(1, 255))
            path.write_bytes(bytes(raw))
        case "cut":
            path.write_bytes(bytes(raw[:place]))
        case "grow":
            path.write_bytes(bytes(raw) + b"\0")
        case _:
            path.unlink()
    report = check_backups(found, [keys.identity])
    assert report.exit_code == 1
    assert any(path.name in problem for problem in report.problems)
    with pytest.raises(BackupError, match=path.name):
        restore(found, tmp_path / "desk", [keys.identity])
    assert nothing_left(tmp_path / "desk")


def manifest_changed(found: Store, deed: Callable[[dict[str, Any]], object], key: SigningKey | None = None) -> None:
    (path,) = (found.root / "manifests").iterdir()
    document = json.loads(path.read_text())
    deed(document)
    if key is not None:
        document = key.sign({name: value for name, value in document.items() if name != "signature"})
    path.write_text(json.dumps(document))


def drop(manifest: dict[str, Any], name: str) -> None:
    manifest["files"] = [file for file in manifest["files"] if not file["path"].endswith(name)]


def exchange(manifest: dict[str, Any]) -> None:
    one, two = (file for file in manifest["files"] if file["path"].endswith(".qdj"))
    one["object"], two["object"] = two["object"], one["object"]


def copied(config: DeskConfig, target: Path) -> Store:
    shutil.copytree(store(config).root, target)
    return Store(target)


@pytest.mark.parametrize(
    ("deed", "told"),
    [
        (lambda manifest: manifest.update(sequence=5), "signature does not fit"),
        (lambda manifest: manifest["files"].pop(), "signature does not fit"),
        (lambda manifest: manifest.update(version=9), "manifest that this program knows"),
        (lambda manifest: manifest.pop("files"), "not a backup's manifest"),
        (lambda manifest: manifest.pop("signature"), "not signed"),
    ],
)
def test_a_manifest_that_was_changed_is_not_believed(
    deed: Callable[[dict[str, Any]], object], told: str, plain: DeskConfig, tmp_path: Path
) -> None:
    found = copied(plain, tmp_path / "copy")
    manifest_changed(found, deed)
    with pytest.raises(BackupError, match=told):
        restore(found, tmp_path / "desk")
    assert told in check_backups(found).problems[0]


def test_a_manifest_signed_by_another_key_is_told_by_who_keeps_the_key(plain: DeskConfig, tmp_path: Path) -> None:
    found = copied(plain, tmp_path / "copy")
    public = found.manifest().public_key
    forger, _ = obtain_key(DeskFiles(tmp_path / "forger"))
    manifest_changed(found, lambda manifest: manifest.update(epoch=0), forger)
    with pytest.raises(BackupError, match="signed by the key"):
        restore(found, tmp_path / "desk", public_keys=(public,))


@pytest.mark.parametrize("path", ["../outside", "/etc/outside", "data/../../outside"])
def test_a_manifest_that_leads_outside_is_refused(path: str, plain: DeskConfig, tmp_path: Path) -> None:
    found = copied(plain, tmp_path / "copy")
    key, _ = obtain_key(files_of(plain))
    manifest_changed(found, lambda manifest: manifest["files"][0].update(path=path), key)
    with pytest.raises(BackupError, match="outside the desk's folder"):
        restore(found, tmp_path / "desk")


@pytest.mark.parametrize(
    ("deed", "told"),
    [
        (lambda manifest: manifest.update(chain="00" * 32), "ends at record"),
        (lambda manifest: manifest.update(sequence=manifest["sequence"] + 1), "ends at record"),
        (lambda manifest: drop(manifest, "000000000000.qdj"), "its journal is not whole|no signed record"),
        (exchange, "what comes out is not|more bytes come out|the header says"),
    ],
)
def test_even_a_signed_backup_must_hold_the_journal_it_names(
    deed: Callable[[dict[str, Any]], object], told: str, plain: DeskConfig, tmp_path: Path
) -> None:
    found = copied(plain, tmp_path / "copy")
    key, _ = obtain_key(files_of(plain))
    manifest_changed(found, deed, key)
    if "no signed record" in told:
        restored = restore(found, tmp_path / "desk")
        assert any("no signed record of pruning says why" in said for said in restored.said)
        return
    with pytest.raises(BackupError, match=told):
        restore(found, tmp_path / "desk")
    assert nothing_left(tmp_path / "desk")


def test_a_renamed_manifest_is_told(plain: DeskConfig, tmp_path: Path) -> None:
    found = copied(plain, tmp_path / "copy")
    (path,) = (found.root / "manifests").iterdir()
    path.rename(path.with_name("20300101T000000Z-000000000001.json"))
    with pytest.raises(BackupError, match="it was renamed"):
        found.manifest()


def test_what_is_no_manifest_is_told() -> None:
    with pytest.raises(BackupError, match="it: it is not a backup's manifest"):
        parse_manifest(b"[]", "it")


def test_where_no_backup_is_it_is_said(tmp_path: Path) -> None:
    for look in (Store(tmp_path).manifest, lambda: check_backups(Store(tmp_path))):
        with pytest.raises(BackupError, match="no backup is here; make one with"):
            look()


def test_a_good_store_is_good_with_and_without_an_identity(sealed: DeskConfig, keys: Keys) -> None:
    shut, opened = check_backups(store(sealed)), check_backups(store(sealed), [keys.identity])
    assert (shut.problems, shut.opened) == ([], None)
    assert (opened.problems, opened.opened) == ([], store(sealed).names()[-1])
    assert opened.objects == len(objects(store(sealed)))
    assert any("name an identity" in line for line in shut.lines())
    assert opened.as_dict()["good"] is True
    assert (
        check_backups(store(sealed), [keys.identity], name=store(sealed).names()[0]).backups
        == store(sealed).names()[:1]
    )


def test_a_store_is_found_by_its_folder_or_the_one_around_it(plain: DeskConfig, tmp_path: Path) -> None:
    root = store(plain).root
    assert find_store(root).root == find_store(root.parent).root == root
    with pytest.raises(BackupError, match="no backups of one desk are here"):
        find_store(tmp_path)
