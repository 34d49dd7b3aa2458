"""The workers of a process: one at least for each interpreter and environment in use, kept warm between requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .cache.dependencies import stamp, started_with
from .workers import Event, Outcome, Worker, WorkerError, passed_on

IDLE_SECONDS = 900.0
"""A worker that served nothing for as long is ended, once one of another interpreter or environment does."""

Key = tuple[Path, frozenset[tuple[str, str]], str]
"""An interpreter, what its user code may see of the environment, and what is installed for it: a worker has imported
torch and other libraries as they were when it started."""


@dataclass(slots=True)
class _Idle:
    """The workers of one key that have nothing to do, and when one of them was used last (monotonic seconds)."""

    workers: list[Worker] = field(default_factory=list)
    used: float = field(default_factory=time.monotonic)


class Pool:
    """Runs requests, each in a worker of its own while it runs. Methods may be called from any thread."""

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        self.idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._idle: dict[Key, _Idle] = {}
        self._busy: set[Worker] = set()
        self._ending: set[threading.Thread] = set()
        self._closed = False

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def workers(self) -> list[Worker]:
        """Every worker, busy or not."""
        with self._lock:
            return [*self._busy, *(w for idle in self._idle.values() for w in idle.workers)]

    def run(
        self,
        interpreter: Path,
        environment: Mapping[str, str],
        request: Mapping[str, Any],
        on_event: Callable[[Event], None],
        cancelled: Callable[[], bool],
    ) -> Outcome:
        """Run a request under ``interpreter``; see :meth:`advisor.workers.Worker.run`."""
        key = _key(interpreter, environment)
        worker = self._take(key, environment)
        try:
            return worker.run(request, on_event, cancelled)
        finally:
            self._give_back(key, worker)

    def warm(self, interpreter: Path, environment: Mapping[str, str]) -> None:
        """Have a worker ready. Raises :class:`advisor.workers.WorkerError`."""
        key = _key(interpreter, environment)
        worker = self._take(key, environment)
        try:
            worker.start()
        finally:
            self._give_back(key, worker)

    def close(self) -> None:
        """End all workers, for good; what runs ends as ``cancelled``."""
        with self._lock:
            self._closed = True
        for worker in self.workers:
            worker.close()
        with self._lock:
            self._idle.clear()
            ending = list(self._ending)
        for thread in ending:
            thread.join()

    def _take(self, key: Key, environment: Mapping[str, str]) -> Worker:
        with self._lock:
            if self._closed:
                raise WorkerError("this session was closed", "open another session to run more")
            idle = self._idle.setdefault(key, _Idle())
            idle.used = time.monotonic()
            worker = idle.workers.pop() if idle.workers else Worker(key[0], environment=environment)
            self._busy.add(worker)
            return worker

    def _give_back(self, key: Key, worker: Worker) -> None:
        now = time.monotonic()
        with self._lock:
            self._busy.discard(worker)
            idle = self._idle.setdefault(key, _Idle())
            idle.workers.append(worker)
            idle.used = now
            old = [
                k
                for k, other in self._idle.items()
                if k != key and (k[:2] == key[:2] or now - other.used > self.idle_seconds)
            ]
            gone = [w for k in old for w in self._idle.pop(k).workers]
        for worker in gone:  # on the side: a process may take seconds to go
            thread = threading.Thread(target=self._end, args=(worker,), daemon=True)
            with self._lock:
                self._ending.add(thread)
            thread.start()

    def _end(self, worker: Worker) -> None:
        worker.close()
        with self._lock:
            self._ending.discard(threading.current_thread())


def _key(interpreter: Path, environment: Mapping[str, str]) -> Key:
    seen = passed_on(environment)
    # The user's own code on PYTHONPATH is imported anew for each request, but for what an interpreter starts with.
    installed = (
        started_with((), seen),
        stamp(interpreter, {name: value for name, value in seen.items() if name != "PYTHONPATH"}),
    )
    return interpreter, frozenset(seen.items()), repr(installed)
