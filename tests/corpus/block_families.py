"""Mobile networks that are built from one row a block: timm's EfficientNet builder and torchvision's MobileNetV3."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from torch import nn

from advisor.channels import analyse
from advisor.graph import Graph
from advisor.moves import FuseIBN, Move, SetStride, SetWidth, UnfuseIBN, find_ibn

from .trials import Trial, find_op, swap, width_at, without_gates

# ---- timm's EfficientNet builder: one row of its table a block


@dataclass(frozen=True)
class Row:
    kind: str = "ir"
    kernel: int = 3
    stride: int = 1
    expand: int = 4
    width: int = 24
    se: bool = False
    act: str = "re"
    skip: bool = True

    def text(self) -> str:
        options = ("_se0.25" if self.se else "") + ("" if self.skip else "_noskip")
        return f"{self.kind}_r1_k{self.kernel}_s{self.stride}_e{self.expand}_c{self.width}_n{self.act}{options}"


def _efficientnet(rows: tuple[Row, ...], head: int = 128) -> nn.Module:
    from timm.models._efficientnet_builder import decode_arch_def, round_channels
    from timm.models.efficientnet import EfficientNet

    block_args = decode_arch_def([[row.text()] for row in rows])
    return EfficientNet(block_args, num_features=head, stem_size=16, round_chs_fn=partial(round_channels, divisor=8))


def _rows(rng: random.Random) -> list[Row]:
    return [
        Row(
            kernel=rng.choice((3, 5)),
            stride=rng.choice((1, 2)),
            expand=rng.choice((2, 4, 6)),
            width=rng.choice((16, 24, 40, 48)),
            se=rng.random() < 0.5,
            act=rng.choice(("re", "hs")),
        )
        for _ in range(rng.randint(2, 4))
    ]


_ACTS = {"re": "relu", "hs": "hardswish"}


def _changed_row(
    rng: random.Random, change: dict[str, Any], moves: Callable[[Graph, int], list[Move]], **base: Any
) -> Trial:
    """Random rows, one of which gets ``base`` in the first model and ``change`` too in the second."""
    rows = _rows(rng)
    i = rng.randrange(len(rows))
    rows[i] = replace(rows[i], **base)
    after = [*rows[:i], replace(rows[i], **change), *rows[i + 1 :]]
    return Trial(
        "timm EfficientNet builder",
        lambda: _efficientnet(tuple(rows)),
        lambda: _efficientnet(tuple(after)),
        lambda graph: moves(graph, i),
    )


def effnet_fuse(rng: random.Random) -> Trial:
    def moves(graph: Graph, i: int) -> list[Move]:
        block = next(b for b in find_ibn(graph) if graph.by_key[b.expand].path.startswith(f"blocks.{i}."))
        assert block.depthwise is not None
        return [FuseIBN(block.expand, block.depthwise)]

    return _changed_row(rng, {"kind": "er"}, moves)


def effnet_unfuse(rng: random.Random) -> Trial:
    def moves(graph: Graph, i: int) -> list[Move]:
        return [UnfuseIBN(find_op(graph, f"blocks.{i}.0.conv_exp", "conv"))]

    return _changed_row(rng, {"kind": "ir"}, moves, kind="er")


def effnet_expand(rng: random.Random) -> Trial:
    def moves(graph: Graph, i: int) -> list[Move]:
        key = find_op(graph, f"blocks.{i}.0.conv_pw", "conv")
        reads = graph.shape(graph.by_key[key].inputs[0])[1]
        group = analyse(graph).group_of(key)
        assert group is not None
        return [SetWidth(group.key, reads * 3)]

    return _changed_row(rng, {"expand": 3}, moves)


def effnet_ungate(rng: random.Random) -> Trial:
    return _changed_row(rng, {"se": False}, lambda graph, i: without_gates(f"blocks.{i}.")(graph), se=True)


def effnet_swap(rng: random.Random) -> Trial:
    old, new = rng.sample(("re", "hs"), 2)

    def moves(graph: Graph, i: int) -> list[Move]:
        return swap(_ACTS[old], _ACTS[new], f"blocks.{i}.")(graph)

    return _changed_row(rng, {"act": new}, moves, act=old, se=False)


def effnet_stride(rng: random.Random) -> Trial:
    def moves(graph: Graph, i: int) -> list[Move]:
        return [SetStride(find_op(graph, f"blocks.{i}.0.conv_dw", "conv"), new)]

    old, new = rng.sample((1, 2), 2)
    return _changed_row(rng, {"stride": new}, moves, stride=old, skip=False)


def effnet_head(rng: random.Random) -> Trial:
    rows, width = tuple(_rows(rng)), rng.choice((64, 96, 200))
    return Trial(
        "timm EfficientNet builder",
        lambda: _efficientnet(rows),
        lambda: _efficientnet(rows, width),
        width_at("conv_head", width),
    )


# ---- torchvision's MobileNetV3: (in, kernel, expanded, out, se, activation, stride) a row

_V3 = [
    [16, 3, 16, 16, False, "RE", 1],
    [16, 3, 64, 24, False, "RE", 2],
    [24, 3, 72, 24, False, "RE", 1],
    [24, 5, 72, 40, True, "RE", 2],
    [40, 5, 120, 40, True, "HS", 1],
    [40, 3, 240, 80, False, "HS", 2],
    [80, 3, 480, 112, True, "HS", 1],
]


def _mobilenet_v3(rows: list[list[Any]]) -> nn.Module:
    from torchvision.models.mobilenetv3 import InvertedResidualConfig, MobileNetV3

    return MobileNetV3([InvertedResidualConfig(*row, dilation=1, width_mult=1.0) for row in rows], 256, num_classes=10)


def _v3(rng: random.Random, candidates: tuple[int, ...], column: int, values: tuple[Any, ...], moves: Any) -> Trial:
    i = rng.choice(candidates)
    value = rng.choice(values)
    after = [list(row) for row in _V3]
    after[i][column] = value
    return Trial(
        "torchvision MobileNetV3", lambda: _mobilenet_v3(_V3), lambda: _mobilenet_v3(after), moves(i + 1, value)
    )


def v3_expand(rng: random.Random) -> Trial:
    return _v3(rng, (1, 2, 5), 2, (88, 96, 136), lambda i, v: width_at(f"features.{i}.block.0.0", v))


def v3_ungate(rng: random.Random) -> Trial:
    return _v3(rng, (3, 4, 6), 4, (False,), lambda i, v: without_gates(f"features.{i}."))


def v3_swap(rng: random.Random) -> Trial:
    return _v3(rng, (0, 1, 2), 5, ("HS",), lambda i, v: swap("relu", "hardswish", f"features.{i}."))


def v3_stride(rng: random.Random) -> Trial:
    def moves(i: int, value: int) -> Callable[[Graph], list[Move]]:
        return lambda graph: [SetStride(find_op(graph, f"features.{i}.block.1.0", "conv"), value)]

    return _v3(rng, (1, 3, 5), 6, (1,), moves) if rng.random() < 0.7 else _v3(rng, (6,), 6, (2,), moves)
