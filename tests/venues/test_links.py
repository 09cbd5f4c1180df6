"""What is tested: `quarterdeck.venues.links`: which adapter speaks to which kind of venue."""

from pathlib import Path

import pytest

from quarterdeck.errors import ConfigError
from quarterdeck.venues.links import open_venue
from quarterdeck.venues.practice.venue import PracticeVenue
from tests.desk.builders import desk_folder
from tests.desk.live_rig import desk_config
from tests.twins.serving import Ear

SAID = "no connection: [Errno 2] No such file or directory"


def test_a_practice_venue_listens_in_the_desks_folder(tmp_path: Path) -> None:
    said: list[str] = []
    venue = open_venue(desk_config(tmp_path), 0, said.append)
    assert isinstance(venue, PracticeVenue)
    ear = Ear()
    venue.open(ear)
    assert "No such file" in ear.line(up=False).text
    venue.close()
    assert said == [f"no line to the practice exchange at {tmp_path / 'practice.sock'} ({SAID}); it is tried again"]


def test_a_kind_without_an_adapter_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"venues\[hyperliquid\]\.kind = 'simulated' is not allowed: one of practice"):
        open_venue(desk_folder(tmp_path), 0)
