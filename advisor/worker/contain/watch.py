"""The watch over one job: pass its events on, hold it to its limits, and say how it ended."""

from __future__ import annotations

import json
import os
import select
import signal
import time
from dataclasses import dataclass, field

from ..link import Client
from . import channel
from .processes import Family
from .scratch import Scratch

LOOK_SECONDS = 0.02
"""How often memory and processes are counted."""
MAX_PROCESSES = 256
STDERR_TAIL = 8192
_READ_BYTES = 1 << 20
_BACKLOG_BYTES = 64 << 20  # with that much waiting for the client, the job waits too
_GRACE_SECONDS = 0.5  # for an ended job to become waitable, and for a stuck one to print its stack


@dataclass
class Verdict:
    """How a job ended. ``status`` is one of ok, error, exit, crash, timeout, memory, processes, closed, cancelled."""

    status: str
    detail: str = ""
    signal: str | None = None
    exit_code: int | None = None


@dataclass
class Watch:
    """The watch over one job, from fork to verdict."""

    client: Client
    family: Family
    scratch: Scratch
    events: int
    stderr: int
    receiver: channel.Receiver
    seconds: float
    memory_bytes: int
    containment: list[str] = field(default_factory=list)
    tail: bytes = b""
    verdict: Verdict | None = None
    _events_open: bool = True
    _stderr_open: bool = True

    def run(self) -> Verdict:
        """Until the job is over or over a limit."""
        deadline = time.monotonic() + self.seconds
        closed_at = next_look = time.monotonic() + LOOK_SECONDS
        while self.verdict is None:
            self._pump(max(0.0, min(next_look, deadline) - time.monotonic()))
            if self.verdict is not None:
                break
            if (status := self.family.job_status()) is not None:
                while self._pump(0.0):
                    pass  # what it had said before it ended
                return self.verdict or _post_mortem(status)
            now = time.monotonic()
            if self._events_open:
                closed_at = now
            elif now > closed_at + _GRACE_SECONDS:
                return Verdict("closed", "the code closed the pipe on which the worker reports")
            if now > deadline:
                return self._stuck(Verdict("timeout", f"no result within {self.seconds:g} s"))
            if now > next_look:
                self.verdict = self._look()
                next_look = time.monotonic() + LOOK_SECONDS
        return self.verdict

    def _pump(self, timeout: float) -> bool:
        """Move what is there or comes within ``timeout``; whether the job had something to say."""
        readable = [self.client.requests]
        if self._stderr_open:
            readable.append(self.stderr)
        if self._events_open and len(self.client.outgoing) < _BACKLOG_BYTES:
            readable.append(self.events)
        if not self._events_open:
            timeout = min(timeout, 0.001)  # the job is ending: nothing but its wait status is still to come
        ready, writable, _ = select.select(readable, [self.client.events] if self.client.outgoing else [], [], timeout)
        if writable:
            self.client.flush()
        if self.stderr in ready:
            self._read_stderr()
        if self.client.requests in ready and any("cancel" in message for message in self.client.read()):
            self.verdict = Verdict("cancelled", "the client cancelled the request")
        if self.events not in ready:
            return False
        data = os.read(self.events, _READ_BYTES)
        self._events_open = bool(data)
        for kind, payload in self.receiver.feed(data):
            self._take(kind, payload)
        return self._events_open

    def _take(self, kind: bytes, payload: bytes) -> None:
        if kind == channel.EVENT:
            self.client.put(payload)
        elif kind == channel.CONTAINED:
            self.containment = json.loads(payload)["measures"]
        elif kind == channel.DONE:
            self.verdict = Verdict("ok")
        elif kind == channel.FAILED:
            self.verdict = Verdict("error", json.loads(payload)["detail"])

    def _read_stderr(self) -> None:
        data = os.read(self.stderr, _READ_BYTES)
        self._stderr_open = bool(data)
        self.tail = (self.tail + data)[-STDERR_TAIL:]

    def _look(self) -> Verdict | None:
        usage = self.family.usage()
        if usage.processes > MAX_PROCESSES:
            return self._stuck(Verdict("processes", f"more than {MAX_PROCESSES} processes"))
        if usage.memory + self.scratch.used() > self.memory_bytes:
            limit = f"{self.memory_bytes / 2**30:.3g} GiB"
            return self._stuck(Verdict("memory", f"more than {limit} of memory, its processes taken together"))
        return None

    def _stuck(self, verdict: Verdict) -> Verdict:
        """Have a job that is to be killed print where it is (its fault handler answers SIGABRT with the stack)."""
        until = time.monotonic() + _GRACE_SECONDS
        if self.family.job_status() is None:
            os.kill(self.family.job, signal.SIGABRT)
        while self._stderr_open and time.monotonic() < until:
            ended = self.family.job_status() is not None
            if select.select([self.stderr], [], [], 0.005)[0]:
                self._read_stderr()
            elif ended:
                break
        return verdict


def _post_mortem(status: int) -> Verdict:
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return Verdict("exit", f"the code ended the process with exit code {code}", exit_code=code)
    name = signal.Signals(-code).name if -code in signal.Signals.__members__.values() else f"signal {-code}"
    cause = " (the system's out-of-memory killer, or the code itself)" if -code == signal.SIGKILL else ""
    return Verdict("crash", f"the process died of {name}{cause}", signal=name)
