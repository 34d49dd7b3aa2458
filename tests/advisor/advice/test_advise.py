"""Advice: gains are re-estimates, one finding a place, nothing counted twice.

The cost model here is a stand-in that a reader can compute by hand: a convolution takes its MACs, with both channel
counts padded to 16, in microseconds; everything else is free.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from math import prod

import pytest

from advisor.advice.advise import Advised, Settings, advise
from advisor.advice.places import NOWHERE, Sources
from advisor.costs import Costs, Kernel, MemoryPeak
from advisor.graph import Graph, Module, Span
from advisor.moves import (
    DepthwiseToStandard,
    FuseIBN,
    MergeLinear,
    Move,
    MoveError,
    SetWidth,
    SwapActivation,
    from_plain,
)
from advisor.rule import Advice, Look, Rule
from advisor.targets import load
from tests.graphs import GraphBuilder

TARGET = load("npu-64")


class Padded:
    """The stand-in; counts how many graphs it was asked about."""

    label = "simulated"

    def __init__(self) -> None:
        self.asked = 0

    def covers(self, target) -> bool:
        return True

    def estimate(self, graph: Graph, target) -> Costs:
        latency = {op.key: self._us(graph, op) for op in graph.ops}
        total = sum(latency.values())
        kernels = tuple(Kernel((k,), "conv", us, 0, 0, "compute") for k, us in latency.items())
        peak = MemoryPeak(1000, graph.ops[0].key, graph.inputs)
        return Costs(target.name, "simulated", kernels, total, 1, 1, 1, 1, peak, (), latency, dict.fromkeys(latency, 0))

    def restimate(self, base: Costs, before: Graph, after: Graph, target) -> Costs:
        self.asked += 1
        return self.estimate(after, target)

    @staticmethod
    def _us(graph: Graph, op) -> float:
        if op.op != "conv":
            return 0.0
        out, cin, *kernel = graph.tensors[op.weights["weight"]].shape
        return prod(graph.shape(op.outputs[0])[2:]) * prod(kernel) * (-(-out // 16) * 16) * (-(-cin // 16) * 16)


class Unsure(Padded):
    """The same as a prediction that may be off by a share of each kernel's latency."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def estimate(self, graph: Graph, target) -> Costs:
        costs, low, high = super().estimate(graph, target), 1 - self.share, 1 + self.share
        work = [sum(graph.tensors[w].numel for w in op.weights.values()) for op in graph.ops]
        kernels = [
            replace(k, macs=macs, low_us=k.latency_us * low, high_us=k.latency_us * high)
            for k, macs in zip(costs.kernels, work, strict=True)
        ]
        bounds = {"low_us": costs.latency_us * low, "high_us": costs.latency_us * high}
        return replace(costs, label="predicted", kernels=tuple(kernels), **bounds)


def proposing(*moves: Move, code: str = "XXX001", **fields) -> Rule:
    """A rule that gives each of ``moves`` as a piece of advice of its own."""

    class Proposing(Rule):
        def check(self, look: Look) -> Iterable[Advice]:
            for m in moves:
                op = m.group if isinstance(m, SetWidth) else m.first if isinstance(m, MergeLinear) else m.op
                yield Advice(op=op, moves=[m], explain=lambda outcomes: f"{code} speaks", **fields)

    Proposing.code = code
    return Proposing()


def chain(*widths: int) -> Graph:
    """3×3 convolutions at 8×8: op i makes ``widths[i]`` channels, which may change but for the last."""
    b = GraphBuilder()
    x = b.input((1, 16, 8, 8))
    for w in widths:
        x = b.conv(x, w, 3)
    return b.build(x)


def run(graph: Graph, *rules: Rule, estimator: Padded | None = None, **settings) -> Advised:
    return advise(graph, TARGET, estimator or Padded(), rules, Settings(**settings))


def stands(file: str = "", span: Span = NOWHERE, **numbers: int) -> Sources:
    """Sources of which each ``line7=60`` says that the call on that line writes the number."""
    return Sources(file, span, lambda s: frozenset({numbers[f"line{s.line}"]} if f"line{s.line}" in numbers else ()))


def latency(graph: Graph) -> float:
    return Padded().estimate(graph, TARGET).latency_us


def created(graph: Graph, **chains: tuple[Span, ...]) -> Graph:
    for path, spans in chains.items():
        graph.modules[path] = Module(path, "torch.nn.Conv2d", spans)
    return graph


def test_a_gain_is_the_reestimate_of_the_moved_graph():
    graph = chain(20, 16)
    (finding,) = run(graph, proposing(SetWidth(0, 16))).findings
    moved = from_plain(finding.move).apply(graph)
    assert finding.gain_us == latency(graph) - latency(moved) > 0
    assert finding.gain_percent == pytest.approx(100 * finding.gain_us / latency(graph))
    assert (finding.code, finding.target, finding.label) == ("XXX001", "npu-64", "simulated")
    assert finding.layers == ["conv0"]


