"""A session: one file after another audited with the same workers, projects and settings."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from .discovery.directives import Suppression, directives
from .discovery.index import Index
from .discovery.project import Project, root
from .discovery.request import Discovery, discover
from .discovery.source import Problem, text_of
from .findings import Finding
from .graph import Span
from .interpreters import choose
from .packs import PackError, pages
from .plan import Plan, Plans
from .pool import Pool
from .report import FileReport, ModelReport
from .selection import is_selector
from .suppressions import silence, unknown, unused
from .texts import Texts
from .tracing import Run, Traces, trace_file
from .troubles import broken
from .unrun import from_source, outlook
from .words import suggestion
from .workers import Event, Outcome, WorkerError
from .zeroshot.check import Check
from .zeroshot.known import Known

Score = Literal["yes", "kept", "no"]
"""Whether models are scored at their initialisation; ``kept``: only where nothing has to run for it."""


class Cancelled(Exception):
    """Raised by a caller's function to end the request that called it."""


class _Theirs(Exception):
    """An exception of a caller's function on its way to the caller."""

    def __init__(self, error: Exception) -> None:
        super().__init__(repr(error))
        self.error = error


@dataclass(slots=True)
class Shared:
    """What all sessions of one process may share: workers, and what is known of unchanged files."""

    pool: Pool = field(default_factory=Pool)
    index: Index = field(default_factory=Index)
    known: Known = field(default_factory=Known)

    def close(self) -> None:
        """End the workers."""
        self.pool.close()


