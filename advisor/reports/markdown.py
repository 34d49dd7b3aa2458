"""The report as Markdown: what each model costs, the costliest first, then the findings file by file.

Places are links with absolute paths: the page is read from a cache, a mail or an issue.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..costs import Costs
from ..findings import Finding
from ..graph import Span
from ..report import ModelReport, Report
from ..units import margin, time
from . import cells
from .layers import relative
from .note import note
from .totals import together

_CODE = re.compile(r"(`[^`]*`)")
_SPECIAL = re.compile(r"[*<`]|(?<![^\W_])_+|_+(?![^\W_])|\\(?=\W)|\](?=\()")
"""What begins something in Markdown; underscores do at the edges of words."""


def escape(text: str) -> str:
    """``text`` so that Markdown shows it as it is; what stands between backticks stays code."""
    parts = _CODE.split(text)
    return "".join(part if i % 2 else _SPECIAL.sub(_escaped, part) for i, part in enumerate(parts))


def _escaped(match: re.Match[str]) -> str:
    return "".join(f"\\{character}" for character in match[0])


def table(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """``rows``, the first of them the head, whose cells are ready; the columns ``right`` are aligned right."""
    head, *body = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    rule = ["--:" if n in right else "---" for n in range(len(head))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *body))


def render(report: Report) -> str:
    """The whole page."""
    found = list(report.findings())
    name = Path(report.root).name or report.root
    counts = (
        cells.plural(len(report.files), "file"),
        cells.plural(len(report.models), "model"),
        cells.plural(len(found), "finding"),
    )
    targets = f" on {', '.join(report.targets)}" if report.targets else ""
    blocks = [f"# Audit of {escape(name)}", f"{', '.join(counts)}{targets}."]
    if report.models:
        blocks += ["## Models", _models(report)]
    if found:
        blocks += ["## Findings", _codes(found), *_files(report)]
    return "\n\n".join(blocks) + "\n"


# ---- models


def _models(report: Report) -> str:
    head = ("model", "target", "latency", "peak memory", "params", "MACs", "findings", "all findings together")
    rows = sorted(_rows(report), key=lambda row: -row[0])
    return table([head, *(cells_ for _, cells_ in rows)], right=(2, 3, 4, 5, 6))


def _rows(report: Report) -> Iterator[tuple[float, tuple[str, ...]]]:
    """Each model on each target with its latency to sort by; one without costs stands at the end, with the reason."""
    for model in report.models:
        name = f"{_link(model.name, model.span)} {escape(relative(model.file, report.root))}"
        count = str(len(model.findings))
        if not model.costs:
            yield -1.0, (name, cells.UNKNOWN, _reason(model), *[cells.UNKNOWN] * 3, count, "")
        saved = {rest.partition(" on ")[2].partition(",")[0]: change for change, rest in together(model)}
        for target, costs in model.costs.items():
            part = "" if model.status == "ok" else f" (up to there: {_reason(model)})"
            yield (
                costs.latency_us,
                (
                    name,
                    target,
                    _latency(costs) + part,
                    cells.size(costs.peak.bytes),
                    cells.count(costs.params),
                    cells.count(costs.macs),
                    count,
                    saved.get(target, ""),
                ),
            )


def _latency(costs: Costs) -> str:
    if costs.uncounted and not costs.latency_us:
        return cells.UNKNOWN
    lacks = f" + {len(costs.uncounted)} uncounted" if costs.uncounted else ""
    return f"{time(costs.latency_us)}{margin(costs.latency_us, costs.low_us, costs.high_us)}{lacks} {costs.label}"


def _reason(model: ModelReport) -> str:
    """Why a model was not run to its end."""
    if model.failure is None:
        return "read from the source only" if model.rung == "static" else model.status
    said = " ".join(f"{model.failure.kind}: {model.failure.message}".split())
    return escape(said if len(said) <= 100 else f"{said[:99]}…")


# ---- findings


def _codes(found: Sequence[Finding]) -> str:
    """How often each code was found, the most frequent first."""
    counted = Counter(finding.code for finding in found)
    return table([("code", "findings"), *((code, str(n)) for code, n in counted.most_common())], right=(1,))


def _files(report: Report) -> Iterator[str]:
    several = len(report.targets) > 1
    for file in report.files:
        found = [*file.findings, *(f for model in file.models for f in model.findings)]
        if found:
            yield f"### {escape(relative(file.file, report.root))}"
            found.sort(key=lambda f: (f.span.file != file.file, f.span.file, f.span.line))
            yield "\n".join(_finding(f, file.file, several) for f in found)


def _finding(finding: Finding, file: str, several: bool) -> str:
    span = finding.span
    where = f"line {span.line}" if span.file == file else f"{Path(span.file).name}:{span.line}"
    model = f" {escape(finding.model)}:" if finding.model else ""
    extra = note(finding, several)
    message = " ".join(f"{finding.message}{f' [{extra}]' if extra else ''}".split())
    return f"- {_link(where, span)} **{finding.code}**{model} {escape(message)}"


def _link(text: str, span: Span) -> str:
    """A link to a place; the text alone for what is no file."""
    path = Path(span.file)
    return f"[{escape(text)}]({path.as_uri()}#L{span.line})" if path.is_absolute() else escape(text)
