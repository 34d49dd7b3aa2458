"""What following a model's numbers costs: a trace in a warm worker against the same trace without, turn by turn."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from advisor.discovery.project import Project
from advisor.discovery.request import discover
from advisor.graph import Graph
from advisor.workers import Outcome, Worker

from . import block_strings, mobilenet_v2, vision_transformer

REST_SECONDS = 0.4
"""In which the worker makes ready for its next request."""


@pytest.mark.parametrize("module", [mobilenet_v2, vision_transformer, block_strings], ids=lambda m: m.__name__[17:])
def test_a_trace_with_its_numbers(against, module):
    path = Path(module.__file__)
    request = discover(path, Project(path.parent)).request
    assert request is not None

    with Worker(Path(sys.executable)) as worker:

        def trace(**more: bool) -> Callable[[], Outcome]:
            time.sleep(REST_SECONDS)
            return lambda: worker.run({**request, **more})

        def without() -> float:
            run = trace(numbers=False)
            started = time.perf_counter()
            run()
            return time.perf_counter() - started

        without()
        outcome = against(trace, without, "the same without numbers", 1.3)
    graphs = [Graph.from_plain(e["graph"]) for e in outcome.events if e["event"] == "model" and e["graph"]]
    assert max(len(g.ops) for g in graphs) > 100
    for graph in graphs:
        layers = [op for op in graph.ops if op.module and op.op in ("conv", "linear")]
        numbers = graph.numbers
        assert numbers is not None
        steps = [numbers.step(op.path, "out_channels" if op.op == "conv" else "out_features") for op in layers]
        assert all(step is not None and numbers.reaches(step) for step in steps)