def test_advice_that_gains_too_little_is_dropped():
    graph = chain(20, 160)  # padded to 32: 16 of them go, a good third of the model
    gain = run(graph, proposing(SetWidth(0, 16))).findings[0].gain_percent / 100
    assert run(graph, proposing(SetWidth(0, 16)), min_gain=gain * 1.01).findings == []
    assert len(run(graph, proposing(SetWidth(0, 16)), min_gain=gain * 0.99).findings) == 1


def test_advice_that_costs_is_dropped_whatever_the_threshold():
    assert run(chain(16, 16), proposing(SetWidth(0, 32)), min_gain=0.0).findings == []


def test_a_rule_that_is_not_about_latency_keeps_its_findings_and_saves_nothing():
    advised = run(chain(16, 16), proposing(SetWidth(0, 32), keep=True, severity="information"))
    (finding,) = advised.findings
    assert finding.gain_us is not None and finding.gain_us < 0
    assert finding.severity == "information"
    assert advised.together_us == 0


@pytest.mark.parametrize(("share", "severity"), [(0.01, "warning"), (0.9, "information")])
def test_a_gain_that_its_uncertainty_swallows_is_no_warning(share: float, severity: str):
    (finding,) = run(chain(144, 16), proposing(SetWidth(0, 128)), estimator=Unsure(share)).findings
    assert finding.gain_us is not None and finding.gain_error_us is not None
    assert (finding.gain_us < finding.gain_error_us) == (severity == "information")
    assert finding.severity == severity


def test_a_move_that_does_not_apply_is_dropped():
    assert run(chain(20, 16), proposing(SetWidth(0, 20))).findings == []
    assert run(chain(20, 16), proposing(DepthwiseToStandard(0))).findings == []


def test_layers_of_one_place_share_a_finding_that_moves_them_all():
    line = Span("net.py", 7, 9, 7, 30)
    graph = created(chain(20, 20, 16), conv0=(line,), conv1=(line,))
    (finding,) = run(graph, proposing(SetWidth(0, 16), SetWidth(1, 16))).findings
    assert finding.layers == ["conv0", "conv1"]
    assert finding.move is not None and finding.move["kind"] == "together"
    assert finding.gain_us == latency(graph) - latency(chain(16, 16, 16))
    assert finding.message.startswith("XXX001 speaks; likewise 1 more from this line: together they save")
    assert {a["move"]["group"] for a in finding.alternatives} == {0, 1}


@pytest.mark.parametrize(("share", "cost"), [(0.001, "at no cost"), (0.2, r"at [0-9.]+ % at the most")])
def test_what_costs_nothing_together_is_told_as_well_as_it_is_known(share: float, cost: str):
    line = Span("net.py", 7, 9, 7, 30)
    graph = created(chain(20, 20, 16), conv0=(line,), conv1=(line,))
    wider = proposing(SetWidth(0, 32), SetWidth(1, 32), keep=True)
    (finding,) = run(graph, wider, estimator=Unsure(share)).findings
    assert re.fullmatch(f"XXX001 speaks; likewise 1 more from this line, together {cost}", finding.message)


def test_layers_of_one_line_but_different_callers_do_not_share():
    line, a, b = Span("net.py", 7, 9, 7, 30), Span("net.py", 20, 1, 20, 9), Span("net.py", 21, 1, 21, 9)
    graph = created(chain(20, 20, 16), conv0=(line, a), conv1=(line, b))
    findings = run(graph, proposing(SetWidth(0, 16), SetWidth(1, 16))).findings
    assert [f.span for f in findings] == [line, line]
    assert {f.related[0].span for f in findings} == {a, b}


def test_layers_that_one_literal_makes_share_a_finding_on_its_call_whoever_the_callers_are():
    line, a, b = Span("blocks.py", 7, 9, 7, 30), Span("net.py", 20, 1, 20, 9), Span("net.py", 21, 1, 21, 9)
    graph = created(chain(20, 20, 16), conv0=(line, a), conv1=(line, b))
    rule = proposing(SetWidth(0, 16), SetWidth(1, 16), number=20)
    (finding,) = run(graph, rule, sources=stands("net.py", line7=20)).findings
    assert (finding.span, [r.span for r in finding.related]) == (line, [a, b])
    assert finding.gain_us == latency(graph) - latency(chain(16, 16, 16))
    assert len(run(graph, rule, sources=stands("net.py", line7=64)).findings) == 2


