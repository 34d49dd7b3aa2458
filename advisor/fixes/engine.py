"""``fix_paths``: audits files, has fixes made of their findings and writes those that are wanted.

A file is fixed in rounds: what was fixed is analysed again, since one fix makes room for another or takes the ground
from it, until nothing that is wanted is left. All rounds happen in memory and the files are written at the end. So
fixing twice changes nothing the second time, and what is interrupted leaves whole files.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..engine import Progress, named, planned
from ..findings import Finding
from ..graph import Graph
from ..moves import MoveError, from_plain
from ..packs import estimators_for
from ..plan import Plan, Plans
from ..report import FileReport, ModelReport
from ..session import Cancelled, Session
from ..texts import Texts
from .edits import apply, by_file
from .fix import Fix
from .fixer import Fixer
from .proposal import Unfixable
from .writing import Original, Rewrite, read, write

ROUNDS = 20
"""Rounds of one file, after which it is left as it is: each has to gain, so that only cost models that contradict each
other could go on for ever."""

SAME = 0.5
"""Percent by which a fix may slow a model down on a target without counting as slower: what the rules call no cost."""

Offered = tuple[ModelReport, Finding, Fix]
Agreed = Callable[[Finding, Fix, Mapping[str, str]], bool]
"""Says yes or no to a fix; gets the texts that the fix edits as they are by then."""


def always(finding: Finding, fix: Fix, texts: Mapping[str, str]) -> bool:
    """Yes to everything."""
    return True


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which fixes are applied: ``unsafe`` ones too; those that slow the model down by at most ``slower`` percent on any
    target (a negative number asks for a gain); and of these what ``agreed`` says yes to."""

    unsafe: bool = False
    slower: float = SAME
    agreed: Agreed = always


