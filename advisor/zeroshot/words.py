"""How scores read: a change next to a gain, and a model's scores in a few lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..facts import Facts, Score
from .ranks import combined

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


def standings(networks: Sequence[Mapping[str, Score]]) -> list[int]:
    """Where each of several networks for one task stands by the rank combination of the compared scores: 1 is best,
    equal ones stand equal."""
    totals = combined([{name: score.value for name, score in network.items()} for network in networks], COMPARED)
    return [1 + sum(other > total for other in totals) for total in totals]


def change(
    before: Mapping[str, Score], after: Mapping[str, Score], why: str = "", standing: tuple[int, int, int] | None = None
) -> dict[str, Any]:
    """What a move does to the compared scores, as plain data: ``{name: {"before", "after", "percent"}}`` for those
    that both networks have, and ``why`` where none has. With ``standing`` (before, after, of how many networks) also
    ``"rank"``: where both stand by all scores combined."""
    out: dict[str, Any] = {}
    for name in COMPARED:
        was, now = before.get(name, Score(None)), after.get(name, Score(None))
        if was.value is not None and now.value is not None:
            percent = (now.value - was.value) / abs(was.value) * 100 if was.value else None
            out[name] = {"before": was.value, "after": now.value, "percent": percent}
        elif not why:
            why = was.why or now.why
    if out and standing is not None:
        out["rank"] = dict(zip(("before", "after", "of"), standing, strict=True))
    return out if out else {"why": why}


def said(compared: Mapping[str, Any]) -> str:
    """A change as a clause: ``at initialisation expressivity 47.3 → 46.1 (−2.5 %), …, together rank 1 → 3 of 5``."""
    parts = [
        f"{name if name != 'naswot' else 'NASWOT'} {figure(one['before'])} → {figure(one['after'])}"
        + ("" if one["percent"] is None else f" ({one['percent']:+.1f} %)".replace("-", "−"))
        for name, one in compared.items()
        if name in COMPARED
    ]
    if rank := compared.get("rank"):
        parts.append(f"together rank {rank['before']} → {rank['after']} of {rank['of']}")
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
