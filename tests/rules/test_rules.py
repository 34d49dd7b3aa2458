"""Every rule is silent on its own valid models and fires, with the named move and line, on its invalid ones.

That holds with the costs that users get, predicted where the target has a predictor, and with simulated ones, which
targets without a predictor get. Predictors are trained anew now and then: nothing here knows what one of them says.
"""

from __future__ import annotations

import re
import types
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from advisor import packs
from advisor.advice.advise import Settings, advise
from advisor.advice.places import Sources
from advisor.channels import analyse
from advisor.costs import Costs, Estimator, Label, MemoryPeak
from advisor.estimator.simulated import SIMULATED
from advisor.findings import Finding
from advisor.graph import Graph
from advisor.live import trace
from advisor.moves import flat, from_plain
from advisor.rule import Case, Look, Page, Rule
from advisor.rulepages import SECTIONS, files, page
from advisor.rules.alignment import free_groups, neighbours
from advisor.rules.chn101_misaligned_channels import MisalignedChannels
from advisor.rules.chn102_free_capacity import FreeCapacity
from advisor.rules.lat601_latency_budget import LatencyBudget
from advisor.rules.mem401_peak_memory import PeakMemory
from advisor.rules.ops501_slow_operator import SlowOperator
from advisor.rules.ops503_wasted_parameters import WastedParameters
from advisor.targets import Target, load
from advisor.units import time
from advisor.worker.trace.sites import Observer
from tests.graphs import GraphBuilder

RULES = packs.rules()
PAGES = packs.pages()


def graph_of(case: Case, folder: Path) -> tuple[Graph, str]:
    """The graph of a case's model, built from a file of its own so that every layer has its line."""
    file = folder / "model.py"
    file.write_text(case.source, encoding="utf-8")
    module = types.ModuleType("case")
    module.__dict__.update(nn=nn, torch=torch)
    exec(compile(case.source, str(file), "exec"), module.__dict__)
    with Observer() as observer, torch.device("meta"):
        model = module.__dict__["Model"]()
    graph, info = trace(model, case.input, observer=observer)
    assert (info.status, info.failure) == ("ok", None)
    return graph, str(file)


def findings(rule: Rule, case: Case, folder: Path, estimator: Estimator) -> list[Finding]:
    graph, file = graph_of(case, folder)
    target = load(case.target)
    advised = advise(
        graph, target, estimator, [rule], Settings(latency_budget=case.latency_budget, sources=Sources(file))
    )
    assert advised.failures == []
    return advised.findings


def cases(kind: str):
    """Rule, case and estimator: the one that users get, and the simulated model where that is another."""
    found = []
    for rule in RULES:
        for i, case in enumerate(getattr(rule, kind)):
            given = packs.estimator_for(load(case.target))
            for estimator in (given,) if given is SIMULATED else (given, SIMULATED):
                found.append(pytest.param(rule, case, estimator, id=f"{rule.code}-{i}-{estimator.label}"))
    return found


def test_most_rules_are_tried_on_predictions():
    tried = {p.values[0].code for p in cases("invalid") if p.values[2].label == "predicted"}
    assert tried >= {"CHN101", "CHN102", "DWC301", "IBN201", "IBN202", "MEM401", "OPS501"}


@pytest.mark.parametrize(("rule", "case", "estimator"), cases("valid"))
def test_a_rule_is_silent_on_its_valid_models(rule: Rule, case: Case, estimator: Estimator, tmp_path: Path):
    assert [f.message for f in findings(rule, case, tmp_path, estimator)] == []


@pytest.mark.parametrize(("rule", "case", "estimator"), cases("invalid"))
def test_a_rule_fires_on_its_invalid_models(rule: Rule, case: Case, estimator: Estimator, tmp_path: Path):
    found = findings(rule, case, tmp_path, estimator)
    assert found, f"{rule.code} is silent"
    if case.move is not None:
        moves = [one.to_plain() for f in found if f.move is not None for one in flat(from_plain(f.move))]
        assert any(case.move.items() <= m.items() for m in moves), moves
    if case.line is not None:
        assert case.line in {f.span.line for f in found}


@pytest.mark.parametrize(("rule", "case", "estimator"), cases("invalid"))
def test_a_reported_gain_is_the_reestimate_of_the_moved_graph(
    rule: Rule, case: Case, estimator: Estimator, tmp_path: Path
):
    graph, _ = graph_of(case, tmp_path)
    target = load(case.target)
    for f in advise(graph, target, estimator, [rule]).findings:
        assert (f.gain_us is None) == (f.move is None or rule.any_target)
        if f.move is not None and f.gain_us is not None:
            moved = from_plain(f.move).apply(graph)
            saved = estimator.estimate(graph, target).latency_us - estimator.estimate(moved, target).latency_us
            assert f.gain_us == pytest.approx(saved, abs=1e-6)
            assert (f.gain_error_us is not None) == (f.label == "predicted")


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.code)
def test_a_rule_carries_cases_and_evidence(rule: Rule):
    assert rule.valid and rule.invalid and rule.evidence
    for e in rule.evidence:
        assert all((e.target, e.dtype, e.shapes, e.effect, e.sample, e.source)), e


