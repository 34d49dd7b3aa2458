"""One analyst's process as the hub sees it: started, talked to, cancelled, killed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgpack

from advisor.client.program import daemon
from advisor.frames import MAX_BYTES, FrameError, Message, encode

COMMAND = tuple(daemon("analyst"))

_HEAD = struct.Struct("!I")
_CHUNK = 1 << 16
"""Bytes of an answer that are decoded before the loop has its turn again."""
_CANCEL_SECONDS = 2.0
_CLOSE_SECONDS = 8.0  # an analyst gives its workers five
_READY_SECONDS = 120.0  # importing from a cold disk

OnEvent = Callable[[Message], None]


class AnalystError(Exception):
    """A job that has no result. ``code``: ``cancelled``, ``config``, ``target``, ``worker``, ``engine``, ``params``,
    ``internal`` (a bug of ours), or ``lost`` (no analyst could do it). ``remedy`` may be empty."""

    def __init__(self, code: str, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.remedy = code, message, remedy


class Died(Exception):
    """The process ended, or said what cannot be understood, before it answered."""


class Analyst:
    """One process. It does one job at a time; what it says on stderr goes to ``log``."""

    def __init__(self, command: Sequence[str], log: logging.Logger) -> None:
        self.begun = self.served = 0
        """Jobs that were given to it, and those that it answered."""
        self.runs: tuple[int, int] = (0, 0)
        """User code's runs that it knew the outcome of, and those that it did not."""
        self.said = ""
        """Its last line on stderr."""
        self._command = command
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answer: asyncio.Future[Message] | None = None
        self._on_event: OnEvent | None = None
        self.gone = asyncio.Event()

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start the process and wait until it can work. Raises :class:`Died`."""
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=_CHUNK,
                cwd="/",  # what lies in the hub's own folder must not be imported
                start_new_session=True,  # Ctrl-C is for the hub, and a kill reaches all that it started
            )
        except OSError as e:
            self.gone.set()
            raise Died(f"cannot run {self._command[0]}: {e.strerror or e}") from None
        said = asyncio.ensure_future(self._listen_to_stderr())
        self._tasks = [said, asyncio.ensure_future(self._listen(said))]
        try:
            await asyncio.wait_for(asyncio.shield(self._ready), _READY_SECONDS)
        except asyncio.TimeoutError:
            self.kill()
            raise Died(f"it was not ready within {_READY_SECONDS:.0f} s") from None

    async def run(self, method: str, params: Mapping[str, Any], on_event: OnEvent | None) -> Any:
        """The job's result. Raises :class:`AnalystError` as the analyst does, and :class:`Died`."""
        if self.gone.is_set():
            raise Died(self.said)
        self.begun += 1
        self._on_event = on_event
        self._answer = asyncio.get_running_loop().create_future()
        try:
            await self._send({"id": self.begun, "method": method, "params": params})
            message = await self._answer
        finally:
            self._answer = self._on_event = None
        self.served += 1
        cached, run = message.get("runs") or self.runs
        self.runs = cached, run
        error = message.get("error")
        if error is not None:
            raise AnalystError(error["code"], error["message"], error.get("remedy", ""))
        return message.get("result")

    def cancel(self) -> None:
        """Have the present job end; one that does not listen is killed with its process after two seconds."""
        answer = self._answer
        if answer is None or self._process is None or self._process.stdin is None:
            return
        self._on_event = None
        self._process.stdin.write(encode({"cancel": self.begun}))
        asyncio.get_running_loop().call_later(_CANCEL_SECONDS, self._insist, answer)

    def _insist(self, answer: asyncio.Future[Message]) -> None:
        if not answer.done():
            self._log.warning("analyst %s does not hear that its job was cancelled; it is killed", self.pid)
            self.kill()

    def kill(self) -> None:
        """End the process and its group at once; its workers see that it is gone and end too."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # it went by itself
                os.killpg(self._process.pid, signal.SIGKILL)

    async def close(self) -> None:
        """End the process in order: the end of its stdin is the end of it and of its workers."""
        if self._process is None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self.gone.wait(), _CLOSE_SECONDS)
        except asyncio.TimeoutError:
            self.kill()
            await self.gone.wait()

    # ---- what it says

    async def _send(self, message: Message) -> None:
        assert self._process is not None and self._process.stdin is not None
        try:
            data = encode(message)
        except (ValueError, TypeError, OverflowError) as e:
            raise AnalystError("params", f"{message['method']}: this cannot be sent to an analyst: {e}") from e
        try:
            self._process.stdin.write(data)
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            pass  # it died: whoever waits for the answer learns that from the end of its stdout

    async def _listen(self, stderr: asyncio.Task[None]) -> None:
        """Pass on what the process says until it ends; then wake up whoever waits for it."""
        assert self._process is not None and self._process.stdout is not None
        why = ""
        try:
            while (message := await _message(self._process.stdout)) is not None:
                self._heard(message)
        except (FrameError, asyncio.IncompleteReadError) as e:
            why = f"what it said cannot be understood: {e}"
            self._log.error("analyst %s: %s", self.pid, why)
        finally:
            self.kill()  # a process that closed its pipe can be of no use
            await self._process.wait()
            await stderr
            self.gone.set()
            ended = Died(why or self.said or f"it ended with code {self._process.returncode}")
            for waiting in (self._ready, self._answer):
                if waiting is not None and not waiting.done():
                    waiting.set_exception(ended)
            self._ready.exception()  # nobody may be waiting for it: that is no error

    def _heard(self, message: Message) -> None:
        if message.get("event") == "ready" and "id" not in message:
            if not self._ready.done():
                self._ready.set_result(None)
        elif message.get("id") != self.begun or self._answer is None or self._answer.done():
            return  # a word on a job that is over
        elif "event" not in message:
            self._answer.set_result(message)
        elif self._on_event is not None:
            try:
                self._on_event(message)
            except Exception:
                self._log.exception("an event of a job could not be taken")

    async def _listen_to_stderr(self) -> None:
        assert self._process is not None and self._process.stderr is not None
        rest = b""
        while data := await self._process.stderr.read(_CHUNK):
            *lines, rest = (rest + data).split(b"\n")
            self._tell([*lines, rest] if len(rest) > _CHUNK else lines)
            rest = b"" if len(rest) > _CHUNK else rest
        self._tell([rest])

    def _tell(self, lines: list[bytes]) -> None:
        for line in lines:
            if text := line.decode(errors="replace").rstrip():
                self.said = text
                self._log.info("analyst %s: %s", self.pid, text)


async def _message(reader: asyncio.StreamReader) -> Message | None:
    """The next message; None at the end. A long one is decoded piece by piece, the loop having its turn in between.

    Raises :class:`FrameError` and :class:`asyncio.IncompleteReadError`.
    """
    head = await reader.read(1)
    if not head:
        return None
    (size,) = _HEAD.unpack(head + await reader.readexactly(_HEAD.size - 1))
    if size > MAX_BYTES:
        raise FrameError(f"a frame of {size:,} bytes; at most {MAX_BYTES:,} are read")
    unpacker = msgpack.Unpacker(strict_map_key=False, unicode_errors="surrogatepass", max_buffer_size=size + 1)
    message: Any = None
    while size:
        data = await reader.readexactly(min(size, _CHUNK))
        size -= len(data)
        unpacker.feed(data)
        try:
            message = unpacker.unpack()
        except msgpack.OutOfData:
            await asyncio.sleep(0)
        except (ValueError, msgpack.UnpackException) as e:
            raise FrameError(f"no msgpack: {e}") from e
    if not isinstance(message, dict):
        raise FrameError(f"expected a map, got {type(message).__name__}")
    return message
