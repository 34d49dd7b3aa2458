"""The one engine behind the command line, the library and later the editor.

``audit_paths`` reads files, has the worker trace them, costs every graph on every target and collects what the rules
advise; ``audit_model`` does the same for a live ``nn.Module``. Both give a :class:`Report`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from . import config as settings
from . import packs, selection, targets
from .advise import Settings, advise
from .config import Config
from .discovery.directives import Suppression, directives
from .discovery.project import Project, python_files, root
from .discovery.request import discover
from .discovery.source import Source, read
from .graph import Graph, Span
from .interpreters import choose
from .report import FileReport, ModelReport, Report
from .selection import Selection
from .suppressions import silence, unused
from .targets import Target
from .tracing import trace_file, trace_findings
from .workers import Outcome, Worker

if TYPE_CHECKING:
    from torch import nn

Progress = Callable[[Path, int, int], None]
"""Called after each file with it, how many are done and how many there are."""


_LOOK_SECONDS = 0.2
"""How often a running audit looks whether it was cancelled."""


class EngineError(ValueError):
    """An audit that cannot start; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What one configuration asks for, resolved once: targets with their cost models, rules, selection."""

    config: Config
    targets: tuple[Target, ...]
    selection: Selection

    @classmethod
    def of(cls, config: Config) -> _Plan:
        chosen = tuple(targets.load(name, config.target_dirs) for name in config.targets)
        codes = [p.code for p in packs.pages()]
        return cls(config, chosen, selection.build(codes, config.select, config.ignore, config.per_file_ignores))

    def enabled(self, code: str, file: str) -> bool:
        path = Path(file)
        relative = path.relative_to(self.config.root) if path.is_relative_to(self.config.root) else path
        return self.selection.enabled(code, relative.as_posix())


def audit(
    model_or_path: nn.Module | str | os.PathLike[str],
    inputs: Any = None,
    target: str | Sequence[str] | None = None,
    **overrides: Any,
) -> Report:
    """Audit a live module, a model file or a folder of them.

    ``inputs`` (modules only) is a shape, a tensor or a tuple of them; meta tensors are welcome; None guesses from the
    first layers. ``target`` names one or several targets; other settings are keyword arguments spelt as in
    ``[tool.advisor]`` with underscores (``min_gain=2``). Raises :class:`advisor.config.ConfigError`,
    :class:`advisor.targets.TargetError`, :class:`advisor.workers.WorkerError` or :class:`EngineError`.
    """
    chosen = None if target is None else [target] if isinstance(target, str) else list(target)
    overrides = {**overrides, "targets": chosen}
    if isinstance(model_or_path, str | os.PathLike):
        if inputs is not None:
            raise EngineError("inputs go with a live module; for a file write `# advisor: input=(…)` above the class")
        path = Path(model_or_path)
        return audit_paths([path], settings.resolve(path, overrides))
    return audit_model(model_or_path, inputs, settings.resolve(Path.cwd(), overrides))


# ---- files


def audit_paths(
    paths: Sequence[Path],
    config: Config,
    progress: Progress | None = None,
    cancelled: threading.Event | None = None,
) -> Report:
    """Audit files and folders under one configuration; files come in a stable order, whatever ``config.jobs`` is.

    ``cancelled`` may be set from another thread: what is running is ended, and the report holds the files that were
    done by then.
    """
    plan = _Plan.of(config)
    files = _files(paths, config)
    session = _Session(plan, cancelled or threading.Event())
    report = Report(str(_common_root(files)), tuple(t.name for t in plan.targets))
    try:
        with ThreadPoolExecutor(max(1, min(config.workers, len(files)))) as threads:
            results = [threads.submit(session.file, file) for file in files]
            try:
                for done, (file, result) in enumerate(zip(files, results, strict=True), 1):
                    reported = session.result(result)
                    if reported is not None:
                        report.files.append(reported)
                    if progress is not None:
                        progress(file, done, len(files))
            except BaseException:  # Ctrl-C, say: the threads would otherwise go on to the last file
                session.cancelled.set()
                while wait(results, _LOOK_SECONDS).not_done:
                    session.cancel()
                raise
    finally:
        session.close()
    return report


def _files(paths: Sequence[Path], config: Config) -> list[Path]:
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise EngineError(f"no such file or folder: {path}")
        found.update(dict.fromkeys(p.resolve() for p in python_files(path, config.exclude)))
    return list(found)


def _common_root(files: Iterable[Path]) -> Path:
    folders = [str(f.parent) for f in files]
    return root(Path(os.path.commonpath(folders))) if folders else Path.cwd()


class _Session:
    """One audit's state: workers by interpreter, projects, parsed suppressions. Used from several threads."""

    def __init__(self, plan: _Plan, cancelled: threading.Event) -> None:
        self.plan = plan
        self.cancelled = cancelled
        self._lock = threading.Lock()
        self._projects: dict[Path, Project] = {}
        self._idle: dict[Path, SimpleQueue[Worker]] = {}
        self._workers: list[Worker] = []
        self._comments: dict[str, Sequence[Suppression]] = {}

    def close(self) -> None:
        for worker in self._workers:
            worker.close()

    def cancel(self) -> None:
        """End what the workers run now; to be repeated, for one that is about to run something hears nothing."""
        for worker in list(self._workers):
            worker.cancel()

    def result(self, future: Future[FileReport | None]) -> FileReport | None:
        """What ``future`` comes to; ends what runs once the audit is cancelled."""
        while not wait([future], _LOOK_SECONDS).done:
            if self.cancelled.is_set():
                self.cancel()
        return future.result()

    def file(self, path: Path) -> FileReport | None:
        """The report on one file; None when the audit was cancelled before it was done."""
        if self.cancelled.is_set():
            return None
        config = self.plan.config
        found = discover(
            path,
            self._project(root(path)),
            _configured(config, path),
            seconds=config.time_limit,
            memory_bytes=config.memory_limit,
        )
        interpreter = choose(path, os.environ, config.python)
        report = trace_file(path, found, lambda request: self._run(interpreter.path, request))
        if self.cancelled.is_set():
            return None
        for model in report.models:
            _advise(model, self.plan)
        self._comments[str(path)] = found.comments.suppressions
        return self._settle(report)

    def _project(self, folder: Path) -> Project:
        with self._lock:
            return self._projects.setdefault(folder, Project(folder))

    def _run(self, interpreter: Path, request: Mapping[str, Any]) -> Outcome:
        with self._lock:
            idle = self._idle.setdefault(interpreter, SimpleQueue())
            if idle.empty():
                worker = Worker(interpreter)
                self._workers.append(worker)
            else:
                worker = idle.get()
        try:
            worker.start()
            return Outcome("", "cancelled") if self.cancelled.is_set() else worker.run(request)
        finally:
            idle.put(worker)

    def _settle(self, report: FileReport) -> FileReport:
        """Apply selection and suppressions."""
        plan, file = self.plan, report.file
        used: set[tuple[Suppression, str]] = set()
        for holder in (report, *report.models):
            wanted = [f for f in holder.findings if plan.enabled(f.code, f.span.file)]
            holder.findings, hits = silence(wanted, self._suppressions)
            used |= hits
        if all(m.status == "ok" for m in report.models):  # else nobody knows what a comment would have silenced
            report.findings += [
                f
                for f in unused(self._suppressions(file), used, lambda code: plan.enabled(code, file))
                if plan.enabled(f.code, file)
            ]
        return report

    def _suppressions(self, file: str) -> Sequence[Suppression]:
        if file not in self._comments:
            source = read(Path(file))
            self._comments[file] = directives(source).suppressions if isinstance(source, Source) else ()
        return self._comments[file]


