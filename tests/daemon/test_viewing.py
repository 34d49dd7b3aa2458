"""Layers stand at the source places that a person reads and edits."""

from dataclasses import replace

import pytest
from msgpack import packb, unpackb

from advisor.daemon.view import View, Width, digest
from advisor.daemon.viewing import view
from advisor.findings import Finding
from advisor.graph import Graph, Module, Op, Span
from advisor.numbers import Literal, Numbers, Step
from advisor.report import FileReport, ModelReport
from tests.advisor.reports.samples import SOURCE, costed, report
from tests.graphs import GraphBuilder

FILE, HELPER = "/project/net.py", "/project/blocks.py"


def span(line: int, file: str = FILE) -> Span:
    return Span(file, line, 5, line, 30)


def model(name: str, created: dict[str, tuple[Span, ...]], called: dict[str, Span], calls: int = 1) -> ModelReport:
    """A chain of convolutions, one a path of ``created``, each run ``calls`` times."""
    b = GraphBuilder()
    x = b.input((1, 4, 8, 8))
    for path in created:
        for _ in range(calls):
            x = b.conv(x, 4, 3, path=path)
    made = b.build()
    for op in made.ops:
        op.call = called.get(op.path)
    modules = {p: Module(p, m.type, created.get(p, ())) for p, m in made.modules.items()}
    graph = Graph(made.ops, made.tensors, modules, made.inputs, made.outputs)
    report = ModelReport(name, FILE, "class", span(1), "ok", "fx-meta", graph=graph)
    return costed(report, "npu-64", "cpu-x86")


def places(*models: ModelReport):
    made = view(FileReport(FILE, list(models)), "", ["npu-64", "cpu-x86"], "traced")
    return {(p.span, p.created): p for p in made.places}


def test_a_layer_stands_where_it_is_created_and_where_it_is_called():
    found = places(model("Net", {"a": (span(3), span(9))}, {"a": span(6)}))
    assert set(found) == {(span(3), True), (span(6), False)}
    made, called = found[span(3), True], found[span(6), False]
    assert made.origin == [span(9)]
    assert called.origin == [span(3), span(9)]
    (layer,) = made.instances
    assert called.instances == [layer]
    assert (layer.model, layer.path, layer.label) == ("Net", "a", "conv 3×3")
    assert (layer.inputs, layer.output, layer.dtype) == ([[1, 4, 8, 8]], [1, 4, 8, 8], "float32")
    assert (layer.params, layer.macs) == (4 * 4 * 9, 4 * 4 * 9 * 64)
    assert set(layer.latency_us) == {"npu-64", "cpu-x86"} and layer.latency_us["npu-64"]


def test_a_predicted_layer_says_how_certain_it_is():
    report = model("Net", {"a": (span(3),)}, {})
    costs = report.costs["npu-64"]
    kernels = [replace(k, low_us=0.9 * k.latency_us, high_us=1.2 * k.latency_us) for k in costs.kernels]
    report.costs["npu-64"] = replace(costs, label="predicted", kernels=tuple(kernels))
    (layer,) = places(report)[span(3), True].instances
    assert layer.within == {"npu-64": pytest.approx([0.9, 1.2])}, "nobody knows how far off the simulated one is"


def test_a_place_has_its_layers_of_all_models_and_calls():
    created = {"a": (span(3),)}
    found = places(model("One", created, {}, calls=2), model("Two", created, {}))
    (place,) = found.values()
    assert [i.model for i in place.instances] == ["One", "One", "Two"]


def test_a_layer_that_a_helper_elsewhere_creates_stands_at_the_call_of_the_helper():
    chain = (span(40, HELPER), span(3), span(9))
    found = places(model("Net", {"a": chain}, {"a": span(50, HELPER)}))
    assert set(found) == {(span(3), True)}
    assert found[span(3), True].origin == [span(40, HELPER), span(9)]


def test_a_layer_of_another_file_stands_nowhere_here():
    assert not places(model("Net", {"a": (span(40, HELPER),)}, {"a": span(50, HELPER)}))


