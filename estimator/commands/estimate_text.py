"""``advisor estimate`` for people: a table a model and target, or several side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from advisor.graph import Graph
from advisor.report import ModelReport, Report
from advisor.reports import cells
from advisor.reports.console import plain
from advisor.reports.layers import describe, relative
from advisor.units import percent

from .estimates import Estimate, Part
from .side_by_side import aligned

WIDTH = 120
NAMES, COLUMN = 64, 27
"""Columns of text that a side-by-side table needs for its names, and for each estimate."""

TOP_KERNELS = 16

Found = Sequence[tuple[ModelReport, Sequence[Estimate]]]


def render(found: Found, report: Report, *, compare: bool) -> str:
    """The estimates as plain text of :data:`WIDTH` columns, wider where many stand side by side."""
    most = max((len(estimates) for _, estimates in found), default=0)
    width = max(WIDTH, NAMES + COLUMN * most) if compare else WIDTH
    return plain(lambda console: write(found, report, console, compare=compare), width)


def write(found: Found, report: Report, console: Console, *, compare: bool) -> None:
    """Print the estimates; ``compare`` puts those of a model side by side."""
    for model, estimates in found:
        place = f"{relative(model.file, report.root)}:{model.span.line}"
        console.print(Text.assemble((model.name, "bold cyan"), f"  {model.status}  ", (place, "dim")))
        if model.input:
            console.print(Text(f"  input  {model.input}", "dim"))
        graph, failure = model.graph, model.failure
        if graph is None:
            reason = failure.message if failure is not None else "it could not be traced"
            console.print(Text(f"  no costs: {reason}", "red"))
        elif failure is not None:
            console.print(Text(f"  stopped  {failure.kind}: {failure.message}", "red"))
        if graph is not None and compare:
            _write_compared(estimates, graph, console)
        elif graph is not None:
            for estimate in estimates:
                _write_one(estimate, graph, console)
        console.print()


def _write_one(estimate: Estimate, graph: Graph, console: Console) -> None:
    console.print()
    console.print(Text.assemble("  ", (estimate.target, "bold"), f", {estimate.kind}"))
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts(estimate, graph):
        if value != cells.UNKNOWN:
            grid.add_row(f"  {name}", value)
    console.print(grid)
    if estimate.parts:
        console.print()
        console.print(_kernels(estimate, graph))


def facts(estimate: Estimate, graph: Graph) -> Iterable[tuple[str, str]]:
    """What is said of a model on a target, the same of each so that they can stand side by side."""
    at = cells.UNKNOWN if estimate.peak_at is None else graph.by_key[estimate.peak_at].path or "the model itself"
    yield "latency", cells.time(estimate.latency_us)
    yield "within", _range(estimate)
    yield "cycles", cells.UNKNOWN if estimate.cycles is None else cells.count(round(estimate.cycles))
    yield "peak memory", cells.size(estimate.peak_memory_bytes)
    yield "at its peak", at
    yield "packed arena", cells.size(estimate.arena_bytes)
    yield "staged through SRAM", cells.size(estimate.staging_bytes)
    yield "weights", cells.size(estimate.weight_bytes)
    yield "energy", _energy(estimate.energy_uj)
    yield "a year", _yearly(estimate)
    yield "rests on", estimate.basis or cells.UNKNOWN
    yield "not counted", _uncounted(estimate, graph)
    yield "failed", estimate.failure or cells.UNKNOWN


def _range(estimate: Estimate) -> str:
    if estimate.low_us is not None and estimate.high_us is not None:
        return f"{cells.time(estimate.low_us)} to {cells.time(estimate.high_us)} (90 %)"
    return f"spread {percent(100 * estimate.spread)} (IQR)" if estimate.spread else cells.UNKNOWN


def _uncounted(estimate: Estimate, graph: Graph) -> str:
    names: dict[str, int] = {}
    for key in estimate.uncounted:
        name = graph.by_key[key].target
        names[name] = names.get(name, 0) + 1
    return ", ".join(f"{name} ({n})" for name, n in sorted(names.items())) or cells.UNKNOWN


def _energy(uj: float | None) -> str:
    """Of an inference: ``831 uJ, simulated``."""
    if uj is None:
        return cells.UNKNOWN
    return f"{uj / 1000:.3g} mJ, simulated" if uj >= 1000 else f"{uj:.3g} uJ, simulated"


def _yearly(estimate: Estimate) -> str:
    """What a million users draw: ``18,600 kWh, 1 M users, 100 a day each``."""
    year = estimate.kwh_a_year
    if year is None:
        return cells.UNKNOWN
    return f"{float(f'{year:.3g}'):,.6g} kWh, 1 M users, {estimate.inferences_a_day:g} a day each"


def _kernels(estimate: Estimate, graph: Graph) -> Table:
    """The costliest kernels, in the order of their cost."""
    ranked = sorted(estimate.parts, key=lambda part: -part.latency_us)
    total, largest = estimate.latency_us or 0.0, ranked[0].latency_us
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="dim")
    table.add_column("  layer", no_wrap=True)
    table.add_column("kernel", no_wrap=True, max_width=30)
    for name in ("MACs", "bytes", "latency", "90 %"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, style="cyan")
    table.add_column("share", justify="right", no_wrap=True)
    table.add_column("bound", no_wrap=True)
    for part in ranked[:TOP_KERNELS]:
        table.add_row(
            "  " + cells.shorten(layer(part.ops, graph), 32),
            ops(part.ops, graph) or part.kind,
            cells.count(part.macs) if part.macs != 0 else "",
            cells.size(part.bytes),
            cells.latency(part.latency_us, largest >= 100),
            _error(part),
            cells.bar(part.latency_us / largest, 8) if largest else "",
            cells.share(part.latency_us, total),
            remark(part),
        )
    rest = ranked[TOP_KERNELS:]
    if rest:
        part = sum(p.latency_us for p in rest)
        table.caption = f"{cells.plural(len(rest), 'more kernel')}: {cells.time(part)}, {cells.share(part, total)}"
        table.caption_justify = "right"
        table.caption_style = "dim"
    return table


def layer(keys: Sequence[int], graph: Graph) -> str:
    """The path of the layer that gives a kernel its name."""
    return (graph.by_key[keys[0]].path or "(model)") if keys else "(no layer)"


def ops(keys: Sequence[int], graph: Graph) -> str:
    """What runs as one: ``conv 3×3 + batch norm + relu6``."""
    return " + ".join(describe(graph.by_key[key], graph) for key in keys)


def _error(part: Part) -> str:
    """How far the latency may be off, the larger side: ``±4 %``."""
    if part.low_us is None or part.high_us is None or not part.latency_us:
        return ""
    off = max(part.high_us - part.latency_us, part.latency_us - part.low_us)
    return f"±{percent(100 * off / part.latency_us)}"


def remark(part: Part) -> str:
    """What limits a kernel, and what to know of its number."""
    said = [part.bound or ""]
    if part.outside:
        said.append("outside the training range")
    if part.simulated:
        said.append("simulated")
    return ", ".join(filter(None, said))


def _write_compared(estimates: Sequence[Estimate], graph: Graph, console: Console) -> None:
    console.print()
    table = _table_of(estimates, "", wide=20)
    columns = [dict(facts(estimate, graph)) for estimate in estimates]
    for name in columns[0]:
        if any(column[name] != cells.UNKNOWN for column in columns):
            table.add_row(f"  {name}", *(column[name] for column in columns))
    console.print(table)
    found = aligned(estimates)
    if not found:
        return
    console.print()
    table = _table_of(estimates, "  differ most, by share of the whole", wide=0)
    for piece in found[:TOP_KERNELS]:
        name = f"  {cells.shorten(layer(piece.ops, graph), 28)}  {cells.shorten(ops(piece.ops, graph), 30)}"
        table.add_row(name, *(_cell(us, e) for us, e in zip(piece.latency_us, estimates, strict=True)))
    console.print(table)


def _table_of(estimates: Sequence[Estimate], title: str, wide: int) -> Table:
    """A table with a column an estimate."""
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="dim")
    table.add_column(title, no_wrap=True, style="dim" if wide else "")
    for estimate in estimates:
        table.add_column(
            f"{estimate.target}\n{'truth: ' if estimate.truth else ''}{estimate.kind}",
            justify="right",
            min_width=wide,
            overflow="fold",
        )
    return table


def _cell(us: float | None, estimate: Estimate) -> str:
    return cells.UNKNOWN if us is None else f"{cells.time(us)}  {cells.share(us, estimate.latency_us or 0.0):>6}"