def test_a_number_that_a_caller_writes_is_found_there_and_one_in_an_installed_package_is_not_ours():
    line, a = Span("blocks.py", 7, 9, 7, 30), Span("net.py", 20, 1, 20, 9)
    rule = proposing(SetWidth(0, 16), number=20)
    (finding,) = run(created(chain(20, 16), conv0=(line, a)), rule, sources=stands("net.py", line20=20)).findings
    assert (finding.span, [r.span for r in finding.related]) == (a, [line])
    package = Span("/env/site-packages/blocks.py", 7, 9, 7, 30)
    graph = created(chain(20, 16), conv0=(package, a))
    (finding,) = run(graph, rule, sources=stands("net.py", line7=20)).findings
    assert finding.span == a


def test_advice_yields_to_that_of_another_rule_about_the_same_layer():
    first, second = proposing(SetWidth(0, 16)), proposing(SetWidth(0, 32), SetWidth(1, 16), code="XXX002", keep=True)
    type(second).yields_to = ("XXX001",)
    found = run(chain(20, 20, 16), first, second).findings
    assert {(f.code, tuple(f.layers)) for f in found} == {("XXX001", ("conv0",)), ("XXX002", ("conv1",))}
    assert len(run(chain(20, 20, 16), second).findings) == 2


def test_advice_for_any_target_names_none_and_gains_nothing():
    rule = proposing(SetWidth(0, 16))
    type(rule).any_target = True
    advised = run(chain(20, 16), rule)
    (finding,) = advised.findings
    assert (finding.target, finding.gain_us, finding.label, advised.together_us) == (None, None, None, 0)
    assert finding.move == SetWidth(0, 16).to_plain()


def test_a_finding_for_several_layers_names_their_other_widths():
    line = Span("net.py", 7, 9, 7, 30)
    graph = created(chain(20, 36, 16), conv0=(line,), conv1=(line,))
    (finding,) = run(graph, proposing(SetWidth(0, 16), SetWidth(1, 32))).findings
    assert "; likewise 1 more from this line (36 → 32): together they save" in finding.message


def test_a_finding_stands_in_the_audited_file():
    helper, mine, caller = Span("lib.py", 3, 1, 3, 9), Span("net.py", 7, 9, 7, 30), Span("net.py", 9, 1, 9, 5)
    graph = created(chain(20, 16), conv0=(helper, mine, caller))
    (finding,) = run(graph, proposing(SetWidth(0, 16)), sources=stands("net.py")).findings
    assert finding.span == mine
    assert [r.span for r in finding.related] == [helper, caller]
    assert run(graph, proposing(SetWidth(0, 16))).findings[0].span == helper


def test_advice_about_a_block_stands_where_the_block_was_built():
    conv, first, second = Span("net.py", 3, 1, 3, 9), Span("net.py", 7, 9, 7, 30), Span("net.py", 8, 9, 8, 30)
    built = Span("net.py", 20, 5, 20, 15)
    graph = created(chain(20, 16), conv0=(conv, first, built), conv1=(conv, second, built))
    rule = proposing(SetWidth(0, 16), layers=(0, 1), block=True)
    assert run(graph, rule).findings[0].span == built
    apart = created(chain(20, 16), conv0=(first,), conv1=(second,))
    assert run(apart, rule).findings[0].span == first


def test_without_source_a_finding_stands_on_the_model():
    model = Span("net.py", 1, 1, 1, 12)
    assert run(chain(20, 16), proposing(SetWidth(0, 16)), sources=stands(span=model)).findings[0].span == model


def test_findings_are_ranked_by_gain():
    graph = chain(20, 160, 20, 16)
    findings = run(graph, proposing(SetWidth(2, 16)), proposing(SetWidth(0, 16), code="XXX002")).findings
    gains = [f.gain_us for f in findings]
    assert len(gains) == 2 and gains == sorted(gains, reverse=True)


def test_competing_advice_does_not_count_twice():
    graph = chain(40, 16)
    advised = run(graph, proposing(SetWidth(0, 32)), proposing(SetWidth(0, 16), code="XXX002"))
    best, other = advised.findings
    assert (best.code, other.code) == ("XXX002", "XXX001")
    assert best.overlaps is None
    assert other.overlaps == best.fingerprint()
    assert other.gain_us is not None and other.gain_us > 0
    assert advised.together_us == best.gain_us


def test_advice_about_a_layer_that_better_advice_removes_overlaps():
    b = GraphBuilder()
    x = b.input((1, 16, 8, 8))
    for width in (16, 64, 16):
        x = b.conv(x, width, 1)
    graph = b.build(x)
    advised = run(graph, proposing(MergeLinear(0, 1)), proposing(MergeLinear(1, 2), code="XXX002"))
    assert [f.code for f in advised.findings] == ["XXX002", "XXX001"]
    assert advised.findings[1].overlaps == advised.findings[0].fingerprint()
    assert advised.together_us == advised.findings[0].gain_us


