"""The fixes of a file's findings, entered into its report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..findings import Finding
from ..report import FileReport
from ..session import Session
from ..texts import Texts
from .fixer import Fixer
from .proposal import Unfixable


def offer(
    session: Session,
    report: FileReport,
    texts: Texts | None = None,
    tell: Callable[[Finding], None] | None = None,
) -> Fixer:
    """Give each finding that proposes a move its :attr:`~advisor.findings.Finding.fix`, or say why it has none.

    ``texts`` are those that the report was made of. ``tell`` gets each finding when that is known; it may raise to end
    the work. Returns the fixer, which knows of fixes that failed (:attr:`.fixer.Fixer.defects`).
    """
    fixer = Fixer(session, Path(report.file), texts or Texts())
    for model in report.models:
        for finding in model.findings:
            if finding.move is None or session.cancelled.is_set():
                continue
            try:
                finding.fix = fixer.fix(model, finding)
            except Unfixable as e:
                finding.unfixed = e.reason
            if tell is not None:
                tell(finding)
    return fixer
