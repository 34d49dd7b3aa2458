"""The daemon's client for programs with an event loop: ``advisor.connect_async()``.

    async with await advisor.connect_async() as client:
        audit = client.audit("nets", target="ethos-u85-1024")
        async for step in audit:
            print(f"{step.done} of {step.total}: {step.file}")
        report = await audit

Cancelling a task that waits for an answer cancels the work too.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..frames import Decoder, FrameError, Message
from . import audits
from .connection import QUIET_SECONDS
from .errors import CancelledError, broke, closed, from_wire, garbled, silent

if TYPE_CHECKING:
    from ..report import ModelReport, Report
    from ..reports.layers import Row

_READ = 1 << 18
_PING = audits.frame({"id": 0, "method": "ping"})


@dataclass(frozen=True, slots=True)
class Step:
    """A file of an audit is done: the how-many-th of how many."""

    file: Path
    done: int
    total: int


async def connect_async(start: bool = True) -> AsyncClient:
    """As :func:`advisor.connect`, for the running event loop."""
    from .dial import dial

    stream = await asyncio.to_thread(dial, "script", start=start)
    stream.setblocking(False)
    return AsyncClient(*await asyncio.open_connection(sock=stream))


class Audit(Awaitable["Report"]):
    """An audit under way: iterate for its steps, await for its report; either may be left out."""

    def __init__(self, client: AsyncClient, asked: Mapping[str, Any]) -> None:
        self._steps: asyncio.Queue[Step | None] = asyncio.Queue()
        self._task = asyncio.ensure_future(self._run(client, asked))

    async def _run(self, client: AsyncClient, asked: Mapping[str, Any]) -> Report:
        gathered = audits.Gathered(lambda file, done, total: self._steps.put_nowait(Step(file, done, total)))
        try:
            return gathered.report(await client.request("audit", asked, gathered.take))
        finally:
            self._steps.put_nowait(None)

    def __await__(self) -> Generator[Any, None, Report]:
        return self._task.__await__()

    async def __aiter__(self) -> AsyncIterator[Step]:
        try:
            while (step := await self._steps.get()) is not None:
                yield step
        except asyncio.CancelledError:
            self.cancel()
            raise

    def cancel(self) -> None:
        """End it; who awaits it gets :class:`asyncio.CancelledError`."""
        self._task.cancel()


class AsyncClient:
    """One connection, with the methods of :class:`advisor.client.connection.Client` as coroutines."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Queue[Message | Exception]] = {}
        self._ended: Exception | None = None
        self._listener = asyncio.ensure_future(self._listen())

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connection; what runs for it is cancelled."""
        self._end(CancelledError("the client was closed"))
        self._listener.cancel()
        await asyncio.wait([self._listener])

    # ---- methods

    def audit(self, paths: audits.Paths, target: audits.Targets = None, **overrides: Any) -> Audit:
        """An audit of files and folders, begun at once; its report is what :func:`advisor.audit` returns."""
        return Audit(self, audits.request(paths, target, overrides))

    async def estimate(
        self, path: str | os.PathLike[str], model: str | None = None, target: audits.Targets = None, **overrides: Any
    ) -> list[ModelReport]:
        """See :meth:`advisor.client.connection.Client.estimate`."""
        report = await self.audit(path, target, **audits.without_rules(overrides))
        return audits.chosen(report, model, path)

    async def show(
        self,
        path: str | os.PathLike[str],
        model: str | None = None,
        depth: int | None = None,
        target: audits.Targets = None,
        **overrides: Any,
    ) -> list[tuple[ModelReport, list[Row]]]:
        """See :meth:`advisor.client.connection.Client.show`."""
        models = await self.estimate(path, model, target, **overrides)
        return [(m, audits.layers(m, depth)) for m in models]

    async def models(self, path: str | os.PathLike[str]) -> list[dict[str, Any]]:
        """See :meth:`advisor.client.connection.Client.models`."""
        return (await self.request("models", {"path": str(Path.cwd() / path)}))["models"]

    async def explain(self, code: str) -> str:
        """See :meth:`advisor.client.connection.Client.explain`."""
        return (await self.request("explain", {"code": code}))["markdown"]

    async def targets(self) -> list[dict[str, str]]:
        """See :meth:`advisor.client.connection.Client.targets`."""
        return (await self.request("targets", {"cwd": str(Path.cwd())}))["targets"]

    async def rules(self) -> list[dict[str, str]]:
        """See :meth:`advisor.client.connection.Client.rules`."""
        return (await self.request("rules", {}))["rules"]

    async def status(self) -> dict[str, Any]:
        """See :meth:`advisor.client.connection.Client.status`."""
        return await self.request("status", {})

    async def stop(self) -> None:
        """See :meth:`advisor.client.connection.Client.stop`."""
        await self.request("stop", {})

    async def request(self, method: str, params: Mapping[str, Any], on_event: audits.OnEvent | None = None) -> Any:
        """The result of any method of the protocol; ``on_event`` gets its events."""
        number = next(self._numbers)
        asked = audits.frame({"id": number, "method": method, "params": dict(params)})
        if self._ended is not None:
            raise self._ended
        inbox = self._waiting[number] = asyncio.Queue()
        try:
            await self._send(asked)
            while True:
                message = await inbox.get()
                if isinstance(message, Exception):
                    raise message
                if "result" in message:
                    return message["result"]
                if "error" in message:
                    raise from_wire(message["error"])
                if on_event is not None:
                    on_event(message)
        finally:
            if self._waiting.pop(number, None) is not None and not self._writer.is_closing():
                self._writer.write(audits.frame({"cancel": number}))  # nobody will take the answer

    # ---- the connection

    async def _send(self, frame: bytes) -> None:
        self._writer.write(frame)
        try:
            await self._writer.drain()
        except ConnectionError as e:
            self._end(broke(e))

    async def _listen(self) -> None:
        """Hand out what arrives until the connection ends."""
        decoder = Decoder()
        asked = False  # whether it is there, and not answered so far
        while True:
            try:
                data = await asyncio.wait_for(self._reader.read(_READ), QUIET_SECONDS)
            except asyncio.TimeoutError:  # another class than TimeoutError before Python 3.11
                if asked and self._waiting:
                    self._end(silent())
                    return
                asked = bool(self._waiting)
                if asked:
                    self._writer.write(_PING)
                continue
            except ConnectionError as e:
                self._end(broke(e))
                return
            if not data:
                self._end(closed())
                return
            asked = False
            try:
                for message in decoder.feed(data):
                    self._deliver(message)
            except FrameError as e:
                self._end(garbled(e))
                return

    def _deliver(self, message: Message) -> None:
        if message.get("id") is None:  # an error about the connection as a whole
            self._end(from_wire(message.get("error")))
            return
        last = "result" in message or "error" in message
        inbox = self._waiting.pop(message["id"], None) if last else self._waiting.get(message["id"])
        if inbox is not None:  # else it was abandoned, or is the answer of a ping
            inbox.put_nowait(message)

    def _end(self, reason: Exception) -> None:
        """Everything that waits, and whatever is asked from now on, raises ``reason``; the first one stays."""
        if self._ended is not None:
            return
        self._ended = reason
        for inbox in self._waiting.values():
            inbox.put_nowait(reason)
        self._waiting.clear()
        with suppress(ConnectionError):  # the other side has ended it already
            self._writer.close()
