"""The wallet signs, and shows nothing of what it signs with."""

import copy
import pickle
import traceback
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from quarterdeck.errors import AuditError, ConfigError
from quarterdeck.venues.evm.wallet import KEY_FILE_VARIABLE, KEY_VARIABLE, Wallet
from tests.venues.evm.anvil import ACCOUNTS, KEYS

SECRET = KEYS[0]
DIGITS = SECRET.removeprefix("0x")


def test_address_and_signatures_are_the_accounts() -> None:
    wallet = Wallet(SECRET)
    assert wallet.address == ACCOUNTS[0]
    words = {
        "type": 2, "chainId": 1, "nonce": 3, "to": ACCOUNTS[1], "data": b"\1", "value": 0, "gas": 21_000,
        "maxFeePerGas": 2, "maxPriorityFeePerGas": 1,
    }  # fmt: skip
    signed = wallet.sign(words)
    assert signed.raw == bytes(Account.sign_transaction(words, SECRET).raw_transaction)
    assert Account.recover_transaction(signed.raw) == wallet.address
    signature = wallet.sign_text("hello")
    assert Account.recover_message(encode_defunct(text="hello"), signature=signature) == wallet.address


def test_a_planted_secret_is_in_no_words_that_leave() -> None:
    wallet = Wallet(SECRET)
    said = [repr(wallet), str(wallet), f"{wallet}", repr(vars(type(wallet))), repr(dir(wallet))]
    for attempt in (
        lambda: pickle.dumps(wallet),
        lambda: copy.copy(wallet),
        lambda: copy.deepcopy(wallet),
        lambda: wallet.sign({"type": 2, "nonce": "nonsense"}),
        lambda: wallet.__dict__,
        lambda: Wallet(SECRET + "0"),
        lambda: Wallet("z" + DIGITS[1:]),
    ):
        with pytest.raises((TypeError, AttributeError, ConfigError, ValueError)) as caught:
            attempt()
        said.append("".join(traceback.format_exception(caught.value)))
    for text in said:
        assert DIGITS[1:] not in text
        assert str(int(DIGITS, 16)) not in text


@pytest.mark.parametrize("key", ["", "0x", "0" * 64, "f" * 64, "12" * 31, "g" * 64])
def test_what_is_no_key_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ConfigError, match=r"QUARTERDECK_EVM_KEY = '\(not shown\)'"):
        Wallet(key)


def test_the_key_comes_from_the_credentials_or_a_file_of_its_owner(tmp_path: Path) -> None:
    assert Wallet.from_credentials({KEY_VARIABLE: SECRET}).address == ACCOUNTS[0]
    file = tmp_path / "key"
    file.write_text(DIGITS + "\n")
    file.chmod(0o644)
    with pytest.raises(AuditError, match="others may read it"):
        Wallet.from_credentials({KEY_FILE_VARIABLE: str(file)})
    file.chmod(0o600)
    assert Wallet.from_credentials({KEY_FILE_VARIABLE: str(file)}).address == ACCOUNTS[0]
    for neither_or_both in ({}, {KEY_VARIABLE: SECRET, KEY_FILE_VARIABLE: str(file)}):
        with pytest.raises(ConfigError, match="set either it or QUARTERDECK_EVM_KEY_FILE"):
            Wallet.from_credentials(neither_or_both)
