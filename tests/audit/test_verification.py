"""What is tested: `quarterdeck.audit.verification` with `quarterdeck.audit.anchors`.

Whatever a forger without the key does to a journal is found, whether or not the journal still agrees with itself.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.audit import DeskFiles, audit, obtain_key, write_anchor
from quarterdeck.audit.anchors import head_of
from quarterdeck.errors import AuditError
from quarterdeck.journal import OS_DISK, JournalReader, JournalWriter, Snapshot, verify, write_snapshot
from quarterdeck.journal.segment import load_segment
from tests.audit.builders import NOW_NS, RECORD, Books, copied, forge, read_books, write_journal, write_segment
from tests.journal.builders import DESK, SMALL, quotes

HEADER = 4096
WITHIN = settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def anchored(tmp_path_factory: pytest.TempPathFactory) -> tuple[DeskFiles, Path, str]:
    """A journal, an anchor that a third party keeps, and the public key it keeps."""
    files = write_journal(tmp_path_factory.mktemp("desk"))
    key, made = obtain_key(files)
    assert made
    anchor, _ = write_anchor(files, key, NOW_NS, out=tmp_path_factory.mktemp("kept") / "head.json")
    return files, anchor, key.public


def problems(files: DeskFiles, anchor: Path, key: str) -> list[str]:
    return audit(files, [anchor], [key]).problems


def test_a_journal_that_was_left_alone_is_good(anchored: tuple[DeskFiles, Path, str]) -> None:
    files, anchor, key = anchored
    report = audit(files, [anchor], [key])
    assert report.exit_code == 0
    assert report.lines()[0].endswith(": good")
    assert report.as_dict()["good"] is True
    assert [one.sequence for one in report.anchors] == [report.journal.next_sequence]
    assert audit(files).given is False


def changed_books(data: st.DataObject, books: Books) -> None:
    """One record or one whole block deleted, put in, exchanged or edited."""
    segment = data.draw(st.integers(0, len(books) - 1), "segment")
    place = data.draw(st.integers(0, len(books[segment]) - 1), "block")
    block, seal = books[segment][place]
    index = data.draw(st.integers(0, len(block) - 1), "record")
    match data.draw(st.sampled_from(["delete", "insert", "reorder", "edit", "delete block", "digest"]), "deed"):
        case "delete":
            del block[index]
        case "insert":
            block.insert(index, data.draw(st.sampled_from(block), "inserted"))
        case "reorder":
            other = data.draw(st.integers(0, len(block) - 1).filter(lambda at: block[at] != block[index]), "other")
            block[index], block[other] = block[other], block[index]
        case "edit":
            bit = data.draw(st.integers(0, 8 * RECORD - 1).filter(lambda bit: bit // 8 not in {16, 22, 23}), "bit")
            raw = bytearray(block[index])
            raw[bit // 8] ^= 1 << bit % 8
            block[index] = bytes(raw)
        case "delete block":
            del books[segment][place]
        case _:
            books[segment][place] = block, type(seal)(seal.sequence, seal.time_ns, seal.state_digest ^ 5, b"", 0)


@WITHIN
@given(data=st.data())
def test_a_forger_who_makes_every_hash_fit_is_found_by_the_anchor(
    data: st.DataObject, anchored: tuple[DeskFiles, Path, str], tmp_path: Path
) -> None:
    files, anchor, key = anchored
    forged = copied(files, tmp_path / "forged")
    forge(forged, lambda books: changed_books(data, books))
    assert verify(forged.journal).exit_code == 0, "the forgery agrees with itself"
    assert any(str(anchor) in problem or "written anew" in problem for problem in problems(forged, anchor, key))


def test_a_forger_who_changes_nothing_is_not_accused(anchored: tuple[DeskFiles, Path, str], tmp_path: Path) -> None:
    files, anchor, key = anchored
    forged = copied(files, tmp_path / "forged")
    forge(forged, len)
    assert problems(forged, anchor, key) == []


@WITHIN
@given(data=st.data())
def test_a_clumsy_deletion_insertion_or_exchange_is_found_and_its_segment_named(
    data: st.DataObject, anchored: tuple[DeskFiles, Path, str], tmp_path: Path
) -> None:
    files, anchor, key = anchored
    forged = copied(files, tmp_path / "forged")
    paths = sorted(forged.journal.glob("*.qdj"))
    path = data.draw(st.sampled_from(paths))
    raw = bytearray(path.read_bytes())
    before = bytes(raw)
    count = (len(raw) - HEADER) // RECORD
    one, two = (HEADER + data.draw(st.integers(0, count - 1)) * RECORD for _ in range(2))
    match data.draw(st.sampled_from(["delete", "insert", "exchange", "edit"])):
        case "delete":
            del raw[one : one + RECORD]
        case "insert":
            raw[one:one] = raw[two : two + RECORD]
        case "exchange":
            raw[one : one + RECORD], raw[two : two + RECORD] = raw[two : two + RECORD], raw[one : one + RECORD]
        case _:
            raw[one + data.draw(st.integers(0, RECORD - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(raw))
    found = problems(forged, anchor, key)
    if bytes(raw) == before:
        assert found == []
        return
    named = {path.name, *(after.name for after in paths if after.name > path.name), "journal"}
    assert found
    assert any(found[0].startswith(name) for name in named), found


@pytest.mark.parametrize("gone", [0, 1, -1])
def test_a_segment_that_is_gone_is_named(gone: int, anchored: tuple[DeskFiles, Path, str], tmp_path: Path) -> None:
    files, anchor, key = anchored
    forged = copied(files, tmp_path / "forged")
    paths = sorted(forged.journal.glob("*.qdj"))
    paths[gone].unlink()
    found = " ".join(problems(forged, anchor, key))
    assert ("are missing" if gone >= 0 else "cut off") in found
    if gone == 0:
        assert "no signed record of pruning says why" in found


def test_a_first_segment_that_claims_to_be_the_beginning_is_not_believed(
    anchored: tuple[DeskFiles, Path, str], tmp_path: Path
) -> None:
    """The chain before it is made zero, as where a journal begins, and all that follows is made to fit."""
    files, anchor, key = anchored
    forged = copied(files, tmp_path / "forged")
    sorted(forged.journal.glob("*.qdj"))[0].unlink()
    forge_beginning(forged)
    assert verify(forged.journal).exit_code == 0
    assert "no signed record of pruning says why" in " ".join(problems(forged, anchor, key))


def forge_beginning(files: DeskFiles) -> None:
    books = read_books(files)
    paths = sorted(files.journal.glob("*.qdj"))
    headers = [load_segment(OS_DISK, path, shared=False).header for path in paths]
    chain = bytes(32)
    sequence = headers[0].first_sequence
    for header, blocks in zip(headers, books, strict=True):
        sequence, chain = write_segment(files, replace(header, first_sequence=sequence, previous_chain=chain), blocks)


def test_a_journal_cut_off_at_a_seal_is_found(anchored: tuple[DeskFiles, Path, str], tmp_path: Path) -> None:
    files, anchor, key = anchored
    forged = copied(files, tmp_path / "forged")
    forge(forged, lambda books: books[-1].pop())
    assert audit(forged, public_keys=[key]).exit_code == 0, "nothing else knows that it went on"
    assert "cut off" in problems(forged, anchor, key)[0]
    assert str(anchor) in problems(forged, anchor, key)[0]


def test_between_two_anchors_the_range_is_named(tmp_path: Path) -> None:
    files = write_journal(tmp_path, 60)
    key, _ = obtain_key(files)
    first, _ = write_anchor(files, key, NOW_NS)
    middle = JournalReader(files.journal).next_sequence
    with JournalWriter(files.journal, DESK, SMALL) as writer:
        writer.append(quotes(8, 60))
    second, _ = write_anchor(files, key, NOW_NS)
    end = JournalReader(files.journal).next_sequence
    forge(files, lambda books: books[-1][-1][0].reverse())
    (found,) = audit(files).problems
    assert f"(anchor {second}): what was done to it lies in records {middle}..{end - 1}" in found
    assert first != second


@pytest.mark.parametrize("word", ["sequence", "chain", "desk", "time", "epoch", "source_hash", "written"])
def test_an_anchor_that_was_edited_is_found(word: str, anchored: tuple[DeskFiles, Path, str], tmp_path: Path) -> None:
    files, anchor, key = anchored
    document = json.loads(anchor.read_text())
    document[word] = document[word] + 1 if isinstance(document[word], int) else document[word] + "0"
    edited = tmp_path / "edited.json"
    edited.write_text(json.dumps(document))
    assert problems(files, edited, key) == [
        f"anchor {edited}: its signature does not fit: it was changed after it was signed"
    ]


def test_an_anchor_signed_by_another_key_is_not_believed(anchored: tuple[DeskFiles, Path, str], tmp_path: Path) -> None:
    files, _, key = anchored
    forged = copied(files, tmp_path / "forged")
    forge(forged, lambda books: books[0][0][0].reverse())
    for path in forged.keys.iterdir():
        path.unlink()
    other, made = obtain_key(forged)
    assert made
    write_anchor(forged, other, NOW_NS)
    assert audit(forged).exit_code == 0, "who asks only what lies beside the journal hears what the forger says"
    (found,) = audit(forged, public_keys=[key]).problems
    assert f"signed by the key {other.public}, not by {key}" in found


def test_an_anchor_of_another_desk_is_told(tmp_path: Path) -> None:
    files, other = write_journal(tmp_path / "one"), DeskFiles(tmp_path / "two")
    with JournalWriter(other.journal, "other", SMALL) as writer:
        writer.append(quotes(3))
    key, _ = obtain_key(files)
    anchor, _ = write_anchor(other, key, NOW_NS)
    assert audit(files, [anchor]).problems == [f"anchor {anchor}: it is of desk other, the journal of test"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"kind": "quarterdeck anchor"}', '{"kind": "a song"}'])
def test_what_is_no_anchor_is_told(text: str, anchored: tuple[DeskFiles, Path, str], tmp_path: Path) -> None:
    files, _, key = anchored
    path = tmp_path / "anchor.json"
    path.write_text(text)
    (found,) = problems(files, path, key)
    assert found.startswith(f"anchor {path}: ")


def test_two_anchors_that_contradict_each_other_are_told(tmp_path: Path) -> None:
    files = write_journal(tmp_path / "one")
    key, _ = obtain_key(files)
    before, _ = write_anchor(files, key, NOW_NS, out=tmp_path / "before.json")
    forge(files, lambda books: books[0][0][0].reverse())
    after, _ = write_anchor(files, key, NOW_NS, out=tmp_path / "after.json")
    found = audit(files, [before, after]).problems
    assert "contradicts another one" in found[0]
    assert "written anew" in found[1]


def test_a_snapshot_knows_the_journal_it_is_of(tmp_path: Path) -> None:
    files = write_journal(tmp_path)
    seal = head_of(JournalReader(files.journal))
    write_snapshot(files.snapshots, Snapshot(DESK, seal.sequence + 1, 5, seal.chain, b"state"))
    assert audit(files).snapshots == 1
    assert audit(files).exit_code == 0
    forge(files, lambda books: books[0][0][0].reverse())
    (found,) = audit(files).problems
    assert f"(snapshot {seal.sequence + 1:012d}.qds)" in found


def test_a_journal_without_a_seal_has_no_head(tmp_path: Path) -> None:
    files = DeskFiles(tmp_path)
    writer = JournalWriter(files.journal, DESK, SMALL)
    writer.append(quotes(3))
    writer.flush()
    with pytest.raises(AuditError, match="nothing is sealed in this journal yet"):
        write_anchor(files, obtain_key(files)[0], NOW_NS)
    assert audit(files).exit_code == 0
    writer.close()


def test_a_header_that_cannot_be_believed_is_told(anchored: tuple[DeskFiles, Path, str], tmp_path: Path) -> None:
    files, anchor, key = anchored
    forged = copied(files, tmp_path / "forged")
    path = sorted(forged.journal.glob("*.qdj"))[0]
    path.write_bytes(b"x" + path.read_bytes()[1:])
    (found,) = problems(forged, anchor, key)
    assert "does not begin as a journal segment does" in found


def test_an_anchor_says_when_and_of_what(anchored: tuple[DeskFiles, Path, str]) -> None:
    files, anchor, key = anchored
    document = json.loads(anchor.read_text())
    seal = head_of(JournalReader(files.journal))
    assert document["sequence"] == seal.sequence + 1
    assert document["chain"] == seal.chain.hex()
    assert (document["desk"], document["epoch"], document["public_key"]) == (DESK, 0, key)
    assert document["written"] == "2027-01-15T08:00:00.000000000Z"
    assert len(document["source_hash"]) == 16
