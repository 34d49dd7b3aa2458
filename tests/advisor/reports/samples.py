"""A report made by hand: a costed MobileNetV2 with findings, a model that failed, and a file that could not be read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from advisor import targets
from advisor.estimator import SIMULATED
from advisor.findings import Finding, Related
from advisor.graph import Graph, Module, Span
from advisor.report import Failure, FileReport, ModelReport, Report
from tests.graphs import GraphBuilder, mobilenet_v2

SOURCE = "import torch\n\nwidth = 60  # Größe\nclass Net(torch.nn.Module):\n    pass\n"


def with_sites(graph: Graph, file: str) -> Graph:
    """``graph`` whose modules were each created on a line of their own in ``file``."""
    modules = {
        path: Module(path, m.type, (Span(file, 10 + i, 5, 10 + i, 30),))
        for i, (path, m) in enumerate(graph.modules.items())
    }
    return Graph(graph.ops, graph.tensors, modules, graph.inputs, graph.outputs)


def unknown_op_graph() -> Graph:
    """A convolution, then an operator that no cost model knows."""
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 8, 8)), 4, 3)
    b.op("other", [x], (1, 4, 8, 8), target="torch.special.frobnicate", fn="frobnicate")
    return b.build()


def costed(model: ModelReport, *names: str) -> ModelReport:
    """``model`` with the shipped cost model's figures on the named targets."""
    assert model.graph is not None
    costs = {name: SIMULATED.estimate(model.graph, targets.load(name)) for name in names}
    return replace(model, costs=costs, together_us={name: c.latency_us / 4 for name, c in costs.items()})


def report(root: Path, *names: str) -> Report:
    """The sample under ``root`` (where its file is written) on the named targets (default npu-64)."""
    names = names or ("npu-64",)
    file = root / "models" / "größe net.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(SOURCE, encoding="utf-8")
    net = costed(
        ModelReport(
            name="Net",
            file=str(file),
            kind="class",
            span=Span(str(file), 4, 1, 5, 9),
            status="ok",
            rung="fx-meta",
            construct="Net(width=60)  # call site, train.py:12",
            input="(1, 3, 224, 224) float32  # literal, line 80",
            graph=with_sites(mobilenet_v2(), str(file)),
        ),
        *names,
    )
    gain = net.costs[names[0]].latency_us * 0.06
    net.findings = [
        Finding(
            "CHN101",
            f"60 channels waste 6 % of {names[0]}: 64 costs the same, 56 saves 6 %",
            Span(str(file), 3, 9, 3, 11),
            model="Net",
            target=names[0],
            gain_us=gain,
            gain_percent=6.0,
            label="simulated",
            move={"kind": "set-width", "group": 3, "width": 56},
            related=[Related(Span(str(file), 4, 1, 4, 10), "built here")],
            layers=["features.0"],
        ),
        Finding("MEM401", "peak <100%, over> budget:\nnow", Span(str(file), 4, 1, 5, 9), "Net", names[0]),
    ]
    odd = costed(
        ModelReport(
            "odd", str(file), "factory", Span(str(file), 3, 1, 3, 6), "partial", "hooks", graph=unknown_op_graph()
        ),
        *names,
    )
    failed = ModelReport(
        "Broken",
        str(file),
        "class",
        Span(str(file), 4, 1, 5, 9),
        "failed",
        failure=Failure("TypeError", "missing <cfg>", Span(str(file), 5, 5, 5, 9)),
    )
    other = root / "bad.py"
    unread = FileReport(
        str(other), findings=[Finding("TRC901", "not Python", Span(str(other), 1, 1, 1, 1), severity="error")]
    )
    return Report(str(root), names, [FileReport(str(file), [net, odd, failed], notes=["Loss is not audited"]), unread])
