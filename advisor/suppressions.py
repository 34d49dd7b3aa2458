"""Suppression comments at work: which findings they silence, and which of them silence nothing.

The comments' grammar is :mod:`advisor.discovery.directives`'.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from .discovery.directives import Suppression
from .findings import Finding
from .selection import is_selector
from .words import suggestion


def silence(
    findings: Iterable[Finding], suppressions: Callable[[str], Sequence[Suppression]]
) -> tuple[list[Finding], set[tuple[Suppression, str]]]:
    """The findings that stay, and the (suppression, code) pairs that silenced one.

    ``suppressions`` gives those of a file: a finding may stand in another file than the audited one.
    """
    kept: list[Finding] = []
    used: set[tuple[Suppression, str]] = set()
    for finding in findings:
        hits = [
            (s, code)
            for s in suppressions(finding.span.file)
            if finding.span.line <= s.applies_to <= finding.span.end_line  # a call may span several lines
            for code in s.codes
            if finding.code.startswith(code)
        ]
        used.update(hits)
        if not hits:
            kept.append(finding)
    return kept, used


def unused(
    suppressions: Iterable[Suppression], used: set[tuple[Suppression, str]], enabled: Callable[[str], bool]
) -> list[Finding]:
    """A finding for each code that a comment silences in vain; codes that are not reported anyway are left alone."""
    return [
        Finding("SUP002", f"nothing here has {code}: remove it from this comment", s.span)
        for s in suppressions
        for code in s.codes
        if (s, code) not in used and enabled(code)
    ]


def unknown(suppressions: Iterable[Suppression], codes: Sequence[str]) -> list[Finding]:
    """A finding for each code of a comment that is none of ``codes`` nor the beginning of one."""
    return [
        Finding("SUP002", f"unknown code '{code}'{suggestion(code, codes)}", s.span)
        for s in suppressions
        for code in s.codes
        if not is_selector(code, codes)
    ]