@dataclass(frozen=True, slots=True)
class Left:
    """A finding that is left, and why. ``fix`` is what was there and not wanted, None where there was none."""

    finding: Finding
    reason: str
    fix: Fix | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A model that became another one: its reports before and after."""

    before: ModelReport
    after: ModelReport


@dataclass(slots=True)
class FixedFile:
    """What became of one audited file. ``report`` is that of the texts as they are now."""

    file: str
    report: FileReport
    applied: list[Offered] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)


@dataclass(slots=True)
class FixReport:
    """What became of all of them. ``changes``: the files that are others now, with their texts before and after, line
    ends as they are in each. ``root`` is where relative paths start."""

    root: str
    targets: tuple[str, ...]
    files: list[FixedFile] = field(default_factory=list)
    changes: dict[Path, tuple[str, str]] = field(default_factory=dict)


def fix(
    path: str | os.PathLike[str],
    target: str | Sequence[str] | None = None,
    *,
    unsafe: bool = False,
    dry: bool = False,
    **overrides: Any,
) -> FixReport:
    """Fix the models of a file or folder, as ``advisor fix`` does; ``unsafe`` also applies fixes after which a model
    has to be trained, ``dry`` writes nothing. ``target`` and other settings are :func:`advisor.audit`'s. Raises what
    :func:`fix_paths` does."""
    settings = {**overrides, "targets": named(target)}
    return fix_paths([Path(path)], settings, Wanted(unsafe=unsafe), dry=dry)


def fix_paths(
    paths: Sequence[Path],
    overrides: Mapping[str, Any] | None = None,
    wanted: Wanted | None = None,
    *,
    dry: bool = False,
    progress: Progress | None = None,
    cancelled: threading.Event | None = None,
) -> FixReport:
    """Fix files and folders; ``overrides`` are settings as for :func:`advisor.engine.audit_paths`. ``dry`` writes
    nothing, the report tells what would be written. ``cancelled`` may be set from another thread: what was decided by
    then is written.

    Raises what :func:`advisor.audit` raises, and :class:`.writing.WriteError` where files cannot be written; then none
    of the files that were to be written together was.
    """
    plan = planned(paths, overrides)
    report = FixReport(plan.root, plan.targets)
    with Session(Plans(overrides), cancelled) as session:
        work = _Work(session, wanted or Wanted())
        for done, file in enumerate(plan.files, 1):
            fixed = work.file(file)
            if fixed is None:
                break
            report.files.append(fixed)
            if progress is not None:
                progress(file, done, len(plan.files))
    rewrites = work.rewrites()
    report.changes = {r.original.path: (r.original.text, r.text) for r in rewrites}
    if not dry:
        write(rewrites)
    return report


class _Work:
    """Files being fixed: what they held when they were first edited, and what they hold now."""

    def __init__(self, session: Session, wanted: Wanted) -> None:
        self.session = session
        self.wanted = wanted
        self.originals: dict[Path, Original] = {}
        self.now: dict[Path, str] = {}

    def rewrites(self) -> list[Rewrite]:
        return [
            Rewrite(original, self.now[path])
            for path, original in self.originals.items()
            if self.now[path] != original.text
        ]

    def file(self, path: Path) -> FixedFile | None:
        """Fix one file; None where the work was cancelled before it was analysed."""
        report = self.session.file(path, self._texts())
        if report is None:
            return None
        fixed = FixedFile(str(path), report)
        first = {m.name: m for m in report.models}
        asked: set[str] = set()
        for _ in range(ROUNDS):
            try:
                if not self._round(path, fixed, asked):
                    break
            except Cancelled:
                break
            again = self.session.file(path, self._texts())
            if again is None:
                break
            fixed.report = again
        fixed.outcomes = [
            Outcome(first[m.name], m)
            for m in fixed.report.models
            if m.name in first and m.graph is not None and any(m.name == o[0].name for o in fixed.applied)
        ]
        return fixed

    def _texts(self) -> Texts:
        return Texts(self.now)

    def _round(self, path: Path, fixed: FixedFile, asked: set[str]) -> list[Offered]:
        """Apply what is wanted of the fixes that there are now; ``asked`` are the fingerprints of what somebody said no
        to. Returns what was applied."""
        fixer = Fixer(self.session, path, self._texts(), models=fixed.report.models)
        offered: list[Offered] = []
        fixed.left = []
        for model, finding in _by_gain(fixed.report):
            try:
                fix = fixer.fix(model, finding)
            except Unfixable as e:
                fixed.left.append(Left(finding, e.reason))
                continue
            if reason := self._unwanted(path, model, finding, fix, asked):
                fixed.left.append(Left(finding, reason, fix))
            else:
                offered.append((model, finding, fix))
        composed = fixer.compose(offered)
        fixed.defects += [str(d) for d in fixer.defects]
        fixed.left += [Left(finding, reason) for finding, reason in composed.refused]
        for file, edits in by_file(composed.edits).items():
            self._edit(Path(file), edits)
        fixed.applied += composed.kept
        return list(composed.kept)

    def _edit(self, path: Path, edits: Any) -> None:
        if path not in self.originals:
            original = self.originals[path] = read(path)
            self.now[path] = original.text
        self.now[path] = apply(self.now[path], edits)

    def _unwanted(self, path: Path, model: ModelReport, finding: Finding, fix: Fix, asked: set[str]) -> str:
        """Why a fix is not applied; empty where it is."""
        if fix.applicability == "unsafe" and not self.wanted.unsafe:
            return "it changes what has to be trained; --unsafe-fixes applies it"
        target, slower = slowdown(self.session.plans.of(path), model, fix)
        if slower > self.wanted.slower:
            return (
                f"{target} would be {slower:.1f} % slower; --max-latency-change allows more than {self.wanted.slower:g}"
            )
        key = finding.fingerprint()
        if key in asked or not self.wanted.agreed(finding, fix, {f: self._text(Path(f)) for f in by_file(fix.edits)}):
            asked.add(key)
            return "it was not wanted"
        return ""

    def _text(self, path: Path) -> str:
        return self.now[path] if path in self.now else read(path).text


def _by_gain(report: FileReport) -> Iterator[tuple[ModelReport, Finding]]:
    """The findings that a fix might mend, with the largest gain first; those that another one leaves nothing to are
    for a later round."""
    found = [(m, f) for m in report.models if m.graph is not None for f in m.findings if f.move and not f.overlaps]
    return iter(sorted(found, key=lambda pair: -(pair[1].gain_percent or 0.0)))


def slowdown(plan: Plan, model: ModelReport, fix: Fix) -> tuple[str, float]:
    """The target that a fix slows the model down on most, and by how many percent; negative where it is faster on all
    of them."""
    if model.graph is None or not model.costs:
        return "", 0.0
    try:
        moved = from_plain(fix.move).apply(model.graph)
    except MoveError:  # a move that is verified applies; one of a third party's that does not changes nothing here
        return "", 0.0
    changes = {}
    for target in (t for t in plan.targets if t.name in model.costs):
        before = model.costs[target.name]
        able = estimators_for(target)
        estimator = next((e for e in able if e.label == before.label), able[0])
        after = estimator.restimate(before, model.graph, moved, target)
        changes[target.name] = 100 * (after.latency_us / before.latency_us - 1) if before.latency_us else 0.0
    worst = max(changes, key=lambda name: changes[name])
    return worst, changes[worst]


def graphs(outcome: Outcome) -> tuple[Graph, Graph] | None:
    """The graphs before and after; None where one could not be traced."""
    before, after = outcome.before.graph, outcome.after.graph
    return None if before is None or after is None else (before, after)
