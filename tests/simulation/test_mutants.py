"""Bugs put in on purpose. What is tested: `quarterdeck.simulation.mutants`, and that the simulator finds them.

The whole set: quarterdeck sim --seeds 1..1000 --mutants tests/simulation/mutants
"""

import json
from pathlib import Path

import pytest

import quarterdeck
from quarterdeck.errors import DataError
from quarterdeck.simulation.mutants import Change, Mutant, apply_mutant, hunt, read_mutants

FOLDER = Path(__file__).parent / "mutants"
PACKAGE = Path(quarterdeck.__file__).parent
MUTANTS = {mutant.name: mutant for mutant in read_mutants(FOLDER)}


def test_there_are_enough_of_them() -> None:
    assert len(MUTANTS) >= 12


@pytest.mark.parametrize("name", MUTANTS)
def test_each_fits_the_package_as_it_is(name: str, tmp_path: Path) -> None:
    modules = apply_mutant(MUTANTS[name], PACKAGE, tmp_path)
    assert all(module.startswith("quarterdeck.") for module in modules)
    for file in modules.values():
        compile(Path(file).read_text(), file, "exec")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wrap_order_id", "trade_before_recovery"])
def test_it_is_found(name: str) -> None:
    (found,) = hunt([MUTANTS[name]], "1..100", 1_000, 1)
    assert found.seed is not None, found.what


def test_a_mutant_that_no_longer_fits_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one one")
    for old, times in (("one", 2), ("two", 0)):
        mutant = Mutant(why="", changes=(Change(file="a.py", old=old, new=""),), name="m")
        with pytest.raises(DataError, match=f"m: the old text stands there {times} times"):
            apply_mutant(mutant, tmp_path, tmp_path)


def test_two_changes_of_one_file_are_both_made(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one two")
    changes = (Change(file="a.py", old="one", new="1"), Change(file="a.py", old="two", new="2"))
    modules = apply_mutant(Mutant(why="", changes=changes), tmp_path, tmp_path)
    assert Path(modules["quarterdeck.a"]).read_text() == "1 2"


def test_a_folder_without_mutants_or_with_nonsense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no mutant"):
        read_mutants(tmp_path)
    (tmp_path / "a.json").write_text(json.dumps({"why": 1}))
    with pytest.raises(DataError, match="no mutant"):
        read_mutants(tmp_path)
