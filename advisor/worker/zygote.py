"""The zygote: a process with torch imported that forks one contained child for each request and watches over it.

It reads requests as lines of JSON, ``{"id", "job", "seconds", "memory_bytes", …}``, has a child run ``job``, passes
the child's events on while they come, and closes with ``{"event": "end", "id", "status", …}`` when every process of
the request is gone. It never runs a project's code itself and never unpickles anything. There is one child at any
time: the next is forked when the last is gone, and waits for its request (see ``child.py``).

Where it has namespaces of its own it first imports the installed libraries that a request names under ``preload``,
between the events ``{"event": "preloading", "name"}`` and ``{"event": "preloaded", "name", "unfollowed"}``; if it
dies or hangs between the two, the client knows which library not to ask for again. ``unfollowed`` are the libraries
that were imported without their numbers being followed: for an audit of their own files the client starts another.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import preload
from .child import Child, Jobs
from .contain import channel
from .contain.scratch import Scratch
from .contain.watch import Watch
from .link import Client, ClientGone
from .load.place import library_of


@dataclass
class Zygote:
    """Serves one client, one request at a time."""

    client: Client
    jobs: Jobs
    scratch: Scratch
    isolated: bool
    measures: list[str]
    without: frozenset[str]

    def serve(self) -> None:
        """Until the client goes."""
        while True:
            child = self._fork()
            try:
                request = self.client.next_request()
                child = self._suited(child, request)
            except ClientGone:
                child.end()
                return
            try:
                self._handle(request, child)
            except ClientGone:
                return

    def _fork(self) -> Child:
        held = (self.client.requests, self.client.events)
        return Child.fork(self.jobs, self.scratch, self.isolated, self.without, held)

    def _suited(self, child: Child, request: dict[str, Any]) -> Child:
        """The waiting child, or another: it may have died, or lack libraries that are imported now."""
        names = preload.missing(request.get("preload", [])) if self.isolated else []
        if not names and child.family.job_status() is None:
            return child
        child.end()
        own = library_of(Path(request.get("file", ""))) if request.get("numbers", True) else ""
        for name in names:
            self.client.put({"event": "preloading", "name": name})
            self.client.flush_all()
            unfollowed = preload.load(name, name == own)
            self.client.put({"event": "preloaded", "name": name, "unfollowed": unfollowed})
        return self._fork()

    def _handle(self, request: dict[str, Any], child: Child) -> None:
        started = time.monotonic()
        limits = float(request["seconds"]), int(request["memory_bytes"])
        receiver = channel.Receiver(child.nonce)
        leftover = 0
        try:
            child.give(request)
            watch = Watch(self.client, child.family, self.scratch, child.events, child.stderr, receiver, *limits)
            verdict = watch.run()
        finally:
            leftover = child.end()
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
