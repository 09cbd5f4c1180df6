"""What is tested: `quarterdeck.venues.alpaca.keys`: where the keys come from, and that nothing shows them."""

import pickle
from pathlib import Path

import pytest

from quarterdeck.errors import ConfigError
from quarterdeck.venues.alpaca.keys import KEY_VARIABLE, SECRET_FILE_VARIABLE, SECRET_VARIABLE, Keys

KEY, SECRET = "PKTESTTESTTESTTEST01", "sEcReTsEcReTsEcReT/0123456789"


def both(keys: Keys) -> tuple[str, str]:
    return keys.lend(lambda key, secret: (key, secret))


def test_keys_come_from_the_environment() -> None:
    assert both(Keys.from_environment({KEY_VARIABLE: KEY, SECRET_VARIABLE: f"{SECRET}\n"})) == (KEY, SECRET)


def test_the_secret_may_be_in_a_file_of_its_owner(tmp_path: Path) -> None:
    kept = tmp_path / "secret"
    kept.write_text(f"{SECRET}\n")
    environment = {KEY_VARIABLE: KEY, SECRET_FILE_VARIABLE: str(kept)}
    kept.chmod(0o644)
    with pytest.raises(ConfigError, match="others can read it"):
        Keys.from_environment(environment)
    kept.chmod(0o600)
    assert both(Keys.from_environment(environment)) == (KEY, SECRET)
    kept.unlink()
    with pytest.raises(ConfigError, match="No such file"):
        Keys.from_environment(environment)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {KEY_VARIABLE: KEY},
        {SECRET_VARIABLE: SECRET},
        {KEY_VARIABLE: KEY, SECRET_VARIABLE: SECRET, SECRET_FILE_VARIABLE: "secret"},
        {KEY_VARIABLE: KEY, SECRET_VARIABLE: "two\nlines"},
        {KEY_VARIABLE: "k" * 300, SECRET_VARIABLE: SECRET},
    ],
)
def test_a_refusal_is_one_line_that_shows_neither(environment: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="ALPACA_") as caught:
        Keys.from_environment(environment)
    assert "\n" not in str(caught.value)
    assert not any(text in str(caught.value) for text in (KEY, SECRET, "two\nlines"))


def test_keys_are_neither_shown_nor_copied() -> None:
    keys = Keys(KEY, SECRET)
    assert KEY not in repr(keys)
    assert SECRET not in repr(keys)
    with pytest.raises(TypeError):
        pickle.dumps(keys)
