"""What an analyst can be asked: one method each, from plain parameters to a plain result.

Parameters that most methods take: ``path`` (absolute), ``text`` (that file's unsaved text or None), ``buffers`` (other
unsaved texts by absolute path), ``overrides`` (settings by name, plain values), ``origin`` (what messages call them),
``cwd`` (where relative paths in them start), ``environment`` (the client's variables) and ``run`` (whether user code
may run: only if True).
"""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from advisor import packs, record, rulepages
from advisor.advice.literals import known_lines
from advisor.cache.traces import Traces
from advisor.config import ConfigError, resolve
from advisor.discovery.candidates import candidates
from advisor.discovery.outline import outline
from advisor.discovery.project import Project, root
from advisor.discovery.source import Problem, read, text_of
from advisor.doctor import examine
from advisor.engine import EngineError, planned
from advisor.findings import Finding
from advisor.fixes.comments import Written
from advisor.fixes.offers import groups, offer
from advisor.frames import Message
from advisor.packs import PackError
from advisor.plan import Plans
from advisor.recent import Recent
from advisor.report import FileReport, Report
from advisor.reports import render
from advisor.selection import SelectionError
from advisor.session import Cancelled as Enough
from advisor.session import Score, Session, Shared
from advisor.targets import TargetError, available, load
from advisor.words import suggestion
from advisor.workers import WorkerError
from advisor.zeroshot.check import unscored

from . import modeljob
from .jobparams import Params, ParamsError
from .view import Phase, digest
from .viewing import view

Emit = Callable[[Message], None]

SESSIONS = 32
"""Sessions that are kept, one for each set of overrides and environment. They share all that is big."""

WRITTEN = 4
"""Texts that are kept for more comments to be tried in them."""

_CODES: tuple[tuple[type[Exception], str], ...] = (
    (ParamsError, "params"),
    (ConfigError, "config"),
    (SelectionError, "config"),
    (PackError, "config"),
    (TargetError, "target"),
    (WorkerError, "worker"),
    (EngineError, "engine"),
    (record.RecordError, "params"),
)
"""What a person caused and can mend, with the code of its error."""


class Cancelled(Exception):
    """The job was cancelled before it was done."""


class Job:
    """One job: its parameters, where its events go, and whether it was cancelled."""

    def __init__(self, params: Params, emit: Emit, cancelled: threading.Event) -> None:
        self.params, self.emit, self.cancelled = params, emit, cancelled

    def wait(self, seconds: float) -> None:
        """Wait until the job is cancelled, ``seconds`` at most."""
        self.cancelled.wait(seconds)

    def go_on(self) -> None:
        """Raise :class:`Cancelled` if it was cancelled."""
        if self.cancelled.is_set():
            raise Cancelled


