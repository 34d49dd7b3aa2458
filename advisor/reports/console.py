"""The report for a terminal: per model what it is, its costliest layers, and what to change. Plain text when piped."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from ..findings import Finding
from ..report import FileReport, ModelReport, Report
from ..units import time
from ..zeroshot.words import summary
from . import cells
from .layers import Row, relative, rows
from .note import note
from .totals import doubts, together, totals, uncounted

WIDTH = 100
TOP_LAYERS = 8
BAR = 8
LINE_WIDTH, FILE_WIDTH, PATH_WIDTH = 4, 12, 12
"""Characters of a line's number, the most of another file's name before it, the least that a layer's path gets."""
STATUS_STYLE = {"ok": "green", "partial": "yellow", "failed": "red"}
SEVERITY_STYLE = {"error": "bold red", "warning": "bold yellow", "information": "bold cyan"}


def render(report: Report) -> str:
    """The report as plain text of :data:`WIDTH` columns; a finding is one line, however long, for grep's sake."""
    return plain(lambda console: write(report, console), WIDTH)


def plain(write: Callable[[Console], None], width: int) -> str:
    """What ``write`` prints to a console of ``width`` columns, as text without colours and blanks at line ends."""
    console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=False)
    with console.capture() as capture:
        write(console)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def write(report: Report, console: Console) -> None:
    """Print the report to ``console``, whose width and colours decide how it looks."""
    for file in report.files:
        if file.models or file.findings or file.notes:
            console.print(_file(file, report), crop=False)
    console.print(_summary(report), crop=False)


def _file(file: FileReport, report: Report) -> RenderableType:
    parts: list[RenderableType] = [Rule(Text(relative(file.file, report.root), "bold"), align="left", style="dim")]
    parts += [_model(m, report) for m in file.models]
    parts += [Text(note, "dim") for note in file.notes]
    if file.findings:
        parts += [_findings(file.findings, report), Text()]
    return Group(*parts)


def _model(model: ModelReport, report: Report) -> RenderableType:
    parts: list[RenderableType] = [header(model, report)]
    table = top_layers(model, report)
    if table is not None:
        parts += [Text(), table]
    if model.findings:
        parts += [Text(), _findings(model.findings, report)]
    return Group(*parts, *_together(model), Text())


def header(model: ModelReport, report: Report) -> RenderableType:
    """What the model is: name, status, how it was built and called, totals on each target, what is missing."""
    head = Text.assemble((model.name, "bold cyan"), "  ", (model.status, STATUS_STYLE.get(model.status, "")))
    if model.rung:
        head.append(f"  traced by {model.rung}", "dim")
    here = f"{relative(model.file, report.root)}:"
    facts = [
        ("built as", model.construct.replace(here, "line "), ""),
        ("input", model.input.replace(here, "line "), ""),
    ]
    facts += [(target, totals(costs), "") for target, costs in model.costs.items()]
    if model.failure is not None:
        place = f" at {_where(model.failure.span, report)}" if model.failure.span else ""
        facts.append(("stopped", f"{model.failure.kind}: {model.failure.message}{place}", "red"))
    facts += [("uncounted", text, "yellow") for text in uncounted(model)]
    facts += [("uncertain", text, "dim") for text in doubts(model)]
    if model.graph is not None and model.graph.facts is not None:
        facts.append(("zero-shot", summary(model.graph.facts), ""))
    facts += [("note", note, "dim") for note in model.notes]
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for label, value, style in facts:
        if value:
            grid.add_row(Text(label), Text(value, style))
    return Group(head, Padding(grid, (0, 0, 0, 2)))


def top_layers(model: ModelReport, report: Report) -> Table | None:
    """The costliest layers on the first target, in the order of their cost."""
    target = next(iter(model.costs), None)
    if target is None:
        return None
    ranked = sorted((r for r in rows(model) if r.latency_us[target]), key=lambda r: -(r.latency_us[target] or 0.0))
    if not ranked:
        return None
    table = layer_table(model, ranked[:TOP_LAYERS], report, target)
    rest = ranked[TOP_LAYERS:]
    if rest:
        part = sum(r.latency_us[target] or 0.0 for r in rest)
        of_total = cells.share(part, model.costs[target].latency_us)
        table.caption = f"{cells.plural(len(rest), 'more layer')}: {time(part)}, {of_total}"
        table.caption_justify = "right"
        table.caption_style = "dim"
    return table


