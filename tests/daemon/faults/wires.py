"""Connections to the daemon that send what nobody should, and strategies that make it up."""

from __future__ import annotations

import itertools
import json
import socket
import struct
from typing import Any

import msgpack
from hypothesis import strategies as st
from lsprotocol import types

from advisor.client.address import find
from advisor.client.dial import PROTOCOL
from advisor.daemon.lsp.commands import COMMANDS
from advisor.frames import Decoder
from advisor.version import VERSION
from tests.daemon.hubs import SECONDS

HELLO: dict[str, Any] = {"advisor": VERSION, "protocol": PROTOCOL, "kind": "script", "cwd": "/tmp", "environment": {}}
METHODS = ("audit", "models", "targets", "rules", "explain", "status", "ping")
"""All but ``stop``, which does as it is told."""
REQUESTS = tuple(m for m in types.METHOD_TO_TYPES if m not in ("exit", "shutdown", "initialize"))
SERVED = (
    "textDocument/didOpen",
    "textDocument/didChange",
    "textDocument/didClose",
    "textDocument/didSave",
    "textDocument/diagnostic",
    "textDocument/hover",
    "textDocument/inlayHint",
    "textDocument/codeLens",
    "textDocument/codeAction",
    "notebookDocument/didOpen",
    "notebookDocument/didChange",
    "notebookDocument/didClose",
    "workspace/executeCommand",
    "workspace/diagnostic",
    "workspace/didChangeConfiguration",
    "workspace/didChangeWatchedFiles",
    "workspace/didChangeWorkspaceFolders",
    "window/workDoneProgress/cancel",
    "$/cancelRequest",
    "$/setTrace",
    "advisor/trust",
)
ODD = ("jsonrpc", "id", "method", "params", "textDocument", "uri", "version", "text", "position", "line", "character")
ODD += ("range", "contentChanges", "settings", "command", "arguments", "notebookDocument", "cells", "change", "event")

texts = st.text(max_size=20)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(ODD) | texts, inner, max_size=5),
    max_leaves=12,
)
"""What JSON can say."""
packable = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | texts | st.binary(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=12,
)
"""What MessagePack can say."""
requests = st.fixed_dictionaries(
    {"id": st.integers(0, 2**40) | texts, "method": st.sampled_from(METHODS) | packable, "params": packable}
)
bodies = (
    st.binary(max_size=60) | packable.map(msgpack.packb) | st.one_of(requests, requests.map(dict)).map(msgpack.packb)
)
"""Of a frame: mostly none that means anything, some nearly right."""
messages = st.fixed_dictionaries(
    {}, optional={"jsonrpc": plain, "id": plain, "method": st.sampled_from(REQUESTS) | plain, "params": plain}
)
near = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0"), "method": st.sampled_from(REQUESTS), "params": plain}, optional={"id": plain}
)
numbers = st.integers(-2, 9) | st.sampled_from((2**31 - 1, 2**31, 2**63, -(2**31)))
uris = st.sampled_from(
    (
        "file:///nowhere/a.py",
        "file:///nowhere/a.ipynb",
        "untitled:1",
        "cell:/nowhere/a.ipynb#1",
        "file:///",
        "",
        "file://h/a.py",
    )
) | st.sampled_from(("file:///nowhere/%00.py", "file:///nowhere/%ff.py", "http://[", "file:///a\ud800.py"))
positions = st.fixed_dictionaries({"line": numbers, "character": numbers})
ranges = st.fixed_dictionaries({"start": positions, "end": positions})
sources = texts | st.sampled_from(
    ("import torch\n", "class Net(\n", "from torch import nn\nnet = nn.Conv2d(3, 4, 1)\n")
)
documents = st.fixed_dictionaries({"uri": uris, "version": numbers, "languageId": st.just("python"), "text": sources})
changes = st.lists(st.fixed_dictionaries({"text": sources}, optional={"range": ranges}), max_size=3)
cells = st.lists(st.fixed_dictionaries({"kind": numbers, "document": uris}), max_size=3)
books = st.fixed_dictionaries({"uri": uris, "version": numbers, "notebookType": texts, "cells": cells})
folders = st.lists(st.fixed_dictionaries({"uri": uris, "name": texts}), max_size=2)
kinds = st.fixed_dictionaries({"diagnostics": st.just([]), "triggerKind": numbers})
aimed = st.fixed_dictionaries(
    {
        "jsonrpc": st.just("2.0"),
        "method": st.sampled_from(SERVED),
        "params": st.fixed_dictionaries(
            {
                "textDocument": documents,
                "position": positions,
                "range": ranges,
                "context": kinds,
                "notebookDocument": books,
            },
            optional={
                "contentChanges": changes,
                "cellTextDocuments": st.lists(documents, max_size=3),
                "change": st.fixed_dictionaries({}, optional={"metadata": plain, "cells": plain}),
                "previousResultId": texts,
                "previousResultIds": st.just([]),
                "command": st.sampled_from(tuple(COMMANDS)) | texts,
                "arguments": st.lists(plain | uris, max_size=3),
                "settings": plain | st.dictionaries(st.just("advisor"), plain),
                "changes": st.lists(st.fixed_dictionaries({"uri": uris, "type": numbers}), max_size=3),
                "event": st.fixed_dictionaries({"added": folders, "removed": folders}),
                "trusted": plain,
                "token": plain,
                "value": plain,
                "id": plain,
            },
        ),
    },
    optional={"id": st.integers(0, 2**31 - 1) | texts},
)
"""Well formed throughout, about documents that are not there, not open, not of that version."""
json_bodies = st.binary(max_size=60) | st.one_of(plain, messages, near, aimed, aimed).map(
    lambda value: json.dumps(value).encode()
)
"""Of a message of the Language Server Protocol, likewise."""
hellos = st.binary(max_size=80) | st.one_of(
    plain, st.dictionaries(st.sampled_from(tuple(HELLO)), plain).map(lambda wrong: {**HELLO, **wrong})
).map(lambda value: json.dumps(value).encode() + b"\n")


