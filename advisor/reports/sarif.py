"""Findings as SARIF 2.1.0, for code-scanning services.

Columns are Unicode code points; paths are relative to ``SRCROOT``, the report's root; rule metadata is the rules' own
pages.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..findings import Finding
from ..fixes.edits import by_file
from ..fixes.fix import Fix
from ..graph import Span
from ..packs import pages
from ..report import Report
from ..rulepages import page
from .fingerprints import Fingerprints
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
    marks = Fingerprints(report)
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "advisor", "version": version("nas-advisor"), "rules": _rules(codes)}},
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {ROOT: {"uri": Path(report.root).absolute().as_uri().rstrip("/") + "/"}},
                "artifacts": [{"location": _artifact(f.file, report)} for f in report.files],
                "results": [_result(f, codes.index(f.code), marks, report) for f in findings],
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


def _result(finding: Finding, rule: int, marks: Fingerprints, report: Report) -> dict[str, Any]:
    extra = note(finding, several=len(report.targets) > 1)
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": finding.message + (f" [{extra}]" if extra else "")},
        "locations": [{"physicalLocation": _location(finding.span, report)}],
        "partialFingerprints": {"advisorFinding/v1": marks.of(finding)},
        "properties": {
            "model": finding.model,
            "target": finding.target,
            "gainMicroseconds": finding.gain_us,
            "gainPercent": finding.gain_percent,
            "gainErrorMicroseconds": finding.gain_error_us,
            "label": finding.label,
            "move": finding.move,
            "layers": list(finding.layers),
            "overlaps": marks.overlapped(finding),
        },
    }
    if finding.related:
        result["relatedLocations"] = [
            {"id": i, "physicalLocation": _location(r.span, report), "message": {"text": r.message}}
            for i, r in enumerate(finding.related)
        ]
    if finding.fix is not None:
        result["fixes"] = [_fix(finding.fix, report)]
    return result


def _fix(fix: Fix, report: Report) -> dict[str, Any]:
    return {
        "description": {"text": f"{fix.title} ({fix.applicability})" + (f"; {fix.note}" if fix.note else "")},
        "artifactChanges": [
            {
                "artifactLocation": _artifact(file, report),
                "replacements": [
                    {"deletedRegion": _region(e.span), "insertedContent": {"text": e.text}} for e in edits
                ],
            }
            for file, edits in by_file(fix.edits).items()
        ],
    }


def _region(span: Span) -> dict[str, int]:
    """Also of an insertion: an empty region, whose end SARIF wants said."""
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


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
