"""Findings: what the advisor tells a person, as plain data."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from .fixes.fix import Fix
from .graph import Span


@dataclass(slots=True, frozen=True)
class Related:
    """Another place that helps to understand a finding."""

    span: Span
    message: str


@dataclass(slots=True)
class Finding:
    """One piece of advice or one failure, at one place.

    ``gain_us`` and ``gain_percent`` (of the model's latency on ``target``) are re-estimates of the moved graph,
    None where the rule is not about latency. ``gain_error_us``: the true gain lies within this much of ``gain_us`` with
    90 %, None where nothing is known of the cost model's error. ``move`` is the plain form of the move that the gain
    belongs to; ``alternatives`` are other moves with their outcomes. ``overlaps`` names the finding (by fingerprint)
    whose fix leaves nothing for this one. ``severity`` is ``error``, ``warning`` or ``information``. ``trainability``:
    what the move does to the model's zero-shot scores (:func:`advisor.zeroshot.words.change`), None where it was not
    asked. ``fix``: edits that do it, verified; where there are none ``unfixed`` says why. Both are empty until they are
    asked for (:class:`advisor.fixes.fixer.Fixer`).
    """

    code: str
    message: str
    span: Span
    model: str = ""
    target: str | None = None
    gain_us: float | None = None
    gain_percent: float | None = None
    label: str | None = None
    move: dict[str, Any] | None = None
    alternatives: list[dict[str, Any]] = field(default_factory=list)
    related: list[Related] = field(default_factory=list)
    layers: list[str] = field(default_factory=list)
    overlaps: str | None = None
    severity: str = "warning"
    gain_error_us: float | None = None
    trainability: dict[str, Any] | None = None
    fix: Fix | None = None
    unfixed: str = ""

    def fingerprint(self) -> str:
        """Names the finding among its model's: code, model, target and layers, no line number.

        What a report prints also knows the file and the line's text: :mod:`advisor.reports.fingerprints`.
        """
        parts = (self.code, self.model, self.target or "", *self.layers)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
