"""Frames between a job and its zygote that the job's own output cannot corrupt or forge by accident.

A frame is one line: a secret nonce of this request, one byte of kind, and JSON. User code shares the job's file
descriptors and may write rubbish to them; a line that does not start with the nonce is dropped.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from typing import Any

CONTAINED = b"C"  # the list of measures in force, before any user code runs
EVENT = b"E"
DONE = b"D"
FAILED = b"F"  # the job itself raised

_LONGEST_LINE = 256 << 20
_PIPE_BYTES = 1 << 20  # what any user's process may have


def write_all(fd: int, data: bytes) -> None:
    """Write every byte to a blocking descriptor."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def widen(pipe: int) -> None:
    """Have a pipe hold a whole graph: each time it is full, writer and reader wait for each other. One that the system
    keeps narrow works too, and so does whatever the caller was given in a pipe's place.
    """
    size = getattr(fcntl, "F_SETPIPE_SZ", None)  # Linux
    if size is not None:
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, size, _PIPE_BYTES)


class Sender:
    """The job's end."""

    def __init__(self, fd: int, nonce: str) -> None:
        self._fd = fd
        self._nonce = nonce.encode()

    def send(self, kind: bytes, payload: dict[str, Any]) -> None:
        """One frame. The newline in front ends whatever others left unfinished on the pipe."""
        body = json.dumps(payload, separators=(",", ":"), check_circular=False).encode()  # we made it: it has no circle
        write_all(self._fd, b"\n" + self._nonce + kind + body + b"\n")


class Receiver:
    """The zygote's end: feed it what was read, it returns the frames completed so far as (kind, JSON bytes)."""

    def __init__(self, nonce: str) -> None:
        self._prefix = nonce.encode()
        self._buffer = bytearray()
        self._skipping = False

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """Frames that ``data`` completes."""
        frames = []
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._extend(line)
            frame = bytes(self._buffer)
            if not self._skipping and len(frame) > len(self._prefix) and frame.startswith(self._prefix):
                start = len(self._prefix)
                frames.append((frame[start : start + 1], frame[start + 1 :]))
            self._buffer.clear()
            self._skipping = False
        self._extend(rest)
        return frames

    def _extend(self, data: bytes) -> None:
        """Add to the current line, unless it cannot become a frame: a flood without newline takes no memory."""
        if self._skipping:
            return
        self._buffer += data
        head = self._buffer[: len(self._prefix)]
        if not self._prefix.startswith(head) or len(self._buffer) > _LONGEST_LINE:
            self._buffer.clear()
            self._skipping = True
