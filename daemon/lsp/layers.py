"""A view's layers: which places show them, what their figures are called, and the table of some of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from advisor.reports import cells
from advisor.units import margin

from ..view import Instance, Place, View
from . import words
from .markup import Markup

CAP = 12
"""Rows of a table in a hover."""


def shown(view: View) -> list[Place]:
    """The places that stand for layers: where they are created, and calls of those that nothing here creates.

    A call whose ops all cost nothing, a reshape or an activation fused into its producer, is left out.
    """
    created = {(i.model, i.path) for p in view.places if p.created for i in p.instances}
    out = []
    for place in view.places:
        kept = place.instances
        if not place.created:
            kept = [i for i in kept if (i.model, i.path) not in created]
            if not any(_costs(i) for i in kept):
                continue
        if kept:
            out.append(replace(place, instances=kept))
    return out


def _costs(instance: Instance) -> bool:
    """Whether it has parameters or takes time, or may do."""
    return bool(instance.params) or not instance.latency_us or any(us != 0 for us in instance.latency_us.values())


def labels(view: View) -> dict[str, str]:
    """Target → what its figures are: ``simulated``, ``predicted`` …"""
    return {name: total.label for model in view.models for name, total in model.totals.items()}


def table(instances: Sequence[Instance], view: View, markup: Markup, cap: int = CAP) -> str:
    """A row a layer with its latency and share on every target, at most ``cap`` of them, and the sums by model."""
    targets = [t for t in view.targets if any(t in i.latency_us for i in instances)]
    said = labels(view)
    groups: dict[str, list[Instance]] = {}
    for instance in instances:
        groups.setdefault(instance.model, []).append(instance)
    head = ["layer", "op", "in → out", "params", "MACs", *(f"{t} ({said.get(t, words.UNKNOWN)})" for t in targets)]
    rows = [[markup.text(cell) for cell in head]]
    for i in instances[:cap]:
        name = i.path or "(model)"
        rows.append(
            [
                markup.code(name if len(groups) == 1 else f"{i.model}: {name}"),
                markup.text(i.label),
                f"{', '.join(map(words.shape, i.inputs)) or words.UNKNOWN} → {words.output(i)}",
                cells.count(i.params) if i.params else "" if words.known(i) else words.UNKNOWN,
                "" if i.macs == 0 else words.UNKNOWN if i.macs is None else cells.count(i.macs),
                *(_latency([i], t, _total(view, i.model, t)) for t in targets),
            ]
        )
    for model, members in groups.items():
        if len(members) > 1:
            rows.append(_sum(model, members, view, targets, markup, len(groups) > 1))
    text = markup.table(rows, right=range(3, len(head)))
    if len(instances) > cap:
        text += f"\n\nand {len(instances) - cap} more: {markup.code('advisor.showModelTable')} shows all"
    return text


def _sum(
    model: str, members: Sequence[Instance], view: View, targets: Sequence[str], markup: Markup, named: bool
) -> list[str]:
    macs = [i.macs for i in members]
    known = sum(m for m in macs if m is not None)
    return [
        markup.text(f"Σ of {len(members)}" + (f" in {model}" if named else "")),
        "",
        "",
        cells.count(sum(i.params for i in members)),
        words.UNKNOWN if None in macs and not known else cells.count(known) + words.uncounted(macs.count(None)),
        *(_latency(members, t, _total(view, model, t)) for t in targets),
    ]


def _total(view: View, model: str, target: str) -> float:
    """The model's µs on ``target``; 0 where they are unknown."""
    return next((m.totals[target].latency_us for m in view.models if m.name == model and target in m.totals), 0.0)


def _latency(instances: Sequence[Instance], target: str, total: float) -> str:
    """``37.3 us ±8 % (3.2 %)``, the share being of ``total``; how certain it is where that is known of one layer."""
    values = [i.latency_us.get(target) for i in instances]
    known = [v for v in values if v is not None]
    text = words.latency(values)
    if len(instances) == 1 and any(known) and target in instances[0].within:
        low, high = instances[0].within[target]
        text += margin(known[0], low * known[0], high * known[0])
    return f"{text} ({cells.share(sum(known), total)})" if any(known) and total else text
