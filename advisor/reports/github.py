"""Findings as GitHub workflow commands: each becomes an annotation on its lines in a pull request."""

from __future__ import annotations

from ..findings import Finding
from ..report import Report
from .layers import relative
from .note import note

_LEVELS = {"error": "error", "warning": "warning", "information": "notice"}


def render(report: Report) -> str:
    """One ``::warning file=…::message`` line a finding."""
    return "".join(_command(f, report) + "\n" for f in report.findings())


def _command(finding: Finding, report: Report) -> str:
    span = finding.span
    properties: dict[str, str | int] = {
        "file": relative(span.file, report.root),
        "line": span.line,
        "endLine": span.end_line,
        "title": f"advisor {finding.code}",
    }
    if span.line == span.end_line:
        # Annotations over several lines take no columns.
        properties |= {"col": span.column, "endColumn": span.end_column}
    extra = note(finding, several=len(report.targets) > 1)
    message = finding.message + (f" [{extra}]" if extra else "")
    listed = ",".join(f"{k}={_escape_property(str(v))}" for k, v in properties.items())
    return f"::{_LEVELS[finding.severity]} {listed}::{_escape(message)}"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
