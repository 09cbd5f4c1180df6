"""What is tested: `quarterdeck.backup.manifest`, `quarterdeck.audit.anchors`, `quarterdeck.audit.prunes`: any bytes.

Whatever a file holds, the answer is one line of ours, never another error.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.audit import DeskFiles, read_anchor, read_prunes
from quarterdeck.backup.envelope import unwrap
from quarterdeck.backup.manifest import parse_manifest
from quarterdeck.errors import AuditError, BackupError

WITHIN = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
WORDS = st.sampled_from(
    ("kind", "version", "desk", "sequence", "chain", "time", "public_key", "signature", "files", "number", "segments")
)
KINDS = st.sampled_from(("quarterdeck anchor", "quarterdeck backup", "quarterdeck prune"))
JSON = st.recursive(
    SCALARS | KINDS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=8)
)
TEXTS = st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode())
SIGNED = st.fixed_dictionaries(
    {"kind": KINDS, "public_key": st.text(max_size=60), "signature": st.text(max_size=60)},
    optional={"sequence": JSON, "chain": JSON, "version": st.just(1), "files": JSON, "desk": JSON, "segments": JSON},
).map(lambda value: json.dumps(value).encode())


@WITHIN
@given(data=TEXTS | SIGNED)
def test_a_manifest_of_nonsense_is_one_line(data: bytes) -> None:
    with pytest.raises(BackupError) as caught:
        parse_manifest(data, "it")
    assert "\n" not in str(caught.value)


@WITHIN
@given(data=TEXTS | SIGNED)
def test_an_anchor_of_nonsense_is_one_line(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "anchor.json"
    path.write_bytes(data)
    known: Any = json.loads(data).get("public_key") if data.startswith(b'{"kind"') else None
    with pytest.raises(AuditError):
        read_anchor(path, [known] if isinstance(known, str) else [])


@WITHIN
@given(lines=st.lists(TEXTS | SIGNED, min_size=1, max_size=3))
def test_records_of_pruning_of_nonsense_are_one_line(lines: list[bytes], tmp_path: Path) -> None:
    files = DeskFiles(tmp_path)
    files.anchors.mkdir(parents=True, exist_ok=True)
    files.prunes.write_bytes(b"x" + b"\n".join(lines))
    with pytest.raises(AuditError, match="line 1"):
        read_prunes(files, "test", [])


@WITHIN
@given(data=st.binary(max_size=300), sealed=st.booleans())
def test_an_object_of_nonsense_is_one_line(data: bytes, sealed: bool) -> None:
    import pyrage

    with pytest.raises(BackupError, match="it: "):
        unwrap(memoryview(data), sealed, [pyrage.x25519.Identity.generate()], len, "it")
