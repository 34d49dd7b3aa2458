"""The fixes of a file's findings, entered into its report, and those of them that go together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from ..findings import Finding
from ..report import FileReport, ModelReport
from ..session import Session
from ..texts import Texts
from .fix import ALL, SAFE, Fix
from .fixer import Fixer
from .proposal import Unfixable


def offer(
    session: Session,
    report: FileReport,
    texts: Texts | None = None,
    tell: Callable[[Finding], None] | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Fixer:
    """Give each finding that proposes a move its :attr:`~advisor.findings.Finding.fix`, or say why it has none.

    ``texts`` are those that the report was made of. ``tell`` gets each finding when that is known. Returns the fixer,
    which knows of fixes that failed (:attr:`.fixer.Fixer.defects`). Raises :class:`advisor.session.Cancelled` once
    ``stopped`` says so.
    """
    fixer = Fixer(session, Path(report.file), texts or Texts(), stopped=stopped, models=report.models)
    for model, finding in _movable(report):
        try:
            finding.fix = fixer.fix(model, finding)
        except Unfixable as e:
            finding.unfixed = e.reason
        if tell is not None:
            tell(finding)
    return fixer


def groups(fixer: Fixer, report: FileReport) -> Iterator[tuple[str, int, Fix]]:
    """What can be fixed at once, by name: all findings of a code, all that have a safe fix, and all; with how many they
    are. Each group was verified as a whole, and holds at least two."""
    fixed = [(m, f, f.fix) for m, f in _movable(report) if f.fix is not None]
    named: dict[str, list[tuple[ModelReport, Finding, Fix]]] = {}
    for entry in fixed:
        named.setdefault(entry[1].code, []).append(entry)
        if entry[2].applicability == SAFE:
            named.setdefault(SAFE, []).append(entry)
    if all(len(entries) < len(fixed) for entries in named.values()):
        named[ALL] = fixed
    for name, entries in named.items():
        composed = fixer.compose(entries) if len(entries) > 1 else None
        if composed is not None and composed.fix is not None and len(composed.kept) > 1:
            yield name, len(composed.kept), composed.fix


def _movable(report: FileReport) -> Iterator[tuple[ModelReport, Finding]]:
    for model in report.models:
        for finding in model.findings:
            if finding.move is not None:
                yield model, finding
