"""An editor as a process sees one: it speaks the protocol to ``advisor lsp`` over standard input and output."""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import sys
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from tests.daemon.hubs import SECONDS

PULL: dict[str, Any] = {"textDocument": {"diagnostic": {}}, "workspace": {"configuration": True}}
"""A client that pulls and cannot be asked to pull again: it waits for the trace."""


class Ended(Exception):
    """The server is gone; what it was asked has no answer."""


class Editor:
    """One editor with one folder. ``section`` is what it answers when it is asked for its settings, ``options`` are
    those of its ``initialize``."""

    def __init__(self, root: Path, section: dict[str, Any] | None = None, **options: Any) -> None:
        self.section = section or {}
        self.notes: list[tuple[str, Any]] = []
        self._waiting: dict[int, SimpleQueue[Any]] = {}
        self._numbers = itertools.count(1)
        self._versions = itertools.count(1)
        self._lock = threading.Lock()
        self._ended: tuple[int, str] | None = None
        command = [sys.executable, "-m", "advisor", "lsp"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, cwd=root, stdin=pipe, stdout=pipe, stderr=pipe)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        folders = [{"uri": root.as_uri(), "name": root.name}]
        params = {"processId": None, "rootUri": root.as_uri(), "workspaceFolders": folders, "capabilities": PULL}
        try:
            self.ask("initialize", {**params, "initializationOptions": options})
        except Ended:
            raise AssertionError(f"no session: {self.end()}") from None
        self.notify("initialized", {})

    def __enter__(self) -> Editor:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> tuple[int, str]:
        """Close its input and wait for the server's end: its exit code and what it said on stderr."""
        if self._ended is not None:
            return self._ended
        assert self.process.stdin and self.process.stdout and self.process.stderr
        with contextlib.suppress(BrokenPipeError):  # it was gone already
            self.process.stdin.close()
        code = self.process.wait(SECONDS)
        said = self.process.stderr.read().decode()
        self._listener.join(SECONDS)
        self.process.stdout.close()
        self.process.stderr.close()
        self._ended = code, said
        return self._ended

    # ---- messages

    def begin(self, method: str, params: Any) -> SimpleQueue[Any]:
        """Ask; the answer comes into the queue, :class:`Ended` if there will be none."""
        number, queue = next(self._numbers), SimpleQueue()
        self._waiting[number] = queue
        try:
            self._send({"id": number, "method": method, "params": params})
        except BrokenPipeError:
            queue.put(Ended())
        return queue

    def ask(self, method: str, params: Any) -> Any:
        return answer(self.begin(method, params))

    def notify(self, method: str, params: Any) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        with self._lock:
            self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            self.process.stdin.flush()

    def _listen(self) -> None:
        stream = self.process.stdout
        assert stream
        size = 0
        while header := stream.readline():
            if header.lower().startswith(b"content-length:"):
                size = int(header.split(b":")[1])
            elif not header.strip():
                self._take(json.loads(stream.read(size)))
        for queue in list(self._waiting.values()):
            queue.put(Ended())

    def _take(self, message: dict[str, Any]) -> None:
        if "method" not in message:
            self._waiting.pop(message["id"]).put(message)
        elif "id" in message:
            asked = message["method"] == "workspace/configuration"
            result = [self.section for _ in message["params"]["items"]] if asked else None
            self._send({"id": message["id"], "result": result})
        else:
            self.notes.append((message["method"], message["params"]))

    # ---- documents

    def open(self, path: Path, text: str) -> None:
        document = {"uri": path.as_uri(), "languageId": "python", "version": next(self._versions), "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})

    def change(self, path: Path, text: str) -> None:
        document = {"uri": path.as_uri(), "version": next(self._versions)}
        self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})

    def pull(self, path: Path) -> SimpleQueue[Any]:
        """Ask for a document's diagnostics, traced."""
        return self.begin("textDocument/diagnostic", {"textDocument": {"uri": path.as_uri()}})

    def findings(self, path: Path) -> list[tuple[str, int]]:
        """Code and line of a document's diagnostics, in order."""
        return found(answer(self.pull(path)))

    def logged(self, least: int = 2) -> list[str]:
        """What its log tells: warnings and errors, or more with a greater ``least``; and any message box."""
        told = [(name, m) for name, m in self.notes if name in ("window/logMessage", "window/showMessage")]
        return [m["message"] for name, m in told if m["type"] <= least or name == "window/showMessage"]


def answer(queue: SimpleQueue[Any]) -> Any:
    """The result that comes into a queue of :meth:`Editor.begin`."""
    message = queue.get(timeout=3 * SECONDS)
    if isinstance(message, Exception):
        raise message
    assert "error" not in message, message
    return message["result"]


def found(report: dict[str, Any]) -> list[tuple[str, int]]:
    """Code and line of each diagnostic of a pulled report, in order."""
    return sorted((item["code"], item["range"]["start"]["line"] + 1) for item in report["items"])
