"""``advisor estimate`` as one page: memory over time of each model and target, and the tables behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from advisor.graph import Graph
from advisor.report import ModelReport
from advisor.reports import cells

from .. import plots
from .estimate_text import facts, layer, ops, remark
from .estimates import Estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def render(found: Sequence[tuple[ModelReport, Sequence[Estimate]]]) -> str:
    """The page; raises :class:`advisor.cli.errors.UsageError` without matplotlib."""
    figures: list[tuple[str, Figure]] = []
    tables: list[plots.Numbers] = []
    for model, estimates in found:
        if model.graph is None:
            reason = model.failure.message if model.failure is not None else "it could not be traced"
            tables.append(plots.Numbers(f"{model.name}: no costs", ("why",), ((reason,),)))
            continue
        figures += list(_timelines(model, model.graph))
        for estimate in estimates:
            tables += list(_tables(model.name, estimate, model.graph))
    names = ", ".join(model.name for model, _ in found)
    return plots.page(f"What {names} costs", "activation memory over time, totals, and every kernel", figures, tables)


def _timelines(model: ModelReport, graph: Graph) -> Iterator[tuple[str, Figure]]:
    for target, costs in model.costs.items():
        live = [(layer((key,), graph), size) for key, size in costs.peak.timeline.items()]
        if live and costs.peak.bytes:  # of tensors without a shape there is nothing to draw
            title = f"{model.name} on {target}: peak memory {cells.size(costs.peak.bytes)}"
            yield title, plots.timeline(live, title)


def _tables(model: str, estimate: Estimate, graph: Graph) -> Iterator[plots.Numbers]:
    title = f"{model} on {estimate.target}, {estimate.kind}"
    rows = [(name, value) for name, value in facts(estimate, graph) if value != cells.UNKNOWN]
    yield plots.Numbers(title, ("", ""), rows)
    kernels = [
        (
            layer(part.ops, graph),
            ops(part.ops, graph) or part.kind,
            cells.count(part.macs),
            cells.size(part.bytes),
            cells.time(part.latency_us),
            cells.share(part.latency_us, estimate.latency_us or 0.0),
            remark(part),
        )
        for part in estimate.parts
    ]
    header = ("layer", "kernel", "MACs", "bytes", "latency", "share", "bound")
    yield plots.Numbers(f"{title}: {cells.plural(len(kernels), 'kernel')}", header, kernels)