def test_a_function_stands_at_its_call_only():
    report = model("Net", {"a": (span(3),)}, {})
    assert report.graph is not None
    last = report.graph.ops[-1]
    relu = Op(99, "activation", "torch.relu", {"fn": "relu"}, last.outputs, last.outputs, {}, "", False, span(7))
    report.graph = report.graph.replace(ops=[relu])
    assert set(places(report)) == {(span(7), False)}


def test_places_come_in_the_order_of_the_source():
    found = places(model("Net", {"a": (span(8),), "b": (span(3),)}, {"a": span(5), "b": span(3)}))
    assert list(found) == [(span(3), False), (span(3), True), (span(5), False), (span(8), True)]


def test_models_have_their_totals_and_the_view_all_findings(tmp_path):
    file = report(tmp_path).files[0]
    elsewhere = Finding("CHN101", "in a helper", span(4, HELPER), "Net", "npu-64")
    file.models[0].findings.append(elsewhere)
    file.findings.append(Finding("SUP002", "silences nothing", span(2)))
    file.models[1].notes.append("traced by hooks")
    made = view(file, SOURCE, ["npu-64"], "traced")
    net, odd, broken = made.models
    costs = file.models[0].costs["npu-64"]
    totals = net.totals["npu-64"]
    assert (totals.latency_us, totals.peak_bytes, totals.label) == (costs.latency_us, costs.peak.bytes, "simulated")
    assert totals.together_us == pytest.approx(costs.latency_us / 4)
    assert (net.findings, net.status, net.rung) == (3, "ok", "fx-meta")
    assert (odd.totals["npu-64"].uncounted, odd.status) == (1, "partial")
    assert (broken.totals, broken.status, broken.rung) == ({}, "failed", None)
    assert made.findings == [*file.findings, *file.models[0].findings] and elsewhere in made.findings
    assert made.notes == ["Loss is not audited", "odd: traced by hooks"]
    assert (made.path, made.content, made.targets) == (file.file, digest(SOURCE), ["npu-64"])


ROWS = """\
class Net(nn.Module):
    def __init__(self, expand=6):
        for t, c in [(1, 16), (6, 24)]:
            self.stages.append(Block(c, t))
"""


def test_a_width_comes_from_the_literal_that_carries_it_where_numbers_were_followed():
    report = model("Net", {"a": (span(3),), "b": (span(4),)}, {})
    graph = report.graph
    assert graph is not None
    row = Literal(Span(FILE, 3, 35, 3, 37), 24)
    steps = (Step("literal", 24, (0,)), Step("constant", 6), Step("mul", 144, (0, 1)), Step("mul", 36, (0, 1)))
    numbers = Numbers((row,), steps, {"a": {"out_channels": 0, "in_channels": 2}, "b": {"out_channels": 3}})
    shapes = {op.path: (op.inputs[0], op.outputs[0]) for op in graph.ops}
    tensors = dict(graph.tensors)
    for tensor, channels in ((shapes["a"][0], 144), (shapes["a"][1], 24), (shapes["b"][1], 36)):
        tensors[tensor] = tensors[tensor]._replace(shape=(1, channels, 8, 8))
    report.graph = Graph(graph.ops, tensors, graph.modules, graph.inputs, graph.outputs, numbers=numbers)
    made = view(FileReport(FILE, [report]), ROWS, ["npu-64"], "traced", lambda _: ())
    found = {p.span.line: {w.number: w for w in p.widths} for p in made.places}
    assert found[3][24] == Width(24, row.span, "(6, 24)", "second item")
    assert found[3][144] == Width(144, row.span, "(6, 24)", "second item × 6")
    assert found[4][36] == Width(36, row.span, "(6, 24)", "worked out from its 24")
    assert found[4][24].call == "", "what b takes was not followed: the call decides it"
    assert View.from_plain(unpackb(packb(made.to_plain()))) == made
