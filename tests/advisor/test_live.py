"""Tracing a live model from the library: inputs in every form, errors, and what is said about the trace."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from advisor import live
from advisor.graph import Graph, pack, unpack


def net() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())


@pytest.mark.parametrize(
    "inputs",
    [
        torch.zeros((2, 3, 8, 8)),
        torch.empty((2, 3, 8, 8), device="meta"),
        (2, 3, 8, 8),
        [torch.zeros((2, 3, 8, 8))],
        [(2, 3, 8, 8)],
        {"input": torch.zeros((2, 3, 8, 8))},
    ],
    ids=["tensor", "meta", "shape", "tensors", "shapes", "keywords"],
)
def test_inputs(inputs: Any) -> None:
    graph, info = live.trace(net(), inputs)
    assert (info.rung, info.status, info.failure, info.unobserved) == ("fx-meta", "ok", None, 0)
    assert [graph.tensors[i][:5] for i in graph.inputs] == [((2, 3, 8, 8), "float32", "contiguous", "input", "input")]
    assert graph.shape(graph.outputs[0]) == (2, 4, 6, 6)


def test_graph_survives_serialisation() -> None:
    graph, _ = live.trace(net(), (2, 3, 8, 8))
    assert unpack(pack(graph)).to_plain() == graph.to_plain()
    assert Graph.from_plain(graph.to_plain()).connected()


def test_a_meta_model_and_a_real_one_give_the_same_graph() -> None:
    assert live.trace(net(), (1, 3, 8, 8))[0].to_plain() == live.trace(net().to("meta"), (1, 3, 8, 8))[0].to_plain()


def test_channels_last_is_seen() -> None:
    x = torch.empty((2, 3, 8, 8), device="meta").to(memory_format=torch.channels_last)
    graph, _ = live.trace(nn.ReLU(), x)
    assert [graph.tensors[t].layout for t in (*graph.inputs, *graph.outputs)] == ["channels_last", "channels_last"]


def test_wrapped_models_are_unwrapped() -> None:
    graph, _ = live.trace(nn.DataParallel(net()), (1, 3, 8, 8))
    assert graph.ops[0].path == "0"


def test_a_partial_trace_says_why() -> None:
    graph, info = live.trace(nn.Sequential(net(), nn.Linear(5, 2)), (1, 3, 8, 8))
    assert info.status == "partial"
    assert info.failure is not None
    assert info.failure.kind == "RuntimeError"
    assert len(graph.ops) == 3
    assert graph.outputs == graph.ops[-1].outputs


def test_an_untraceable_model_raises() -> None:
    with pytest.raises(live.TraceError, match="channel") as error:
        live.trace(net(), (1, 5, 8, 8))
    assert error.value.failure.kind == "RuntimeError"


def test_scripted_models_are_one_layer() -> None:
    class Scripted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = torch.jit.script(nn.Sequential(nn.ReLU()))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner(x) + 1

    graph, _ = live.trace(Scripted(), (1, 3, 8, 8))
    assert [op.op for op in graph.ops] == ["other", "elementwise"]
    assert graph.connected()
