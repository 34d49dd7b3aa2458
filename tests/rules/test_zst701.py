"""What ZST701 reads off the graph, what it reads off facts, and what it leaves to others."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import nn

from advisor import packs
from advisor.advice.advise import advise
from advisor.config import Config
from advisor.facts import Facts, LayerFact
from advisor.findings import Finding
from advisor.graph import Graph, Span
from advisor.live import trace
from advisor.plan import Plan
from advisor.report import ModelReport
from advisor.rules.atinit import findings
from advisor.targets import load
from tests.corpus.planted_faults import PLANTED, Planted

SEEN = [p for p in PLANTED if not p.name.startswith(("deep", "relu-dead", "branch-clamped", "branch-data"))]
"""Faults that the graph alone shows."""


def found(graph: Graph, target: str = "cpu-x86") -> list[Finding]:
    wanted = load(target)
    rules = [r for r in packs.rules() if r.code in ("OPS504", "ZST701")]
    advised = advise(graph, wanted, packs.estimator_for(wanted), rules)
    assert advised.failures == []
    return advised.findings


@pytest.mark.parametrize("planted", SEEN, ids=lambda p: p.name)
def test_a_fault_that_the_graph_shows_is_found_where_it_is_and_only_there(planted: Planted):
    faulty, _ = trace(planted.build(True), planted.input)
    sound, _ = trace(planted.build(False), planted.input)
    names = [name for f in found(faulty) for name in f.layers]
    assert any(planted.layer in name for name in names)
    assert found(sound) == []


def test_what_merging_would_speed_up_is_said_once():
    wide = nn.Sequential(nn.Conv2d(64, 128, 1), nn.Conv2d(128, 128, 1), nn.ReLU())
    graph, _ = trace(wide, (1, 64, 56, 56))
    assert [f.code for f in found(graph)] == ["OPS504"]
    plain = nn.Sequential(nn.Conv2d(64, 128, 3), nn.Conv2d(128, 128, 3), nn.ReLU())
    graph, _ = trace(plain, (1, 64, 56, 56))
    assert [f.code for f in found(graph)] == ["ZST701"]


@pytest.mark.parametrize(
    "layers",
    [
        (nn.Conv2d(32, 32, 3, groups=32), nn.Conv2d(32, 64, 1)),
        (nn.Conv2d(64, 8, 1), nn.BatchNorm2d(8), nn.Conv2d(8, 64, 1)),
        (nn.Conv2d(32, 32, (1, 7)), nn.Conv2d(32, 32, (7, 1))),
        (nn.Conv2d(64, 24, 1), nn.BatchNorm2d(24), nn.Conv2d(24, 144, 1)),
    ],
    ids=["separable", "low rank", "window in two lines", "linear bottleneck"],
)
def test_what_is_factorised_on_purpose_lacks_no_nonlinearity(layers: tuple[nn.Module, ...]):
    first = layers[0]
    assert isinstance(first, nn.Conv2d)
    graph, _ = trace(nn.Sequential(*layers, nn.ReLU()), (1, first.in_channels, 28, 28))
    assert [f for f in found(graph) if f.code == "ZST701"] == []


def test_a_linear_layer_whose_weight_is_a_vector_makes_one_number():
    class Scored(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.v, self.c = nn.Linear(32, 32), nn.Parameter(torch.ones(32)), nn.Linear(1, 32)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.c(nn.functional.linear(self.a(x).relu(), self.v).relu().unsqueeze(1))

    graph, _ = trace(Scored(), (4, 32))
    (finding,) = [f for f in found(graph) if f.code == "ZST701"]
    assert "passes through 1 channel" in finding.message


def test_a_model_whose_output_is_a_decision_has_no_dead_layers():
    class Segments(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 16, 3), nn.Conv2d(16, 4, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.b(self.a(x).relu()).argmax(1)

    graph, _ = trace(Segments(), (1, 3, 16, 16))
    assert found(graph) == []


# ---- what was measured


def layers(*rows: tuple[float, float, float]) -> Facts:
    return Facts("test", layers=[LayerFact(f"l{i}", *row) for i, row in enumerate(rows)])


USUAL = (1.0, 0.9, 1e-3)


@pytest.mark.parametrize(
    ("facts", "path", "word"),
    [
        (layers(USUAL, (1.0, 0.9, 0.0), (1.0, 0.9, 0.0), USUAL), "l2", "no gradient arrives"),
        (
            layers(USUAL, (1.0, 0.1, 1e-3), (1.0, 1e-4, 1e-3), (1.0, 1e-5, 1e-3)),
            "l2",
            "nearly the same for every input",
        ),
        (layers((1.0, 0.9, 1e-12), (1.0, 0.9, 1e-10), (1.0, 0.9, 1e-6), USUAL), "l1", "vanish on their way back"),
        (layers((1.0, 0.9, 1e9), (1.0, 0.9, 1e5), USUAL, USUAL), "l0", "explode on their way back"),
        (layers(USUAL, (1e-4, 0.9, 1e-3), (1e-8, 0.9, 1e-3), (1e-9, 0.9, 1e-3)), "l2", "signal vanishes"),
        (layers(USUAL, (1e4, 0.9, 1e-3), (1e8, 0.9, 1e-3)), "l2", "signal explodes"),
        (Facts("test", blocks=[("a", 3.0), ("b", 0.1), ("c", 3.0)]), "b", "features collapse"),
    ],
)
def test_a_measured_fault_is_said_of_the_layer_where_it_begins(facts: Facts, path: str, word: str):
    ((at, message),) = findings(facts)
    assert at == path
    assert word in message


@pytest.mark.parametrize(
    "facts",
    [
        Facts("test"),
        layers(USUAL, USUAL, USUAL),
        layers(*[(1.0, 0.9, 0.0)] * 4),
        layers(*[(1.0, 1e-9, 1e-3)] * 4),
        Facts("test", blocks=[("a", 1.0), ("b", 0.1), ("c", 1.0)]),
        Facts("test", why="its forward raised KeyError"),
        layers(USUAL, (1.0, 1e-7, 1e-3), USUAL),
    ],
    ids=[
        "nothing measured",
        "usual",
        "no gradient at all",
        "inputs that are alike",
        "few channels",
        "not scored",
        "a learned query",
    ],
)
def test_what_says_nothing_is_not_reported(facts: Facts):
    assert list(findings(facts)) == []


def test_facts_are_asked_about_once_they_are_there(tmp_path: Path):
    graph, _ = trace(nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3)), (1, 3, 16, 16))
    model = ModelReport("Net", "net.py", "class", Span("net.py", 1, 1, 1, 4), "ok", rung="fx", graph=graph)
    plan = Plan.of(dataclasses.replace(Config(root=tmp_path), targets=("npu-64", "cpu-x86"), select=("ZST",)))
    plan.advise(model)
    assert model.findings == []
    facts = Facts("test", layers=[LayerFact("0", 1.0, 0.9, 0.0), LayerFact("2", 1.0, 0.9, 1e-3)])
    model.graph = graph.with_facts(facts)
    for _ in range(2):  # asked twice, said once
        plan.advise_on_facts(model)
        assert [(f.code, f.layers) for f in model.findings] == [("ZST701", ["0"])]
