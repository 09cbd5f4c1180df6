"""What is tested: `quarterdeck.venues.binance.keys`: what is signed, and that the secret is shown nowhere."""

import copy
import hashlib
import hmac
import pickle
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from quarterdeck.errors import ConfigError
from quarterdeck.venues.binance.keys import KEY_VARIABLE, SECRET_FILE_VARIABLE, SECRET_VARIABLE, ApiKey
from tests.venues.binance.builders import KEY, SECRET

# The example of the venue's own documentation ("SIGNED endpoint examples").
EXAMPLE_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
EXAMPLE_SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
EXAMPLE = (
    ("symbol", "LTCBTC"), ("side", "BUY"), ("type", "LIMIT"), ("timeInForce", "GTC"), ("quantity", 1),
    ("price", "0.1"), ("recvWindow", 5000), ("timestamp", 1499827319559),
)  # fmt: skip
SIGNATURE = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"


def test_the_documented_example() -> None:
    query = ApiKey(EXAMPLE_KEY, EXAMPLE_SECRET).signed_query(EXAMPLE)
    assert query.endswith(f"&recvWindow=5000&timestamp=1499827319559&signature={SIGNATURE}")
    assert dict(parse_qsl(query))["symbol"] == "LTCBTC"


def test_a_message_is_signed_over_its_sorted_names() -> None:
    message = ApiKey(KEY, SECRET).signed_message({"timestamp": 5, "recvWindow": 7})
    text = f"apiKey={KEY}&recvWindow=7&timestamp=5"
    assert message["signature"] == hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    assert message["apiKey"] == KEY


def test_it_is_not_shown_and_not_copied() -> None:
    key = ApiKey(KEY, SECRET)
    assert KEY not in f"{key!r}{key}"
    assert SECRET not in f"{key!r}{key}{vars(type(key))}"
    for take in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            take(key)


@pytest.mark.parametrize(
    ("key", "secret"), [("", SECRET), (KEY, "short"), (KEY, "s" * 40 + " "), (KEY, "s" * 300), ("k" * 30 + "é", SECRET)]
)
def test_what_cannot_be_one_is_refused_unseen(key: str, secret: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ApiKey(key, secret)
    assert "(not shown)" in str(caught.value)
    for part in (key, secret):
        assert not part or part not in str(caught.value)


def test_from_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n")
    file.chmod(0o600)
    direct = ApiKey.from_environment({KEY_VARIABLE: KEY, SECRET_VARIABLE: SECRET})
    kept = ApiKey.from_environment({KEY_VARIABLE: KEY, SECRET_FILE_VARIABLE: str(file)})
    assert direct.signed_query(EXAMPLE) == kept.signed_query(EXAMPLE)
    file.chmod(0o644)
    for environment, said in (
        ({KEY_VARIABLE: KEY}, "set either it or"),
        ({KEY_VARIABLE: KEY, SECRET_VARIABLE: SECRET, SECRET_FILE_VARIABLE: str(file)}, "set either it or"),
        ({SECRET_VARIABLE: SECRET}, KEY_VARIABLE),
        ({KEY_VARIABLE: KEY, SECRET_FILE_VARIABLE: str(file)}, "mode 600"),
        ({KEY_VARIABLE: KEY, SECRET_FILE_VARIABLE: str(tmp_path / "none")}, "No such file"),
    ):
        with pytest.raises(ConfigError, match=said) as caught:
            ApiKey.from_environment(environment)
        assert SECRET not in str(caught.value)
