"""Malformed frames, from handshakes to messages: each is answered or ends its own connection, and nobody else notices.

Each example is one frame. ``make verify-faults`` sends 10,000 of them, a plain run of the tests some hundreds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import advisor
from advisor.client.address import find, holder
from advisor.client.dial import dial
from advisor.daemon.scripts.connection import MAX_INCOMING
from tests.daemon.hubs import until

from .conftest import AT_ONCE, SENT, Fresh, Project, audited, status_seconds
from .editor import Editor
from .wires import HELLO, Gone, Script, Server, Wire, bodies, framed, headed, hellos, json_bodies

CODES = {"frame", "method", "params", "config", "target", "engine", "worker", "cancelled"}
"""Errors that a frame can cause: ``internal`` and ``lost`` are none."""

INTERNAL = -32603
"""The code of errors of the server itself, in the editors' protocol."""

_sent: dict[str, int] = {}


@pytest.fixture(scope="module", autouse=True)
def daemon(top, request: pytest.FixtureRequest) -> Iterator[int]:
    """The one daemon to which all is sent; it is there to the end."""
    with dial("script"):
        pid = holder(find())
        assert pid
        yield pid
    assert holder(find()) == pid
    request.config.stash[SENT] = _sent


def frames(strategy: Any) -> Callable[[Callable[[bytes], None]], Any]:
    """Has a test take one frame after the other, and counts them."""

    def decorate(test: Callable[[bytes], None]) -> Any:
        def counted(data: bytes) -> None:
            _sent[test.__name__] = _sent.get(test.__name__, 0) + 1
            test(data)

        counted.__name__, counted.__doc__ = test.__name__, test.__doc__
        return settings(deadline=None, suppress_health_check=list(HealthCheck))(given(data=strategy)(counted))

    return decorate


class Kept:
    """A connection that is made anew when it has ended."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._wire: Any = None

    def __call__(self) -> Any:
        self._wire = self._wire or self._make()
        return self._wire

    def drop(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None


script, server = Kept(Script), Kept(Server)


@frames(hellos)
def test_handshakes(data: bytes):
    wire = Wire()
    wire.send(data)
    said = wire.rest()
    if said:
        answer = json.loads(said.split(b"\n")[0])
        error = answer.get("error")
        assert "pid" in answer or (error["code"] in ("handshake", "version") and error["message"] and error["remedy"])


@pytest.mark.parametrize("environment", [{"PATH": "a\0b"}, {"LC_\0": ""}, {"LC_=": ""}, {"PATH": "\ud800"}])
def test_environments_that_no_process_can_have(environment: dict[str, str]):
    wire = Wire()
    wire.send(json.dumps({**HELLO, "environment": environment}).encode() + b"\n")
    assert json.loads(wire.line())["error"]["code"] == "handshake"
    wire.close()


@frames(bodies)
def test_bodies_of_scripts_frames(data: bytes):
    script().send(framed(data))
    try:
        said = script().until_pong()
    except Gone as gone:
        (said,) = gone.args
        assert said[-1]["error"]["code"] == "frame" and said[-1]["id"] is None
        script.drop()
    for message in said:
        assert "id" in message and {"result", "error", "event"} & set(message)
        if "error" in message:
            assert message["error"]["code"] in CODES and message["error"]["message"]


@frames(st.binary(max_size=200))
def test_bytes_that_are_no_frames(data: bytes):
    wire = Script()
    wire.send(data)
    said = wire.rest()
    assert not said or b"frame" in said


@frames(json_bodies)
def test_bodies_of_editors_messages(data: bytes):
    server().send(headed(data))
    said = server().until_pong()
    for message in said:
        assert message.get("method") != "window/showMessage"
        assert message.get("error", {}).get("code") != INTERNAL, message
        assert message.get("method") != "window/logMessage" or message["params"]["type"] > 1, message


@pytest.mark.parametrize(
    "uri", ["file:///nowhere/%00.py", "file:///\ud800.py", "http://[", "untitled:\0", "untitled:\ud800"]
)
def test_documents_that_no_file_can_be_called(uri: str):
    wire = Server()
    document = {"uri": uri, "languageId": "python", "version": 1, "text": "import torch\n"}
    wire.post({"method": "textDocument/didOpen", "params": {"textDocument": document}})
    wire.post({"id": "pull", "method": "textDocument/diagnostic", "params": {"textDocument": {"uri": uri}}})
    said = wire.until("pull")
    wire.close()
    assert [
        m["params"]["message"] for m in said if m.get("method") == "window/logMessage" and m["params"]["type"] == 1
    ] == []
    assert "result" in said[-1]


@frames(st.binary(max_size=200) | st.integers(-(2**70), 2**70).map(lambda n: b"Content-Length: %d\r\n\r\n{}" % n))
def test_bytes_that_are_no_messages(data: bytes):
    wire = Wire({**HELLO, "kind": "lsp"})
    wire.send(data)
    wire.rest()


def test_after_all_that(project: Project, fresh: Fresh, idle: float, daemon: int):
    """The clients that sent it are gone or on their own; everybody else is served as before."""
    script.drop()
    server.drop()
    with advisor.connect() as client:
        until(lambda: len(client.status()["clients"]) == 2)  # this one and the module's
    assert status_seconds() < AT_ONCE * idle
    path = project.net()
    assert audited(path) == fresh.json(path)
    with Editor(project.folder, trusted=True) as editor:
        editor.open(path, path.read_text())
        assert editor.findings(path) == fresh.findings(path) != []
    assert holder(find()) == daemon


def test_a_frame_that_claims_too_much_costs_no_memory(daemon: int):
    with advisor.connect() as client:
        before = client.status()["resident"]
        for size in (MAX_INCOMING + 1, 2**32 - 1):
            wire = Script()
            wire.send(size.to_bytes(4, "big") + b"\x80")
            with pytest.raises(Gone) as gone:
                wire.until_pong()
            assert gone.value.args[0][0]["error"]["code"] == "frame"
            wire.close()
        wire = Wire({**HELLO, "kind": "lsp"})
        wire.send(b"Content-Length: 999999999999\r\n\r\n{}")
        assert wire.rest() == b""
        assert client.status()["resident"] < before + MAX_INCOMING
