"""Changes of structure whose weights are migrated: a title, a model, an input's shape, and moves of its graph."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from advisor.graph import Graph
from advisor.moves import (
    DepthwiseToStandard,
    FuseIBN,
    MergeLinear,
    Move,
    RemoveBias,
    RemoveSE,
    StandardToDepthwise,
    SwapActivation,
    UnfuseIBN,
    find_ibn,
    find_mergeable,
    find_redundant_bias,
    find_se,
)
from tests.corpus.trials import timm_model


class Linear(nn.Module):
    """Two pairs that can be merged: convolutions with a norm between, and linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.narrow = nn.Conv2d(16, 8, 1)
        self.first = nn.Linear(8, 20)
        self.second = nn.Linear(20, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.narrow(self.norm(self.wide(x))))
        return self.second(self.first(x.mean((2, 3))))


class Bottleneck(nn.Module):
    """An inverted bottleneck with nothing nonlinear between expansion and depthwise convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.expand = nn.Conv2d(3, 16, 1, bias=False)
        self.filter = nn.Conv2d(16, 16, 3, padding=1, groups=16, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.project = nn.Conv2d(16, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.project(torch.relu(self.norm(self.filter(self.expand(x))))).mean((2, 3))


def _fused(graph: Graph) -> Move:
    block = next(b for b in find_ibn(graph) if b.depthwise is not None)
    assert block.depthwise is not None
    return FuseIBN(block.expand, block.depthwise)


def _depthwise(graph: Graph) -> int:
    return next(b.depthwise for b in find_ibn(graph) if b.depthwise is not None)


def _first(graph: Graph, op: str, at: int = 0) -> int:
    return [o.key for o in graph.ops if o.op == op][at]


IMAGE = (2, 3, 64, 64)
Rewrite = tuple[str, Callable[[], nn.Module], tuple[int, ...], list[Callable[[Graph], Move]]]
REWRITES: tuple[Rewrite, ...] = (
    ("linear operators merged", Linear, IMAGE, [lambda g: MergeLinear(*find_mergeable(g)[0])] * 2),
    (
        "biases before norms removed (vgg11_bn)",
        lambda: timm_model("vgg11_bn"),
        (1, 3, 224, 224),
        [lambda g: RemoveBias(find_redundant_bias(g)[0])] * 8,
    ),
    ("bottleneck fused, nothing nonlinear between", Bottleneck, IMAGE, [_fused]),
    ("bottleneck fused (mobilenetv2_100)", lambda: timm_model("mobilenetv2_100"), IMAGE, [_fused]),
    (
        "fused bottleneck split (efficientnet_es)",
        lambda: timm_model("efficientnet_es"),
        IMAGE,
        [lambda g: UnfuseIBN(next(b.expand for b in find_ibn(g) if b.fused))],
    ),
    (
        "depthwise made standard (mobilenetv2_100)",
        lambda: timm_model("mobilenetv2_100"),
        IMAGE,
        [lambda g: DepthwiseToStandard(_depthwise(g))],
    ),
    (
        "standard made depthwise (resnet18)",
        lambda: timm_model("resnet18"),
        IMAGE,
        [lambda g: StandardToDepthwise(_first(g, "conv", 1))],
    ),
    (
        "squeeze-and-excite removed (efficientnet_b0)",
        lambda: timm_model("efficientnet_b0"),
        IMAGE,
        [lambda g: RemoveSE(find_se(g)[0].gate)],
    ),
    (
        "activation swapped (mobilenetv2_100)",
        lambda: timm_model("mobilenetv2_100"),
        IMAGE,
        [lambda g: SwapActivation((_first(g, "activation"),), "silu")],
    ),
)
