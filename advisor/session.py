"""A session: one file after another audited with the same workers, projects and settings."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from .discovery.directives import Suppression, directives
from .discovery.project import Project, root
from .discovery.request import Discovery, discover
from .discovery.source import Source, read
from .findings import Finding
from .graph import Span
from .interpreters import choose
from .packs import PackError, pages
from .plan import Plan, Plans
from .report import FileReport, ModelReport
from .selection import is_selector
from .suppressions import silence, unknown, unused
from .tracing import broken, trace_file
from .words import suggestion
from .workers import Event, Outcome, Worker, WorkerError

LOOK_SECONDS = 0.2
"""How often a running audit looks whether it was cancelled."""


class Session:
    """Audits file after file. Keeps what they share: workers by interpreter, projects, parsed comments, plans.

    Methods may be called from several threads; ``cancelled`` may be set from any.
    """

    def __init__(self, plans: Plans, cancelled: threading.Event | None = None) -> None:
        self.plans = plans
        self.cancelled = cancelled or threading.Event()
        self._lock = threading.Lock()
        self._projects: dict[Path, Project] = {}
        self._idle: dict[Path, SimpleQueue[Worker]] = {}
        self._workers: list[Worker] = []
        self._comments: dict[str, Sequence[Suppression]] = {}

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers."""
        for worker in self._workers:
            worker.close()

    def cancel(self) -> None:
        """End what the workers run now; to be repeated, for one that is about to run something hears nothing."""
        for worker in list(self._workers):
            worker.cancel()

    def result(self, future: Future[FileReport | None]) -> FileReport | None:
        """What ``future`` comes to; ends what runs once the audit is cancelled."""
        while not wait([future], LOOK_SECONDS).done:
            if self.cancelled.is_set():
                self.cancel()
        return future.result()

    def file(self, path: Path) -> FileReport | None:
        """The report on one file; None when the audit was cancelled before it was done."""
        if self.cancelled.is_set():
            return None
        with self._lock:
            plan = self.plans.of(path)
        try:
            return self._audited(path, plan)
        except (PackError, WorkerError):  # no other file could be audited either
            raise
        except Exception as e:  # a bug of ours, which user code can provoke: it costs this file, not the audit
            return FileReport(str(path), findings=[broken(path, e)])

    def _audited(self, path: Path, plan: Plan) -> FileReport | None:
        config = plan.config
        found = discover(
            path,
            self._project(root(path)),
            plan.configured(path),
            seconds=config.time_limit,
            memory_bytes=config.memory_limit,
        )
        interpreter = choose(path, os.environ, config.python)
        self._comments[str(path)] = found.comments.suppressions

        def advise(model: ModelReport) -> None:
            if not self.cancelled.is_set():
                plan.advise(model, lambda finding: not silence([finding], self._suppressions)[0])

        report = trace_file(path, found, partial(self._run, interpreter.path), advise)
        if self.cancelled.is_set():
            return None
        report.findings += _misnamed(path, plan, found)
        return self._settle(report, plan)

    def _project(self, folder: Path) -> Project:
        with self._lock:
            return self._projects.setdefault(folder, Project(folder))

    def _run(self, interpreter: Path, request: Mapping[str, Any], on_event: Callable[[Event], None]) -> Outcome:
        with self._lock:
            idle = self._idle.setdefault(interpreter, SimpleQueue())
            if idle.empty():
                worker = Worker(interpreter)
                self._workers.append(worker)
            else:
                worker = idle.get()
        try:
            worker.start()
            return Outcome("", "cancelled") if self.cancelled.is_set() else worker.run(request, on_event)
        finally:
            idle.put(worker)

    def _settle(self, report: FileReport, plan: Plan) -> FileReport:
        """Apply selection and suppressions."""
        file = report.file
        used: set[tuple[Suppression, str]] = set()
        for holder in (report, *report.models):
            wanted = [f for f in holder.findings if plan.enabled(f.code, f.span.file)]
            holder.findings, hits = silence(wanted, self._suppressions)
            used |= hits
        comments, known = self._suppressions(file), [p.code for p in pages()]
        found = unknown(comments, known)
        if all(m.status == "ok" for m in report.models):  # else nobody knows what a comment would have silenced
            found += unused(comments, used, lambda code: is_selector(code, known) and plan.enabled(code, file))
        report.findings += [f for f in found if plan.enabled(f.code, file)]
        return report

    def _suppressions(self, file: str) -> Sequence[Suppression]:
        if file not in self._comments:
            source = read(Path(file))
            self._comments[file] = directives(source).suppressions if isinstance(source, Source) else ()
        return self._comments[file]


def _misnamed(path: Path, plan: Plan, found: Discovery) -> list[Finding]:
    """A finding for each model that the settings describe for the file and that it does not define."""
    if found.source is None:
        return []
    names = [c.name for c in (*found.candidates, *found.excluded)]
    return [
        Finding(
            "TRC906",
            f"[[tool.advisor.models]] describes '{name}', which no class, factory or instance here is called"
            + (suggestion(name, names) if names else ""),
            Span(str(path), 1, 1, 1, 1),
        )
        for name in plan.unmatched(path, names)
    ]
