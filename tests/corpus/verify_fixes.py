"""Long check: fixes of widths on real packages and repositories.

    python -m tests.corpus.verify_fixes [CHECKOUT...] --table docs/verify-fixes.md

Copies of packages and checkouts are audited with ``min-gain`` 0; findings about widths are asked for their fixes. Then
the files are fixed, audited and fixed again. A journal keeps what is done, and a run that was stopped goes on there.
Exits with 1 when a requirement fails.
"""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass, field
from pathlib import Path

from advisor.findings import Finding
from advisor.fixes.edits import MisplacedEdit, cut
from advisor.fixes.engine import Wanted, fix_paths
from advisor.fixes.fixer import Fixer
from advisor.fixes.proposal import Unfixable
from advisor.plan import Plans
from advisor.report import ModelReport
from advisor.session import Session
from advisor.texts import Texts

from .fix_projects import SECONDS, TARGETS, Journal, copies, jobs_of, parser, workers
from .fix_tables import table

FINDINGS = 16
"""Width findings of a file, at most, drawn by chance: some have a thousand."""


@dataclass(slots=True)
class Asked:
    """One width finding. ``literal``: a number stands at its span. ``defects`` are fixes that did not verify."""

    file: str
    model: str
    target: str
    code: str
    place: str
    literal: bool
    fixed: bool
    reason: str = ""
    defects: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Fixed:
    """What became of a file that was fixed: how many fixes, whether a second time changed something, and the findings
    that still carried a fix that was wanted."""

    file: str
    applied: int
    again: int
    left: int
    error: str = ""


def target_of(name: str) -> str:
    """The target that a file is audited for."""
    return random.Random(name).choice(TARGETS)


def is_width(finding: Finding) -> bool:
    move = finding.move or {}
    moves = move.get("moves", [move])
    return bool(moves) and all(m.get("kind") == "set_width" for m in moves)


def ask(path: Path, name: str) -> list[Asked]:
    """The width findings of a file's models, each with its fix or the reason why there is none."""
    out = []
    with Session(
        Plans({"targets": [target_of(name)], "min_gain": 0.0, "time_limit": SECONDS}), shared=workers()
    ) as session:
        report = session.file(path)
        assert report is not None
        fixer = Fixer(session, path, Texts(), models=report.models)
        widths = [(model, finding) for model in report.models for finding in filter(is_width, model.findings)]
        for model, finding in random.Random(name).sample(widths, min(FINDINGS, len(widths))):
            out.append(_asked(fixer, model, finding, name))
    return out


def _asked(fixer: Fixer, model: ModelReport, finding: Finding, name: str) -> Asked:
    span = finding.span
    place = f"{Path(span.file).name}:{span.line}:{span.column}"
    entry = Asked(name, model.name, finding.target or "", finding.code, place, _is_number(finding), False)
    known = len(fixer.defects)
    try:
        fixer.fix(model, finding)
    except Unfixable as e:
        entry.reason = e.reason
    else:
        entry.fixed = True
    entry.defects = [str(d) for d in fixer.defects[known:]]
    return entry


def _is_number(finding: Finding) -> bool:
    try:
        text = cut(Path(finding.span.file).read_text(encoding="utf-8"), finding.span)
    except (OSError, UnicodeDecodeError, MisplacedEdit):
        return False
    return text.replace("_", "").replace(".", "").isalnum() and text[:1].isdigit()


def repair(path: Path, name: str) -> list[Fixed]:
    """Fix a file, and again."""
    settings = {"targets": [target_of(name)], "time_limit": SECONDS}
    try:
        first = fix_paths([path], settings, Wanted(unsafe=True))
        second = fix_paths([path], settings, Wanted(unsafe=True), dry=True)
    except Exception as e:  # of one file, to be listed: the check goes on with the others
        return [Fixed(name, 0, 0, 0, f"{type(e).__name__}: {e}")]
    applied, again = (sum(len(f.applied) for f in run.files) for run in (first, second))
    reasons = [entry.reason for f in second.files for entry in f.left if entry.fix is not None]
    left = sum("slower" not in reason and "may be none" not in reason for reason in reasons)
    return [Fixed(name, applied, again, left)]


def main() -> int:
    told = parser(__doc__, Path("build/fixes"), 8, 5)
    args = told.parse_args()
    folder = args.work.resolve()
    journal = Journal(folder / "journal.jsonl")
    projects = copies(folder / "copies", [c.resolve() for c in args.checkouts])
    jobs = jobs_of(projects, args.files, args.seed)
    journal.work("asked", jobs, args.jobs, ask)  # of all files first: later they are others
    journal.work("fixed", jobs, args.jobs, repair)
    asked = [Asked(**value) for value in journal.values("asked")]
    text, failed = table(asked, [Fixed(**value) for value in journal.values("fixed")])
    if args.table:
        args.table.write_text(text, encoding="utf-8")
    print(text)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
