"""The client of the worker: start it under an interpreter, send requests, collect events, and survive its death."""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .environment import PASSED_ON, passed_on
from .launch import (
    Event,
    InterpreterMissing,
    Process,
    PythonTooOld,
    TorchMissing,
    TorchTooOld,
    WorkerError,
    WorkerFailed,
    await_ready,
    launch,
    parse,
)
from .worker.load.place import library_of

__all__ = [
    "DEFAULT_MEMORY_BYTES",
    "DEFAULT_SECONDS",
    "JOBS",
    "PASSED_ON",
    "Event",
    "InterpreterMissing",
    "Outcome",
    "PythonTooOld",
    "TorchMissing",
    "TorchTooOld",
    "Worker",
    "WorkerError",
    "WorkerFailed",
    "passed_on",
]

_FOLDER = Path(__file__).parent / "worker"
JOBS: Mapping[str, Path] = {
    "audit": _FOLDER / "job.py",
    "score": _FOLDER / "scoring.py",
    "migrate": _FOLDER / "migrate.py",
}
"""The jobs a worker knows: a Python file each, with ``run(request, emit)``; more in ``worker/main.py``."""

DEFAULT_SECONDS = 20.0
DEFAULT_MEMORY_BYTES = 4 << 30

_ANSWER_SECONDS = 15.0  # beyond a request's own limit: to end its processes and remove its folder
_PRELOAD_SECONDS = 60.0  # for one library, from a cold disk
_REPEAT_SECONDS = 0.05  # between two words that a request is cancelled: one about to start may miss the first
_STACK_LINE = re.compile(r'  File "(?P<file>.*)", line (?P<line>[0-9]{1,9}) in .*')
"""A frame as faulthandler writes it; a traceback, which user code may print at any time, has a comma before ``in``."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a request ended; the events that came before the end hold whatever happened.

    ``status``: ``ok``; ``error`` (the job itself raised: a bug of ours), ``exit`` (user code ended the process),
    ``crash`` (it died of ``signal``), ``timeout``, ``memory``, ``processes`` (too many), ``closed`` (it closed the
    worker's pipe), ``cancelled``, or ``lost`` (the worker itself died). ``stderr`` is the end of what it printed there,
    with the Python stack where it crashed or was stuck. ``containment`` names the measures in force; ``leftover`` is
    how many processes it had left running, all ended.
    """

    id: str
    status: str
    events: tuple[Event, ...] = ()
    detail: str = ""
    signal: str | None = None
    exit_code: int | None = None
    stderr: str = ""
    containment: tuple[str, ...] = ()
    leftover: int = 0
    seconds: float = 0.0

    def last_line(self, file: str) -> int | None:
        """The line of ``file`` in which the process crashed or was stuck, from the stack it left on stderr."""
        for text in self.stderr.splitlines():
            if (frame := _STACK_LINE.fullmatch(text)) and frame["file"] == file:
                return int(frame["line"])
        return None


class _Cancelled(Exception):
    """The request was cancelled while its worker was still starting."""