def test_together_saves_what_independent_findings_save_in_sum_and_what_dependent_ones_really_save():
    graph = chain(20, 20, 16)
    a, b = proposing(SetWidth(0, 16)), proposing(SetWidth(1, 16), code="XXX002")
    advised = run(graph, a, b)
    assert [f.overlaps for f in advised.findings] == [None, None]
    assert advised.together_us == latency(graph) - latency(chain(16, 16, 16))
    assert advised.together_us < sum(f.gain_us or 0 for f in advised.findings)


def test_a_finding_that_nobody_is_shown_neither_counts_nor_stands_in_the_way_of_another():
    rules = proposing(SetWidth(0, 32)), proposing(SetWidth(0, 16), code="XXX002")
    shown = advise(chain(40, 16), TARGET, Padded(), rules, reported=lambda f: f.code != "XXX002")
    best, other = shown.findings
    assert (best.code, other.code) == ("XXX002", "XXX001")
    assert other.overlaps is None
    assert shown.together_us == other.gain_us


def test_the_same_move_is_estimated_once():
    estimator = Padded()
    run(chain(20, 16), *(proposing(SetWidth(0, 16), code=f"XXX00{i}") for i in range(5)), estimator=estimator)
    # once alone; then the best applied, and each of the others found to have nothing left
    assert estimator.asked <= 1 + 5


def test_a_place_whose_bounds_cannot_reach_the_threshold_is_not_tried():
    estimator = Padded()
    graph = chain(20, 16)
    assert run(graph, proposing(SetWidth(0, 16), bound_us=0.001), estimator=estimator).findings == []
    assert estimator.asked == 0
    assert len(run(graph, proposing(SetWidth(0, 16), bound_us=latency(graph))).findings) == 1


def test_a_rule_that_raises_is_named_and_costs_only_its_own_advice():
    class Broken(Rule):
        code = "XXX009"

        def check(self, look: Look) -> Iterable[Advice]:
            raise KeyError("kernel")

    class Speechless(Broken):
        def check(self, look: Look) -> Iterable[Advice]:
            yield Advice(op=0, moves=[SetWidth(0, 16)], explain=lambda outcomes: outcomes[7].gain_us and "never")

    advised = run(chain(20, 16), Broken(), Speechless(), proposing(SetWidth(0, 16)))
    assert [f.code for f in advised.findings] == ["XXX001"]
    assert advised.failures == [
        "rule XXX009 raised KeyError: 'kernel'",
        "rule XXX009 raised IndexError: list index out of range",
    ]


def test_what_survives_of_a_move_still_counts():
    b = GraphBuilder()
    x = b.act(b.conv(b.inverted_bottleneck(b.conv(b.input((1, 16, 8, 8)), 16), 16, expand=2), 16), "silu")
    graph = b.build(b.conv(x, 16))
    acts = tuple(op.key for op in graph.ops if op.op == "activation")
    swapped = SwapActivation(acts, "relu")
    fused = FuseIBN(1, 4).apply(graph)
    assert swapped.surviving(fused).apply(fused).by_key[acts[-1]].attrs["fn"] == "relu"
    with pytest.raises(MoveError):
        swapped.apply(fused)


class Failing(Padded):
    """Cannot cost a graph that holds a layer of ``width`` channels, if it was made by a move."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def restimate(self, base: Costs, before: Graph, after: Graph, target) -> Costs:
        if any(self.width in t.shape for t in after.tensors.values()):
            raise IndexError("tuple index out of range")
        return super().restimate(base, before, after, target)


def test_a_cost_model_that_raises_on_one_move_costs_that_move_only():
    graph = chain(20, 36, 16)
    advised = run(graph, proposing(SetWidth(0, 16), SetWidth(1, 32)), estimator=Failing(32))
    assert [f.move for f in advised.findings] == [SetWidth(0, 16).to_plain()]
    assert advised.failures == ["SetWidth on npu-64 raised IndexError: tuple index out of range"]
    assert advised.together_us == advised.findings[0].gain_us


class Forgetful(Padded):
    """Cannot say what memory a graph takes that was made by a move."""

    def restimate(self, base: Costs, before: Graph, after: Graph, target) -> Costs:
        def peak() -> MemoryPeak:
            raise AssertionError("a peak takes longer than all else, and nobody asked for this one")

        return replace(super().restimate(base, before, after, target), memory=peak)


def test_the_memory_of_what_is_only_tried_is_not_worked_out():
    spans = {f"conv{i}": (Span("net.py", 5, 1, 5, 9),) for i in range(2)}
    graph = created(chain(20, 36, 16), **spans)
    (finding,) = run(graph, proposing(SetWidth(0, 16), SetWidth(1, 32)), estimator=Forgetful()).findings
    assert len(finding.alternatives) == 2
