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
    saving = _saving(finding)
    if saving is not None and time(saving[0]) not in finding.message:
        parts.append(f"saves {time(saving[0])} ({percent(saving[1])})")
    if said := certainty(finding):
        parts.append(said)
    if several and finding.target and finding.target not in finding.message:
        parts.append(f"on {finding.target}")
    if finding.overlaps:
        parts.append("overlaps a finding above")
    return ", ".join(parts)


def certainty(finding: Finding) -> str:
    """What kind of number the saving is that a finding speaks of, and how far off it may be: ``predicted ±0.03 ms``;
    empty where it saves nothing to speak of."""
    saving, error = _saving(finding), finding.gain_error_us
    if saving is None or not finding.label:
        return ""
    if error is None:
        return finding.label
    return f"{finding.label} ±{time(error)}" + (", more than it saves" if saving[0] < error else "")


def _saving(finding: Finding) -> tuple[float, float] | None:
    """What it saves in microseconds and in percent, None where that is nothing to speak of."""
    us, share = finding.gain_us, finding.gain_percent
    return None if us is None or share is None or share < _WORTH_SAYING else (us, share)
