"""Diagnostics of the whole workspace, for clients that ask: every file that an audit of its folders would read.

Files are analysed as they are on disk, in the back lane, some at the same time, and reported as they come; open
documents are reported as they are known. Clients ask every few seconds: nothing is analysed twice while nothing has
changed, and where the client watches files, nothing is listed twice either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsprotocol import types

from ..abreast import CORES, abreast
from ..lanes import AnalystError
from ..view import View
from . import planning
from .diagnostics import Abilities, items, result_id
from .documents import Opened
from .progress import Progress, progress
from .session import Session

Report = types.WorkspaceFullDocumentDiagnosticReport | types.WorkspaceUnchangedDocumentDiagnosticReport
"""What is said of one document."""


@dataclass
class _Known:
    """What a file's last analysis gave, and of which state of things."""

    state: tuple[Any, ...]
    shown: list[types.Diagnostic]
    name: str


async def each(files: Sequence[Path], jobs: int, shown: Progress, work: Callable[[Path], Awaitable[None]]) -> None:
    """Do ``work`` for every file, ``jobs`` at the same time (0: as many as there are cores); the first that raises ends
    the others."""
    begun = 0

    async def one(path: Path) -> None:
        nonlocal begun
        shown.report(path.name, 100 * begun // len(files))
        begun += 1
        await work(path)

    await abreast(files, min(jobs or CORES, CORES), one)


class WorkspaceDiagnostics:
    """Answers one client's questions about its workspace."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._epoch = 0
        self._known: dict[str, _Known] = {}
        self._listed: dict[Path, tuple[Any, planning.Plan]] = {}
        self._running: set[asyncio.Task[Any]] = set()
        session.on_distrust.append(self.stop)

    def outdated(self) -> None:
        """Something changed that may concern any file."""
        self._epoch += 1

    def stop(self) -> None:
        """End the analyses that run, which are done anew as far as is allowed by then."""
        for task in self._running:
            task.cancel()
        self._running.clear()

    async def report(self, params: types.WorkspaceDiagnosticParams) -> types.WorkspaceDiagnosticReport:
        """All reports, or none where the client takes them as they come."""
        previous = {p.uri: p.value for p in params.previous_result_ids}
        partial = params.partial_result_token
        collected: list[Report] = []

        def give(report: Report) -> None:
            if partial is None:
                collected.append(report)
                return
            value = types.WorkspaceDiagnosticReportPartialResult([report])
            self._session.protocol.notify(types.PROGRESS, types.ProgressParams(partial, value))

        seen: set[str] = set()
        token = params.work_done_token
        async with progress(self._session, "Advisor: workspace", token) as shown:
            for opened in self._session.documents:
                for uri, diagnostics in items(opened, Abilities.of(self._session)).items():
                    seen.add(uri)
                    give(_report(uri, opened.versions().get(uri), diagnostics, result_id(diagnostics), previous))
            plan = await self._planned()
            files = [f for f in plan.files if self._session.documents.by_path(f) is None]
            await self._analysed(files, plan.jobs, previous, give, shown)
        seen.update(map(self._session.uri, files))
        self._known = {uri: known for uri, known in self._known.items() if uri in seen}
        for uri in previous.keys() - seen:  # deleted, excluded, or closed without a file
            give(_report(uri, None, [], result_id([]), previous))
        return types.WorkspaceDiagnosticReport(collected)

    async def _planned(self) -> planning.Plan:
        """What an audit of the workspace's folders would read."""
        wanted = (root for root in self._session.roots() if self._session.settings_of(root).workspace_diagnostics)
        return planning.together([await self._under(root) for root in wanted])

    async def _under(self, root: Path) -> planning.Plan:
        """The plan of one root. Raises nothing: a root that cannot be listed has no files, and the log says why."""
        asked = planning.question(self._session, root)
        state = (self._epoch, repr(asked))
        if self._session.can("workspace.did_change_watched_files.dynamic_registration"):
            known, plan = self._listed.get(root, (None, None))
            if plan is not None and known == state:
                return plan
        try:
            plan = await planning.ask(self._session, asked)
        except AnalystError as e:
            self._session.log.warning("%s: its files cannot be listed: %s", root, e)
            plan = planning.together([])
        self._listed[root] = (state, plan)
        return plan

    async def _analysed(
        self, files: list[Path], jobs: int, previous: dict[str, str], give: Any, shown: Progress
    ) -> None:
        """Report on every file."""

        async def report(path: Path) -> None:
            uri = self._session.uri(path)
            known = await self._diagnostics(path, uri)
            if known is not None:
                give(_report(uri, None, known.shown, known.name, previous))
            await asyncio.sleep(0)  # nothing may have had to be waited for, and there may be thousands

        await each(files, jobs, shown, report)

    async def _diagnostics(self, path: Path, uri: str) -> _Known | None:
        """What is known of a file, of one that cannot be analysed what was known; None for one that changed
        meanwhile."""
        params = {**self._session.params(path), "buffers": {}, "text": None, "settle": 0.0}
        state = (self._epoch, _stamp(path), repr([params[key] for key in ("overrides", "environment", "run")]))
        known = self._known.get(uri)
        if known is None or known.state != state:
            try:
                result = await self._analyse(params)
            except AnalystError as e:
                self._session.log.info("%s: not analysed for the workspace: %s", path, e)
                shown = known.shown if known is not None else []
                self._known[uri] = _Known(state, shown, result_id(shown))
                return self._known[uri]
            if result is None:
                return await self._diagnostics(path, uri)
            # Positions need the text that was analysed; the file may have changed since, then it is asked for again.
            closed = Opened(uri, path, None, await asyncio.to_thread(_text, path), self._session.documents.elsewhere)
            closed.view = View.from_plain(result["view"])
            if closed.content != closed.view.content:
                return None
            shown = items(closed, Abilities.of(self._session))[uri]
            known = self._known[uri] = _Known(state, shown, result_id(shown))
        return known

    async def _analyse(self, params: dict[str, Any]) -> Any:
        """An analyst's answer; None when :meth:`stop` ended its job. Raises AnalystError."""
        task = asyncio.ensure_future(self._session.lanes.call("analyse", params, lane="back"))
        self._running.add(task)
        try:
            await asyncio.wait([task])
            return task.result() if task in self._running else None
        finally:
            self._running.discard(task)
            task.cancel()


def _report(
    uri: str, version: int | None, shown: list[types.Diagnostic], name: str, previous: dict[str, str]
) -> Report:
    if previous.get(uri) == name:
        return types.WorkspaceUnchangedDocumentDiagnosticReport(uri=uri, result_id=name, version=version)
    return types.WorkspaceFullDocumentDiagnosticReport(uri=uri, items=shown, result_id=name, version=version)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""
