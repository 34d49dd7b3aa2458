"""Fingerprints of a report's findings: the same from one audit to the next, so that services recognise a finding.

A fingerprint is made of the finding's own key (:meth:`advisor.findings.Finding.fingerprint`), its file's path relative
to the report's root and the text of its line. Neither edits elsewhere in the file nor findings in other files change
it; a number tells equal findings of one file apart, in order of appearance.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from ..discovery.notebooks import is_notebook
from ..discovery.source import contents, text_of
from ..findings import Finding
from ..report import Report
from .layers import relative


class Fingerprints:
    """The fingerprints of one report."""

    def __init__(self, report: Report) -> None:
        self._root = report.root
        self._text = cache(_lines)
        self._seen: dict[str, int] = {}
        self._of: dict[int, str] = {}
        self._overlapped: dict[int, str | None] = {}
        for file in report.files:
            for holder in (file, *file.models):
                self._enter(holder.findings)

    def _enter(self, findings: Iterable[Finding]) -> None:
        """Enter the findings of one model, among which those that overlap are."""
        by_key: dict[str, str] = {}
        for finding in findings:
            self._of[id(finding)] = mark = self._mark(finding)
            by_key.setdefault(finding.fingerprint(), mark)
        for finding in findings:
            self._overlapped[id(finding)] = by_key.get(finding.overlaps or "")

    def _mark(self, finding: Finding) -> str:
        lines = self._text(Path(self._root) / finding.span.file)
        number = finding.span.line
        line = lines[number - 1] if 0 < number <= len(lines) else ""
        parts = (finding.fingerprint(), relative(finding.span.file, self._root), " ".join(line.split()))
        key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
        self._seen[key] = self._seen.get(key, 0) + 1
        return f"{key}:{self._seen[key]}"

    def of(self, finding: Finding) -> str:
        """The fingerprint of one of the report's findings."""
        return self._of[id(finding)]

    def overlapped(self, finding: Finding) -> str | None:
        """The fingerprint of the finding that ``finding`` overlaps, where the report holds that one."""
        return self._overlapped[id(finding)]


def _lines(file: Path) -> list[str]:
    """The file's lines; none for one that cannot be read, which may be what its finding is about."""
    if is_notebook(file):
        text = text_of(file)
        return text.split("\n") if isinstance(text, str) else []
    try:
        return contents(file).decode(errors="replace").splitlines()
    except OSError:
        return []
