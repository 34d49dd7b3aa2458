"""One child of the zygote: forked, confined and warm before there is a request for it, used for one, and ended.

Forking copies no memory, so whatever a process touches first after its fork costs a page fault: a job that starts in a
process that has just been forked takes half as long again. A child therefore *rehearses* while it waits: it does once
what every job does, with nothing of a user's. One whose request is there already does not: rehearsing takes longer.
Memory and tasks are limited when the request comes; everything else holds from the start.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import json
import os
import select
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, NoReturn

from .contain import channel
from .contain.processes import Family
from .contain.sandbox import Confinement, confine, limit_memory
from .contain.scratch import Scratch
from .contain.watch import STDERR_TAIL

Job = Callable[[dict[str, Any], Callable[[dict[str, Any]], None]], None]
_READ_BYTES = 1 << 20
_COLLECT_AFTER = 10_000
"""Objects, not 700: modules and nodes that a job makes stay until its end, and looking through them takes its time."""


@dataclass(frozen=True)
class Jobs:
    """What a child can do, and what it does beforehand."""

    runs: Mapping[str, Job]
    rehearsals: tuple[Callable[[], None], ...] = ()


@dataclass
class Child:
    """The zygote's side of a child. ``requests`` is written to once; the other descriptors are read from."""

    family: Family
    scratch: Scratch
    nonce: str
    requests: int
    events: int
    stderr: int

    @classmethod
    def fork(
        cls, jobs: Jobs, scratch: Scratch, isolated: bool, without: frozenset[str], not_its: Iterable[int]
    ) -> Child:
        """Fork one; ``not_its`` are descriptors of the zygote that it must not have."""
        folder = scratch.fresh()
        confinement = Confinement(folder, isolated, scratch.private_shm, without)
        requests, to_child = os.pipe()
        events, to_zygote = os.pipe()
        stderr, to_stderr = os.pipe()
        channel.widen(to_zygote)
        nonce = token_hex(16)
        pid = os.fork()
        if pid == 0:
            for descriptor in (*not_its, to_child, events, stderr):
                os.close(descriptor)
            _live(jobs, confinement, requests, channel.Sender(to_zygote, nonce), to_stderr)
        for descriptor in (requests, to_zygote, to_stderr):
            os.close(descriptor)
        return cls(Family(pid, isolated), scratch, nonce, to_child, events, stderr)

    def give(self, request: dict[str, Any]) -> None:
        """Hand it its request. One that has died meanwhile (the system was short of memory) takes none: its wait
        status says so."""
        with contextlib.suppress(BrokenPipeError):
            channel.write_all(self.requests, json.dumps(request).encode())
        os.close(self.requests)
        self.requests = -1

    def end(self) -> int:
        """End it with all its descendants and remove its folder; how many of those were alive."""
        try:
            return self.family.end()
        finally:
            for descriptor in (self.requests, self.events, self.stderr):
                if descriptor >= 0:
                    os.close(descriptor)
            self.scratch.drop()


def _live(jobs: Jobs, confinement: Confinement, requests: int, sender: channel.Sender, stderr: int) -> NoReturn:
    """Everything the child does. It never exits by itself once its job has run: exit hooks and threads may hang."""
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor, source in ((0, null), (1, null), (2, stderr)):
            os.dup2(source, descriptor)
        os.close(null)
        os.close(stderr)
        faulthandler.enable(file=2)
        sender.send(channel.CONTAINED, {"measures": confine(confinement)})
        for rehearse in jobs.rehearsals:
            if not select.select([requests], [], [], 0)[0]:  # else somebody waits for it already
                rehearse()
        gc.collect()
        gc.freeze()
        gc.set_threshold(_COLLECT_AFTER)
        request = _await_request(requests)
        limit_memory(int(request["memory_bytes"]))
        jobs.runs[request["job"]](request, lambda event: sender.send(channel.EVENT, event))
        sender.send(channel.DONE, {})
    except BaseException:  # whatever it is, the client shall know it
        _report_failure(sender)
    while True:
        _park()


def _await_request(descriptor: int) -> dict[str, Any]:
    data = b"".join(iter(lambda: os.read(descriptor, _READ_BYTES), b""))
    if not data:
        os._exit(0)  # the zygote has gone
    os.close(descriptor)
    return json.loads(data)


def _report_failure(sender: channel.Sender) -> None:
    try:
        sender.send(channel.FAILED, {"detail": traceback.format_exc()[-STDERR_TAIL:]})
    except BaseException:  # user code may have closed the pipe: the zygote sees that itself
        sys.stderr.write(traceback.format_exc())


def _park() -> None:
    """Wait to be killed, whatever exceptions user code's signal handlers raise meanwhile."""
    try:
        time.sleep(60)
    except BaseException as error:
        sys.stderr.write(f"while waiting to be killed: {error!r}\n")
