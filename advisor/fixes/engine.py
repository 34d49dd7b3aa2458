"""``fix_paths``: audits files, has fixes made of their findings and writes those that are wanted.

A file is fixed in rounds: what was fixed is analysed again, since one fix makes room for another or takes the ground
from it, until nothing that is wanted is left. All rounds happen in memory and the files are written at the end. So
fixing twice changes nothing the second time, and what is interrupted leaves whole files. Nothing is applied that some
models or targets lose more by than others gain (:mod:`.agreement`): it would be undone, and done again.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from ..engine import Progress, named, planned
from ..equivalence import equivalent
from ..findings import Finding
from ..graph import Graph
from ..moves import MoveError, from_plain
from ..plan import Plans
from ..report import FileReport, ModelReport
from ..session import Cancelled, Session
from ..units import time
from .agreement import disagreement, slowdowns
from .compose import Composed, Offered
from .edits import Edit, by_file
from .fix import Fix, digest
from .fixer import Fixer
from .outcome import Change, FixedFile, FixReport, Left, Outcome
from .overlay import Overlay
from .proposal import Unfixable
from .users import Users
from .writing import WriteError, plain, write

ROUNDS = 20
"""Rounds of one file, after which it is left as it is: each has to gain, so that only cost models that contradict each
other could go on for ever."""

SAME = 0.5
"""Percent by which a fix may slow a model down on a target without counting as slower: what the rules call no cost."""

Agreed = Callable[[Finding, Fix, Mapping[str, str]], bool]
"""Says yes or no to a fix; gets the texts that the fix edits as they are by then."""


def always(finding: Finding, fix: Fix, texts: Mapping[str, str]) -> bool:
    """Yes to everything."""
    return True


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which fixes are applied: ``unsafe`` ones too; those that slow the model down by at most ``slower`` percent on any
    target (a negative number asks for a gain); ``uncertain`` ones too, whose saving may be none
    (:attr:`.fix.Fix.certain`); and of these what ``agreed`` says yes to."""

    unsafe: bool = False
    slower: float = SAME
    uncertain: bool = False
    agreed: Agreed = always


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
    advance = progress or _silent
    with Session(Plans(overrides), cancelled) as session:
        work = _Work(session, wanted or Wanted(), plan.files)
        for done, file in enumerate(plan.files):
            advance(file, done, len(plan.files))
            fixed = work.file(file)
            if fixed is None:
                break
            report.files.append(fixed)
            advance(file, done + 1, len(plan.files))
        work.settle(report.files)
    rewrites = work.overlay.rewrites()
    report.changes = {r.original.path: Change(r.original.text, r.text, r.original.encoding) for r in rewrites}
    if not dry:
        write(rewrites)
    return report


def _silent(file: Path, done: int, total: int) -> None:
    """Nobody looks."""