class Session:
    """Audits file after file, each as it is by then, under the settings that hold by then.

    ``environment`` decides which interpreter runs a file and what its code sees, by default our own. ``traces``
    remembers what runs came to. ``shared`` is for several sessions of one process, and outlives them. Methods may be
    called from several threads; ``cancelled`` may be set from any, and ends this session's requests.
    """

    def __init__(
        self,
        plans: Plans,
        cancelled: threading.Event | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        traces: Traces | None = None,
        shared: Shared | None = None,
    ) -> None:
        self.plans = plans
        self.cancelled = cancelled or threading.Event()
        self.environment: Mapping[str, str] = os.environ if environment is None else environment
        self.traces = traces
        self.shared = shared or Shared()
        self._owned = shared is None
        self._lock = threading.Lock()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers, where they are not shared."""
        if self._owned:
            self.shared.close()

    def file(
        self,
        path: Path,
        texts: Texts | None = None,
        *,
        run: bool = True,
        score: Score | None = None,
        tell: Callable[[ModelReport], None] | None = None,
        static: Callable[[FileReport], None] | None = None,
        settle: Callable[[], None] | None = None,
        cancelled: threading.Event | None = None,
    ) -> FileReport | None:
        """The report on one file, as ``texts`` have it; None when the request was cancelled before it was done.

        Without ``run`` nothing is executed, nor any interpreter looked at: models come from the source. ``score`` says
        whether the zero-shot check follows the trace; None is what the setting says. ``static`` gets what is known
        before anything runs: problems, and the models to come; ``settle`` is called after it and may wait; ``tell``
        gets each model once it is traced and costed. They may raise :class:`Cancelled`; any other exception of theirs
        ends the request and reaches the caller. ``cancelled`` ends this request alone, at once.
        Raises :class:`advisor.config.ConfigError` and the errors of targets, packs and workers.
        """

        def stopped() -> bool:
            return self.cancelled.is_set() or (cancelled is not None and cancelled.is_set())

        if stopped():
            return None
        with self._lock:
            plan = self.plans.of(path)
        try:
            audit = _Audit(self, path, plan, texts or Texts(), stopped)
            return audit.report(run, tell, static, settle, score=score)
        except Cancelled:
            return None
        except _Theirs as e:
            raise e.error from None
        except (PackError, WorkerError):  # no other file could be audited either
            raise
        except Exception as e:  # a bug of ours, which user code can provoke: it costs this file, not the audit
            return FileReport(str(path), findings=[broken(path, e)])

    def trace(
        self,
        path: Path,
        texts: Texts,
        names: Collection[str],
        *,
        scopes: bool = False,
        stopped: Callable[[], bool] = lambda: False,
    ) -> FileReport | None:
        """The models called ``names`` of one file, as ``texts`` have it, traced alone, with neither costs nor advice.
        None when the request was cancelled, or ``stopped`` said so.

        No memory of earlier runs is asked or told, and graphs know nothing of where their numbers come from.
        ``scopes``: they say what was in scope where modules were built. Raises what :meth:`file` raises.
        """

        def over() -> bool:
            return self.cancelled.is_set() or stopped()

        with self._lock:
            plan = self.plans.of(path)
        try:
            report = _Audit(self, path, plan, texts, over).traced(frozenset(names), scopes=scopes)
        except WorkerError:
            raise
        except Exception as e:  # as above: a bug of ours costs this request only
            return FileReport(str(path), findings=[broken(path, e)])
        return None if over() else report

    def models(
        self, path: Path, texts: Texts, *, run: bool = True, cancelled: threading.Event | None = None
    ) -> FileReport | None:
        """The models of one file, as ``texts`` have it, with neither costs nor advice: those of an earlier run where
        nothing that they rest on has changed. None when the request was cancelled, or ``cancelled`` is set.

        Without ``run`` nothing is executed. Raises what :meth:`file` raises."""

        def stopped() -> bool:
            return self.cancelled.is_set() or (cancelled is not None and cancelled.is_set())

        with self._lock:
            plan = self.plans.of(path)
        try:
            report = _Audit(self, path, plan, texts, stopped).models(run)
        except WorkerError:
            raise
        except Exception as e:  # as above: a bug of ours costs this request only
            return FileReport(str(path), findings=[broken(path, e)])
        return None if stopped() else report

    def warm(self, path: Path) -> None:
        """Have the worker ready that would serve ``path``. Raises :class:`advisor.workers.WorkerError` and
        :class:`advisor.config.ConfigError`."""
        with self._lock:
            config = self.plans.of(path).config
        self.shared.pool.warm(choose(path, self.environment, config.python).path, self.environment)


class _Audit:
    """One file's request."""

    def __init__(self, session: Session, path: Path, plan: Plan, texts: Texts, stopped: Callable[[], bool]) -> None:
        self.session = session
        self.path = path
        self.plan = plan
        self.texts = texts
        self.stopped = stopped
        self.project = Project(root(path, texts), texts, session.shared.index)
        self._comments: dict[str, Sequence[Suppression]] = {}
        self._lines: dict[str, Sequence[str]] = {}
        self._used: set[tuple[Suppression, str]] = set()
        self._raised: Exception | None = None

    def report(
        self,
        run: bool,
        tell: Callable[[ModelReport], None] | None,
        static: Callable[[FileReport], None] | None,
        settle: Callable[[], None] | None,
        *,
        score: Score | None,
    ) -> FileReport:
        """What :meth:`Session.file` gives; raises :class:`Cancelled`."""
        config = self.plan.config
        found = self._discovered()
        self._comments[str(self.path)] = found.comments.suppressions
        if found.source is not None:
            self._lines[str(self.path)] = found.source.lines
        misnamed = _misnamed(self.path, self.plan, found)
        if static is not None:
            _call(static, self._reported(outlook(self.path, found), misnamed))
        if settle is not None:
            _call(settle)
        self._go_on()

        def finish(model: ModelReport) -> None:
            if self._over():
                return
            self.plan.advise(model, lambda f: not silence([f], self._suppressions)[0], self._source)
            self._select(model)
            try:
                if tell is not None:
                    _call(tell, model)
            except (Cancelled, _Theirs) as e:  # an exception now would cost the worker, which is in mid-request
                self._raised = e

        report = trace_file(self.path, found, self._run(), finish) if run else from_source(self.path, found, finish)
        self._go_on()
        score = score or ("yes" if config.zero_shot else "no")
        if run and found.request is not None and score != "no":
            self._score(report, found.request, again=score == "yes")
            self._go_on()
        return self._reported(report, misnamed)

    def traced(self, names: Collection[str], *, scopes: bool) -> FileReport:
        """What :meth:`Session.trace` gives."""
        found = self._discovered()
        if found.request is not None:
            asked = [c for c in found.request["candidates"] if c["name"] in names]
            found = replace(
                found,
                candidates=[c for c in found.candidates if c.name in names],
                request={**found.request, "candidates": asked, "scopes": scopes, "numbers": False},
            )
        return trace_file(self.path, found, self._running())

    def models(self, run: bool) -> FileReport:
        """What :meth:`Session.models` gives."""
        found = self._discovered()
        return trace_file(self.path, found, self._run()) if run else from_source(self.path, found, lambda model: None)

    def _discovered(self) -> Discovery:
        config = self.plan.config
        return discover(
            self.path,
            self.project,
            self.plan.configured(self.path),
            seconds=config.time_limit,
            memory_bytes=config.memory_limit,
        )

    def _score(self, report: FileReport, request: Mapping[str, Any], *, again: bool) -> None:
        """Enter what the zero-shot check says of the report's models; unless it may run ``again``, only if it is
        known."""
        check = Check.of(report.models)
        if not check.models:
            return
        run = self._run(self.session.shared.known.running) if again else None
        outcome = self._known(check, request) if run is None else run(check.request(request), check.take)
        if outcome is None:
            return
        said = outcome.detail.strip().rpartition("\n")[2]  # of a traceback, the exception
        why = {"ok": "it could not be built for that"}.get(outcome.status, f"the check ended ({outcome.status}) {said}")
        check.end(why.strip())
        for model in check.models.values():
            if model.graph is not None and model.graph.facts is not None:
                self.plan.advise_on_facts(model, lambda f: not silence([f], self._suppressions)[0], self._source)
                self._select(model)

    def _over(self) -> bool:
        return self._raised is not None or self.stopped()

    def _go_on(self) -> None:
        if self._over():
            raise self._raised or Cancelled

    def _run(self, through: Callable[[Run], Run] = lambda run: run) -> Run:
        """Sends requests ``through`` what is given to the worker that serves the file, unless the traces know what
        comes of them."""
        asked, traces, environment = through(self._running()), self.session.traces, self.session.environment
        if traces is None:
            return asked
        interpreter = choose(self.path, environment, self.plan.config.python).path
        return traces.running(asked, interpreter, environment, self.texts, self.path)

    def _running(self) -> Run:
        """Sends requests to the worker that serves the file."""
        environment = self.session.environment
        interpreter = choose(self.path, environment, self.plan.config.python).path
        pool = self.session.shared.pool

        def run(request: Mapping[str, Any], on_event: Callable[[Event], None]) -> Outcome:
            return pool.run(interpreter, environment, request, on_event, self._over)

        return run

    def _known(self, check: Check, request: Mapping[str, Any]) -> Outcome | None:
        """What an earlier run of ``check`` said; None where there was none."""
        if self.session.traces is None:
            return None
        environment = self.session.environment
        interpreter = choose(self.path, environment, self.plan.config.python).path
        outcome = self.session.traces.known(check.request(request), interpreter, environment, self.texts, self.path)
        for event in () if outcome is None else outcome.events:
            check.take(event)
        return outcome

    def _select(self, holder: FileReport | ModelReport) -> None:
        """Apply selection and suppressions to the findings of a file or model."""
        wanted = [f for f in holder.findings if self.plan.enabled(f.code, f.span.file)]
        holder.findings, used = silence(wanted, self._suppressions)
        self._used |= used

    def _reported(self, report: FileReport, more: Sequence[Finding]) -> FileReport:
        """The report with ``more`` findings, all selected, and with what is wrong or in vain in comments."""
        file = report.file
        report.findings += more
        self._select(report)
        comments, known = self._suppressions(file), [p.code for p in pages()]
        found = unknown(comments, known)
        if all(m.status == "ok" for m in report.models):  # else nobody knows what a comment would have silenced
            found += unused(
                comments, self._used, lambda code: is_selector(code, known) and self.plan.enabled(code, file)
            )
        report.findings += [f for f in found if self.plan.enabled(f.code, file)]
        return report

    def _suppressions(self, file: str) -> Sequence[Suppression]:
        if file not in self._comments:
            outline = self.project.outline(Path(file))
            self._comments[file] = directives(outline.source).suppressions if outline is not None else ()
        return self._comments[file]

    def _source(self, file: str) -> Sequence[str]:
        """The lines of a file as the request's texts have it; none of one that cannot be read."""
        if file not in self._lines:
            text = text_of(Path(file), self.texts.get(Path(file)))
            self._lines[file] = () if isinstance(text, Problem) else text.split("\n")
        return self._lines[file]


def _call(function: Callable[..., None], *arguments: Any) -> None:
    """Call a caller's function."""
    try:
        function(*arguments)
    except Cancelled:
        raise
    except Exception as e:
        raise _Theirs(e) from e


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
