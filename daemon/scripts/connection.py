"""One script's connection: frames in, frames out, several requests at once; docs/protocol.md describes it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from advisor.frames import Decoder, FrameError, Message, encode

from ..remote import AnalystError
from .methods import Lanes, Services, perform
from .params import RequestError

MAX_INCOMING = 16 << 20
"""Bytes of the longest frame that is read from a client."""

MAX_RUNNING = 64
"""Requests of one connection at the same time; with so many, reading waits until one ends."""

_READ = 1 << 16

_log = logging.getLogger(__name__)


async def serve(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    lanes: Lanes,
    hello: Mapping[str, Any],
    status: Callable[[], Mapping[str, Any]],
    stop: Callable[[], None],
) -> None:
    """Answer a script until it is gone; then, or when this is cancelled, its requests are cancelled too.

    ``hello`` is the client's handshake, ``status`` and ``stop`` are the hub's.
    """
    services = Services(lanes, str(hello.get("cwd") or "/"), dict(hello.get("environment") or {}), status, stop)
    await _Connection(reader, writer, services).run()


class _GoneError(Exception):
    """The client takes no more bytes."""


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, services: Services) -> None:
        self._reader, self._writer, self._services = reader, writer, services
        self._running: dict[int | str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._writing = asyncio.Lock()
        self._ending = False

    async def run(self) -> None:
        decoder = Decoder(MAX_INCOMING)
        try:
            while data := await self._reader.read(_READ):
                for message in decoder.feed(data):
                    self._take(message)
                    if len(self._tasks) >= MAX_RUNNING:
                        await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        except FrameError as e:
            with suppress(_GoneError):
                await self._send(_error(None, "frame", str(e), "connect anew; docs/protocol.md describes frames"))
        except ConnectionError:
            pass  # the client is gone, as with the end of its bytes
        finally:
            self._ending = True
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)
            self._writer.close()

    def _take(self, message: Message) -> None:
        """Start what ``message`` asks for. Raises :class:`FrameError` when it asks for nothing that can be answered."""
        if "cancel" in message:
            number = message["cancel"]
            task = self._running.get(number) if isinstance(number, int | str) else None
            if task is not None:  # else it has ended: its answer is under way
                task.cancel()
            return
        number = message.get("id")
        if isinstance(number, bool) or not isinstance(number, int | str):
            raise FrameError(f"a message with the id {repr(number)[:80]}, where a number or a string is expected")
        if number in self._running:
            raise FrameError(f"a request with the id {repr(number)[:80]}, which another one has that still runs")
        task = asyncio.ensure_future(self._answer(number, message.get("method"), message.get("params", {})))
        self._running[number] = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, number: int | str, method: Any, params: Any) -> None:
        async def emit(name: str, fields: Mapping[str, Any]) -> None:
            await self._send(encode({"id": number, "event": name, **fields}))

        try:
            answer = encode({"id": number, "result": await perform(method, params, self._services, emit)})
        except asyncio.CancelledError:
            if self._ending:
                raise
            answer = _error(number, "cancelled", "the request was cancelled")
        except (RequestError, AnalystError) as e:
            answer = _error(number, e.code, e.message, e.remedy)
        except _GoneError:
            return  # nobody is left to be told; the end of the client's bytes ends the connection
        except Exception as e:  # ours to mend; it costs this request
            _log.exception("%s failed", repr(method)[:80])
            remedy = "`advisor daemon logs` has more; please report it to the advisor's authors"
            answer = _error(number, "internal", f"internal error: {type(e).__name__}: {e}", remedy)
        finally:
            self._running.pop(number, None)
        with suppress(_GoneError):
            await self._send(answer)

    async def _send(self, frame: bytes) -> None:
        async with self._writing:
            self._writer.write(frame)
            try:
                await self._writer.drain()
            except ConnectionError as e:
                raise _GoneError from e


def _error(number: int | str | None, code: str, message: str, remedy: str = "") -> bytes:
    return encode({"id": number, "error": {"code": code, "message": message, "remedy": remedy}})
