"""What stands in brackets behind a finding's message: what the message leaves out, in one wording for every format."""

from __future__ import annotations

from ..findings import Finding
from ..units import percent, time

_WORTH_SAYING = 0.05
"""Percent of a model's latency; a smaller saving is noise beside what the finding is about."""


def note(finding: Finding, several: bool) -> str:
    """``blocks.1.conv +2, saves 0.21 ms (6 %), predicted ±0.03 ms``.

    The layers come first: findings of different layers may share a line and a wording. The target is named only where
    ``several`` are audited for.
    """
    parts = []
    if finding.layers:
        more = len(finding.layers) - 1
        parts.append(finding.layers[0] + (f" +{more}" if more else ""))
    if finding.gain_us is not None and finding.gain_percent is not None and finding.gain_percent >= _WORTH_SAYING:
        if time(finding.gain_us) not in finding.message:
            parts.append(f"saves {time(finding.gain_us)} ({percent(finding.gain_percent)})")
        if finding.label:
            parts.append(finding.label + _error(finding.gain_us, finding.gain_error_us))
    if several and finding.target and finding.target not in finding.message:
        parts.append(f"on {finding.target}")
    if finding.overlaps:
        parts.append("overlaps a finding above")
    return ", ".join(parts)


def _error(gain_us: float, error_us: float | None) -> str:
    """How certain a predicted gain is, behind its label."""
    if error_us is None:
        return ""
    within = ", less than this uncertainty" if gain_us < error_us else ""
    return f" ±{time(error_us)}{within}"
