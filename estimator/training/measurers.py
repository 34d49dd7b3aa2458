"""Processes that measure: backends are native code, so one that crashes or hangs costs its sample, not the run.

Graphs and results travel as msgpack over pipes; a process ends when its parent does, since its pipe closes.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import msgpack

from advisor.graph import Graph
from advisor.targets import Target

from ..backends import backends
from ..measuring import Backend, Measurement, Unmeasurable
from .journal import Entry, plain_result, result_of
from .networks import compact, expanded
from .sampling import Sample

REPEATS = 4
"""Of a measurement on a device, for training."""

_CONTEXT = multiprocessing.get_context("spawn")
"""A fork would take along what other threads of the caller hold."""


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    pipe: Connection
    sample: Sample | None = None
    since: float = 0.0


class Measurers:
    """``count`` processes that measure on ``target`` with the backend of this name; a context manager.

    A measurement that takes more than ``limit_s`` is given up, its process ended.
    """

    def __init__(self, backend: str, target: Target, source: str, count: int = 2, limit_s: float = 60.0) -> None:
        self._given = (backend, target)
        self._source, self._limit = source, limit_s
        self._workers = [self._start() for _ in range(count)]

    def _start(self) -> _Worker:
        ours, theirs = _CONTEXT.Pipe()
        process = _CONTEXT.Process(target=_serve, args=(*self._given, theirs), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def __enter__(self) -> Measurers:
        return self

    def __exit__(self, *error: object) -> None:
        for worker in self._workers:
            _end(worker)

    def measure(self, samples: Iterable[Sample]) -> Iterator[Entry]:
        """Measure the samples as they come; each is taken when a process is free for it. Entries arrive out of order.

        Ends when the samples do and the last measurement is there."""
        waiting, more = iter(samples), True
        while True:
            for i, worker in enumerate(self._workers):
                if more and worker.sample is None:
                    following = next(waiting, None)
                    more = following is not None
                    if following is not None:
                        self._workers[i] = self._handed(worker, following)
            busy = [w for w in self._workers if w.sample is not None]
            if not busy:
                return
            ready = wait([w.pipe for w in busy], timeout=1.0)
            for i, worker in enumerate(self._workers):
                if worker.sample is None:
                    continue
                seconds = time.monotonic() - worker.since
                if worker.pipe in ready or seconds > self._limit:
                    entry = self._received(worker, seconds, worker.pipe in ready)
                    if worker.sample is not None:  # it failed: another takes its place
                        _end(worker)
                        self._workers[i] = self._start()
                    yield entry

    def _handed(self, worker: _Worker, sample: Sample) -> _Worker:
        try:
            worker.pipe.send_bytes(_packed(compact(sample.graph)))
        except OSError:  # it died since it last answered
            _end(worker)
            worker = self._start()
            worker.pipe.send_bytes(_packed(compact(sample.graph)))
        worker.sample, worker.since = sample, time.monotonic()
        return worker

    def _received(self, worker: _Worker, seconds: float, ready: bool) -> Entry:
        """The answer; the worker keeps its sample where it did not give one."""
        sample = worker.sample
        assert sample is not None
        why = f"the backend took more than {self._limit:g} s"
        if ready:
            try:
                plain = msgpack.unpackb(worker.pipe.recv_bytes(), strict_map_key=False)
                worker.sample = None
                return Entry(sample, result_of(plain, self._given[1].name, self._source), seconds)
            except (EOFError, OSError):
                why = "the backend crashed"
        return Entry(sample, Unmeasurable({-1: why}), seconds)


def _end(worker: _Worker) -> None:
    worker.pipe.close()
    worker.process.kill()
    worker.process.join()


def _packed(plain: Any) -> bytes:
    packed = msgpack.packb(plain)
    assert packed is not None  # it is only for a packer that streams
    return packed


def _measured(backend: Backend, graph: Graph, target: Target) -> Measurement | Unmeasurable:
    """One measurement; on a device, where each is the median of repeats, with fewer of them: for training more graphs
    are worth more than better medians."""
    repeated = getattr(backend, "measure_all", None) if getattr(backend, "exclusive", False) else None
    if repeated is not None:
        return repeated([graph], target, rounds=REPEATS)[0]
    return backend.measure(graph, target)


def _serve(name: str, target: Target, pipe: Connection) -> None:
    """The process: measures what it is sent until the pipe closes."""
    backend = next(b for b in backends() if b.name == name)
    while True:
        try:
            graph = expanded(msgpack.unpackb(pipe.recv_bytes(), strict_map_key=False))
        except (EOFError, KeyboardInterrupt):
            return
        try:
            result = _measured(backend, graph, target)
        except Unmeasurable as e:
            result = e
        except KeyboardInterrupt:
            return
        except Exception as e:  # a backend is foreign code: what it fails on is recorded, and the next is measured
            result = Unmeasurable({-1: f"{type(e).__name__}: {e}"[:300]})
        pipe.send_bytes(_packed(plain_result(result)))
