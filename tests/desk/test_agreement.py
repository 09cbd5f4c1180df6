"""What is tested: `quarterdeck.desk.agreement`: which programs may follow each other."""

import msgspec
import pytest

from quarterdeck.desk.agreement import Identity, check_same_kind, own_identity, read_identity
from quarterdeck.errors import DeskError

OWN = own_identity()


@pytest.mark.parametrize(
    ("changed", "same"), [({}, True), ({"version": "9"}, True), ({"source": "another"}, False)], ids=str
)
def test_programs_of_one_layout_may_follow_each_other(changed: dict[str, str], same: bool) -> None:
    leader = msgspec.structs.replace(OWN, **changed)
    assert check_same_kind(read_identity(leader.text), OWN) is same


@pytest.mark.parametrize(
    ("key", "words"), [("events", "event vocabulary"), ("state", "state layout"), ("capacity", "capacity")]
)
def test_another_layout_is_refused_and_named(key: str, words: str) -> None:
    leader = msgspec.structs.replace(OWN, **{key: "other"})
    with pytest.raises(DeskError, match=f"{words} other there, {getattr(OWN, key)} here"):
        check_same_kind(leader, OWN)


def test_who_says_nothing_is_not_the_same() -> None:
    assert check_same_kind(read_identity(""), OWN) is False


def test_words_of_a_later_version_are_refused() -> None:
    with pytest.raises(DeskError, match="update this one"):
        read_identity('{"events": 1}')


def test_an_identity_has_no_more_than_this() -> None:
    assert Identity.__struct_fields__ == ("events", "state", "capacity", "source", "version")
