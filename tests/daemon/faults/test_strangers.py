"""Another user's socket, folder and calls: neither side speaks to a stranger. As root the other user is ``nobody``."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import advisor
from advisor.client.address import find, holder
from advisor.client.dial import dial
from advisor.client.errors import DaemonError
from tests.daemon.hubs import until

from .conftest import AT_ONCE, Fresh, Project, audited, status_seconds

NOBODY = 65534
BECOME = f"""
import os, socket, sys
os.setgroups([])
os.setgid({NOBODY})
os.setuid({NOBODY})
"""
LISTEN = """
stream = socket.socket(socket.AF_UNIX)
stream.bind(sys.argv[1])
stream.listen()
print("there", flush=True)
accepted, _ = stream.accept()
print(accepted.recv(1000), flush=True)
"""
CALL = """
stream = socket.socket(socket.AF_UNIX)
stream.settimeout(20)
stream.connect(sys.argv[1])
try:
    stream.sendall(b'{"advisor": "x", "protocol": 1, "kind": "script"}\\n')
except BrokenPipeError:
    pass  # sent away before it said a word
print(stream.makefile("rb").readline().decode())
"""
KNOCK = """
print("no way in" if socket.socket(socket.AF_UNIX).connect_ex(sys.argv[1]) else "it is open")
"""

pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can act as another user"
)


def nobody(code: str, *arguments: str) -> subprocess.Popen[str]:
    """A program that becomes another user before it does anything; our interpreter may be closed to that user."""
    command = [sys.executable, "-I", "-c", BECOME + code, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd="/")


@pytest.fixture
def theirs(monkeypatch) -> Iterator[Path]:
    """A runtime folder that belongs to the other user, where ours is looked for."""
    folder = Path(tempfile.mkdtemp(prefix="advisor-", dir="/tmp"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("whose", ["folder and socket", "socket", "socket in a folder that is open to all"])
def test_nothing_is_sent_to_a_strangers_socket(theirs: Path, whose: str):
    place = Path(find().folder)
    place.mkdir()
    place.chmod(0o777)
    listening = nobody(LISTEN, find().door)
    assert listening.stdout and listening.stdout.readline() == "there\n"
    try:
        if whose == "folder and socket":
            os.chown(place, NOBODY, NOBODY)
        if "open" not in whose:
            place.chmod(0o700)
        for call in (lambda: dial("script"), lambda: dial("script", start=False), lambda: advisor.connect()):
            with pytest.raises(DaemonError, match=re.escape(str(place)) + ".* XDG_RUNTIME_DIR") as e:
                call()
            assert e.value.code == "refused"
        done = subprocess.run([sys.executable, "-m", "advisor", "lsp"], input="", capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert done.stderr.startswith("advisor: error: ")
        assert holder(find()) is None, "no daemon was started in there"
    finally:
        listening.kill()
        said = listening.communicate()[0]
    assert said == ""


@contextmanager
def opened(*paths: Path) -> Iterator[None]:
    """In here these are open to everybody."""
    modes = [path.stat().st_mode & 0o777 for path in paths]
    for path in paths:
        path.chmod(0o777)
    try:
        yield
    finally:
        for path, mode in zip(paths, modes, strict=True):
            path.chmod(mode)


def test_a_stranger_who_calls_is_sent_away(project: Project, fresh: Fresh, idle: float):
    """Even where the folders would let them in."""
    with advisor.connect() as client:
        door = Path(find().door)
        with opened(door, *door.parents[:3]):
            said = nobody(CALL, str(door)).communicate(timeout=60)[0]
        assert json.loads(said)["error"]["code"] == "refused"
        until(lambda: len(client.status()["clients"]) == 1)
    assert status_seconds() < AT_ONCE * idle
    path = project.net()
    assert audited(path) == fresh.json(path)


def test_a_stranger_cannot_even_reach_it():
    with dial("script"):
        assert Path(find().door).stat().st_mode & 0o777 == 0o600
        assert Path(find().folder).stat().st_mode & 0o777 == 0o700
        with opened(*Path(find().folder).parents[:2]):
            assert nobody(KNOCK, find().door).communicate(timeout=60)[0] == "no way in\n"
