"""What is tested: `quarterdeck.venues.hyperliquid.signing`."""

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from quarterdeck.errors import ConfigError
from quarterdeck.venues.hyperliquid.requests import Encoder
from quarterdeck.venues.hyperliquid.signing import KEY_FILE_VARIABLE, KEY_VARIABLE, Nonces, Signer, action_hash
from tests.venues.hyperliquid.builders import TAG, USER, place, universe

KEY = "0x" + "4f" * 32
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


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


@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**63), st.none() | st.integers(0, 2**63), st.booleans())
def test_signature_is_the_sdks(key: bytes, nonce: int, expires_ms: int | None, mainnet: bool) -> None:
    from eth_account import Account
    from hyperliquid.utils.signing import sign_l1_action

    assume(0 < int.from_bytes(key, "big") < CURVE_ORDER)
    action = {"type": "cancel", "cancels": [{"a": nonce % 1_000, "o": nonce}]}
    signer = Signer(key.hex(), mainnet=mainnet)
    wallet = Account.from_key(key)
    assert signer.address == wallet.address.lower()
    assert signer.sign(action, nonce, expires_ms) == sign_l1_action(wallet, action, None, nonce, expires_ms, mainnet)


TEXTS = st.text(max_size=40)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | TEXTS,
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(TEXTS, inner, max_size=20),
    max_leaves=30,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=20), st.integers(0, 2**64 - 1), st.none() | st.integers(0, 2**64 - 1))
def test_hash_of_an_action_is_the_sdks(action: dict[str, Any], nonce: int, expires_ms: int | None) -> None:
    from hyperliquid.utils import signing

    assert action_hash(action, nonce, expires_ms) == signing.action_hash(action, None, nonce, expires_ms)


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
