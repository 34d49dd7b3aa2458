"""The zygote's end of the pipes to its client: requests in, events out, both as lines of JSON."""

from __future__ import annotations

import json
import os
import select
from typing import Any

from .contain import channel

_READ_BYTES = 1 << 20


class ClientGone(Exception):
    """The client closed its end: nothing that is done here is wanted any more."""


class Client:
    """The pipes to the client: requests in, events out, neither ever blocking the watch over a job."""

    def __init__(self, requests: int, events: int) -> None:
        self.requests = requests
        self.events = events
        self._incoming = bytearray()
        self.outgoing = bytearray()
        os.set_blocking(events, False)
        channel.widen(events)

    def next_request(self) -> dict[str, Any]:
        """Wait for a request. Raises :class:`ClientGone`."""
        while True:
            for message in self.read():
                if "cancel" not in message:  # one that came too late: its request is over
                    return message

    def read(self) -> list[dict[str, Any]]:
        """Messages that one read completes. Raises :class:`ClientGone`."""
        data = os.read(self.requests, _READ_BYTES)
        if not data:
            raise ClientGone
        self._incoming += data
        *lines, rest = self._incoming.split(b"\n")
        self._incoming = bytearray(rest)
        return [json.loads(line) for line in lines]

    def put(self, event: dict[str, Any] | bytes) -> None:
        """Queue an event (as JSON already, if bytes) and send what can be sent at once."""
        self.outgoing += event if isinstance(event, bytes) else json.dumps(event).encode()
        self.outgoing += b"\n"
        self.flush()

    def flush(self) -> None:
        """Send what the pipe takes. Raises :class:`ClientGone`."""
        try:
            while self.outgoing:
                sent = os.write(self.events, self.outgoing)
                del self.outgoing[:sent]
        except BlockingIOError:
            return
        except BrokenPipeError:
            raise ClientGone from None

    def flush_all(self) -> None:
        """Send everything, waiting for the client as long as it lives."""
        while self.outgoing:
            select.select([], [self.events], [])
            self.flush()
