"""An editor as lean as can be, to time a language server: what it does itself should not be in the figures."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SECONDS = 60.0
"""Nothing that is waited for takes so long."""

_TOLD = {"publishDiagnostics": {"relatedInformation": True, "dataSupport": True}}
_ASKS = {**_TOLD, "diagnostic": {}}


class Editor:
    """A language server started with ``command`` whose settings are ``settings``; ``trusted`` is what it is told of the
    folder. One that ``pulls`` asks for diagnostics, which come when they are complete; any other is told them.

    Moments are of ``time.perf_counter``: ``launched`` is when the process was asked for.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        settings: Mapping[str, Any] | None = None,
        *,
        trusted: bool = True,
        pulls: bool = False,
    ) -> None:
        self._settings = settings
        self._heard: queue.SimpleQueue[tuple[float, dict[str, Any]]] = queue.SimpleQueue()
        self._number = 0
        self.launched = time.perf_counter()
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._ask(
            "initialize",
            {
                "processId": None,
                "rootUri": folder.as_uri(),
                "capabilities": {"workspace": {"configuration": True}, "textDocument": _ASKS if pulls else _TOLD},
                "initializationOptions": {"trusted": trusted},
            },
        )
        self._tell("initialized", {})

    def close(self) -> None:
        """Leave as editors do."""
        self._ask("shutdown", None)
        self._tell("exit", None)
        self._process.wait(SECONDS)
        self._reader.join(SECONDS)
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()

    def __enter__(self) -> Editor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- what a test does

    def open(self, path: Path, text: str) -> Document:
        """Show a file; it need not be saved."""
        return Document(self, path, text)

    def opened(self, uri: str, text: str) -> float:
        """Tell the server of a document; gives the moment."""
        item = {"uri": uri, "languageId": "python", "version": 1, "text": text}
        return self._tell("textDocument/didOpen", {"textDocument": item})

    def changed(self, uri: str, version: int, line: int, before: str, after: str) -> float:
        """Replace ``before``, all of the line number ``line`` (from 0), by ``after``; gives the moment."""
        span = {"start": {"line": line, "character": 0}, "end": {"line": line, "character": len(before)}}
        change = {"range": span, "text": after}
        return self._tell(
            "textDocument/didChange",
            {"textDocument": {"uri": uri, "version": version}, "contentChanges": [change]},
        )

    def published(self, uri: str, version: int) -> tuple[float, list[dict[str, Any]]]:
        """The next diagnostics of that version of the document, and the moment when they were there."""
        while True:
            moment, message = self._next()
            params = message.get("params") or {}
            if message.get("method") == "textDocument/publishDiagnostics":
                if params["uri"] == uri and params.get("version") == version:
                    return moment, params["diagnostics"]
            else:
                self._answer(message)

    def pulled(self, uri: str) -> tuple[float, list[dict[str, Any]]]:
        """Ask for the document's diagnostics; the moment when they were there, and they."""
        moment, report = self._ask("textDocument/diagnostic", {"textDocument": {"uri": uri}})
        return moment, report["items"]

    # ---- the wire

    def _ask(self, method: str, params: Any) -> tuple[float, Any]:
        self._number += 1
        self._send({"id": self._number, "method": method, "params": params})
        while True:
            moment, message = self._next()
            if message.get("id") == self._number and "method" not in message:
                return moment, message.get("result")
            self._answer(message)

    def _answer(self, message: Mapping[str, Any]) -> None:
        if "id" in message and "method" in message:
            known = message["method"] == "workspace/configuration"
            result = [self._settings for _ in message["params"]["items"]] if known else None
            self._send({"id": message["id"], "result": result})

    def _tell(self, method: str, params: Any) -> float:
        return self._send({"method": method, "params": params})

    def _send(self, message: Mapping[str, Any]) -> float:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        data = memoryview(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert self._process.stdin is not None
        moment = time.perf_counter()
        while data:
            data = data[self._process.stdin.write(data) :]
        return moment

    def _next(self) -> tuple[float, dict[str, Any]]:
        moment, message = self._heard.get(timeout=SECONDS)
        if not message:
            raise ConnectionError("the server has ended")
        return moment, message

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        waiting = b""
        while data := stream.read(1 << 16):
            moment = time.perf_counter()
            waiting += data
            while True:
                head, end, rest = waiting.partition(b"\r\n\r\n")
                length = next((int(h[15:]) for h in head.split(b"\r\n") if h.startswith(b"Content-Length:")), 0)
                if not end or len(rest) < length:
                    break
                waiting = rest[length:]
                self._heard.put((moment, json.loads(rest[:length])))
        self._heard.put((time.perf_counter(), {}))


class Document:
    """A file that is open in an editor."""

    def __init__(self, editor: Editor, path: Path, text: str) -> None:
        self._editor = editor
        self._uri = path.as_uri()
        self._lines = text.split("\n")
        self._version = 1
        self._sent = editor.opened(self._uri, text)

    @property
    def sent(self) -> float:
        """When the server was told of the present text."""
        return self._sent

    @property
    def text(self) -> str:
        return "\n".join(self._lines)

    def edit(self, line: int, after: str) -> None:
        """Write another line in the place of one, as typing does."""
        self._version += 1
        before, self._lines[line] = self._lines[line], after
        self._sent = self._editor.changed(self._uri, self._version, line, before, after)

    def published(self) -> tuple[float, list[dict[str, Any]]]:
        """Seconds from the last change to the next diagnostics of the present text, and the diagnostics."""
        moment, shown = self._editor.published(self._uri, self._version)
        return moment - self._sent, shown

    def pulled(self) -> tuple[float, list[dict[str, Any]]]:
        """Seconds from the last change to the diagnostics, asked for now, and they."""
        moment, shown = self._editor.pulled(self._uri)
        return moment - self._sent, shown
