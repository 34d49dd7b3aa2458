"""Starts the real language server and falsifies what it answers: tests that pass on it test nothing.

Set as the interpreter that runs the server (:func:`write`). All but ``… lsp`` goes to the real one unchanged.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

SHIFTED = str.maketrans("0123456789", "1234567890")

LIES: dict[str, Callable[[str], str]] = {
    "message": lambda text: text.translate(SHIFTED),
    "label": lambda text: text.translate(SHIFTED),
    "title": lambda text: text.translate(SHIFTED) if " ms" in text and "width" not in text else text,
    "value": lambda text: text.translate(SHIFTED),
    "newText": lambda text: text.translate(SHIFTED),
}
"""What is made of a text under a key: figures are other ones. Titles of fixes stay, so that these are found."""

ABOUT = ("textDocument/", "codeAction/", "codeLens/", "inlayHint/")


def write(path: Path, interpreter: str) -> Path:
    """Make ``path`` the program that lies in the name of ``interpreter``."""
    path.write_text(f'#!/bin/sh\nexec "{interpreter}" "{Path(__file__).resolve()}" "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    return path


def falsified(value: Any) -> Any:
    """A result with other figures and edits."""
    if isinstance(value, list):
        return [falsified(each) for each in value]
    if isinstance(value, dict):
        return {
            key: LIES[key](each) if key in LIES and isinstance(each, str) else falsified(each)
            for key, each in value.items()
        }
    return value


class Between:
    """Carries messages; those that answer a question about a document are falsified on their way back."""

    def __init__(self) -> None:
        self._asked: set[object] = set()

    def up(self, message: dict[str, Any]) -> dict[str, Any]:
        if str(message.get("method", "")).startswith(ABOUT) and "id" in message:
            self._asked.add(message["id"])
        return message

    def down(self, message: dict[str, Any]) -> dict[str, Any]:
        if message.get("method") == "textDocument/publishDiagnostics":
            return {**message, "params": falsified(message["params"])}
        if "method" not in message and message.get("id") in self._asked and "result" in message:
            self._asked.discard(message["id"])
            return {**message, "result": falsified(message["result"])}
        return message


def carry(source: IO[bytes], sink: IO[bytes], change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Messages from one to the other until the first ends."""
    while (length := _length(source)) is not None:
        body = json.dumps(change(json.loads(source.read(length)))).encode()
        sink.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        sink.flush()
    sink.close()


def _length(source: IO[bytes]) -> int | None:
    """The length of the next message, by its header; None at the end."""
    length = None
    while line := source.readline():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
        if line == b"\r\n":
            return length
    return None


def main(arguments: list[str]) -> int:
    command = [sys.executable, *arguments]
    if arguments[-1:] != ["lsp"]:
        return subprocess.run(command).returncode
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None and server.stdout is not None
        between = Between()
        threading.Thread(target=carry, args=(sys.stdin.buffer, server.stdin, between.up), daemon=True).start()
        carry(server.stdout, sys.stdout.buffer, between.down)
        return server.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
