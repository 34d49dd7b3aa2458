"""Connecting to the daemon, which is started when there is none.

The handshake is one line of JSON each way, described in docs/protocol.md. What starts and replaces daemons,
``start.py``, is imported when it is needed: the editor's forwarder waits for this.
"""

from __future__ import annotations

import json
import os
import socket

from ..environment import passed_on
from ..version import VERSION
from . import address as addresses
from .address import Address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

PROTOCOL = 1
"""The version of the handshake and of the frames."""

LINE_BYTES = 64 << 10
"""A longer line of the handshake is refused, in both directions."""

ANSWER_SECONDS = 5.0
"""A daemon that does not answer the handshake within these hangs."""


class Silent(Exception):
    """A daemon is there that does not answer; ``pid`` is its process, 0 where that is not known."""

    def __init__(self, pid: int) -> None:
        super().__init__(pid)
        self.pid = pid


def dial(
    kind: str, *, start: bool = True, address: Address | None = None, environment: Mapping[str, str] = os.environ
) -> socket.socket:
    """A blocking connection to the daemon, the handshake done and nothing read beyond it.

    ``kind`` is ``lsp`` for a language server's bytes, ``script`` for frames. Without ``start``, only a daemon that runs
    already is used. Raises ``DaemonError``.
    """
    address = address or addresses.find(environment)
    try:
        stream = greet(address, kind, environment)
    except Silent as e:
        if not start:
            raise _absent(f"the daemon (process {e.pid}) does not answer", "`advisor daemon stop` ends it") from e
        stream = None
    if stream is not None:
        return stream
    if not start:
        raise _absent("no daemon is running", "`advisor daemon start` starts one")
    from .start import connected

    return connected(address, kind, environment)


def greet(address: Address, kind: str, environment: Mapping[str, str]) -> socket.socket | None:
    """One try: a connection to the daemon that runs, None when none does. Raises :class:`Silent`, ``DaemonError``."""
    pid = addresses.holder(address) or 0
    try:
        stream = addresses.reach(address, ANSWER_SECONDS)
    except TimeoutError as e:
        raise Silent(pid) from e
    if stream is None:
        return None
    try:
        stream.sendall(_hello(address, kind, environment))
        line = _line(stream)
        if line is None or not _welcome(line, address):
            stream.close()
            return None
    except (ConnectionError, FileNotFoundError):
        stream.close()  # it was leaving
        return None
    except TimeoutError as e:
        stream.close()
        raise Silent(pid) from e
    except BaseException:
        stream.close()
        raise
    stream.settimeout(None)
    return stream


def _hello(address: Address, kind: str, environment: Mapping[str, str]) -> bytes:
    try:
        folder = os.getcwd()  # not pathlib's: it takes as long to import as all of this
    except FileNotFoundError:
        folder = os.path.abspath(os.sep)  # ours was deleted
    hello: dict[str, Any] = {
        "advisor": VERSION,
        "protocol": PROTOCOL,
        "kind": kind,
        "cwd": folder,
        "environment": passed_on(environment),
    }
    if address.tcp:
        hello["token"] = addresses.secrets_of(address)[1]
    return json.dumps(hello).encode() + b"\n"


def _line(stream: socket.socket) -> bytes | None:
    """The daemon's line, read byte by byte so that nothing behind it is taken; None when it ends before that."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = stream.recv(1)
        if not byte or len(line) > LINE_BYTES:
            return None
        line += byte
    return bytes(line)


def _welcome(line: bytes, address: Address) -> bool:
    """Whether ``line`` is that of a daemon that takes us. Raises ``DaemonError`` when it says why it does not."""
    from_daemon: Any
    try:
        from_daemon = json.loads(line)
    except ValueError as e:
        raise _absent(f"what listens at {address.door} is no daemon of ours", "end it, or remove that file") from e
    if not isinstance(from_daemon, dict):
        raise _absent(f"what listens at {address.door} is no daemon of ours", "end it, or remove that file")
    if "error" in from_daemon:
        from .errors import from_wire

        raise from_wire(from_daemon["error"])
    if (from_daemon.get("advisor"), from_daemon.get("protocol")) != (VERSION, PROTOCOL):
        theirs = f"{from_daemon.get('advisor')!r}, protocol {from_daemon.get('protocol')!r}"
        raise _absent(
            f"the daemon at {address.door} is of another version ({theirs})", "`advisor daemon stop` ends it", "version"
        )
    return not address.tcp or from_daemon.get("answer") == addresses.secrets_of(address)[2]


def _absent(message: str, remedy: str, code: str = "unreachable") -> Exception:
    from .errors import DaemonError

    return DaemonError(message, code, remedy)
