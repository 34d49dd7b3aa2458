"""A model in one line a target: what it costs, and what all its findings save together; the text formats share it."""

from __future__ import annotations

from collections.abc import Iterator

from ..costs import Costs
from ..report import ModelReport
from ..units import margin, percent, size, time
from . import cells

_NAMED = 3
"""How many operators a line of doubts names."""


def totals(costs: Costs) -> str:
    """``7.74 ms simulated · 1.81 G MACs · …``; says so where no operator could be costed."""
    if costs.uncounted and not costs.latency_us:
        return f"unknown: none of the {cells.plural(len(costs.uncounted), 'op')} could be costed"
    return (
        f"{time(costs.latency_us)}{margin(costs.latency_us, costs.low_us, costs.high_us)} {costs.label}"
        f" · {cells.count(costs.macs)} MACs · {cells.count(costs.params)} params"
        f" ({size(costs.weights_bytes)}) · peak memory {size(costs.peak.bytes)}"
    )


def uncounted(model: ModelReport) -> list[str]:
    """Which operators are in no figure, per target, by name with how often."""
    out = []
    for target, costs in model.costs.items():
        names: dict[str, int] = {}
        for key in costs.uncounted:
            name = model.graph.by_key[key].target if model.graph is not None else f"op {key}"
            names[name] = names.get(name, 0) + 1
        if names:
            listed = ", ".join(f"{name} ({n})" for name, n in sorted(names.items()))
            out.append(f"{listed}: no cost model on {target}, in none of its figures")
    return out


def doubts(model: ModelReport) -> list[str]:
    """Which operators the figures say less of than of the others, per target: those whose prediction left the range of
    the training, and those that a learned model had to leave to the simulated one."""
    out = []
    for target, costs in model.costs.items():
        for chosen, what in (
            ([k for k in costs.kernels if k.outside], "outside the training range"),
            ([k for k in costs.kernels if k.simulated], "not learned: simulated"),
        ):
            if chosen:
                named = [_name(model, k.ops[0]) for k in chosen[:_NAMED]]
                more = f" and {len(chosen) - _NAMED} more" if len(chosen) > _NAMED else ""
                out.append(f"{', '.join(named)}{more}: {what} on {target}")
    return out


def _name(model: ModelReport, key: int) -> str:
    op = None if model.graph is None else model.graph.by_key[key]
    return f"op {key}" if op is None else f"{op.path or '(model)'} ({op.op})"


def together(model: ModelReport) -> Iterator[tuple[str, str]]:
    """For each target that the findings without overlap save time on: ``7.74 ms → 6.16 ms`` and what belongs to it."""
    for target, saved in model.together_us.items():
        costs = model.costs.get(target)
        if costs is not None and costs.latency_us and saved > 0:
            share = percent(100 * saved / costs.latency_us)
            change = f"{time(costs.latency_us)} → {time(costs.latency_us - saved)}"
            yield change, f" (−{share}) on {target}, {costs.label}"
