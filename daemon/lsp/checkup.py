"""The command that shows what a bug report needs, as ``advisor doctor`` prints it, for the first workspace folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp

from advisor.doctor import anonymous
from advisor.reports.checkup import render

from ..remote import AnalystError
from . import sheets
from .progress import progress
from .requests import Result, failed, show

if TYPE_CHECKING:
    from .session import Session

DOCTOR = "advisor.doctor"


async def doctor(session: Session, token: lsp.ProgressToken | None, *arguments: Any) -> Result:
    """Look at everything that analyses rest on: opened, and as Markdown."""
    del arguments  # none are needed; a client may send an empty one
    root = next(iter(session.roots()), session.cwd)
    try:
        async with progress(session, "Advisor: doctor", token):
            found = await session.lanes.call("doctor", session.params(root), lane="back")
    except AnalystError as e:
        raise failed(e) from e
    problems = [problem for settings in session.settings_by_root.values() for problem in settings.problems]
    found["problems"] += anonymous(problems)
    markdown = render(found)
    uri = sheets.written("doctor", str(root), markdown)
    return {"markdown": markdown, "shown": await show(session, uri)}
