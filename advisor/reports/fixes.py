"""What ``advisor fix`` did, for a terminal: per file the fixes, what they save, and what is left with the reason."""

from __future__ import annotations

import difflib
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console, RenderableType
from rich.rule import Rule
from rich.text import Text

from ..findings import Finding
from ..fixes.confirm import Confirmed
from ..fixes.fix import Fix
from ..fixes.outcome import Change, FixedFile, FixReport, Left, Outcome
from ..units import percent, time
from .cells import plural
from .console import Line
from .layers import relative

MOST_LEFT = 8
"""Findings without a fix that are listed for a file; the rest are counted."""

Confirmations = Mapping[tuple[str, str], Sequence[Confirmed]]
"""By file and model what the ground truth says, target by target."""


def write(report: FixReport, confirmed: Confirmations, console: Console, *, dry: bool) -> None:
    """Print the summary to ``console``; ``dry``: nothing was written."""
    for file in report.files:
        if file.applied or file.left:
            for part in _file(file, report, confirmed):
                console.print(part, crop=False)
    console.print(_summary(report, dry), crop=False)


def diff(report: FixReport, folder: Path) -> bytes:
    """All changes as one unified diff that ``git apply`` and ``patch -p1`` take in ``folder``, which holds all of
    them: byte for byte, whatever the files' encodings are."""
    return b"".join(_of_change(relative(str(p), str(folder)), change) for p, change in report.changes.items())


def _of_change(name: str, change: Change) -> bytes:
    before, after = (text.encode(change.encoding).decode("latin-1") for text in (change.before, change.after))
    return of_texts(os.fsencode(name).decode("latin-1"), before, after).encode("latin-1")


def folder_of(report: FixReport, here: Path) -> Path:
    """Where the paths of a diff start: ``here`` if all changed files are in it, else the report's root, else the folder
    that they share."""
    folders = [path.parent for path in report.changes]
    for folder in (here, Path(report.root).absolute()):
        if all(f.is_relative_to(folder) for f in folders):
            return folder
    return Path(os.path.commonpath(folders))


def of_texts(name: str, before: str, after: str) -> str:
    """The unified diff of one file. A tab ends a name with a blank in it, as git writes it, for ``patch``."""
    end = "\t" if " " in name else ""
    lines = difflib.unified_diff(_lines(before), _lines(after), f"a/{name}{end}", f"b/{name}{end}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(text: str) -> list[str]:
    """The lines with their ends; form feeds and the like end none."""
    parts = text.split("\n")
    return [f"{part}\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _file(file: FixedFile, report: FixReport, confirmed: Confirmations) -> Iterator[RenderableType]:
    yield Rule(Text(relative(file.file, report.root), "bold"), align="left", style="dim")
    lines: dict[str, Line] = {}
    for _, finding, fix in file.applied:  # each layer of a block that one edit changes has its own finding
        said = _said(fix, finding.target if len(report.targets) > 1 else None)
        line = _line(finding, file, report, said, "green")
        lines.setdefault(line.text.plain, line)
    yield from lines.values()
    for outcome in file.outcomes:
        yield from _outcome(outcome, confirmed.get((file.file, outcome.after.name), ()))
    if file.left:
        yield Text("  left as it is:", "dim")
    for entry in file.left[:MOST_LEFT]:
        yield _line(entry.finding, file, report, entry.reason, "dim")
    if len(file.left) > MOST_LEFT:
        yield Text(f"  and {len(file.left) - MOST_LEFT} more", "dim")
    yield Text()


def _line(finding: Finding, file: FixedFile, report: FixReport, what: str, style: str) -> Line:
    """``  75:17 CHN101 MobileNetV2: what``, with the file where that is another."""
    span = finding.span
    elsewhere = "" if span.file == file.file else f"{relative(span.file, report.root)}:"
    place = (f"  {elsewhere}{span.line}:{span.column}", "bold")
    return Line(Text.assemble(place, " ", finding.code, (f" {finding.model}: ", "dim"), (what, style)))


def _said(fix: Fix, target: str | None) -> str:
    """What a fix does, on which target where there are several."""
    where = f" on {target}" if target and fix.gain_us is not None else ""
    note = f"; {fix.note}" if fix.note else ""
    return f"{fix.title}{where}{note}  [{fix.applicability}]"


def _outcome(outcome: Outcome, confirmed: Sequence[Confirmed]) -> Iterator[Text]:
    for target, after in outcome.after.costs.items():
        before = outcome.before.costs.get(target)
        if before is not None:
            change = _change(before.latency_us, after.latency_us)
            yield Text(f"  {outcome.after.name} on {target}: {change}, {after.label}", "bold")
    for entry in confirmed:
        if entry.before_us is None or entry.after_us is None:
            yield Text(f"  not confirmed on {entry.target}: {entry.why}", "yellow")
        else:
            change = _change(entry.before_us, entry.after_us)
            yield Text(f"  confirmed on {entry.target}: {change}, {entry.label} by {entry.source}", "bold green")


def _change(before_us: float, after_us: float) -> str:
    share = 100 * (after_us / before_us - 1) if before_us else 0.0
    sign = "−" if share < 0 else "+"
    return f"{time(before_us)} → {time(after_us)} ({sign}{percent(abs(share))})"


def _summary(report: FixReport, dry: bool) -> Text:
    applied = sum(len({fix.edits for *_, fix in f.applied}) for f in report.files)  # targets ask for the same ones
    left: list[Left] = [entry for f in report.files for entry in f.left]
    unwanted = Counter(entry.fix.applicability for entry in left if entry.fix is not None)
    verb = "would be applied to" if dry else "applied to"
    parts = [f"{plural(applied, 'fix', 'fixes')} {verb} {plural(len(report.changes), 'file')}"]
    if unwanted:
        parts.append(f"{plural(sum(unwanted.values()), 'verified fix', 'verified fixes')} not wanted")
    without = sum(entry.fix is None for entry in left)
    if without:
        parts.append(f"{plural(without, 'finding')} without a fix")
    return Text("; ".join(parts) + ".", "bold")
