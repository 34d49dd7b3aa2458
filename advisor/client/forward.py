"""``advisor lsp``: what an editor starts. It carries bytes between the editor and the daemon.

Only the standard library's quickest parts are imported, and the daemon is started when there is none.
"""

from __future__ import annotations

import _thread
import json
import os
import socket
import sys
import time

LOST, ERROR, INTERRUPTED = 1, 2, 130
"""Exit codes: the daemon ended before the editor said ``exit``; none could be reached; a person at a terminal left."""

_CHUNK = 1 << 16
_TAIL = 512  # bytes that hold any `exit` message, with its header
_LINGER_SECONDS = 5.0  # for the daemon to finish its answers when the editor says no more


def main() -> int:
    """Forward standard input and output until either side ends; returns the process's exit code."""
    from .dial import dial

    if sys.stdin is None or sys.stdout is None:  # the socket would get their numbers
        print("advisor: error: standard input and output are closed; an editor speaks through them", file=sys.stderr)
        return ERROR
    try:
        stream = dial("lsp")
    except Exception as e:
        from .errors import DaemonError

        if not isinstance(e, DaemonError):
            raise
        print(f"advisor: error: {e}", file=sys.stderr)
        return ERROR
    try:
        if forward(0, 1, stream):
            return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    print("advisor: error: the daemon ended; `advisor daemon logs` says why", file=sys.stderr)
    return LOST


def forward(source: int, sink: int, stream: socket.socket) -> bool:
    """Copy from the descriptor ``source`` to ``stream`` and from ``stream`` to ``sink`` until both have ended.

    Returns whether the end was the editor's: it ended its output, stopped reading, or said ``exit``.
    """
    up = _Up(source, stream)
    _thread.start_new_thread(up.run, ())
    try:
        while data := stream.recv(_CHUNK):
            _write(sink, data)
    except BrokenPipeError:
        return True  # the editor reads no more
    except ConnectionError:
        pass  # an end like that of its bytes
    return up.ended or up.said_exit()


class _Up:
    """The direction from the editor to the daemon, in a thread of its own: neither waits for the other."""

    def __init__(self, source: int, stream: socket.socket) -> None:
        self._source, self._stream = source, stream
        self._tail = b""
        self.ended = False

    def run(self) -> None:
        try:
            while data := self._read():
                self._tail = (self._tail + data)[-_TAIL:]
                self._stream.sendall(data)
            self.ended = True
            self._stream.shutdown(socket.SHUT_WR)
            time.sleep(_LINGER_SECONDS)
            self._stream.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the daemon is gone: the other direction sees that, too, and says so

    def _read(self) -> bytes:
        try:
            return os.read(self._source, _CHUNK)
        except OSError:
            return b""  # closed, or a terminal's that is gone: an end like any other

    def said_exit(self) -> bool:
        """Whether the last message that was carried is the one after which the daemon hangs up."""
        try:
            message = json.loads(self._tail.rpartition(b"\r\n\r\n")[2])
        except ValueError:
            return False
        return isinstance(message, dict) and message.get("method") == "exit"


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
