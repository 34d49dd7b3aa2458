"""Tracing a live model from the library: inputs in every form, errors, and what is said about the trace."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import advisor
from advisor import live
from advisor.graph import Graph, pack, unpack
from advisor.worker.load.torchvision_ops import install


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


# ---- inputs that nobody gave


class Tokens(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, 32)
        self.head = nn.Linear(32, 100)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        return self.head(self.embedding(ids))


class NeedsValues(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x) if x.sum().item() > 0 else x


class OnlyVectors(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise ValueError("never")


@pytest.mark.parametrize(
    ("model", "shape", "dtype"),
    [(net(), (1, 3, 224, 224), "float32"), (Tokens(), (1, 16), "int64"), (nn.LSTM(10, 20), (1, 16, 10), "float32")],
    ids=["image", "tokens", "sequence"],
)
def test_inputs_are_guessed_from_the_first_layer(model: nn.Module, shape: tuple[int, ...], dtype: str) -> None:
    graph, info = live.trace(model, None)
    assert [(graph.tensors[i].shape, graph.tensors[i].dtype) for i in graph.inputs] == [(shape, dtype)]
    assert info.status == "ok"
    assert info.guess.startswith(f"{shape} {dtype}  # first ")


def test_inputs_of_library_models_are_guessed() -> None:
    install()
    timm, models = pytest.importorskip("timm"), pytest.importorskip("torchvision.models")
    for model, size in ((timm.create_model("vit_tiny_patch16_384"), 384), (models.resnet18(), 224)):
        graph, info = live.trace(model, None)
        assert (info.status, graph.shape(graph.inputs[0])) == ("ok", (1, 3, size, size))


def test_guessing_runs_on_the_cpu_where_values_matter_and_leaves_the_model_as_it_was() -> None:
    model = nn.Sequential(NeedsValues(), nn.BatchNorm2d(8)).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    graph, info = live.trace(model, None)
    assert (info.status, [op.op for op in graph.ops][-1]) == ("ok", "batch_norm")
    assert model.training
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_given_inputs_are_no_guess() -> None:
    assert live.trace(net(), (1, 3, 8, 8))[1].guess == ""


def test_a_live_report_shows_the_guess_and_asks_for_inputs_when_none_works() -> None:
    (model,) = advisor.audit(Tokens(), target="npu-64").models
    assert model.input == "(1, 16) int64  # first Embedding"
    (model,) = advisor.audit(OnlyVectors(), target="npu-64").models
    (finding,) = model.findings
    assert finding.code == "TRC903"
    assert "inputs=" in finding.message
    assert "# advisor:" not in finding.message


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("inputs", [(1, 3, 8, 8), {"input": (1, 3, 8, 8)}, None], ids=["shape", "keyword", "guessed"])
def test_a_shape_without_a_dtype_takes_the_models_own(dtype: torch.dtype, inputs: Any) -> None:
    graph, info = live.trace(net().to(dtype), inputs)
    assert info.status == "ok"
    assert {graph.tensors[i].dtype for i in graph.inputs} == {str(dtype).removeprefix("torch.")}


@pytest.mark.parametrize("inputs", ["abc", 3, (1, -3, 8, 8)])
def test_inputs_of_another_kind_are_refused(inputs: Any) -> None:
    with pytest.raises(live.InputError, match="inputs: "):
        live.trace(net(), inputs)