@pytest.mark.parametrize("entry", PAGES, ids=lambda p: p.code)
def test_a_page_has_its_sections_in_order(entry: Page):
    headings = re.findall(r"^## (.*)$", page(entry), flags=re.MULTILINE)
    assert tuple(h for h in headings if h != "Evidence") == SECTIONS
    assert page(entry).startswith(f"# {entry.name} ({entry.code})\n")


@pytest.mark.parametrize("entry", PAGES, ids=lambda p: p.code)
def test_a_file_is_called_after_its_code_and_name(entry: Page):
    module = type(entry).__module__.rpartition(".")[2]
    assert module == f"{entry.code.lower()}_{entry.name.replace('-', '_')}"


def test_the_documentation_is_what_the_rules_say():
    folder = Path(__file__).parents[2] / "docs" / "rules"
    written = {p.name: p.read_text(encoding="utf-8") for p in folder.glob("*.md")}
    assert written == files(PAGES), "run `python -m advisor.rulepages docs/rules`"


# ---- what single rules promise beyond their cases, by costs that can be worked out by hand


def advised(graph: Graph, target: str, *rules: type[Rule], estimator: Estimator = SIMULATED) -> list[Finding]:
    wanted = load(target)
    return advise(graph, wanted, estimator, [r() for r in rules]).findings


class Blurred:
    """The simulated costs, of which each kernel's is only known to within a share of it."""

    label: Label = "predicted"

    def __init__(self, share: float) -> None:
        self.share = share

    def covers(self, target: Target) -> bool:
        return SIMULATED.covers(target)

    def estimate(self, graph: Graph, target: Target) -> Costs:
        costs, low, high = SIMULATED.estimate(graph, target), 1 - self.share, 1 + self.share
        kernels = [replace(k, low_us=k.latency_us * low, high_us=k.latency_us * high) for k in costs.kernels]
        bounds = {"low_us": costs.latency_us * low, "high_us": costs.latency_us * high}
        return replace(costs, label="predicted", kernels=tuple(kernels), **bounds)

    def restimate(self, base: Costs, before: Graph, after: Graph, target: Target) -> Costs:
        return self.estimate(after, target)


def convolutions(*widths: int, size: int = 64) -> Graph:
    b = GraphBuilder()
    x = b.input((1, 64, size, size))
    for width in widths:
        x = b.conv(x, width, 3)
    return b.build(x)


@pytest.mark.parametrize("target", ["npu-64", "cpu-x86", "nvidia-gpu-fp16", "ethos-u85-1024"])
def test_a_width_that_fills_its_tiles_has_no_free_capacity(target: str):
    assert advised(convolutions(256, 1280, 256, size=7), target, FreeCapacity) == []


@pytest.mark.parametrize("target", ["npu-64", "nvidia-gpu-fp16", "ethos-u55-128"])
def test_a_layer_is_not_called_wasteful_and_free_at_once(target: str):
    found = advised(convolutions(60, 120, 130, 90, 250, 64), target, MisalignedChannels, FreeCapacity)
    told = [layer for f in found for layer in f.layers]
    assert found and len(told) == len(set(told))


def test_what_is_called_free_is_known_well_enough_to_rule_out_half_the_usual_cost():
    graph = convolutions(52, 256, 64, size=128)

    def told(share: float) -> list[str]:
        return [f.message for f in advised(graph, "npu-64", FreeCapacity, estimator=Blurred(share))]

    (exact,) = advised(graph, "npu-64", FreeCapacity)
    assert exact.message.endswith("cost nothing on npu-64")
    assert told(0.01) == [exact.message]
    (fine,) = told(0.2)
    assert re.search(r"cost little or nothing on npu-64: [0-9.]+ % at the most$", fine)
    assert told(0.9) == []


def test_waste_is_counted_to_the_nearest_width_that_costs_the_same():
    (finding,) = advised(convolutions(60, 256, 64, size=128), "npu-64", FreeCapacity)
    assert finding.message.startswith("64 channels instead of 60")
    found = advised(convolutions(120, 256, 64, size=128), "nvidia-gpu-fp16", MisalignedChannels)
    assert all("53 %" not in f.message and "256" not in f.message for f in found)


def test_a_change_by_more_than_a_third_is_no_rounding():
    (group, *_) = analyse(convolutions(130, 64)).groups
    assert neighbours(group, [8, 64, 128]) == [128, 136]
    assert neighbours(group, [256]) == []


