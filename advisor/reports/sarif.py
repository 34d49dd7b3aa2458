"""Findings as SARIF 2.1.0, for code-scanning services.

Columns are Unicode code points; paths are relative to ``SRCROOT``, the report's root; rule metadata is the rules' own
pages.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..findings import Finding
from ..graph import Span
from ..packs import pages
from ..report import Report
from ..rulepages import page
from .layers import relative
from .note import note

SCHEMA = "https://json.schemastore.org/sarif-2.1.0-rtm.5.json"
ROOT = "SRCROOT"
_LEVELS = {"error": "error", "warning": "warning", "information": "note"}


def render(report: Report) -> str:
    """The findings as SARIF text."""
    return json.dumps(to_sarif(report), indent=1, ensure_ascii=False) + "\n"


def to_sarif(report: Report) -> dict[str, Any]:
    """The findings as one SARIF run. Rules are those that have findings, with their pages as help."""
    findings = list(report.findings())
    codes = sorted({f.code for f in findings})
    lines = _Lines(report.root)
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "advisor", "version": version("nas-advisor"), "rules": _rules(codes)}},
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {ROOT: {"uri": Path(report.root).absolute().as_uri().rstrip("/") + "/"}},
                "artifacts": [{"location": _artifact(f.file, report)} for f in report.files],
                "results": [_result(f, codes.index(f.code), lines, report) for f in findings],
            }
        ],
    }


def _rules(codes: list[str]) -> list[dict[str, Any]]:
    known = {p.code: p for p in pages()}
    return [
        {
            "id": code,
            "name": "".join(part.capitalize() for part in known[code].name.split("-")),
            "shortDescription": {"text": known[code].summary},
            "help": {"text": page(known[code]), "markdown": page(known[code])},
        }
        if code in known
        else {"id": code}
        for code in codes
    ]


def _result(finding: Finding, rule: int, lines: _Lines, report: Report) -> dict[str, Any]:
    extra = note(finding, several=len(report.targets) > 1)
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": finding.message + (f" [{extra}]" if extra else "")},
        "locations": [{"physicalLocation": _location(finding.span, report)}],
        "partialFingerprints": {"advisorFinding/v1": lines.fingerprint(finding)},
        "properties": {
            "model": finding.model,
            "target": finding.target,
            "gainMicroseconds": finding.gain_us,
            "gainPercent": finding.gain_percent,
            "label": finding.label,
            "move": finding.move,
            "layers": list(finding.layers),
        },
    }
    if finding.related:
        result["relatedLocations"] = [
            {"id": i, "physicalLocation": _location(r.span, report), "message": {"text": r.message}}
            for i, r in enumerate(finding.related)
        ]
    return result


def _location(span: Span, report: Report) -> dict[str, Any]:
    region = {"startLine": span.line, "startColumn": span.column}
    if (span.end_line, span.end_column) > (span.line, span.column):
        region |= {"endLine": span.end_line, "endColumn": span.end_column}
    return {"artifactLocation": _artifact(span.file, report), "region": region}


def _artifact(file: str, report: Report) -> dict[str, Any]:
    path = relative(file, report.root)
    if Path(path).is_absolute():
        return {"uri": Path(path).as_uri()}
    return {"uri": quote(path), "uriBaseId": ROOT}


class _Lines:
    """Fingerprints of one report's findings: with their line's text, so that edits elsewhere leave them alone.

    A number tells findings with equal fingerprints apart, in order of appearance.
    """

    def __init__(self, root: str) -> None:
        self.root = Path(root)
        self.read = cache(_lines)
        self.seen: dict[str, int] = {}

    def fingerprint(self, finding: Finding) -> str:
        lines = self.read(self.root / finding.span.file)
        number = finding.span.line
        key = finding.fingerprint(lines[number - 1] if 0 < number <= len(lines) else "")
        self.seen[key] = self.seen.get(key, 0) + 1
        return f"{key}:{self.seen[key]}"


def _lines(file: Path) -> list[str]:
    """The file's lines; none for one that cannot be read, which may be what its finding is about."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
