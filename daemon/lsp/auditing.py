"""The command that audits the whole workspace, as ``advisor audit`` does: files as they are on disk, at low priority,
with one report as Markdown at the end.

A file that cannot be audited costs itself only and is named in the report.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp

from advisor.reports.cells import plural
from advisor.reports.markdown import escape

from ..remote import AnalystError
from . import planning, sheets
from .progress import Progress, progress
from .requests import RequestFailed, Result, failed, show
from .workspace import each

if TYPE_CHECKING:
    from .session import Session

AUDIT = "advisor.auditWorkspace"


async def audit(session: Session, token: lsp.ProgressToken | None, *arguments: Any) -> Result:
    """Audit every file of the workspace: opened, and as Markdown. It ends early where trust is taken back."""
    del arguments  # none are needed; a client may send an empty one
    roots = session.roots()
    if not roots:
        raise RequestFailed("no folder is open, so there is nothing to audit: open one")
    async with progress(session, "Advisor: audit of the workspace", token) as shown:
        work = asyncio.ensure_future(_Audit(session, shown).run(roots))
        session.on_distrust.append(work.cancel)
        try:
            await asyncio.wait([work])
        finally:
            session.on_distrust.remove(work.cancel)
            work.cancel()
    if work.cancelled():
        raise RequestFailed("the audit was ended: what runs it is no longer trusted")
    found = work.result()
    uri = sheets.written("audit", str(roots[0]), found["markdown"])
    return {**found, "shown": await show(session, uri)}


class _Audit:
    """One audit of some folders."""

    def __init__(self, session: Session, shown: Progress) -> None:
        self._session = session
        self._shown = shown
        self._records: dict[Path, bytes] = {}
        self._failed: dict[Path, str] = {}

    async def run(self, roots: list[Path]) -> Result:
        """The report and its counts. Raises :class:`RequestFailed` where the files cannot even be listed."""
        plan = await self._planned(roots)
        await each(plan.files, plan.jobs, self._shown, self._one)
        params = {
            "records": [self._records[file] for file in plan.files if file in self._records],
            "root": os.path.commonpath(roots),
            "targets": plan.targets,
            "format": "markdown",
        }
        try:
            rendered = await self._session.lanes.call("render", params, lane="back")
        except AnalystError as e:
            raise failed(e) from e
        return {
            "markdown": rendered["document"].decode(errors="replace") + self._missing(),
            "files": len(plan.files),
            "models": rendered["models"],
            "findings": rendered["findings"],
        }

    async def _planned(self, roots: list[Path]) -> planning.Plan:
        try:
            asked = (planning.question(self._session, root) for root in roots)
            return planning.together([await planning.ask(self._session, one) for one in asked])
        except AnalystError as e:
            raise failed(e) from e

    async def _one(self, file: Path) -> None:
        params = {**self._session.params(file), "buffers": {}, "text": None}
        try:
            self._records[file] = (await self._session.lanes.call("audit", params, lane="back"))["report"]
        except AnalystError as e:
            self._failed[file] = f"{e.message}{f': {e.remedy}' if e.remedy else ''}"

    def _missing(self) -> str:
        """The end of the page: which files are not in it, and why."""
        if not self._failed:
            return ""
        lines = [f"- [{escape(file.name)}]({file.as_uri()}): {escape(why)}" for file, why in self._failed.items()]
        return "\n".join([f"\n## {plural(len(lines), 'file')} not audited\n", *lines, ""])
