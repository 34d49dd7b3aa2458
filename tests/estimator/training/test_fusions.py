"""Fusion rules are found in what a backend measures, whatever the target's file says."""

from __future__ import annotations

from dataclasses import replace

from advisor.estimator.training.fusions import compared, detect
from advisor.graph import Graph
from advisor.targets import Target

from .fakes import TARGET, Formula


class Elsewhere(Formula):
    """Measures as if on another target, and says only what each op took in the end."""

    def __init__(self, really: Target, rows: bool = True) -> None:
        super().__init__()
        self.really, self.rows = really, rows

    def measure(self, graph: Graph, target: Target):
        found = super().measure(graph, self.really)
        if self.rows:
            return found
        return replace(found, rows=tuple(replace(row, ops=row.ops[:1]) for row in found.rows))


def test_what_the_backend_runs_together_is_found():
    pairs = {(p.first, p.second): p for p in detect(Elsewhere(TARGET), TARGET, ("conv", "maxpool"))}
    assert pairs["conv", "relu"].fused and pairs["conv", "relu"].stated
    assert not pairs["conv", "conv"].fused and not pairs["conv", "maxpool"].fused
    assert all(p.fused == p.stated for p in pairs.values())


def test_rules_that_the_backend_does_not_keep_are_named():
    apart = replace(TARGET, fusions=())
    pairs = detect(Elsewhere(apart), TARGET, ("conv",))
    wrong = [p for p in pairs if p.fused != p.stated]
    assert ("conv", "relu") in {(p.first, p.second) for p in wrong}
    lines = list(compared(pairs, TARGET))
    assert f"{len(wrong)} against the target's rules" in lines[0]
    assert "the target's rules say fused" in lines[1]


def test_where_rows_do_not_tell_the_times_do():
    pairs = {(p.first, p.second): p for p in detect(Elsewhere(TARGET, rows=False), TARGET, ("conv",))}
    assert pairs["conv", "relu"].together is None
    assert pairs["conv", "relu"].fused and not pairs["conv", "depthwise"].fused