class _Work:
    """Files being fixed."""

    def __init__(self, session: Session, wanted: Wanted, files: Sequence[Path]) -> None:
        self.session = session
        self.wanted = wanted
        self.users = Users(files, session.shared.index)
        self.overlay = Overlay()
        self.edits: dict[Path, int] = {}
        """How often each file was edited."""
        self.parts: dict[Path, set[Path]] = {}
        """Files that an audited file was seen to be made of, or edited."""
        self.first: dict[Path, dict[str, ModelReport]] = {}
        """The models of each audited file as they were."""
        self.reports: dict[Path, tuple[int, FileReport]] = {}
        """The latest report of a file, with how many edits there had been of what the file uses."""
        self.asked: set[tuple[Path, str]] = set()
        """Files and fingerprints of the findings whose fix somebody said no to."""
        self.answers: dict[tuple[Edit, ...], bool] = {}
        """What somebody said to edits in this round: several targets ask for the same ones."""

    def file(self, path: Path) -> FixedFile | None:
        """Fix one file; None where the work was cancelled before it was analysed."""
        report = self._report(path)
        if report is None:
            return None
        self.first[path] = {m.name: m for m in report.models}
        fixed = FixedFile(str(path), report)
        self._rounds(path, fixed)
        return fixed

    def settle(self, files: Sequence[FixedFile]) -> None:
        """Look again at files whose turn was before others edited what they use, until there is none."""
        for _ in range(ROUNDS):
            late = [f for f in files if self._report(Path(f.file)) is not f.report]
            for fixed in late:
                again = self._report(Path(fixed.file))
                if again is None:
                    return
                fixed.report = again
                self._rounds(Path(fixed.file), fixed)
            if not late:
                return

    def _rounds(self, path: Path, fixed: FixedFile) -> None:
        """Fix until nothing wanted is left. Findings that a round left, of models that it left as they were, are asked
        again only when the others give nothing more: in files of many models that is most of the work."""
        before = [dict(self.overlay.now)]
        patient: set[str] = set()
        for _ in range(ROUNDS):
            try:
                if not self._round(path, fixed, before, patient):
                    break
            except Cancelled:
                break
            again = self._report(path)
            if again is None:
                break
            same = _unchanged(fixed.report, again)
            patient = {left.finding.fingerprint() for left in fixed.left if left.finding.model in same}
            fixed.report = again
        first = self.first[path]
        fixed.outcomes = [Outcome(first[m.name], m) for m in fixed.report.models if _became(first.get(m.name), m)]

    def _report(self, path: Path) -> FileReport | None:
        """The report of an audited file as the texts are now; None where the work was cancelled before it was done."""
        edits = sum(count for edited, count in self.edits.items() if self._uses(path, {edited}))
        known = self.reports.get(path)
        if known is not None and known[0] == edits:
            return known[1]
        report = self.session.file(path, self.overlay.texts())
        if report is not None:
            self.reports[path] = edits, report
            self.parts.setdefault(path, set()).update(map(self.overlay.real, set(chain(*map(_sources, report.models)))))
        return report

    def _uses(self, path: Path, edited: Collection[Path]) -> bool:
        """Whether an audited file is made of one of the ``edited`` ones."""
        return not self.parts.get(path, set()).isdisjoint(edited) or self.users.uses(path, edited)

    def _round(self, path: Path, fixed: FixedFile, before: list[dict[Path, str]], patient: Collection[str]) -> bool:
        """Apply what is wanted of the fixes that there are now, unless the texts were just that ``before``; those of
        ``patient`` findings (their fingerprints) are asked for when the others give nothing. Returns whether anything
        was applied."""
        fixer = Fixer(self.session, path, self.overlay.texts(), models=fixed.report.models)
        known = {left.finding.fingerprint(): left for left in fixed.left}
        ahead = list(_by_gain(fixed.report))
        late = [(model, finding) for model, finding in ahead if finding.fingerprint() in patient]
        soon = [(model, finding) for model, finding in ahead if finding.fingerprint() not in patient]
        offered: list[Offered] = []
        fixed.left = []
        self.answers.clear()

        def composed_of(some: Sequence[tuple[ModelReport, Finding]]) -> tuple[Composed, dict[Path, str]]:
            self._ask(fixer, path, some, offered, fixed.left)
            composed = fixer.compose(offered, lambda edits: self._hindrance(fixer, path, edits))
            return composed, self.overlay.after(composed.edits)

        composed, now = composed_of(soon)
        if now in before and late:
            composed, now = composed_of(late)
        else:
            fixed.left += [known[finding.fingerprint()] for _, finding in late]
        fixed.defects = list(dict.fromkeys([*fixed.defects, *map(str, fixer.defects)]))
        fixed.left += [Left(finding, reason) for finding, reason in composed.refused]
        if now in before:
            fixed.left += [Left(finding, "it would only undo what other fixes did") for _, finding, _ in composed.kept]
            return False
        before.append(now)
        self.overlay.now = now
        for real in map(self.overlay.real, by_file(composed.edits)):
            self.edits[real] = self.edits.get(real, 0) + 1
            self.parts.setdefault(path, set()).add(real)
        fixed.applied += composed.kept
        return True

    def _ask(
        self,
        fixer: Fixer,
        path: Path,
        findings: Sequence[tuple[ModelReport, Finding]],
        offered: list[Offered],
        left: list[Left],
    ) -> None:
        """Ask for the fix of each, and put it with those that are ``offered``, or the finding with those ``left``."""
        taken = {finding.fingerprint() for _, finding, _ in offered}
        for model, finding in findings:
            if finding.overlaps in taken:
                continue  # that one leaves nothing to it, or something that the next round shows
            try:
                fix = fixer.fix(model, finding)
            except Unfixable as e:
                left.append(Left(finding, e.reason))
                continue
            if reason := self._unwanted(fixer, path, model, finding, fix):
                left.append(Left(finding, reason, fix))
            else:
                offered.append((model, finding, fix))
                taken.add(finding.fingerprint())

    # ---- what is not applied

    def _unwanted(self, fixer: Fixer, path: Path, model: ModelReport, finding: Finding, fix: Fix) -> str:
        """Why a fix is not applied; empty where it is."""
        if fix.applicability == "unsafe" and not self.wanted.unsafe:
            return "it changes what has to be trained; --unsafe-fixes applies it"
        if reason := self._slower(path, model, fix) or self._disagreement(fixer, path, fix.edits):
            return reason
        if not fix.certain and not self.wanted.uncertain:
            saving, error = time(fix.gain_us or 0.0), time(fix.gain_error_us or 0.0)
            return f"its saving may be none: {saving} predicted, ±{error}; --interactive asks for such fixes too"
        try:
            texts = {file: self.overlay.text(file) for file in by_file(fix.edits)}
        except WriteError as e:
            return str(e).partition("; nothing was changed")[0]
        for file, text in texts.items():
            if digest(plain(text)) != fix.base[file]:
                return f"{Path(file).name} changed while it was analysed; run the command again"
        return "" if self._agreed(path, finding, fix, texts) else "it was not wanted"

    def _agreed(self, path: Path, finding: Finding, fix: Fix, texts: Mapping[str, str]) -> bool:
        """What somebody says to a fix; who said no to a finding's, or to these edits, is not asked again."""
        key = path, finding.fingerprint()
        if key in self.asked:
            return False
        if fix.edits not in self.answers:
            self.answers[fix.edits] = self.wanted.agreed(finding, fix, texts)
        if not self.answers[fix.edits]:
            self.asked.add(key)
        return self.answers[fix.edits]

    def _slower(self, path: Path, model: ModelReport, fix: Fix) -> str:
        """Which target a fix slows the model down on, where that is too much."""
        assert model.graph is not None
        try:
            moved = from_plain(fix.move).apply(model.graph)
            changes = slowdowns(self.session.plans.of(path), [(model, moved)])
        except MoveError:  # a move that is verified applies; one of a third party's that does not changes nothing here
            return ""
        except Unfixable as e:
            return e.reason
        worst = max(changes, key=lambda change: change.percent, default=None)
        if worst is None or worst.percent <= self.wanted.slower:
            return ""
        allowed = f"--max-latency-change allows {self.wanted.slower:g} %"
        return f"{worst.target} would be {worst.percent:.1f} % slower; {allowed}"

    def _disagreement(self, fixer: Fixer, path: Path, edits: Sequence[Edit]) -> str:
        """Which models of the file, on which targets, lose more by the edits than others gain; empty where none do. A
        fix for the sake of those would undo the edits, and another do them again."""
        try:
            return disagreement(slowdowns(self.session.plans.of(path), fixer.changed(edits)))
        except Unfixable as e:
            return e.reason

    def _hindrance(self, fixer: Fixer, path: Path, edits: Sequence[Edit]) -> str:
        """Why edits are not made: another audited file that uses an edited one loses a model by them, or the models of
        all these files disagree. Empty where nothing hinders them."""
        try:
            changes = slowdowns(self.session.plans.of(path), fixer.changed(edits))
            for user, models, after in self._users_after(path, edits):
                if lost := [m.name for m in models if m.name not in after]:
                    return f"{', '.join(lost)} in {user.name}, which uses it too, cannot be traced with it"
                theirs = slowdowns(self.session.plans.of(user), [(m, after[m.name]) for m in models])
                changes += [change._replace(model=f"{change.model} in {user.name}") for change in theirs]
        except Unfixable as e:
            return e.reason
        return disagreement(changes)

    def _users_after(
        self, path: Path, edits: Sequence[Edit]
    ) -> Iterator[tuple[Path, list[ModelReport], dict[str, Graph]]]:
        """The other audited files that use an edited one: their models that are made of it, and what can be traced of
        these with the edits, by name."""
        edited = {self.overlay.real(file) for file in by_file(edits)}
        texts = self.overlay.texts(self.overlay.after(edits))
        for user in self.users.files:
            if user == path or not self._uses(user, edited):
                continue
            ahead = self._report(user)
            traced = [] if ahead is None else [m for m in ahead.models if m.status == "ok"]
            models = [m for m in traced if not edited.isdisjoint(map(self.overlay.real, _sources(m)))]
            report = self.session.trace(user, texts, [m.name for m in models]) if models else None
            if self.session.cancelled.is_set():
                raise Cancelled
            if models:
                again = report.models if report is not None else []
                yield user, models, {m.name: m.graph for m in again if m.status == "ok" and m.graph is not None}


