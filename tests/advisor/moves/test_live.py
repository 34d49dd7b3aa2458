"""Predicted graphs against graphs traced from models that were built that way: by another argument, and by surgery."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from advisor import live
from advisor.channels import analyse
from advisor.equivalence import equivalent
from advisor.graph import Graph
from advisor.moves import (
    DepthwiseToStandard,
    FuseIBN,
    MergeLinear,
    Move,
    MoveError,
    RemoveBias,
    RemoveSE,
    SetResolution,
    SetStride,
    SetWidth,
    StandardToDepthwise,
    SwapActivation,
    UnfuseIBN,
    find_ibn,
    find_mergeable,
    find_redundant_bias,
    find_se,
)
from advisor.moves.live import surgery_plan
from advisor.worker import surgery


class Gate(nn.Module):
    def __init__(self, width: int, squeezed: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(width, squeezed, 1)
        self.act = nn.ReLU()
        self.expand = nn.Conv2d(squeezed, width, 1)

    def forward(self, x: Any) -> Any:
        s = self.expand(self.act(self.reduce(x.mean((2, 3), keepdim=True))))
        return x * torch.sigmoid(s)


class Block(nn.Module):
    """An inverted bottleneck with all that moves may take away or change."""

    def __init__(
        self, width: int, middle: int, out: int, fused: bool, se: int, act: type[nn.Module], stride: int, bias: bool
    ) -> None:
        super().__init__()
        if fused:
            self.fused = nn.Conv2d(width, middle, 3, stride, 1, bias=False)
        else:
            self.expand = nn.Conv2d(width, middle, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(middle)
            self.act1 = act()
            self.depthwise = nn.Conv2d(middle, middle, 3, stride, 1, groups=middle, bias=False)
        self.bn2 = nn.BatchNorm2d(middle)
        self.act2 = act()
        self.se = Gate(middle, se) if se else nn.Identity()
        self.project = nn.Conv2d(middle, out, 1, bias=bias)
        self.bn3 = nn.BatchNorm2d(out)

    def forward(self, x: Any) -> Any:
        y = self.fused(x) if hasattr(self, "fused") else self.depthwise(self.act1(self.bn1(self.expand(x))))
        y = self.bn3(self.project(self.se(self.act2(self.bn2(y)))))
        return x + y if x.shape == y.shape else y


class Mobile(nn.Module):
    def __init__(
        self,
        stem: int = 8,
        middle: int = 24,
        fused: bool = False,
        se: int = 6,
        act: type[nn.Module] = nn.ReLU6,
        stride: int = 2,
        bias: bool = True,
        head: int = 32,
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, stem, 3, 2, 1)
        self.first = Block(stem, 20, stem, False, 0, nn.ReLU6, 1, False)
        self.second = Block(stem, middle, 12, fused, se, act, stride, bias)
        self.head = nn.Conv2d(12, head, 1, bias=False)
        self.classifier = nn.Linear(head, 10)

    def forward(self, x: Any) -> Any:
        return self.classifier(self.head(self.second(self.first(self.stem(x)))).mean((2, 3)))


class Attention(nn.Module):
    """Token mixing with heads, all sizes from the constructor."""

    def __init__(self, width: int = 24, heads: int = 4, hidden: int = 48, size: int = 32) -> None:
        super().__init__()
        self.heads, self.scale = heads, (width // heads) ** -0.5
        self.patch = nn.Conv2d(3, width, 8, 8)
        self.position = nn.Parameter(torch.zeros(1, (size // 8) ** 2, width))
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.classifier = nn.Linear(width, 10)

    def forward(self, x: Any) -> Any:
        x = self.patch(x).flatten(2).transpose(1, 2) + self.position
        b, n, c = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        weights = ((q * self.scale) @ k.transpose(-2, -1)).softmax(-1)
        x = x + self.out((weights @ v).transpose(1, 2).reshape(b, n, c))
        return self.classifier((x + self.fc2(nn.functional.gelu(self.fc1(x)))).mean(1))


def _trace(build: Callable[[], nn.Module], size: int = 32) -> Graph:
    with torch.device("meta"):
        model = build().eval()
    graph, info = live.trace(model, (1, 3, size, size))
    assert info.status == "ok"
    return graph


def _key(graph: Graph, path: str) -> int:
    return next(op.key for op in graph.ops if op.path == path and op.module)


def _width(path: str, width: int) -> Callable[[Graph], list[Move]]:
    def moves(graph: Graph) -> list[Move]:
        group = analyse(graph).group_of(_key(graph, path))
        assert group is not None
        return [SetWidth(group.key, width)]

    return moves


def _fuse(graph: Graph) -> list[Move]:
    block = find_ibn(graph)[-1]
    assert block.depthwise is not None
    return [FuseIBN(block.expand, block.depthwise)]


def _acts(graph: Graph) -> list[Move]:
    return [SwapActivation((_key(graph, "second.act1"), _key(graph, "second.act2")), "hardswish")]


BUILT: list[tuple[type[nn.Module], dict[str, Any], dict[str, Any], Callable[[Graph], list[Move]]]] = [
    (Mobile, {}, {"stem": 16}, _width("stem", 16)),
    (Mobile, {}, {"middle": 36}, _width("second.depthwise", 36)),
    (Mobile, {}, {"head": 40}, _width("head", 40)),
    (Mobile, {}, {"fused": True}, _fuse),
    (Mobile, {"fused": True}, {"fused": False}, lambda g: [UnfuseIBN(_key(g, "second.fused"))]),
    (Mobile, {}, {"se": 0}, lambda g: [RemoveSE(find_se(g)[0].gate)]),
    (Mobile, {}, {"act": nn.Hardswish}, _acts),
    (Mobile, {}, {"stride": 1}, lambda g: [SetStride(_key(g, "second.depthwise"), 1)]),
    (Mobile, {}, {"bias": False}, lambda g: [RemoveBias(find_redundant_bias(g)[0])]),
    (Attention, {}, {"hidden": 60}, _width("fc1", 60)),
    (Attention, {}, {"width": 40}, lambda g: [*_width("patch", 40)(g), *_width("qkv", 120)(g)]),
]


@pytest.mark.parametrize(
    ("family", "before", "change", "moves"), BUILT, ids=lambda v: str(v) if isinstance(v, dict) else ""
)
def test_equals_the_model_built_with_another_argument(
    family: type[nn.Module], before: dict[str, Any], change: dict[str, Any], moves: Callable[[Graph], list[Move]]
) -> None:
    graph = predicted = _trace(lambda: family(**before))
    for move in moves(graph):
        predicted = move.apply(predicted)
    predicted.check()
    assert equivalent(predicted, _trace(lambda: family(**{**before, **change}))) == []
    assert equivalent(predicted, graph) != []


@pytest.mark.parametrize("size", [24, 48])
@pytest.mark.parametrize(("family", "knows_its_size"), [(Mobile, False), (Attention, True)])
def test_equals_the_model_traced_at_another_resolution(
    family: type[nn.Module], knows_its_size: bool, size: int
) -> None:
    predicted = SetResolution(size, size).apply(_trace(family))
    assert equivalent(predicted, _trace(lambda: family(size=size) if knows_its_size else family(), size)) == []


SURGERY: list[Callable[[Graph], Move]] = [
    lambda g: SetWidth(_key(g, "stem"), 12),
    lambda g: SetWidth(_key(g, "second.expand"), 30),
    lambda g: FuseIBN(_key(g, "second.expand"), _key(g, "second.depthwise")),
    lambda g: UnfuseIBN(_key(g, "stem")),
    lambda g: DepthwiseToStandard(_key(g, "first.depthwise")),
    lambda g: StandardToDepthwise(_key(DepthwiseToStandard(_key(g, "first.depthwise")).apply(g), "first.depthwise")),
    lambda g: SwapActivation((_key(g, "second.act1"),), "silu"),
    lambda g: RemoveSE(find_se(g)[0].gate),
    lambda g: SetStride(_key(g, "stem"), 1),
    lambda g: RemoveBias(find_redundant_bias(g)[0]),
    lambda g: MergeLinear(*find_mergeable(g)[-1]),
]


@pytest.mark.parametrize("choose", SURGERY, ids=range(len(SURGERY)))
def test_surgery_builds_what_was_predicted(choose: Callable[[Graph], Move]) -> None:
    model = Mobile().eval()
    graph, _ = live.trace(model, (1, 3, 32, 32))
    move = choose(graph)
    if move.kind == "standard_to_depthwise":
        first = DepthwiseToStandard(_key(graph, "first.depthwise")).apply(graph)
        model = surgery.apply(model, surgery_plan(graph, first))
        graph, _ = live.trace(model, (1, 3, 32, 32))
    predicted = move.apply(graph)
    built = surgery.apply(model, surgery_plan(graph, predicted))
    after, _ = live.trace(built, (1, 3, 32, 32))
    assert equivalent(predicted, after) == []
    assert equivalent(predicted, graph) != []
    assert built(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 10)  # the original is untouched


def test_a_function_cannot_be_swapped_by_surgery() -> None:
    graph = _trace(Attention)
    gelu = next(op.key for op in graph.ops if op.op == "activation")
    with pytest.raises(MoveError, match="surgery changes modules only"):
        surgery_plan(graph, SwapActivation((gelu,), "relu").apply(graph))


def test_a_plan_for_another_model_is_refused() -> None:
    graph = _trace(Mobile)
    plan = surgery_plan(graph, RemoveSE(find_se(graph)[0].gate).apply(graph))
    with pytest.raises(surgery.SurgeryError, match="no module second"):
        surgery.apply(Attention(), plan)