def framed(body: bytes) -> bytes:
    return struct.pack("!I", len(body)) + body


def headed(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


class Gone(Exception):
    """The daemon ended the connection."""


class Wire:
    """A connection on which anything can be sent. ``hello`` is said first, when given."""

    def __init__(self, hello: dict[str, Any] | None = None) -> None:
        self._stream = socket.socket(socket.AF_UNIX)
        self._stream.settimeout(SECONDS)
        self._stream.connect(find().door)
        self._file = self._stream.makefile("rb")
        if hello is not None:
            self.send(json.dumps(hello).encode() + b"\n")
            assert "pid" in json.loads(self.line())

    def send(self, data: bytes) -> None:
        """Send what the other side still takes."""
        try:
            self._stream.sendall(data)
        except ConnectionError:
            return  # it has hung up: what it said before that can be read

    def line(self) -> bytes:
        return self._file.readline()

    def rest(self) -> bytes:
        """Say no more, and read to the end."""
        try:
            self._stream.shutdown(socket.SHUT_WR)
            return self._file.read()
        except ConnectionError:
            return b""  # it had hung up already, with bytes of ours unread
        finally:
            self.close()

    def exactly(self, size: int) -> bytes:
        try:
            data = self._file.read(size)
        except ConnectionError as e:
            raise Gone from e
        if len(data) < size:
            raise Gone
        return data

    def close(self) -> None:
        self._file.close()
        self._stream.close()


class Script(Wire):
    """A script's connection."""

    def __init__(self) -> None:
        super().__init__(HELLO)
        self._decoder = Decoder()
        self._pings = itertools.count()

    def message(self) -> dict[str, Any]:
        (size,) = struct.unpack("!I", head := self.exactly(4))
        (message,) = self._decoder.feed(head + self.exactly(size))
        return message

    def until_pong(self) -> list[dict[str, Any]]:
        """What comes before the answer to a ping. Raises :class:`Gone` with it when the connection ends."""
        name = f"ping {next(self._pings)}"
        self.send(framed(msgpack.packb({"id": name, "method": "ping"})))
        said: list[dict[str, Any]] = []
        try:
            while (message := self.message()).get("id") != name:
                said.append(message)
        except Gone as e:
            raise Gone(said) from e
        assert message == {"id": name, "result": {}}
        return said


class Server(Wire):
    """An editor's connection. It answers nothing that it is asked."""

    def __init__(self) -> None:
        super().__init__({**HELLO, "kind": "lsp"})
        self._pings = itertools.count()
        root = {"processId": None, "rootUri": "file:///nowhere/at/all", "capabilities": {}}
        self.post({"id": "first", "method": "initialize", "params": root})
        self.until("first")
        self.post({"method": "initialized", "params": {}})

    def post(self, message: dict[str, Any]) -> None:
        self.send(headed(json.dumps({"jsonrpc": "2.0", **message}).encode()))

    def until(self, number: str) -> list[dict[str, Any]]:
        """What comes before the answer with this id, and that answer."""
        said: list[dict[str, Any]] = []
        while not said or said[-1].get("id") != number or "method" in said[-1]:
            size = 0
            while (header := self.line()).strip():
                name, _, value = header.partition(b":")
                size = int(value) if name.lower() == b"content-length" else size
            if not header:
                raise Gone
            said.append(json.loads(self.exactly(size)))
        return said

    def until_pong(self) -> list[dict[str, Any]]:
        """What comes before the refusal of a method that there is not."""
        name = f"ping {next(self._pings)}"
        self.post({"id": name, "method": "advisor/noSuchThing"})
        *said, refusal = self.until(name)
        assert refusal["error"]["code"] == -32601
        return said
