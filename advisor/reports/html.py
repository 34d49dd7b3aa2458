"""The report for a notebook: one self-contained block of HTML, without scripts."""

from __future__ import annotations

from html import escape

from ..findings import Finding
from ..report import FileReport, ModelReport, Report
from . import cells
from .layers import Row, relative, rows
from .note import note
from .totals import doubts, together, totals, uncounted

_STYLE = """<style>
.advisor { font: 13px/1.5 system-ui, sans-serif; }
.advisor table { border-collapse: collapse; margin: .4em 0; }
.advisor th, .advisor td { text-align: right; padding: 1px 8px; border: 0; white-space: nowrap; }
.advisor th:nth-child(2), .advisor td:nth-child(2), .advisor th:nth-child(3), .advisor td:nth-child(3)
  { text-align: left; }
.advisor .bar { background: #0e7490; height: .8em; display: inline-block; }
.advisor .dim { opacity: .65; }
.advisor code { font-weight: 600; }
</style>"""


def render(report: Report) -> str:
    """The report as an HTML fragment; every text that comes from user code is escaped."""
    body = "".join(_file(f, report) for f in report.files)
    return f'{_STYLE}<div class="advisor">{body}</div>'


def _file(file: FileReport, report: Report) -> str:
    name = escape(relative(file.file, report.root))
    models = "".join(_model(m, report) for m in file.models)
    return f"<h4>{name}</h4>{models}{_findings(file.findings, report)}"


def _model(model: ModelReport, report: Report) -> str:
    facts = [f"{model.status}, traced by {model.rung}" if model.rung else model.status, model.construct, model.input]
    facts += [f"{target}: {totals(costs)}" for target, costs in model.costs.items()]
    facts += uncounted(model) + doubts(model)
    if model.failure is not None:
        facts.append(f"{model.failure.kind}: {model.failure.message}")
    facts += model.notes
    lines = "<br>".join(escape(fact) for fact in facts if fact)
    all_of_it = "".join(
        f"<p>all compatible findings together: <b>{escape(change)}</b>{escape(rest)}</p>"
        for change, rest in together(model)
    )
    return (
        f'<details open><summary><b>{escape(model.name)}</b></summary><div class="dim">{lines}</div>'
        f"{_layers(model)}{_findings(model.findings, report)}{all_of_it}</details>"
    )


def _layers(model: ModelReport) -> str:
    target = next(iter(model.costs), None)
    if target is None:
        return ""
    table = rows(model)
    largest = max((r.latency_us[target] or 0.0 for r in table), default=0.0)
    total = model.costs[target].latency_us
    head = "<tr><th>line</th><th>layer</th><th>op</th><th>output</th><th>params</th><th>MACs</th><th>latency</th>"
    body = "".join(_row(r, target, largest, total) for r in table)
    summary = f"<summary>{cells.plural(len(table), 'layer')}</summary>"
    return f"<details>{summary}<table>{head}<th></th><th>share</th></tr>{body}</table></details>"


def _row(row: Row, target: str, largest: float, total: float) -> str:
    us = row.latency_us[target]
    width = round(80 * (us or 0.0) / largest) if largest else 0
    texts = (
        str(row.source.line) if row.source else cells.UNKNOWN,
        row.path,
        row.label,
        cells.shape(row.outputs[0].shape) if row.outputs else cells.UNKNOWN,
        cells.count(row.params),
        cells.count(row.macs),
        cells.time(us),
    )
    columns = "".join(f"<td>{escape(t)}</td>" for t in texts)
    bar = f'<td style="text-align:left"><span class="bar" style="width:{width}px"></span></td>'
    return f"<tr>{columns}{bar}<td>{cells.share(us, total)}</td></tr>"


def _findings(findings: list[Finding], report: Report) -> str:
    return "".join(_finding(f, report) for f in findings)


def _finding(finding: Finding, report: Report) -> str:
    place = f"{relative(finding.span.file, report.root)}:{finding.span.line}:{finding.span.column}"
    extra = note(finding, several=len(report.targets) > 1)
    return (
        f"<div>{escape(place)} <code>{escape(finding.code)}</code> {escape(finding.message)}"
        f"{f' <b>[{escape(extra)}]</b>' if extra else ''}</div>"
    )
