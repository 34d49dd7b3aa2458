"""A model layer by layer: sums, places and limits are right, and so is what a move makes of it."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgpack import packb, unpackb

from advisor.channels import analyse
from advisor.daemon.jobparams import Params, ParamsError
from advisor.daemon.jobs import Jobs
from advisor.daemon.layered import Layered
from advisor.daemon.modeljob import Asked, layered
from advisor.engine import EngineError
from advisor.graph import Graph, Span
from advisor.moves import MergeLinear, RemoveBias, SetWidth, find_mergeable
from advisor.plan import Plan, Plans, cost
from advisor.report import FileReport, ModelReport
from advisor.targets import Target, TargetError
from tests.advisor.reports.samples import unknown_op_graph, with_sites
from tests.graphs import GraphBuilder, mobilenet_v2

FILE = "/project/net.py"


def plan(folder: Path, *targets: str, **overrides: Any) -> Plan:
    return Plans({"targets": list(targets or ("npu-64",)), **overrides}, folder).of(folder)


def report(graph: Graph | None, **fields: Any) -> FileReport:
    told = {"status": "ok", "rung": "fx-meta", **fields}
    return FileReport(FILE, [ModelReport("Net", FILE, "class", Span(FILE, 1, 1, 1, 4), graph=graph, **told)])


def shown(plan: Plan, graph: Graph | None, go_on=lambda: None, model: dict[str, Any] | None = None, **asked: Any):
    """As it comes out at the other end of a pipe."""
    made = layered(plan, report(graph, **(model or {})), Asked("Net", **asked), go_on)
    return Layered.from_plain(unpackb(packb(made.to_plain())))


def wide() -> tuple[Graph, int]:
    """Three convolutions, of which the middle one is too wide by one, and the group of its channels."""
    b = GraphBuilder()
    x = b.act(b.conv(b.input((1, 3, 32, 32)), 32, 3, path="stem"), path="act")
    x = b.conv(b.conv(x, 65, 3, path="wide"), 64, 3, path="head")
    graph = b.build(b.global_pool(x))
    op = next(op for op in graph.ops if op.path == "wide")
    group = analyse(graph).group_of(op.key)
    assert group is not None and group.width == 65
    return graph, group.key


def test_sums_over_the_layers_are_the_models(tmp_path):
    found = shown(plan(tmp_path), mobilenet_v2(), compare="cpu-x86")
    assert found.shown == ["npu-64", "cpu-x86"]
    layers = found.now.layers
    for number, target in enumerate(found.shown):
        total = found.now.totals[target]
        assert total.latency_us > 0
        summed = sum(layer.latency_us[number] or 0.0 for layer in layers)
        assert summed == pytest.approx(total.latency_us, abs=1e-4 * len(layers))
        assert sum(layer.params for layer in layers) == total.params
        assert sum(layer.macs or 0 for layer in layers) == total.macs


def test_the_peak_is_the_layer_with_most_alive_on_the_first_target(tmp_path):
    for target, other in (("npu-64", "cpu-x86"), ("cpu-x86", "npu-64"), ("ethos-u85-1024", "npu-64")):
        found = shown(plan(tmp_path), mobilenet_v2(), target=target, compare=other)
        assert found.now.peak is not None
        alive = [layer.live_bytes for layer in found.now.layers]
        assert alive[found.now.peak] == max(alive) == found.now.totals[target].peak_bytes


def test_targets_need_not_be_those_of_the_settings(tmp_path):
    settings = plan(tmp_path, "npu-64", "cpu-x86")
    found = shown(settings, mobilenet_v2(), target="ethos-u55-128", compare="cpu-x86")
    assert (found.used, found.shown) == (["npu-64", "cpu-x86"], ["ethos-u55-128", "cpu-x86"])
    assert shown(settings, mobilenet_v2()).shown == ["npu-64"]
    assert shown(settings, mobilenet_v2(), compare="npu-64").shown == ["npu-64"], "nothing to compare with"
    with pytest.raises(TargetError, match=r"no target named 'ethos-u55-182'.*ethos-u55-128"):
        shown(settings, mobilenet_v2(), compare="ethos-u55-182")


def test_what_nobody_knows_is_none(tmp_path):
    found = shown(plan(tmp_path), unknown_op_graph(), compare="cpu-x86")
    conv, odd = found.now.layers
    assert all(conv.latency_us) and conv.macs
    assert (odd.label, odd.latency_us, odd.macs) == ("frobnicate", [None, None], None)
    assert {total.uncounted for total in found.now.totals.values()} == {1}


def test_layers_know_their_places_and_findings(tmp_path):
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 8, 8)), 4, 3, path="first")
    for _ in range(2):
        x = b.conv(x, 4, 3, path="again")
    graph = with_sites(b.build(b.add(x, x)), FILE)
    about = {"a": ["again"], "f": ["first", "gone"], "top": [graph.ops[-1].target]}
    found = shown(plan(tmp_path), graph, findings=about)
    assert [layer.path for layer in found.now.layers] == ["first", "again", "again", ""]
    assert found.findings == {"a": [1, 2], "f": [0], "top": [3]}
    places = [None if layer.site is None else found.sites[layer.site] for layer in found.now.layers]
    assert places == [graph.site(op) for op in graph.ops] and places[1] == places[2] != places[0]
    assert len(found.sites) == 2
    assert (found.now.layers[0].inputs, found.now.layers[0].output) == ([[1, 3, 8, 8]], [1, 4, 8, 8])


def test_the_limit_of_the_memory_is_the_budget_or_the_targets_own(tmp_path):
    assert shown(plan(tmp_path, memory_budget=1000), mobilenet_v2()).limit == (1000, "budget")
    settings = plan(tmp_path)
    limits = settings.limits(settings.targets[0]).memory
    assert shown(settings, mobilenet_v2(32)).limit == (min(limit.bytes for limit in limits), "target")
    assert shown(plan(tmp_path, "cpu-x86"), mobilenet_v2()).limit is None


def test_a_move_is_shown_as_the_moved_graph_alone_would_be(tmp_path):
    graph, group = wide()
    settings = plan(tmp_path)
    move = SetWidth(group, 64)
    found = shown(settings, graph, compare="ethos-u85-1024", move=move.to_plain())
    moved = shown(settings, move.apply(graph), compare="ethos-u85-1024")
    assert found.then == moved.now
    assert found.then is not None and found.then != found.now
    assert found.changed == ["wide", "head"]
    assert found.change == "Set width 65 → 64"
    for layer, kept in zip(found.then.layers, found.kept, strict=True):
        assert (None if kept is None else replace(found.now.layers[kept], site=None)) in (None, layer)
    assert any(kept is None for kept in found.kept) and any(kept is not None for kept in found.kept)
    assert found.now == shown(settings, graph, compare="ethos-u85-1024").now


def test_layers_that_go_are_changed_and_others_are_not(tmp_path):
    b = GraphBuilder()
    x = b.conv(b.input((1, 8, 16, 16)), 8, 3, path="a", bias=True)
    x = b.linear(b.linear(b.flatten(b.bn(x, path="norm")), 8, path="first"), 8, path="second")
    graph = b.build(x)
    bias = shown(plan(tmp_path), graph, move=RemoveBias(0).to_plain())
    assert bias.changed == ["a"]
    merged = shown(plan(tmp_path), graph, move=MergeLinear(*find_mergeable(graph)[0]).to_plain())
    assert merged.changed == ["second", "first"]
    assert merged.kept[:2] == [0, 1] and merged.kept[-1] is None, "what runs before the merged layer stays"


def test_a_big_model_is_costed_on_its_targets_alone_and_told_in_few_bytes(tmp_path, monkeypatch):
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 64, 64)), 32, 3)
    for i in range(500):
        x = b.act(b.bn(b.conv(x, 32, 3, path=f"blocks.{i}.conv"), path=f"blocks.{i}.norm"), path=f"blocks.{i}.act")
    asked: list[str] = []

    def noted(model: ModelReport, graph: Graph, target: Target) -> None:
        asked.append(target.name)
        cost(model, graph, target)

    monkeypatch.setattr("advisor.daemon.modeljob.cost", noted)
    settings = plan(tmp_path, "npu-64", "ethos-u85-1024", "ethos-u55-128")
    plain = layered(settings, report(b.build()), Asked("Net", compare="cpu-x86"), lambda: None).to_plain()
    assert asked == ["cpu-x86", "npu-64"]
    assert len(plain["now"]["layers"]) == 1501
    assert len(packb(plain)) < 120 * 1501


def test_a_move_that_does_not_apply_is_an_error_that_says_why(tmp_path):
    graph, group = wide()
    with pytest.raises(EngineError, match="the change cannot be made to Net as it is now: the width is 65 already"):
        shown(plan(tmp_path), graph, move=SetWidth(group, 65).to_plain())
    with pytest.raises(EngineError, match="unknown move 'widen'"):
        shown(plan(tmp_path), graph, move={"kind": "widen"})


@pytest.mark.parametrize(("graph", "rung"), [(None, None), (unknown_op_graph(), "static")])
def test_what_was_not_traced_has_no_layers(tmp_path, graph, rung):
    found = shown(plan(tmp_path), graph, model={"rung": rung, "status": "partial"})
    assert (found.used, found.shown, found.now.layers, found.now.totals) == (["npu-64"], [], [], {})


def test_a_target_that_a_model_cannot_be_costed_on_is_an_error_only_where_it_was_asked_for(tmp_path, monkeypatch):
    def failing(model: ModelReport, graph: Graph, target) -> None:
        if target.name == "npu-64":
            model.notes.append("the cost model of npu-64 raised ValueError: odd")
        else:
            cost(model, graph, target)

    monkeypatch.setattr("advisor.daemon.modeljob.cost", failing)
    assert shown(plan(tmp_path, "npu-64", "cpu-x86"), mobilenet_v2()).shown == ["cpu-x86"]
    none = shown(plan(tmp_path), mobilenet_v2())
    assert none.shown == [] and {tuple(layer.latency_us) for layer in none.now.layers} == {()}
    assert none.now.peak is none.limit is None
    with pytest.raises(EngineError, match=r"Net cannot be costed on npu-64: .* ValueError: odd"):
        shown(plan(tmp_path, "cpu-x86"), mobilenet_v2(), compare="npu-64")


def test_a_model_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(EngineError, match=r"net\.py has no model Other"):
        layered(plan(tmp_path), report(mobilenet_v2()), Asked("Other"), lambda: None)


def test_it_ends_when_it_is_told_to(tmp_path):
    class Over(Exception):
        pass

    calls: list[None] = []

    def go_on() -> None:
        calls.append(None)
        if len(calls) == 2:
            raise Over

    with pytest.raises(Over):
        shown(plan(tmp_path), mobilenet_v2(), go_on, compare="cpu-x86")


@pytest.mark.parametrize("wrong", [{"findings": {"a": "conv"}}, {"findings": {"a": [1]}}, {"move": []}, {"target": 3}])
def test_wrong_parameters_are_named(wrong):
    with pytest.raises(ParamsError, match=f"model: {next(iter(wrong))}"):
        Asked.of(Params("model", {"model": "Net", **wrong}))


def test_nothing_runs_that_must_not(tmp_path):
    file = tmp_path / "net.py"
    file.write_text('import pathlib\n\nfrom torch import nn\n\npathlib.Path(__file__).with_name("ran").touch()\n' + NET)
    jobs, params = Jobs(None), {"path": str(file), "model": "Net", "run": False}
    try:
        found = jobs.perform("model", params, lambda _: None, threading.Event())
        asked = threading.Event()
        asked.set()
        assert jobs.perform("model", params, lambda _: None, asked)["error"]["code"] == "cancelled"
    finally:
        jobs.close()
    assert found["result"]["now"]["layers"] == []
    assert [p.name for p in tmp_path.iterdir()] == ["net.py"]


NET = """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)

    def forward(self, x):
        return self.conv(x)
"""
