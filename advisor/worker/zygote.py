"""The zygote: a process with torch imported that forks one contained child for each request and watches over it.

It reads requests as lines of JSON, ``{"id", "job", "seconds", "memory_bytes", …}``, runs ``job`` in the child, passes
the child's events on while they come, and closes with ``{"event": "end", "id", "status", …}`` when every process of
the request is gone. It never runs a project's code itself and never unpickles anything.

Where it has namespaces of its own it first imports the installed libraries that a request names under ``preload``,
between the events ``{"event": "preloading", "name"}`` and ``{"event": "preloaded", "name"}``; if it dies or hangs
between the two, the client knows which library not to ask for again.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, NoReturn

from . import channel, preload
from .link import Client, ClientGone
from .processes import Family
from .sandbox import Confinement, confine
from .scratch import Scratch
from .watch import STDERR_TAIL, Watch

Job = Callable[[dict[str, Any], Callable[[dict[str, Any]], None]], None]


@dataclass
class Zygote:
    """Serves one client, one request at a time."""

    client: Client
    jobs: dict[str, Job]
    scratch: Scratch
    isolated: bool
    measures: list[str]
    without: frozenset[str]

    def serve(self) -> None:
        """Until the client goes."""
        while True:
            try:
                request = self.client.next_request()
                self._handle(request)
            except ClientGone:
                return

    def _preload(self, names: list[str]) -> None:
        for name in preload.missing(names):
            self.client.put({"event": "preloading", "name": name})
            self.client.flush_all()
            preload.load(name)
            self.client.put({"event": "preloaded", "name": name})

    def _handle(self, request: dict[str, Any]) -> None:
        if self.isolated:
            self._preload(request.get("preload", []))
        started = time.monotonic()
        folder = self.scratch.fresh()
        events, to_zygote = os.pipe()
        stderr, to_stderr = os.pipe()
        nonce = token_hex(16)
        pid = os.fork()
        if pid == 0:
            self._child(request, folder, channel.Sender(to_zygote, nonce), to_stderr, (events, stderr))
        os.close(to_zygote)
        os.close(to_stderr)
        family = Family(pid, self.isolated)
        limits = float(request["seconds"]), int(request["memory_bytes"])
        watch = Watch(self.client, family, self.scratch, events, stderr, channel.Receiver(nonce), *limits)
        leftover = 0
        try:
            verdict = watch.run()
        finally:
            leftover = family.end()
            os.close(events)
            os.close(stderr)
            self.scratch.drop()
        end = {
            "event": "end",
            "id": request["id"],
            "status": verdict.status,
            "detail": verdict.detail,
            "signal": verdict.signal,
            "exit_code": verdict.exit_code,
            "stderr": watch.tail.decode(errors="replace"),
            "containment": [*self.measures, *watch.containment],
            "leftover": leftover,
            "seconds": round(time.monotonic() - started, 6),
        }
        self.client.put(end)
        self.client.flush_all()

    def _child(
        self, request: dict[str, Any], folder: str, sender: channel.Sender, stderr: int, not_its: tuple[int, ...]
    ) -> NoReturn:
        """Everything the child does. It never exits by itself once its job has run: exit hooks and threads may hang."""
        try:
            os.setsid()
            for descriptor in (self.client.requests, self.client.events, *not_its):
                os.close(descriptor)
            null = os.open(os.devnull, os.O_RDWR)
            for descriptor, source in ((0, null), (1, null), (2, stderr)):
                os.dup2(source, descriptor)
            os.close(null)
            os.close(stderr)
            faulthandler.enable(file=2)
            confinement = Confinement(
                folder, int(request["memory_bytes"]), self.isolated, self.scratch.private_shm, self.without
            )
            sender.send(channel.CONTAINED, {"measures": confine(confinement)})
            job = self.jobs[request["job"]]
            job(request, lambda event: sender.send(channel.EVENT, event))
            sender.send(channel.DONE, {})
        except BaseException:  # whatever it is, the client shall know it
            _report_failure(sender)
        while True:
            _park()


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
