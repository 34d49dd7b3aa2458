"""Recordings are sound graphs of torch.fx, made without waking the audit hook that hears what user code reads."""

from __future__ import annotations

import math
import operator
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn
from torch.fx import Graph

from advisor.worker.trace.placement import Placement
from advisor.worker.trace.recorder import Recorder
from advisor.worker.trace.recording import Spec, identity

COUNTING = """
import sys
from collections import Counter
import torch
from torch import nn
from advisor.worker.trace.sites import Observer
from advisor.worker.trace.tracer import trace

heard = Counter()
layers = 40

def record():
    with Observer() as observer, torch.device("meta"):
        model = nn.Sequential(*[nn.Sequential(nn.Conv2d(8, 8, 1), nn.ReLU()) for _ in range(layers)])
    assert trace(model, (torch.empty(1, 8, 4, 4, device="meta"),), {}, sites=observer.sites).ops == 2 * layers

record()
sys.addaudithook(lambda event, _: heard.update([event]))
record()
print(heard["builtins.id"] / layers, heard["object.__getattr__"] / layers)
"""


def test_identities_are_those_of_objects() -> None:
    things = [object() for _ in range(1000)]
    assert len({identity(thing) for thing in things}) == 1000
    assert identity(things[0]) == identity(things[0])


def test_a_recording_raises_few_audit_events() -> None:
    """For a container of two layers: once it was 30 ids and 44 looks at the code of a frame."""
    command = [sys.executable, "-c", COUNTING]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    ids, frames = map(float, done.stdout.split())
    assert ids < 2
    assert frames < 40


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 1)
        self.scale = nn.Parameter(torch.ones(8, 1, 1))

    def forward(self, x: torch.Tensor, fails: bool = False) -> torch.Tensor:
        a, b = (self.conv(x) * self.scale).chunk(2, dim=1)
        a.add_(b)
        if fails:
            raise ValueError("no")
        return torch.cat([a, b, a], 1)[:, 1:3]


def recorded(**kwargs: Any) -> Graph:
    with torch.device("meta"):
        model, x = Branches().eval(), torch.empty(1, 3, 4, 4)
    recorder = Recorder(model, Placement("meta"), math.inf)
    recorder.output(recorder.run((x,), kwargs, ["x"]))
    return recorder.recording.graph


def test_a_recording_is_a_graph_of_torch_fx_with_edges() -> None:
    graph = recorded()
    graph.lint()
    [conv] = [n for n in graph.nodes if n.op == "call_module"]
    assert [n.target for n in conv.args] == ["x"]
    [scale] = [n for n in graph.nodes if n.op == "get_attr" and n.target == "scale"]
    [scaled] = scale.users
    assert scaled.args == (conv, scale)
    assert scaled.meta["spec"] == Spec((1, 8, 4, 4), "float32", "contiguous")
    first, second = [n for n in graph.nodes if n.target is operator.getitem]
    assert first.args[0] is second.args[0] is first.meta["result_of"]
    [cat] = [n for n in graph.nodes if n.target is torch.cat]
    added = cat.args[0]
    assert added.args == (first, second), "an op in place has a node of its own"
    assert cat.args == (added, second, added)
    assert graph.output_node().args == (tuple(cat.users),)


def test_arguments_that_torch_fx_would_change_are_kept() -> None:
    graph = recorded()
    [cat] = [n for n in graph.nodes if n.target is torch.cat]
    parts, dim = cat.meta["args"]
    assert (type(parts), parts, dim) == (list, list(cat.args), 1)
    [sliced] = cat.users
    assert sliced.meta["args"] == (cat, (slice(None), slice(1, 3)))


def test_the_graph_of_a_forward_that_raises_has_no_output() -> None:
    model = Branches().eval().to("meta")
    recorder = Recorder(model, Placement("meta"), math.inf)
    with pytest.raises(ValueError):
        recorder.run((torch.empty(1, 3, 4, 4, device="meta"), True), {}, ["x", "fails"])
    graph = recorder.recording.graph
    graph.lint()
    assert "output" not in [n.op for n in graph.nodes]
    assert [n.op for n in graph.nodes].count("call_module") == 1
