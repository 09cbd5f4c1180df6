"""What is tested: `quarterdeck.audit.prunes`, and that an audit believes only what they say."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.audit import DeskFiles, PrunedSegment, PruneRecord, append_prune, audit, obtain_key, read_prunes
from quarterdeck.audit.keys import SigningKey
from quarterdeck.audit.prunes import beginnings
from quarterdeck.errors import AuditError
from quarterdeck.journal import OS_DISK
from quarterdeck.journal.blocks import chain_end
from quarterdeck.journal.segment import Segment, load_segment, segment_paths
from tests.audit.builders import write_journal
from tests.journal.builders import DESK


def segments(files: DeskFiles) -> list[Segment]:
    return [load_segment(OS_DISK, path, shared=False) for path in segment_paths(OS_DISK, files.journal)]


def record_of(parts: list[Segment]) -> PruneRecord:
    return PruneRecord(
        number=0,
        previous="",
        desk=DESK,
        first_sequence=parts[0].first_sequence,
        next_sequence=parts[-1].next_sequence,
        head=chain_end(parts[-1]).hex(),
        segments=tuple(
            PrunedSegment(
                name=part.path.name,
                first_sequence=part.first_sequence,
                next_sequence=part.next_sequence,
                bytes=0,
                chain=chain_end(part).hex(),
            )
            for part in parts
        ),
        journal_keep_days=1,
        youngest="",
        snapshot=0,
        time="",
    )


@pytest.fixture
def pruned(tmp_path: Path) -> tuple[DeskFiles, SigningKey]:
    """A journal of five segments whose first one, then second one, were pruned, with records that say so."""
    files = write_journal(tmp_path, 200)
    key, _ = obtain_key(files)
    for part in segments(files)[:2]:
        append_prune(files, key, record_of([part]))
        part.path.unlink()
    return files, key


def test_a_pruned_journal_is_good(pruned: tuple[DeskFiles, SigningKey]) -> None:
    files, key = pruned
    report = audit(files, public_keys=[key.public])
    assert report.problems == []
    assert [record.number for record in report.prunes] == [1, 2]
    assert report.as_dict()["pruned"] == segments(files)[0].first_sequence


def test_a_pruning_that_was_cut_short_is_good_at_each_step(tmp_path: Path) -> None:
    files = write_journal(tmp_path, 200)
    key, _ = obtain_key(files)
    parts = segments(files)[:3]
    append_prune(files, key, record_of(parts))
    for part in parts:
        assert audit(files).problems == []
        part.path.unlink()
    assert audit(files).problems == []
    segments(files)[0].path.unlink()
    assert "no signed record of pruning says why" in audit(files).problems[0]


def rewritten(files: DeskFiles, deed: Callable[[list[dict[str, Any]]], object]) -> None:
    lines = [json.loads(line) for line in files.prunes.read_text().splitlines()]
    deed(lines)
    files.prunes.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))


@pytest.mark.parametrize(
    ("deed", "told"),
    [
        (lambda lines: lines.clear(), "no signed record of pruning says why"),
        (lambda lines: lines.pop(), "no signed record of pruning says why"),
        (lambda lines: lines.pop(0), "line 1: it does not follow the line before it"),
        (lambda lines: lines.reverse(), "line 1: it does not follow the line before it"),
        (lambda lines: lines.insert(1, lines[0]), "line 2: it does not follow the line before it"),
        (lambda lines: lines[1].update(next_sequence=999), "line 2: its signature does not fit"),
        (lambda lines: lines[1].update(head="00" * 32), "line 2: its signature does not fit"),
        (lambda lines: lines[0].update(journal_keep_days=0), "line 1: its signature does not fit"),
        (lambda lines: lines[0].update(time="2020"), "line 1: its signature does not fit"),
        (lambda lines: lines[0].update(head="zz"), "line 1: it is not a record of pruning"),
        (lambda lines: lines[0].update(kind="a song"), "line 1: it is not a record of pruning"),
        (lambda lines: lines[0].pop("segments"), "line 1: it is not a record of pruning"),
        (lambda lines: lines[0].update(more=1), "line 1: its signature does not fit"),
    ],
)
def test_a_record_that_was_tampered_with_is_named(
    deed: Callable[[list[dict[str, Any]]], object], told: str, pruned: tuple[DeskFiles, SigningKey]
) -> None:
    files, key = pruned
    rewritten(files, deed)
    assert any(told in problem for problem in audit(files, public_keys=[key.public]).problems)


def test_a_record_forged_with_another_key_is_named(tmp_path: Path) -> None:
    files = write_journal(tmp_path / "one", 200)
    key, _ = obtain_key(files)
    forger, _ = obtain_key(DeskFiles(tmp_path / "two"))
    part = segments(files)[0]
    append_prune(files, forger, record_of([part]))
    part.path.unlink()
    found = audit(files, public_keys=[key.public]).problems
    assert f"line 1: signed by the key {forger.public}" in found[0]
    assert "no signed record of pruning says why" in found[1]


def test_a_record_of_another_journal_does_not_fit(pruned: tuple[DeskFiles, SigningKey], tmp_path: Path) -> None:
    """The key signed it, but what it removed ended with another hash than the one that the journal goes on from."""
    files, key = pruned
    other = write_journal(tmp_path / "other", 200, created_ns=2)
    for path in files.journal.glob("*.qdj"):
        path.unlink()
    for part in segments(other)[2:]:
        (files.journal / part.path.name).write_bytes(part.path.read_bytes())
    assert "begins with another hash" in audit(files, public_keys=[key.public]).problems[0]


@pytest.mark.parametrize(
    ("deed", "told"),
    [
        ({"desk": "other"}, "it is of desk other"),
        ({"next_sequence": 7}, "do not follow each other"),
        ({"head": "00" * 32}, "do not follow each other"),
        ({"segments": ()}, "do not follow each other"),
        ({"first_sequence": 3}, "do not follow each other"),
    ],
)
def test_even_a_signed_record_must_make_sense(deed: dict[str, Any], told: str, tmp_path: Path) -> None:
    import msgspec

    files = write_journal(tmp_path)
    key, _ = obtain_key(files)
    append_prune(files, key, msgspec.structs.replace(record_of(segments(files)[:2]), **deed))
    with pytest.raises(AuditError, match=told):
        read_prunes(files, DESK, [key.public])


def test_where_nothing_was_pruned_a_journal_begins_at_its_beginning() -> None:
    assert beginnings([]) == {0: bytes(32)}