class Jobs:
    """Does jobs, one at a time; what they share is kept. ``cache`` is the folder of what outlives the process."""

    def __init__(self, cache: Path | None) -> None:
        self._shared = Shared()
        self._traces = Traces(None if cache is None else cache / "traces")
        self._sessions: Recent[str, Session] = Recent(SESSIONS)
        self._written: Recent[str, Written] = Recent(WRITTEN)
        self._methods: Mapping[str, Callable[[Job], Any]] = {
            "analyse": self._analyse,
            "read": self._read,
            "score": self._score,
            "fixes": self._fixes,
            "model": self._model,
            "audit": self._audit,
            "planned": self._planned,
            "render": self._render,
            "warm": self._warm,
            "explain": self._explain,
            "targets": self._targets,
            "rules": self._rules,
            "models": self._models,
            "comments": self._comments,
            "doctor": self._doctor,
        }

    def prepare(self) -> None:
        """Load what every job needs, before there is one."""
        packs.pages()
        packs.estimators()

    def close(self) -> None:
        """End the workers. May be called from another thread, in mid-job."""
        self._shared.close()

    @property
    def runs(self) -> tuple[int, int]:
        """How many runs the cache answered so far, and how many it did not."""
        return self._traces.hits, self._traces.misses

    def perform(self, method: Any, params: Any, emit: Emit, cancelled: threading.Event) -> Message:
        """``{"result": …}`` or ``{"error": …}``. Never raises."""
        try:
            run = self._methods.get(method) if isinstance(method, str) else None
            if run is None:
                raise ParamsError(f"there is no method {repr(method)[:80]}; there are {', '.join(self._methods)}")
            if cancelled.is_set():
                raise Cancelled
            return {"result": run(Job(Params(str(method), params), emit, cancelled))}
        except Cancelled:
            return _error("cancelled", "the request was cancelled")
        except tuple(kind for kind, _ in _CODES) as e:
            code = next(code for kind, code in _CODES if isinstance(e, kind))
            return _error(code, str(e), getattr(e, "remedy", ""))
        except Exception as e:
            traceback.print_exc()  # into the log
            message = f"{method} failed: {type(e).__name__}: {e}"
            return _error("internal", message, "this is a bug of the advisor: `advisor daemon logs` says where")

    # ---- files

    def _analyse(self, job: Job) -> Any:
        """The view, and whether scores that the settings want could come of :meth:`_score`: nobody waits for them."""
        report, shown = self._traced(job, job.params.run, lambda: job.wait(job.params.settle), "kept")
        wanted = job.params.run and self._session(job.params).plans.of(job.params.path).config.zero_shot
        return {"view": shown, "unscored": wanted and unscored(report.models)}

    def _score(self, job: Job) -> Any:
        """The view with its models' scores."""
        return {"view": self._traced(job, job.params.run, lambda: None, "yes")[1]}

    def _fixes(self, job: Job) -> Any:
        """Fixes of the file's findings: an event each, ``of`` the finding's fingerprint, or why there is none; then the
        groups of those that go together."""
        params = job.params
        if not params.run:
            return {"groups": []}  # to verify a fix is to run user code
        session = self._session(params)
        report = session.file(params.path, params.texts, score="no", cancelled=job.cancelled)
        if report is None:
            raise Cancelled

        def tell(finding: Finding) -> None:
            if finding.fix is not None:
                job.emit({"event": "fix", "of": finding.fingerprint(), "fix": finding.fix.to_plain()})
            else:
                job.emit({"event": "unfixed", "of": finding.fingerprint(), "why": finding.unfixed})

        try:
            fixer = offer(session, report, params.texts, tell, job.cancelled.is_set)
            found = [{"name": name, "count": n, "fix": fix.to_plain()} for name, n, fix in groups(fixer, report)]
        except Enough:
            raise Cancelled from None
        return {"groups": found}

    def _model(self, job: Job) -> Any:
        """One model of the file layer by layer, as :mod:`.layered` has it."""
        params = job.params
        session = self._session(params)
        report = session.models(params.path, params.texts, run=params.run, cancelled=job.cancelled)
        if report is None:
            raise Cancelled
        asked = modeljob.Asked.of(params)
        return modeljob.layered(session.plans.of(params.path), report, asked, job.go_on).to_plain()

    def _read(self, job: Job) -> Any:
        """The static view alone, as the event of :meth:`_analyse`: nothing is run."""

        def enough() -> None:
            raise Enough

        try:
            self._traced(job, False, enough, "no")
        except Cancelled:
            if job.cancelled.is_set():
                raise
        return {}

    def _traced(
        self, job: Job, run: bool, settle: Callable[[], None], score: Score
    ) -> tuple[FileReport, dict[str, Any]]:
        """The file's report and its view; scores only if the settings want them at all."""
        params = job.params
        path, texts = params.path, params.texts
        session = self._session(params)
        text = texts.get(path)
        if text is None:
            found = text_of(path)
            text = "" if isinstance(found, Problem) else found
        plan = session.plans.of(path)
        limits = {t.name: plan.limits(t) for t in plan.targets}

        def lines(file: str) -> Sequence[str]:
            unsaved = texts.get(Path(file))
            return known_lines(file) if unsaved is None else unsaved.split("\n")

        def shown(report: FileReport, phase: Phase) -> Any:
            return view(report, text, list(limits), phase, lines, limits).to_plain()

        report = session.file(
            path,
            texts,
            run=run,
            score=score if plan.config.zero_shot else "no",
            tell=lambda model: job.emit({"event": "model", "name": model.name}),
            static=lambda report: job.emit({"event": "static", "view": shown(report, "static")}),
            settle=settle,
            cancelled=job.cancelled,
        )
        if report is None:
            raise Cancelled
        return report, shown(report, "traced")

    def _audit(self, job: Job) -> Any:
        params = job.params
        report = self._session(params).file(params.path, params.texts, run=params.run, cancelled=job.cancelled)
        if report is None:
            raise Cancelled
        return {"report": record.pack(report)}

    def _render(self, job: Job) -> Any:
        files = [record.unpack(blob) for blob in job.params.blobs("records")]
        report = Report(job.params.text("root"), tuple(job.params.texts_of("targets")), files)
        text = render(report, job.params.optional("format") or "json")
        # Bytes pass the hub as they are; a map would be made of objects there, on its loop.
        document = text.encode(errors="surrogatepass")
        return {"document": document, "models": len(report.models), "findings": sum(1 for _ in report.findings())}

    def _warm(self, job: Job) -> Any:
        session, path = self._session(job.params), job.params.path
        if job.params.run:  # an interpreter of the workspace is its code too
            # Beside the jobs: what comes next shows what it can without the worker, and waits for it by itself.
            threading.Thread(target=_warm, args=(session, path), daemon=True).start()
        return {}

    def _planned(self, job: Job) -> Any:
        params = job.params
        found = planned(params.paths("paths"), params.overrides, params.cwd, params.origin)
        return {"files": [str(f) for f in found.files], "root": found.root, "targets": list(found.targets)}

    def _models(self, job: Job) -> Any:
        path, texts = job.params.path, job.params.texts
        source = read(path, texts.get(path))
        if isinstance(source, Problem):
            raise EngineError(f"{source.span.file}:{source.span.line}: {source.message}")
        found = candidates(outline(source), Project(root(path, texts), texts).lookup)
        models = [c for c in found if c.excluded is None]
        return {"models": [{"name": c.name, "kind": c.kind, "line": c.line, "root": c.root} for c in models]}

    def _comments(self, job: Job) -> Any:
        """Where the comments go that ``asks`` asks for, in the text ``text`` of ``path``."""
        path, text, asks = job.params.path, job.params.text("text"), job.params.asks
        key = digest(text)
        written = self._written.get(key) or self._written.put(key, Written(path, text))
        return {"insertions": written.insertions(asks)}

    # ---- what there is

    def _explain(self, job: Job) -> Any:
        wanted, known = job.params.text("code").strip(), packs.pages()
        page = next((p for p in known if wanted.upper() == p.code or wanted.lower() == p.name), None)
        if page is None:
            raise ParamsError(f"no code '{wanted}'{suggestion(wanted.upper(), [p.code for p in known])}")
        return {"code": page.code, "markdown": rulepages.page(page)}

    def _rules(self, job: Job) -> Any:
        return {"rules": [{"code": p.code, "name": p.name, "summary": p.summary} for p in packs.pages()]}

    def _targets(self, job: Job) -> Any:
        """The targets that the settings of ``path`` (by default of ``cwd``) know. ``setting`` is what the setting
        ``targets`` calls one, its name or its file; ``chosen`` is that setting."""
        params = job.params
        start = params.cwd or Path("/")
        config = resolve(params.path if params.has("path") else start, params.overrides, start, params.origin)
        folders = config.target_dirs
        names = available(folders, config.where("target-dirs"))
        found = [(name, load(name, folders)) for name in names]
        for file in config.targets:
            if file not in names:
                with suppress(TargetError):  # what is wrong with it is said of every file that is costed for it
                    found.append((file, load(file, folders)))
        return {
            "targets": [
                {"name": t.name, "dtype": t.dtype, "description": t.description, "setting": setting}
                for setting, t in found
            ],
            "chosen": list(config.targets),
        }

    def _doctor(self, job: Job) -> Any:
        """What a bug report needs, about ``path``."""
        params = job.params
        environment = os.environ if params.environment is None else params.environment
        return examine(params.path, environment, params.overrides, params.cwd, params.origin, run=params.run)

    # ---- sessions

    def _session(self, params: Params) -> Session:
        """The session for these overrides and this environment."""
        asked = [params.overrides, params.origin, params.environment, str(params.cwd)]
        key = json.dumps(asked, sort_keys=True, default=repr)
        known = self._sessions.get(key)
        if known is not None:
            return known
        plans = Plans(params.overrides, params.cwd, params.origin)
        made = Session(plans, environment=params.environment, traces=self._traces, shared=self._shared)
        return self._sessions.put(key, made)


def _warm(session: Session, path: Path) -> None:
    try:
        session.warm(path)
    except tuple(kind for kind, _ in _CODES) as e:
        print(f"no worker for {path}: {e}", file=sys.stderr)  # whoever asks for the file gets this as an answer


def _error(code: str, message: str, remedy: str = "") -> Message:
    return {"error": {"code": code, "message": message, "remedy": remedy}}
