"""Frames: what the daemon, its helpers and its clients send each other. docs/protocol.md describes them for others.

A frame is four bytes, the length of what follows in network byte order, and one msgpack map. Its texts are UTF-8, with
the lone surrogates that names of files and what is typed in editors may hold. Messages in them::

    {"id": 1, "method": "audit", "params": {…}}                   a request
    {"id": 1, "event": "progress", …}                             something about it before its end
    {"id": 1, "result": …}                                        its end
    {"id": 1, "error": {"code", "message", "remedy"}}             its other end
    {"cancel": 1}                                                 end it; it is answered with the error "cancelled"
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import msgpack

MAX_BYTES = 256 << 20
"""A longer frame is refused, in both directions."""

Message = dict[str, Any]

_HEAD = struct.Struct("!I")


class FrameError(ValueError):
    """Bytes that are no frame, or a frame longer than allowed; what follows cannot be understood either."""


def encode(message: Message, limit: int = MAX_BYTES) -> bytes:
    """``message`` as a frame. Raises :class:`FrameError` when it is longer than ``limit`` or holds a number that
    needs more than 64 bits."""
    try:
        body: bytes = msgpack.Packer(unicode_errors="surrogatepass").pack(message)
    except OverflowError as e:
        raise FrameError(f"a message with a number of more than 64 bits: {e}") from e
    if len(body) > limit:
        raise FrameError(f"a message of {len(body):,} bytes; at most {limit:,} are sent")
    return _HEAD.pack(len(body)) + body


class Decoder:
    """Takes bytes as they arrive and gives the messages that are complete."""

    def __init__(self, limit: int = MAX_BYTES) -> None:
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that ``data`` completes. Raises :class:`FrameError`; the decoder is of no use then."""
        self._buffer += data
        while len(self._buffer) >= _HEAD.size:
            (size,) = _HEAD.unpack_from(self._buffer)
            if size > self._limit:
                raise FrameError(f"a frame of {size:,} bytes; at most {self._limit:,} are read")
            if len(self._buffer) < _HEAD.size + size:
                return
            body = bytes(self._buffer[_HEAD.size : _HEAD.size + size])
            del self._buffer[: _HEAD.size + size]
            yield _message(body)

    @property
    def partial(self) -> bool:
        """Whether the bytes so far end within a frame."""
        return bool(self._buffer)


def _message(body: bytes) -> Message:
    try:
        message = msgpack.unpackb(body, strict_map_key=False, unicode_errors="surrogatepass")
    except (ValueError, msgpack.exceptions.UnpackException, RecursionError, TypeError) as e:
        raise FrameError(f"no msgpack: {e}") from e  # TypeError: a map or an array as a map's key
    if not isinstance(message, dict):
        raise FrameError(f"expected a map, got {type(message).__name__}")
    return message
