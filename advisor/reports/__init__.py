"""Renderings of a :class:`advisor.report.Report`, one module a format; each has ``render(report) -> str``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..report import Report

FORMATS = {"console": "console", "json": "json_report", "sarif": "sarif", "github": "github", "markdown": "markdown"}
"""Output format → the module that renders it."""


def render(report: Report, output_format: str) -> str:
    """The report as text in one of :data:`FORMATS`; KeyError for another."""
    return import_module(f".{FORMATS[output_format]}", __package__).render(report)