def _sources(model: ModelReport) -> Iterator[str]:
    """The files that a model is made of."""
    if model.graph is not None:
        yield from (span.file for module in model.graph.modules.values() for span in module.created)
        numbers = model.graph.numbers
        yield from (numbers.literals[i].span.file for i in numbers.readers) if numbers is not None else ()


def _unchanged(before: FileReport, after: FileReport) -> set[str]:
    """The names of the models that are the same network in both."""
    had = {m.name: m.graph for m in before.models}
    found: set[str] = set()
    for model in after.models:
        was = had.get(model.name)
        if was is not None and model.graph is not None and not equivalent(was, model.graph):
            found.add(model.name)
    return found


def _became(before: ModelReport | None, after: ModelReport) -> bool:
    """Whether a model costs something else than before."""
    if before is None or before.graph is None or after.graph is None:
        return False
    return any(
        target in before.costs and before.costs[target].latency_us != costs.latency_us
        for target, costs in after.costs.items()
    )


def _by_gain(report: FileReport) -> Iterator[tuple[ModelReport, Finding]]:
    """The findings that a fix might mend: with the largest gain first, and those last that others leave nothing to."""
    found = [(m, f) for m in report.models if m.graph is not None for f in m.findings if f.move]
    return iter(sorted(found, key=lambda pair: (bool(pair[1].overlaps), -(pair[1].gain_percent or 0.0))))