class Worker:
    """One worker process under ``interpreter``; requests run one after another.

    It starts with the first request, or with :meth:`start` to have it warm by then, and again after it died.
    ``without`` names containment measures to do without, as on a system that lacks them: see ``Confinement`` in
    ``worker/contain/sandbox.py``, and ``namespaces``. ``environment`` is what :data:`PASSED_ON` is taken from, by
    default our own. Methods may be called from any thread.
    """

    def __init__(
        self,
        interpreter: Path,
        *,
        jobs: Mapping[str, Path] = JOBS,
        without: Iterable[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.interpreter = interpreter
        self.environment = passed_on(os.environ if environment is None else environment)
        self.versions: Event = {}
        self._jobs = jobs
        self._without = sorted(without)
        self._process: Process | None = None
        self._lock = threading.Lock()  # held for a whole request
        self._switch = threading.Lock()  # held while the process changes or is told to cancel
        self._ending = False
        self._count = 0
        self._preloading: str | None = None
        self._not_preloaded: set[str] = set()  # libraries whose import ended or hung a worker
        self._unfollowed: frozenset[str] = frozenset()  # those that the process imported without following numbers

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The process at the root of all that this worker runs; None where it does not run."""
        process = self._process
        return process.popen.pid if process is not None else None

    def start(self) -> None:
        """Start the process and wait until torch is imported. Raises :class:`WorkerError`."""
        with self._lock, contextlib.suppress(_Cancelled):  # closed meanwhile
            self._ready(lambda: False)

    def close(self) -> None:
        """End the process and everything below it; a request that runs ends as ``cancelled``."""
        self._ending = True
        self.cancel()
        with self._lock:
            self._drop()
            self._ending = False

    def run(
        self,
        request: Mapping[str, Any],
        on_event: Callable[[Event], None] | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Outcome:
        """Run one request (``{"job": …}``, ``seconds`` and ``memory_bytes`` if not the defaults) to its end.

        ``on_event`` sees each event as it comes. ``cancelled`` is asked many times a second: once it says so, the
        request ends as ``cancelled``; a worker that was still starting goes on to, for the next one. User code cannot
        make this raise; :class:`WorkerError` means that no worker could be started. Libraries that the request names
        under ``preload`` are imported before anything else, once for all requests; one that cannot be imported costs
        this worker a restart and is left alone then; so does a file of a library whose numbers were not followed when
        it was imported for others.
        """
        with self._lock:
            limits = {"seconds": DEFAULT_SECONDS, "memory_bytes": DEFAULT_MEMORY_BYTES}
            while True:
                if request.get("numbers", True) and library_of(Path(request.get("file", ""))) in self._unfollowed:
                    self._drop()
                try:
                    process = self._ready(cancelled)
                except _Cancelled:
                    return Outcome("", "cancelled")
                self._count += 1
                preload = [name for name in request.get("preload", ()) if name not in self._not_preloaded]
                full = {**limits, **request, "preload": preload, "id": str(self._count)}
                outcome = self._converse(process, full, on_event, cancelled)
                if self._preloading is None:
                    return outcome
                self._not_preloaded.add(self._preloading)
                self._preloading = None

    def cancel(self) -> None:
        """Have the request that runs now, if any, end as ``cancelled``. Called from another thread."""
        with self._switch, contextlib.suppress(BrokenPipeError):
            if self._process is not None:
                os.write(self._process.requests, b'{"cancel": true}\n')

    def _converse(
        self,
        process: Process,
        request: Event,
        on_event: Callable[[Event], None] | None,
        cancelled: Callable[[], bool],
    ) -> Outcome:
        told = 0.0

        def look() -> None:
            nonlocal told
            if time.monotonic() > told + _REPEAT_SECONDS and cancelled():
                self.cancel()
                told = time.monotonic()

        events: list[Event] = []
        deadline = time.monotonic() + float(request["seconds"]) + _ANSWER_SECONDS
        try:
            with self._switch:  # a line that is written meanwhile would stand within this one
                _write_all(process.requests, json.dumps(request).encode() + b"\n")
            while (line := process.read_line(deadline, look)) is not None:
                look()
                event = parse(line)
                if event is None:
                    continue
                if event["event"] == "end" and event.get("id") == request["id"]:
                    return _outcome(event, events)
                if event["event"] in ("preloading", "preloaded"):
                    self._preloading = event["name"] if event["event"] == "preloading" else None
                    self._unfollowed = frozenset(event.get("unfollowed", self._unfollowed))
                    seconds = _PRELOAD_SECONDS if self._preloading else float(request["seconds"]) + _ANSWER_SECONDS
                    deadline = time.monotonic() + seconds
                    continue
                events.append(event)
                if on_event is not None:
                    on_event(event)
            detail = "the worker itself died"
        except BrokenPipeError:
            detail = "the worker itself died"
        except TimeoutError:
            detail = "the worker stopped answering"
        except BaseException:  # the caller's on_event raised, or Ctrl-C: what is still to come belongs to nobody
            self._drop()
            raise
        self._drop()
        return Outcome(request["id"], "lost", tuple(events), detail)

    def _ready(self, cancelled: Callable[[], bool]) -> Process:
        def look() -> None:
            if self._ending or cancelled():
                raise _Cancelled

        look()
        process = self._process
        if process is not None and process.popen.poll() is not None:
            self._drop()
            process = None
        if process is None:
            process = launch(self.interpreter, self._jobs, self._without, self.environment)
            self._unfollowed = frozenset()
            with self._switch:
                self._process = process
        if not process.ready:
            try:
                self.versions = await_ready(process, self.interpreter, look)
            except _Cancelled:
                raise
            except BaseException:
                self._drop()
                raise
            process.ready = True
        return process

    def _drop(self) -> None:
        with self._switch:
            process, self._process = self._process, None
        if process is not None:
            process.end()


def _outcome(end: Event, events: list[Event]) -> Outcome:
    names = ("id", "status", "detail", "signal", "exit_code", "stderr", "leftover", "seconds")
    return Outcome(events=tuple(events), containment=tuple(end["containment"]), **{name: end[name] for name in names})


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
