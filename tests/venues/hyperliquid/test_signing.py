"""What is tested: `quarterdeck.venues.hyperliquid.signing`."""

import copy
import pickle
from pathlib import Path

import pytest

from quarterdeck.errors import ConfigError
from quarterdeck.venues.hyperliquid.requests import Encoder
from quarterdeck.venues.hyperliquid.signing import KEY_FILE_VARIABLE, KEY_VARIABLE, Nonces, Signer
from tests.venues.hyperliquid.builders import TAG, USER, place, universe

KEY = "0x" + "4f" * 32


def test_nonces_rise_whatever_the_clock_does() -> None:
    times = iter([5_000_000, 5_000_000, 5_400_000, 1_000_000, 9_000_000])
    nonces = Nonces(lambda: next(times))
    assert [nonces.take() for _ in range(5)] == [5, 6, 7, 8, 9]


@pytest.mark.parametrize("expires_ms", [None, 1_700_000_000_123])
@pytest.mark.parametrize("mainnet", [True, False])
def test_signature_is_recovered_by_the_sdk(expires_ms: int | None, mainnet: bool) -> None:
    from hyperliquid.utils.signing import recover_agent_or_user_from_l1_action

    signer = Signer(KEY, mainnet=mainnet)
    action = Encoder(universe(), TAG, USER).encode(place()).body  # type: ignore[union-attr] # a place is an action
    signature = signer.sign(action, 17, expires_ms)
    found = recover_agent_or_user_from_l1_action(action, signature, None, 17, expires_ms, mainnet)
    assert found.lower() == signer.address
    assert recover_agent_or_user_from_l1_action(action, signature, None, 18, expires_ms, mainnet) != found


def test_key_is_shown_by_nothing() -> None:
    signer = Signer(KEY, mainnet=False)
    shown = [repr(signer), str(signer), f"{signer}", repr(vars(Signer)), signer.address]
    assert not any("4f4f" in text for text in shown)
    assert not hasattr(signer, "__dict__")
    for copier in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="holds a key"):
            copier(signer)


@pytest.mark.parametrize("key", ["", "4f" * 31, "zz" * 32, "0x" + "4f" * 33, "00" * 32, "ff" * 32])
def test_no_key_is_refused_without_being_repeated(key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Signer(key, mainnet=False)
    text = f"{caught.value!r} {caught.value.__cause__!r} {caught.value.args}"
    assert not key or key not in text
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_key_from_the_environment_or_a_file_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY + "\n")
    file.chmod(0o600)
    addresses = {
        Signer.from_environment(environment, mainnet=False).address
        for environment in ({KEY_VARIABLE: KEY}, {KEY_FILE_VARIABLE: str(file)})
    }
    assert len(addresses) == 1
    file.chmod(0o644)
    for environment in (
        {},
        {KEY_VARIABLE: KEY, KEY_FILE_VARIABLE: str(file)},
        {KEY_FILE_VARIABLE: str(file)},
        {KEY_FILE_VARIABLE: str(tmp_path / "none")},
    ):
        with pytest.raises(ConfigError) as caught:
            Signer.from_environment(environment, mainnet=False)
        assert "4f4f" not in str(caught.value)
