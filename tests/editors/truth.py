"""What is true of the workspace's model, by the engine alone: what editors are held to."""

from __future__ import annotations

from pathlib import Path

import advisor
from advisor.report import ModelReport, Report
from advisor.units import size, time

WIDE = "Block(32, 68)"
DEEP = "Block(68, 64)"
FIXED = "Block(32, 64)"


def facts(folder: Path) -> dict[str, str]:
    """Figures and messages of ``folder/net.py`` as they have to be shown; ``fixed…`` are those with the width fixed."""
    report, fixed = advisor.audit(folder / "net.py"), _fixed(folder)
    model = report.models[0]
    first, second = report.targets
    width = next(f for f in model.findings if f.code == "CHN101" and f.target == first)
    memory = next(f for f in model.findings if f.code == "MEM401")
    return {
        "targets": ",".join(report.targets),
        "codes": ",".join(sorted({f.code for f in model.findings})),
        "line": str(width.span.line),
        "convolutionLine": str(memory.span.line),
        "width": width.message,
        "latency": time(model.costs[first].latency_us),
        "latencyOnSecond": time(model.costs[second].latency_us),
        "peak": size(model.costs[first].peak.bytes),
        "convolutions": _convolutions(model, first),
        "saves": time(model.costs[first].latency_us - fixed.costs[first].latency_us),
        "fixedLatency": time(fixed.costs[first].latency_us),
        "fixedConvolutions": _convolutions(fixed, first),
    }


def _fixed(folder: Path) -> ModelReport:
    """The model as the fix of the width leaves it, audited anew."""
    copy = folder.with_name(folder.name + "-fixed")
    copy.mkdir()
    for name in ("net.py", "pyproject.toml"):
        text = (folder / name).read_text(encoding="utf-8")
        (copy / name).write_text(text.replace(WIDE, FIXED).replace(DEEP, "Block(64, 64)"), encoding="utf-8")
    report: Report = advisor.audit(copy / "net.py")
    return report.models[0]


def _convolutions(model: ModelReport, target: str) -> str:
    """What all convolutions take together."""
    assert model.graph is not None
    costs = model.costs[target].op_latency_us
    return time(sum(costs[op.key] or 0.0 for op in model.graph.ops if op.op == "conv"))
