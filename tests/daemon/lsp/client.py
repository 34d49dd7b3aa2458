"""An editor in the same process, and analysts that answer what a test says: no sockets, no processes, no clocks."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Event
from typing import Any

from advisor.daemon.jobs import Jobs
from advisor.daemon.lsp.session import Session, new_session

PUSH: dict[str, Any] = {"textDocument": {"publishDiagnostics": {"relatedInformation": True}}}
PULL: dict[str, Any] = {
    "textDocument": {"diagnostic": {"dynamicRegistration": False}},
    "workspace": {"diagnostics": {"refreshSupport": True}},
}


class Error(Exception):
    """The server's error response."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['code']}: {error['message']}")
        self.code = error["code"]


class FakeLanes:
    """Stands in for the pool of analysts: a call waits until the test answers it."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.full: set[str] = set()
        self.answers: dict[str, Callable[[dict[str, Any]], Any]] = {"comments": _comments}
        self._came = asyncio.Event()

    def busy(self, lane: str) -> bool:
        return lane in self.full

    async def call(
        self, method: str, params: dict[str, Any], *, lane: str, on_event: Any = None, first: bool = False
    ) -> Any:
        call = Call(method, params, lane, on_event, first)
        self.calls.append(call)
        self._came.set()
        if method in self.answers:
            call.done.set_result(self.answers[method](params))
        try:
            return await call.done
        except asyncio.CancelledError:
            call.cancelled = True
            raise

    async def next(self, index: int, method: str = "analyse") -> Call:
        """The call of that number among those of a method; waits until it is there."""
        while True:
            found = [c for c in self.calls if c.method == method]
            if len(found) > index:
                return found[index]
            self._came.clear()
            await asyncio.wait_for(self._came.wait(), 5)

    def count(self, method: str = "analyse") -> int:
        return sum(c.method == method for c in self.calls)


def _comments(params: dict[str, Any]) -> Any:
    """What an analyst answers."""
    return Jobs(None).perform("comments", params, lambda _: None, Event())["result"]


class Call:
    def __init__(self, method: str, params: dict[str, Any], lane: str, on_event: Any, first: bool) -> None:
        self.method, self.params, self.lane, self.on_event, self.first = method, params, lane, on_event, first
        self.done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.cancelled = False

    def static(self, view: dict[str, Any]) -> None:
        self.on_event({"event": "static", "view": view})

    def answer(self, view: dict[str, Any]) -> None:
        self.done.set_result({"view": view})


class Editor:
    """Speaks the protocol to a session over streams."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.sent = asyncio.StreamReader()
        self.notes: list[tuple[str, Any]] = []
        self.asked: list[tuple[str, Any]] = []
        self.replies: dict[str, Any] = {}
        self.capabilities: dict[str, Any] = {}
        self.closed = False
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._news = asyncio.Event()
        self._number = 0
        self._serving = asyncio.ensure_future(session.serve(self.sent, self))

    # ---- the session's writer

    def write(self, data: bytes) -> None:
        head, _, body = data.partition(b"\r\n\r\n")
        assert head.startswith(b"Content-Length: %d" % len(body))
        message = json.loads(body)
        if "method" not in message:
            future = self._waiting.pop(message["id"], None) if message["id"] is not None else None
            if future is None:
                self.notes.append(("response", message))
            elif "error" in message:
                future.set_exception(Error(message["error"]))
            else:
                future.set_result(message.get("result"))
        elif "id" in message:
            self.asked.append((message["method"], message.get("params")))
            reply = self.replies.get(message["method"])
            result = reply(message.get("params")) if callable(reply) else reply
            if isinstance(result, Error):
                self.send({"id": message["id"], "error": {"code": result.code, "message": str(result)}})
            elif reply is not NEVER:
                self.send({"id": message["id"], "result": result})
        else:
            self.notes.append((message["method"], message.get("params")))
        self._news.set()

    def close(self) -> None:
        self.closed = True

    # ---- what a test does

    def raw(self, body: bytes) -> None:
        self.sent.feed_data(b"Content-Length: %d\r\n\r\n" % len(body) + body)

    def send(self, message: dict[str, Any]) -> None:
        self.raw(json.dumps({"jsonrpc": "2.0", **message}).encode())

    def notify(self, method: str, **params: Any) -> None:
        self.send({"method": method, "params": params})

    def begin(self, method: str, params: Any) -> tuple[int, asyncio.Future[Any]]:
        self._number += 1
        future = self._waiting[self._number] = asyncio.get_running_loop().create_future()
        self.send({"id": self._number, "method": method, "params": params})
        return self._number, future

    async def ask(self, method: str, params: Any = None) -> Any:
        return await asyncio.wait_for(self.begin(method, params)[1], 5)

    async def until(self, true: Callable[[], Any]) -> Any:
        """Wait until something has come about."""
        while not (found := true()):
            self._news.clear()
            await asyncio.wait_for(self._news.wait(), 5)
        return found

    def of(self, method: str) -> list[Any]:
        """The parameters of all notifications of a method so far."""
        return [params for name, params in self.notes if name == method]

    async def nth(self, method: str, index: int) -> Any:
        return (await self.until(lambda: self.of(method)[index:]))[0]

    async def settled(self) -> None:
        """Let everything that is ready to run do so."""
        for _ in range(50):
            await asyncio.sleep(0)

    async def initialize(self, root: Path | None, capabilities: dict[str, Any], **options: Any) -> Any:
        self.capabilities = capabilities
        folders = [{"uri": root.as_uri(), "name": root.name}] if root else None
        params = {"processId": None, "rootUri": root.as_uri() if root else None, "capabilities": capabilities}
        result = await self.ask(
            "initialize", {**params, "workspaceFolders": folders, "initializationOptions": options or None}
        )
        self.notify("initialized")
        await self.settled()
        return result

    def open(self, uri: str, text: str, version: int = 1, language: str = "python") -> None:
        document = {"uri": uri, "languageId": language, "version": version, "text": text}
        self.notify("textDocument/didOpen", textDocument=document)

    def edit(self, uri: str, version: int, *changes: dict[str, Any]) -> None:
        document = {"uri": uri, "version": version}
        self.notify("textDocument/didChange", textDocument=document, contentChanges=list(changes))

    async def end(self) -> None:
        self.sent.feed_eof()
        await asyncio.wait_for(self._serving, 5)


NEVER = object()
"""As a reply: the editor does not answer."""


def change(start: tuple[int, int], end: tuple[int, int], text: str) -> dict[str, Any]:
    """A content change between two positions of the client's."""
    return {
        "range": {
            "start": {"line": start[0], "character": start[1]},
            "end": {"line": end[0], "character": end[1]},
        },
        "text": text,
    }


@asynccontextmanager
async def editing(lanes: FakeLanes | None = None, cwd: Path | None = None) -> AsyncIterator[Editor]:
    """An editor connected to a session of its own."""
    hello = {"environment": {"HOME": "/nowhere"}, "cwd": str(cwd or Path.cwd())}
    editor = Editor(new_session(lanes or FakeLanes(), hello, logging.getLogger("test")))
    try:
        yield editor
    finally:
        if not editor._serving.done():
            await editor.end()
