"""Jobs about one file, as a session sees it: analysed, read, scored, fixed, drawn, audited."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from advisor import record
from advisor.advice.literals import known_lines
from advisor.cache.traces import Traces
from advisor.discovery.source import Problem, text_of
from advisor.findings import Finding
from advisor.fixes.offers import groups, offer
from advisor.plan import Plans
from advisor.recent import Recent
from advisor.report import FileReport
from advisor.session import Cancelled as Enough
from advisor.session import Score, Session, Shared
from advisor.zeroshot.check import unscored

from . import modeljob
from .job import CODES, Cancelled, Job, Method
from .jobparams import Params
from .view import Phase
from .viewing import view

SESSIONS = 32
"""Sessions that are kept, one for each set of overrides and environment. They share all that is big."""


class Sessions:
    """The sessions of one process. ``cache`` is the folder of what outlives it."""

    def __init__(self, cache: Path | None) -> None:
        self.traces = Traces(None if cache is None else cache / "traces")
        self._shared = Shared()
        self._known: Recent[str, Session] = Recent(SESSIONS)

    def close(self) -> None:
        """End the workers. May be called from another thread, in mid-job."""
        self._shared.close()

    def of(self, params: Params) -> Session:
        """The session for these overrides and this environment."""
        asked = [params.overrides, params.origin, params.environment, str(params.cwd)]
        key = json.dumps(asked, sort_keys=True, default=repr)
        known = self._known.get(key)
        if known is not None:
            return known
        plans = Plans(params.overrides, params.cwd, params.origin)
        made = Session(plans, environment=params.environment, traces=self.traces, shared=self._shared)
        return self._known.put(key, made)


class FileJobs:
    """Does them. Where nothing may be run, nothing is: what the source shows is the answer."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self.methods: Mapping[str, Method] = {
            "analyse": self.analyse,
            "read": self.read,
            "score": self.score,
            "fixes": self.fixes,
            "model": self.model,
            "audit": self.audit,
            "warm": self.warm,
        }

    def analyse(self, job: Job) -> Any:
        """The view, and whether scores that the settings want could come of :meth:`score`: nobody waits for them."""
        report, shown = self._traced(job, job.params.run, lambda: job.wait(job.params.settle), "kept")
        wanted = job.params.run and self._sessions.of(job.params).plans.of(job.params.path).config.zero_shot
        return {"view": shown, "unscored": wanted and unscored(report.models)}

    def score(self, job: Job) -> Any:
        """The view with its models' scores."""
        return {"view": self._traced(job, job.params.run, lambda: None, "yes")[1]}

    def fixes(self, job: Job) -> Any:
        """Fixes of the file's findings: an event each, ``of`` the finding's fingerprint, or why there is none; then the
        groups of those that go together."""
        params = job.params
        if not params.run:
            return {"groups": []}  # to verify a fix is to run user code
        session = self._sessions.of(params)
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

    def model(self, job: Job) -> Any:
        """One model of the file layer by layer, as :mod:`.layered` has it."""
        params = job.params
        session = self._sessions.of(params)
        report = session.models(params.path, params.texts, run=params.run, cancelled=job.cancelled)
        if report is None:
            raise Cancelled
        asked = modeljob.Asked.of(params)
        return modeljob.layered(session.plans.of(params.path), report, asked, job.go_on).to_plain()

    def read(self, job: Job) -> Any:
        """The static view alone, as the event of :meth:`analyse`: nothing is run."""

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
        session = self._sessions.of(params)
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

    def audit(self, job: Job) -> Any:
        params = job.params
        report = self._sessions.of(params).file(params.path, params.texts, run=params.run, cancelled=job.cancelled)
        if report is None:
            raise Cancelled
        return {"report": record.pack(report)}

    def warm(self, job: Job) -> Any:
        session, path = self._sessions.of(job.params), job.params.path
        if job.params.run:  # an interpreter of the workspace is its code too
            # Beside the jobs: what comes next shows what it can without the worker, and waits for it by itself.
            threading.Thread(target=_warm, args=(session, path), daemon=True).start()
        return {}


def _warm(session: Session, path: Path) -> None:
    try:
        session.warm(path)
    except tuple(kind for kind, _ in CODES) as e:
        print(f"no worker for {path}: {e}", file=sys.stderr)  # whoever asks for the file gets this as an answer
