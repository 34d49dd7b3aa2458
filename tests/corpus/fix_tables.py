"""The page of the fixes' long check: shares and reasons."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .verify_fixes import Asked, Fixed

LITERAL, CARRYING = 0.95, 0.85
"""Requirements: width findings that stand on a number, and those that carry a verified fix."""
NOT_RUN = "not run"


def table(asked: Sequence[Asked], fixed: Sequence[Fixed]) -> tuple[str, bool]:
    """The page as Markdown, and whether a requirement failed."""
    rows = [
        ("width findings (`min-gain` 0)", str(len(asked)), ""),
        _share("stand on a number", sum(a.literal for a in asked), len(asked), LITERAL),
        _share("carry a verified fix", sum(a.fixed for a in asked), len(asked), CARRYING),
        ("fixes that did not verify and were not offered", str(sum(len(a.defects) for a in asked)), ""),
        ("files that `advisor fix` was run on twice", _of(fixed, lambda _: 1), ""),
        ("files that it changed", _of(fixed, lambda f: f.applied > 0), ""),
        ("fixes applied", _of(fixed, lambda f: f.applied), ""),
        ("files that a second run would change", _of(fixed, lambda f: f.again > 0), "0"),
        ("findings left that carry a wanted fix", _of(fixed, lambda f: f.left), "0"),
        ("files that could not be fixed for an error", _of(fixed, lambda f: bool(f.error)), "0"),
    ]
    files = len({a.file for a in asked})
    lines = ["# Fixes of widths on real code", "", f"Written by `make verify-fixes`: findings of {files} files.", ""]
    lines += ["| | measured | required |", "|---|---:|---:|"]
    lines += [f"| {what} | {value} | {wanted} |" for what, value, wanted in rows]
    lines += [
        "",
        "## Where they come from",
        "",
        "| project | findings | on a number | with a fix |",
        "|---|---:|---:|---:|",
    ]
    for project in sorted({a.file.partition("/")[0] for a in asked}):
        own = [a for a in asked if a.file.startswith(f"{project}/")]
        lines.append(f"| {project} | {len(own)} | {sum(a.literal for a in own)} | {sum(a.fixed for a in own)} |")
    lines += ["", "## Why there is no fix", "", "| findings | reason |", "|---:|---|"]
    reasons = Counter(_general(a.reason) for a in asked if not a.fixed)
    lines += [f"| {n} | {reason} |" for reason, n in reasons.most_common(25)]
    errors = [f"- {f.file}: {f.error}" for f in fixed if f.error]
    if errors:
        lines += ["", "## Errors", "", *errors]
    failed = (
        sum(a.literal for a in asked) < LITERAL * len(asked)
        or sum(a.fixed for a in asked) < CARRYING * len(asked)
        or not fixed
        or any(f.again or f.left or f.error for f in fixed)
    )
    return "\n".join(lines) + "\n", failed


def _of(fixed: Sequence[Fixed], count: Callable[[Fixed], int]) -> str:
    """How many of what ``count`` counts; that nothing was run is no zero."""
    return str(sum(map(count, fixed))) if fixed else NOT_RUN


def _share(what: str, n: int, of: int, wanted: float) -> tuple[str, str, str]:
    value = f"{n} of {of} ({100 * n / of:.1f} %)" if of else "none"
    return what, value, f"{100 * wanted:.0f} %"


def _general(reason: str) -> str:
    """A reason without the names and numbers of its case."""
    return re.sub(r"'[^']*'|`[^`]*`|\b\d+\b", "…", reason)
