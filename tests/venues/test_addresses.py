"""What is tested: `quarterdeck.venues.addresses`: where a server listens, and a connection to it."""

import socket
import stat
from pathlib import Path

import pytest

from quarterdeck.errors import ConfigError
from quarterdeck.venues.addresses import Address

READ = (
    ("127.0.0.1:9001", Address(host="127.0.0.1", port=9001), "127.0.0.1:9001"),
    ("[::1]:80", Address(host="::1", port=80), "::1:80"),
    ("practice.sock", Address(path=Path("/desk/practice.sock")), "/desk/practice.sock"),
    ("/run/a:b.sock", Address(path=Path("/run/a:b.sock")), "/run/a:b.sock"),
)


@pytest.mark.parametrize(("text", "address", "shown"), READ)
def test_an_address_is_read(text: str, address: Address, shown: str) -> None:
    assert Address.read(text, Path("/desk")) == address
    assert str(address) == shown


@pytest.mark.parametrize("text", ["", ":9001", "host:", "host:port", "host:65536", "folder/"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="HOST:PORT"):
        Address.read(text, Path("/desk"))


def exchange(address: Address, listening: socket.socket) -> None:
    line = address.connect(5.0)
    other, _ = listening.accept()
    line.sendall(b"hello")
    assert other.recv(10) == b"hello"
    for each in (line, other, listening):
        each.close()


def test_a_socket_far_down_the_tree_is_its_owners_alone_and_replaces_one_left_behind(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    address = Address.read("practice.sock", folder)
    address.listen().close()  # left behind
    listening = address.listen()
    assert address.path is not None
    assert stat.S_IMODE(address.path.stat().st_mode) == 0o600
    exchange(address, listening)


def test_a_port_of_this_machine() -> None:
    listening = Address(host="127.0.0.1", port=0).listen()
    exchange(Address(host="127.0.0.1", port=listening.getsockname()[1]), listening)


def test_where_somebody_listens_nobody_else_does(tmp_path: Path) -> None:
    address = Address.read("practice.sock", tmp_path)
    listening = address.listen()
    with pytest.raises(OSError, match="somebody listens"):
        address.listen()
    listening.close()


@pytest.mark.parametrize("text", ["nobody.sock", "missing/nobody.sock"])
def test_nobody_there_is_an_os_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(OSError, match=r"No such file"):
        Address.read(text, tmp_path).connect(1.0)
