"""A connection of a script served by the daemon's code, with lanes whose answers the test gives."""

from __future__ import annotations

import asyncio
import inspect
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from advisor.daemon.scripts.connection import serve
from advisor.frames import Decoder, Message, encode

SECONDS = 20.0
"""A test that waits longer for bytes has failed."""

HELLO = {"advisor": "0", "protocol": 1, "kind": "script", "cwd": "/work-dir", "environment": {"LANG": "C.UTF-8"}}


class Lanes:
    """Answers each method with what ``answers`` makes of the parameters, a coroutine function's included."""

    def __init__(self, **answers: Callable[[Any], Any]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, Any, str]] = []
        self.cancelled: list[Any] = []
        self.ended = threading.Event()

    async def call(self, method: str, params: Any, *, lane: Any, on_event: Any = None) -> Any:
        self.asked.append((method, params, lane))
        try:
            answer = self.answers[method](params)
            return await answer if inspect.isawaitable(answer) else answer
        except asyncio.CancelledError:
            self.cancelled.append(params)
            raise

    def params(self, method: str) -> list[Any]:
        return [params for name, params, _ in self.asked if name == method]


@contextmanager
def served(
    lanes: Lanes, status: Callable[[], Mapping[str, Any]] = dict, stop: Callable[[], None] = lambda: None
) -> Iterator[socket.socket]:
    """The client's end of a connection; ``lanes.ended`` is set when the daemon's code is done with it."""
    ours, theirs = socket.socketpair()
    loop = asyncio.new_event_loop()

    async def run() -> None:
        reader, writer = await asyncio.open_connection(sock=theirs)
        await serve(reader, writer, lanes, HELLO, status, stop)
        lanes.ended.set()

    def work() -> None:
        loop.run_until_complete(run())
        loop.run_until_complete(asyncio.sleep(0))  # the transport closes in the loop's next turn
        loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    ours.settimeout(SECONDS)
    try:
        yield ours
    finally:
        ours.close()
        thread.join(SECONDS)
        assert not thread.is_alive(), "the connection is still served although its client is gone"


class Peer:
    """Speaks frames by hand."""

    def __init__(self, stream: socket.socket) -> None:
        self.stream = stream
        self._decoder = Decoder()
        self._messages: list[Message] = []

    def send(self, *messages: Message) -> None:
        for message in messages:
            self.stream.sendall(encode(message))

    def next(self) -> Message | None:
        """The next message, None at the end of the connection."""
        while not self._messages:
            data = self.stream.recv(1 << 16)
            if not data:
                return None
            self._messages += self._decoder.feed(data)
        return self._messages.pop(0)

    def answer(self, number: int | str | None) -> tuple[Message, list[Message]]:
        """The last message about a request and its events before; others' messages are passed over."""
        events = []
        while (message := self.next()) is not None:
            if message["id"] == number:
                if "event" not in message:
                    return message, events
                events.append(message)
        raise AssertionError(f"no answer to {number}")
