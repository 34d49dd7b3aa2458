"""A home of its own for the daemons of a test, and no process left when it ends."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from advisor.client.address import Address, find, holder
from advisor.frames import Decoder, encode

SECONDS = 20.0
"""Nothing that is waited for takes so long."""


@contextlib.contextmanager
def home(monkeypatch) -> Iterator[Path]:
    """A folder with ``runtime``, ``cache`` and ``config``, where this process and those it starts find theirs."""
    top = Path(tempfile.mkdtemp(prefix="advisor-", dir="/tmp"))  # short: a socket's path has a limit
    for variable in ("RUNTIME_DIR", "CACHE_HOME", "CONFIG_HOME"):
        folder = top / variable.split("_")[0].lower()
        folder.mkdir(mode=0o700)
        monkeypatch.setenv(f"XDG_{variable}", str(folder))
    addresses = [find(tcp=tcp) for tcp in (False, True)]
    yield top
    for address in addresses:
        kill(address)
    shutil.rmtree(top, ignore_errors=True)


def kill(address: Address) -> int | None:
    """End the daemon as a crash would; its process, None when there was none."""
    pid = holder(address)
    if pid:
        with contextlib.suppress(ProcessLookupError):  # it was about to go
            os.kill(pid, signal.SIGKILL)
        until(lambda: holder(address) != pid)
    return pid


def until(there: Callable[[], Any]) -> None:
    """Wait until ``there()`` holds."""
    end = time.monotonic() + SECONDS
    while not there():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def ask(stream: socket.socket, method: str) -> Any:
    """The result of a request without parameters, on a connection of the kind ``script``."""
    stream.settimeout(SECONDS)
    stream.sendall(encode({"id": 1, "method": method, "params": {}}))
    decoder = Decoder()
    while data := stream.recv(1 << 16):
        for message in decoder.feed(data):
            return message["result"]
    raise ConnectionError("the daemon ended")


def hub_of(stream: socket.socket) -> int:
    """The process at the other end of a script's connection, by its own word."""
    return ask(stream, "status")["pid"]