def layer_table(
    model: ModelReport, shown: Sequence[Row], report: Report, target: str | None, *, wide: bool = False
) -> Table:
    """A table of ``shown``; latencies, bars and shares are on ``target``. ``wide`` adds parameters and memory."""
    total = model.costs[target].latency_us if target else 0.0
    largest = max((r.latency_us[target] or 0.0 for r in shown), default=0.0) if target else 0.0
    in_ms = largest >= 100
    places = [_source(row, model, report) for row in shown]
    beside = max(map(len, places), default=0) - LINE_WIDTH
    path_width = max((40 if wide else 24) - max(beside, 0), PATH_WIDTH)  # else figures would be cut off
    bar_width = BAR if beside <= 0 else BAR // 2
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="dim", expand=False)
    table.add_column("line", justify="right", no_wrap=True)
    table.add_column("layer", no_wrap=True)
    table.add_column("op", no_wrap=True, max_width=24 if wide else 16)
    for name in ("output", *(("params",) if wide else ()), "MACs", *(("live", "weights Σ") if wide else ()), "latency"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, style="cyan")
    table.add_column("share", justify="right", no_wrap=True)
    for row, place in zip(shown, places, strict=True):
        us = row.latency_us[target] if target else None
        table.add_row(
            place,
            cells.shorten(row.path or "(model)", path_width),
            row.label,
            cells.shape(row.outputs[0].shape) if row.outputs else cells.UNKNOWN,
            *((cells.count(row.params) if row.params else "",) if wide else ()),
            "" if row.macs == 0 else cells.count(row.macs),
            *((cells.size(row.live_bytes), cells.size(row.weights_bytes)) if wide else ()),
            cells.latency(us, in_ms),
            cells.bar((us or 0.0) / largest, bar_width) if largest else "",
            cells.share(us, total),
        )
    return table


def _source(row: Row, model: ModelReport, report: Report) -> str:
    """The innermost line in the model's own file that made the layer; of a layer made elsewhere, file and line."""
    graph = model.graph
    created = graph.modules[row.op.path].created if graph and row.op.module and row.op.path in graph.modules else ()
    place = next((s for s in (row.source, *created) if s is not None and s.file == model.file), row.source)
    if place is None:
        return cells.UNKNOWN
    if place.file == model.file:
        return str(place.line)
    return f"{cells.shorten(relative(place.file, report.root).rpartition('/')[2], FILE_WIDTH)}:{place.line}"


def _findings(findings: Iterable[Finding], report: Report) -> RenderableType:
    return Group(*(part for f in findings for part in (Line(_finding(f, report)), *_fix(f))))


class Line:
    """A text that wraps on a terminal and stays one line elsewhere."""

    def __init__(self, text: Text) -> None:
        self.text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        if not console.is_terminal:
            self.text.no_wrap, self.text.overflow = True, "ignore"
        yield self.text


def _finding(finding: Finding, report: Report) -> Text:
    text = Text.assemble(
        (_where(finding.span, report), "bold"),
        " ",
        (finding.code, SEVERITY_STYLE.get(finding.severity, "")),
        " ",
        " ".join(finding.message.split()),
    )
    extra = note(finding, several=len(report.targets) > 1)
    if extra:
        text.append(f"  [{extra}]", "dim" if finding.overlaps else "green")
    return text


def _fix(finding: Finding) -> list[RenderableType]:
    """What would mend a finding, where somebody asked: the lines that a fix edits, or why there is none."""
    if finding.fix is None:
        return [Text(f"    no fix: {finding.unfixed}", "dim")] if finding.unfixed else []
    fix = finding.fix
    head = f"    fix ({fix.applicability}): {fix.title}" + (f"; {fix.note}" if fix.note else "")
    places = (f"{Path(e.span.file).name}:{e.span.line}:{e.span.column} → {' '.join(e.text.split())}" for e in fix.edits)
    return [Text(head, "cyan"), *(Text(f"      {place}", "dim") for place in places)]


def _where(span: tuple[str, int, int, int, int], report: Report) -> str:
    return f"{relative(span[0], report.root)}:{span[1]}:{span[2]}"


def _together(model: ModelReport) -> list[RenderableType]:
    return [Text.assemble("all compatible findings together: ", (a, "bold green"), b) for a, b in together(model)]


def _summary(report: Report) -> RenderableType:
    findings = sum(1 for _ in report.findings())
    models = report.models
    traced = sum(m.status == "ok" for m in models)
    return Text.assemble(
        (cells.plural(findings, "finding"), "bold yellow" if findings else "bold green"),
        f" in {cells.plural(len(models), 'model')} ({traced} traced in full)",
        f" of {cells.plural(len(report.files), 'file')}, for {', '.join(report.targets)}",
    )
