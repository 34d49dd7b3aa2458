"""How scores read: a change next to a gain, and a model's scores in a few lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..facts import Facts, Score

COMPARED = ("expressivity", "naswot")
NAMES = {
    "naswot": "NASWOT",
    "expressivity": "expressivity (AZ-NAS)",
    "progressivity": "progressivity (AZ-NAS)",
    "trainability": "trainability (AZ-NAS)",
    "synflow": "SynFlow (log)",
    "zen": "Zen-score",
    "meco": "MeCo",
    "meco-drawn": "MeCo, 8 channels",
    "flops": "FLOPs",
    "params": "params",
}


def change(before: Mapping[str, Score], after: Mapping[str, Score], why: str = "") -> dict[str, Any]:
    """What a move does to the compared scores, as plain data: ``{name: {"before", "after", "percent"}}`` for those
    that both networks have, and ``why`` where none has."""
    out: dict[str, Any] = {}
    for name in COMPARED:
        was, now = before.get(name, Score(None)), after.get(name, Score(None))
        if was.value is not None and now.value is not None:
            percent = (now.value - was.value) / abs(was.value) * 100 if was.value else None
            out[name] = {"before": was.value, "after": now.value, "percent": percent}
        elif not why:
            why = was.why or now.why
    return out if out else {"why": why}


def said(compared: Mapping[str, Any]) -> str:
    """A change as a clause: ``trainability at initialisation: expressivity 47.3 → 46.1 (−2.5 %), …``."""
    parts = [
        f"{name if name != 'naswot' else 'NASWOT'} {figure(one['before'])} → {figure(one['after'])}"
        + ("" if one["percent"] is None else f" ({one['percent']:+.1f} %)".replace("-", "−"))
        for name, one in compared.items()
        if name in COMPARED
    ]
    if parts:
        return f"at initialisation {', '.join(parts)}"
    return f"trainability not scored: {compared['why']}" if compared.get("why") else ""


def figure(value: float) -> str:
    """A score with as many digits as are worth reading."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def summary(facts: Facts) -> str:
    """A model's scores in a line; empty where it has none."""
    found = [f"{name} {text}" for name, text in lines(facts) if not text.startswith("none: ")]
    return f"{', '.join(found)} at {facts.input}" if found else ""


def lines(facts: Facts) -> list[tuple[str, str]]:
    """Each proxy's name and what it says, in the order they stand in; FLOPs and parameters last."""
    found = []
    for name, shown in NAMES.items():
        score = facts.scores.get(name)
        if score is not None:
            found.append((shown, figure(score.value) if score.value is not None else f"none: {score.why}"))
    return found