def _configured(config: Config, path: Path) -> list[dict[str, Any]]:
    """The ``[[tool.advisor.models]]`` entries that speak of ``path``."""
    if not path.is_relative_to(config.root):
        return []
    relative = path.relative_to(config.root)
    return [
        {"name": m.name, "args": m.args, "kwargs": dict(m.kwargs), "inputs": m.inputs}
        for m in config.models
        if relative.match(m.path)
    ]


# ---- live modules


def audit_model(module: nn.Module, inputs: Any, config: Config) -> Report:
    """Audit a live module in this process; the module is left as it was."""
    from . import live, written

    plan = _Plan.of(config)
    name = type(module).__name__
    span = written.definition(module) or Span(f"<{name}>", 1, 1, 1, 1)
    model = ModelReport(name, span.file, "live", span, "failed")
    try:
        graph, info = live.trace(module, inputs)
    except live.TraceError as e:
        model.failure = e.failure
    else:
        model.status, model.rung, model.failure = info.status, info.rung, info.failure
        model.graph = written.with_creation_sites(graph, module)
        model.input = _shown(graph)
    model.findings = trace_findings(model)
    _advise(model, plan)
    model.findings = [f for f in model.findings if plan.enabled(f.code, f.span.file)]
    return Report(str(config.root), tuple(t.name for t in plan.targets), [FileReport(span.file, [model])])


def _shown(graph: Graph) -> str:
    """The model's inputs as a person would write them."""
    tensors = [graph.tensors[i] for i in graph.inputs]
    return ", ".join(f"{t.name}={t.shape} {t.dtype}" for t in tensors)


# ---- one model


def _advise(model: ModelReport, plan: _Plan) -> None:
    """Cost a traced model on every target and add what the rules say."""
    if model.graph is None:
        return
    rules = [r for r in packs.rules() if plan.selection.enabled(r.code)]
    asked = Settings(plan.config.min_gain / 100, plan.config.memory_budget, model.name, model.file, model.span)
    for target in plan.targets:
        estimator = packs.estimator_for(target)
        costs = model.costs[target.name] = estimator.estimate(model.graph, target)
        if model.rung in ("hooks", "static"):
            continue  # no edges: what rules look for is not there
        advised = advise(model.graph, target, estimator, rules, asked, costs=costs)
        model.findings += advised.findings
        model.together_us[target.name] = advised.together_us
        model.notes += advised.failures