def test_the_width_of_packed_attention_projections_cannot_be_set_alone():
    b = GraphBuilder()
    x = b.linear(b.input((1, 512, 312)), 300)
    packed = {"weight": b.parameter((900, 300), "attention.in_proj_weight")}
    q = b.op("linear", [x], (1, 512, 900), weights=packed, target="torch.nn.functional.linear")
    graph = b.build(b.linear(q, 64))
    assert free_groups(Look(graph, load("npu-64"), SIMULATED.estimate(graph, load("npu-64")))) == []


def test_a_bias_that_two_calls_share_is_one_and_goes_only_if_both_cancel_it():
    def graph(second_is_normalised: bool) -> Graph:
        b = GraphBuilder()
        x = b.conv(b.input((1, 16, 8, 8)), 16, 3, bias=True)
        y = b.bn(x)
        first = b.ops[0]
        again = b.op(
            "conv", [y], b.shape(x), weights=first.weights, path=first.path, target=first.target, **first.attrs
        )
        return b.build(b.bn(again) if second_is_normalised else again)

    (finding,) = advised(graph(True), "npu-64", WastedParameters)
    assert finding.message.endswith("its bias: 16 wasted parameters")
    assert advised(graph(False), "npu-64", WastedParameters) == []


def test_a_function_without_a_rate_is_told_not_counted():
    b = GraphBuilder()
    b.conv_bn_act(b.input((1, 16, 64, 64)), 96, fn="softsign")
    (finding,) = advised(b.build(), "ethos-u55-128", SlowOperator)
    assert finding.message.startswith("ethos-u55-128 has no rate for softsign, which is not counted here")
    b = GraphBuilder()
    b.conv_bn_act(b.input((1, 16, 64, 64)), 96, fn="mish")
    (finding,) = advised(b.build(), "npu-64", SlowOperator)
    assert finding.message.startswith("mish is slow on npu-64") and (finding.gain_us or 0) > 0


def test_a_model_over_all_the_memory_of_a_target_does_not_fit():
    (finding,) = advised(convolutions(64, 64, size=512), "ethos-u55-128", PeakMemory)
    assert finding.severity == "warning"
    assert finding.message.startswith("the model does not fit: ")
    (finding,) = advised(convolutions(64, 64, size=512), "npu-64", PeakMemory)
    assert finding.severity == "information" and "does not fit" not in finding.message


def test_a_model_over_its_latency_budget_is_told_where_the_time_goes():
    graph, target = convolutions(64, 512, 64), load("npu-64")
    costs = SIMULATED.estimate(graph, target)

    def found(budget: float | None) -> list[Finding]:
        return advise(graph, target, SIMULATED, [LatencyBudget()], Settings(latency_budget=budget)).findings

    assert found(None) == found(costs.latency_us) == []
    (finding,) = found(costs.latency_us / 2)
    assert finding.message.startswith(f"the model takes {time(costs.latency_us)} on npu-64, ")
    assert f"over the budget of {time(costs.latency_us / 2)}; the layer here takes most, " in finding.message
    (layer,) = finding.layers
    op = next(op for op in graph.ops if op.path == layer)
    assert costs.op_latency_us[op.key] == max(costs.op_latency_us.values())
    assert (finding.severity, finding.gain_us) == ("warning", None)


def test_what_is_in_memory_at_the_peak_adds_up_to_it():
    class Fuller:
        """The simulated costs with a peak at which all activations are alive, and a megabyte of something else."""

        label = SIMULATED.label
        covers = SIMULATED.covers

        def estimate(self, graph: Graph, target: Target) -> Costs:
            costs = SIMULATED.estimate(graph, target)
            alive = tuple(t for t in graph.producer if graph.tensors[t].role == "activation")
            bytes_ = sum(graph.tensors[t].numel for t in alive) + (1 << 20)
            return replace(costs, memory=MemoryPeak(bytes_, graph.ops[0].key, alive))

        def restimate(self, base: Costs, before: Graph, after: Graph, target: Target) -> Costs:
            return self.estimate(after, target)

    (finding,) = advised(convolutions(64, 32, 64, 32, 96, 64, size=256), "npu-64", PeakMemory, estimator=Fuller())
    assert finding.message.startswith("23 MiB of memory are taken here, 22 MiB over npu-64's sram of 1 MiB: ")
    listed = finding.message.partition("1 MiB: ")[2].split("; ")
    assert listed[0] == "conv4 1×96×256×256 (6 MiB)" and listed[4:] == [
        "2 more (4 MiB)",
        "1 MiB of weights fetched ahead and of working buffers",
    ]
    assert sum(float(re.findall(r"([0-9.]+) MiB", part)[0]) for part in listed) == 23
