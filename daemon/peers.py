"""Who calls: the handshake that comes before anything else on a connection; docs/protocol.md describes it."""

from __future__ import annotations

import asyncio
import hmac
import json
import os
from pathlib import Path
from typing import Any

from advisor.client.address import same_user
from advisor.client.dial import LINE_BYTES, PROTOCOL
from advisor.environment import passed_on
from advisor.version import VERSION

from .listening import Door

HELLO_SECONDS = 10.0
"""Who has not said what it is within these is sent away."""

KINDS = ("lsp", "script")


class Refused(Exception):
    """A client that is not served. ``code`` is one of the protocol's; the message and the remedy are for its user."""

    def __init__(self, code: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.code, self.message, self.remedy = code, message, remedy


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, door: Door) -> dict[str, Any]:
    """What the client says it is, once it was welcomed; ``kind``, ``cwd`` and ``environment`` are as they should be.

    Raises :class:`Refused` after the client was told why, ``ConnectionError`` when it is gone.
    """
    try:
        _check_user(writer)
        hello = _understood(await _line(reader))
        if not hmac.compare_digest(str(hello.get("token", "")).encode() if door.token else b"", door.token.encode()):
            remedy = f"its daemon's file {door.address.door} holds the right one"
            raise Refused("refused", "the token is not the daemon's", remedy)
    except Refused as e:
        await _send(writer, {"error": {"code": e.code, "message": e.message, "remedy": e.remedy}})
        raise
    answer = {"answer": door.answer} if door.answer else {}
    await _send(writer, {"advisor": VERSION, "protocol": PROTOCOL, "pid": os.getpid(), **answer})
    return hello


def _check_user(writer: asyncio.StreamWriter) -> None:
    stream: Any = writer.get_extra_info("socket")
    if stream is not None and not same_user(stream):
        raise Refused("refused", "this daemon is another user's", "start one of your own with `advisor daemon start`")


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await asyncio.wait_for(reader.readuntil(b"\n"), HELLO_SECONDS)
    except asyncio.TimeoutError as e:
        raise _misunderstood(f"no handshake within {HELLO_SECONDS:g} s") from e
    except asyncio.LimitOverrunError as e:
        raise _misunderstood(f"a handshake longer than {LINE_BYTES:,} bytes") from e
    except asyncio.IncompleteReadError as e:
        raise ConnectionResetError("it ended within the handshake") from e


def _understood(line: bytes) -> dict[str, Any]:
    try:
        hello = json.loads(line)
    except (ValueError, RecursionError) as e:
        raise _misunderstood("a handshake that is no line of JSON") from e
    if not isinstance(hello, dict):
        raise _misunderstood("a handshake that is no JSON object")
    if hello.get("protocol") != PROTOCOL or hello.get("advisor", VERSION) != VERSION:
        asked = f"{str(hello.get('advisor'))[:40]}, protocol {str(hello.get('protocol'))[:40]}"
        raise Refused(
            "version",
            f"this daemon is advisor {VERSION}, protocol {PROTOCOL}; the client is {asked}",
            "`advisor daemon stop` ends this daemon; the client starts its own",
        )
    if hello.get("kind") not in KINDS:
        raise _misunderstood(f"a kind {str(hello.get('kind'))[:40]!r}; there are {' and '.join(KINDS)}")
    environment, folder = hello.get("environment", {}), hello.get("cwd", str(Path(os.sep).absolute()))
    if not isinstance(environment, dict) or not all(isinstance(value, str) for value in environment.values()):
        raise _misunderstood("an environment that does not map names to texts")
    if not all(_possible(name, value) for name, value in environment.items()):
        raise _misunderstood("an environment that no process can have")
    if not isinstance(folder, str) or not Path(folder).is_absolute():
        raise _misunderstood("a cwd that is no absolute path")
    return {**hello, "environment": passed_on(environment), "cwd": folder}


def _possible(name: str, value: str) -> bool:
    """Whether a process can be started with this variable."""
    try:
        return "=" not in name[1:] and b"\0" not in os.fsencode(name + value)  # Windows has names that begin with =
    except UnicodeEncodeError:
        return False


def _misunderstood(what: str) -> Refused:
    return Refused("handshake", f"the daemon got {what}", "docs/protocol.md describes the handshake")


async def _send(writer: asyncio.StreamWriter, line: dict[str, Any]) -> None:
    writer.write(json.dumps(line).encode() + b"\n")
    await writer.drain()
