"""Where the daemon is looked for, and whom its clients believe to be it."""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
from pathlib import Path

import pytest

from advisor.client import address as addresses
from advisor.client.address import find, holder, reach, same_user, secure, take
from advisor.client.errors import DaemonError


@pytest.fixture
def environment():
    folder = Path(tempfile.mkdtemp(prefix="advisor-", dir="/tmp"))
    yield {"XDG_RUNTIME_DIR": str(folder)}
    for path in (*folder.glob("*/*"), *folder.glob("*"), folder):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def listening(path: str) -> socket.socket:
    stream = socket.socket(socket.AF_UNIX)
    stream.bind(path)
    Path(path).chmod(0o600)
    stream.listen()
    return stream


def test_one_place_an_installation(environment, monkeypatch):
    here = find(environment)
    assert find(environment).door == here.door
    assert Path(here.door).parent == Path(here.lock).parent == Path(environment["XDG_RUNTIME_DIR"], "nas-advisor")
    monkeypatch.setattr(sys, "prefix", "/elsewhere")
    assert find(environment).door != here.door
    monkeypatch.setattr(addresses, "VERSION", "9.9")
    assert Path(find(environment).door).name.startswith("9.9-")


@pytest.mark.parametrize("given", ["relative/run", ""])
def test_without_a_runtime_folder_it_is_the_temporary_one_with_the_users_number(given):
    assert find({"XDG_RUNTIME_DIR": given, "TMPDIR": "/var/tmp"}).folder == f"/var/tmp/nas-advisor-{os.getuid()}"
    assert find({}).folder == f"/tmp/nas-advisor-{os.getuid()}"


def test_a_folder_too_long_for_a_sockets_path_is_passed_over():
    long = "/tmp/" + "x" * 90
    assert find({"XDG_RUNTIME_DIR": long, "TMPDIR": long}).folder == f"/tmp/nas-advisor-{os.getuid()}"
    assert find({"XDG_RUNTIME_DIR": long}, tcp=True).folder == f"{long}/nas-advisor"


def test_the_folder_is_made_for_its_owner_alone(environment):
    address = find(environment)
    assert not secure(address, make=False)
    assert not Path(address.folder).exists()
    assert secure(address, make=True)
    assert Path(address.folder).stat().st_mode & 0o777 == 0o700
    assert secure(address, make=True)


def test_a_folder_that_others_can_write_is_refused(environment):
    address = find(environment)
    secure(address, make=True)
    Path(address.folder).chmod(0o770)
    for make in (True, False):
        with pytest.raises(DaemonError, match=r"can be written by other users.*XDG_RUNTIME_DIR") as e:
            secure(address, make=make)
        assert e.value.code == "refused"


def test_a_link_in_the_folders_place_is_refused(environment, tmp_path):
    address = find(environment)
    Path(address.folder).symlink_to(tmp_path)
    with pytest.raises(DaemonError, match="is a link or a file"):
        secure(address, make=True)


def test_another_users_folder_is_refused(environment, monkeypatch):
    address = find(environment)
    secure(address, make=True)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(DaemonError, match=r"nas-advisor is another user's"):
        reach(address, 1)


def test_a_place_that_cannot_be_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DaemonError, match="Not a directory"):
        secure(find({"XDG_RUNTIME_DIR": str(tmp_path / "file")}, tcp=True), make=True)


def test_nobody_is_reached_where_nobody_listens(environment):
    address = find(environment)
    assert reach(address, 1) is None
    secure(address, make=True)
    assert reach(address, 1) is None
    listening(address.door).close()  # its file stays, as after a crash
    assert reach(address, 1) is None


def test_whoever_listens_is_reached(environment):
    address = find(environment)
    secure(address, make=True)
    with listening(address.door) as server:
        stream = reach(address, 1)
        assert stream is not None
        stream.close()
        server.accept()[0].close()


def test_what_is_no_socket_is_refused(environment):
    address = find(environment)
    secure(address, make=True)
    Path(address.door).touch(0o600)
    with pytest.raises(DaemonError, match="is no socket"):
        reach(address, 1)


def test_the_other_ends_user_is_looked_at(monkeypatch):
    one, two = socket.socketpair()
    with one, two:
        assert same_user(one)
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
        assert not same_user(one)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"port": "x"}'])
def test_a_file_that_holds_no_port_is_refused(environment, text):
    address = find(environment, tcp=True)
    secure(address, make=True)
    Path(address.door).touch(0o600)
    Path(address.door).write_text(text, encoding="ascii")
    with pytest.raises(DaemonError, match="does not hold a port"):
        reach(address, 1)


def test_secrets_that_others_can_read_are_refused(environment):
    address = find(environment, tcp=True)
    secure(address, make=True)
    Path(address.door).touch()
    Path(address.door).write_text(json.dumps({"port": 1, "token": "a", "answer": "b"}), encoding="ascii")
    Path(address.door).chmod(0o640)
    with pytest.raises(DaemonError, match="can be read by other users"):
        reach(address, 1)


def test_the_lock_tells_who_holds_it(environment):
    address = find(environment)
    assert holder(address) is None
    secure(address, make=True)
    descriptor = os.open(address.lock, os.O_RDWR | os.O_CREAT, 0o600)
    assert holder(address) is None
    assert take(descriptor)
    assert holder(address) == 0
    os.write(descriptor, b"123")
    assert holder(address) == 123
    os.close(descriptor)
    assert holder(address) is None
