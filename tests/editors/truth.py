"""What is true of the workspace's model, by the engine alone: what editors are held to.

All facts are texts; one that is about every layer, target or finding has a line for each.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable
from pathlib import Path

import torch

import advisor
from advisor.limits import judge, limits
from advisor.packs import pages
from advisor.report import ModelReport
from advisor.reports.cells import count, plural
from advisor.reports.layers import Row, rows
from advisor.rulepages import page
from advisor.targets import available, load
from advisor.units import margin, size, time

WIDE = "Block(32, 68)"
DEEP = "Block(68, 64)"
FIXED = "Block(32, 64)"


def facts(folder: Path) -> dict[str, str]:
    """Figures and messages of ``folder/net.py`` as they have to be shown; ``fixed…`` are those with the width fixed."""
    report, fixed = advisor.audit(folder / "net.py"), _fixed(folder)
    model = report.models[0]
    first, second = report.targets
    memory = next(f for f in model.findings if f.code == "MEM401")
    costs = model.costs[first]
    return {
        "targets": ",".join(report.targets),
        "codes": ",".join(sorted({f.code for f in model.findings})),
        "convolutionLine": str(memory.span.line),
        "latency": time(costs.latency_us),
        "latencyRange": time(costs.latency_us) + margin(costs.latency_us, costs.low_us, costs.high_us),
        "latencyOnSecond": time(model.costs[second].latency_us),
        "peak": size(costs.peak.bytes),
        "level": judge(limits(load(first)), costs.latency_us, costs.peak.bytes)[0],
        "convolutions": _convolutions(model, first),
        "fixedLatency": time(fixed.costs[first].latency_us),
        "fixedConvolutions": _convolutions(fixed, first),
        **_layers(model, first, second),
        **_findings(model, fixed, first),
        **_targets(first, second),
        "page": next(page(one) for one in pages() if one.code == "CHN101"),
        "versions": f"Python {platform.python_version()}, torch {torch.__version__}",
    }


def _layers(model: ModelReport, first: str, second: str) -> dict[str, str]:
    """A line for each layer, as the model view's table and the jumps from it have them."""
    found = rows(model)
    peak = model.costs[first].peak.op
    return {
        "layers": _lines(f"{row.path or '(no module)'} {row.label}" for row in found),
        "layerLatencies": _lines(_time(row, first) for row in found),
        "layerLatenciesOnSecond": _lines(_time(row, second) for row in found),
        "layerMemory": _lines(size(row.live_bytes or 0) for row in found),
        "layerParameters": _lines(count(row.params) for row in found),
        "layerMacs": _lines(count(row.macs) for row in found),
        "layerShapes": _lines(f"{_shape(row.inputs[0].shape)} {_shape(row.outputs[0].shape)}" for row in found),
        "layerLines": _lines(str(row.source.line if row.source else None) for row in found),
        "poolLine": next(str(row.source.line) for row in found if row.path == "pool" and row.source),
        "peakLayer": next(row.path for row in found if row.op.key == peak),
    }


def _findings(model: ModelReport, fixed: ModelReport, first: str) -> dict[str, str]:
    """The findings, and what the fix of the width would change."""
    width = next(f for f in model.findings if f.code == "CHN101" and f.target == first)
    before, after = model.costs[first], fixed.costs[first]
    saved = before.latency_us - after.latency_us
    changed = {path for path, *_ in _paths(model) ^ _paths(fixed)}
    return {
        "line": str(width.span.line),
        "width": width.message,
        "saves": time(saved),
        "title": f"Set width 68 → 64: saves {time(saved)} ({100 * saved / before.latency_us:.0f} %)",
        "messages": _lines(sorted(f"{f.code} {f.message}" for f in model.findings)),
        "difference": f"Latency {time(after.latency_us)} instead of {time(before.latency_us)}",
        "changed": plural(len(changed), "layer"),
    }


def _targets(first: str, second: str) -> dict[str, str]:
    """All targets as they are offered: the active one first, to compare with it the other in use."""
    known = sorted(map(load, available()), key=lambda target: target.name != first)
    others = sorted((target.name for target in known[1:]), key=lambda name: name != second)
    return {
        "described": _lines(f"{target.name} {target.dtype} {target.description}" for target in known),
        "comparable": _lines(others),
    }


def _fixed(folder: Path) -> ModelReport:
    """The model as the fix of the width leaves it, audited anew."""
    copy = folder.with_name(folder.name + "-fixed")
    copy.mkdir()
    for name in ("net.py", "pyproject.toml"):
        text = (folder / name).read_text(encoding="utf-8")
        (copy / name).write_text(text.replace(WIDE, FIXED).replace(DEEP, "Block(64, 64)"), encoding="utf-8")
    return advisor.audit(copy / "net.py").models[0]


def _convolutions(model: ModelReport, target: str) -> str:
    """What all convolutions take together."""
    assert model.graph is not None
    costs = model.costs[target].op_latency_us
    return time(sum(costs[op.key] or 0.0 for op in model.graph.ops if op.op == "conv"))


def _paths(model: ModelReport) -> set[tuple[object, ...]]:
    """What runs where."""
    return {(row.path, row.label, row.inputs, row.outputs, row.params) for row in rows(model)}


def _time(row: Row, target: str) -> str:
    us = row.latency_us[target]
    return "?" if us is None else time(us)


def _shape(dims: tuple[int, ...]) -> str:
    """Without the batch of one."""
    return "×".join(map(str, dims[1:]))


def _lines(texts: Iterable[str]) -> str:
    return "\n".join(texts)
