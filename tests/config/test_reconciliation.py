"""[reconciliation] of desk.toml. What is tested: `quarterdeck.config.reconciliation`."""

from pathlib import Path

import pytest

from quarterdeck.config import load_desk
from quarterdeck.errors import ConfigError
from tests.desk.live_rig import DESK_TOML


def loaded(folder: Path, words: str) -> object:
    (folder / "desk.toml").write_text(f"{DESK_TOML}\n[reconciliation]\n{words}\n")
    return load_desk(str(folder)).reconciliation


def test_what_is_written_counts(tmp_path: Path) -> None:
    found = loaded(tmp_path, 'every_s = 5\nrequest_ms = 700\nretry_ms = 100\noverlap_ms = 0\ncash_tolerance = "0.05"')
    assert str(found) == ("every_s=5 request_ms=700 retry_ms=100 overlap_ms=0 cash_tolerance=Decimal('0.05')")


@pytest.mark.parametrize("words", ["every_s = 0", "request_ms = 49", "retry_ms = 1", "overlap_ms = -1", "evry_s = 3"])
def test_what_cannot_be_is_named(tmp_path: Path, words: str) -> None:
    with pytest.raises(ConfigError, match=words.split(maxsplit=1)[0]):
        loaded(tmp_path, words)
