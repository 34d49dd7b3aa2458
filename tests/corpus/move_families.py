"""Real model families that can be built twice with one number changed, to hold predicted graphs of moves against.

Every generator draws a :class:`Trial`: a model, the moves that lead to a second one, and that one, built by the
library's own constructor. Models live on the meta device.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import nn

from advisor.channels import analyse
from advisor.graph import Graph
from advisor.moves import (
    FuseIBN,
    Move,
    RemoveSE,
    SetResolution,
    SetStride,
    SetWidth,
    SwapActivation,
    UnfuseIBN,
    find_ibn,
    find_se,
)

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Trial:
    """``before`` with ``moves`` applied (they are of one kind) is predicted to be ``after``."""

    family: str
    before: Callable[[], nn.Module]
    after: Callable[[], nn.Module]
    moves: Callable[[Graph], list[Move]]
    inputs: Shape = (1, 3, 224, 224)
    inputs_after: Shape | None = None


def on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    with torch.device("meta"):
        return build().eval()


# ---- finding the ops of a move by what the constructor calls them


def _op(graph: Graph, path: str, kind: str) -> int:
    """The op of that kind in the module ``path`` or below it."""
    inside = (op for op in graph.ops if op.path == path or op.path.startswith(f"{path}."))
    return next(op.key for op in inside if op.op == kind)


def _width(path: str, width: int, kind: str = "conv") -> Callable[[Graph], list[Move]]:
    def moves(graph: Graph) -> list[Move]:
        group = analyse(graph).group_of(_op(graph, path, kind))
        assert group is not None
        return [SetWidth(group.key, width)]

    return moves


def _swap(old: str, new: str, below: str = "") -> Callable[[Graph], list[Move]]:
    """All activations ``old`` under a path; a gate's inner ones are not the block's."""

    def moves(graph: Graph) -> list[Move]:
        gates = {key for se in find_se(graph) for key in se.branch}
        keys = [op.key for op in graph.ops if op.op == "activation" and op.attrs["fn"] == old and op.key not in gates]
        return [SwapActivation(tuple(k for k in keys if graph.by_key[k].path.startswith(below)), new)]

    return moves


def _without_gates(below: str = "") -> Callable[[Graph], list[Move]]:
    return lambda graph: [RemoveSE(se.gate) for se in find_se(graph) if graph.by_key[se.gate].path.startswith(below)]


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
        return [UnfuseIBN(_op(graph, f"blocks.{i}.0.conv_exp", "conv"))]

    return _changed_row(rng, {"kind": "ir"}, moves, kind="er")


def effnet_expand(rng: random.Random) -> Trial:
    def moves(graph: Graph, i: int) -> list[Move]:
        key = _op(graph, f"blocks.{i}.0.conv_pw", "conv")
        reads = graph.shape(graph.by_key[key].inputs[0])[1]
        group = analyse(graph).group_of(key)
        assert group is not None
        return [SetWidth(group.key, reads * 3)]

    return _changed_row(rng, {"expand": 3}, moves)


def effnet_ungate(rng: random.Random) -> Trial:
    return _changed_row(rng, {"se": False}, lambda graph, i: _without_gates(f"blocks.{i}.")(graph), se=True)


def effnet_swap(rng: random.Random) -> Trial:
    old, new = rng.sample(("re", "hs"), 2)

    def moves(graph: Graph, i: int) -> list[Move]:
        return _swap(_ACTS[old], _ACTS[new], f"blocks.{i}.")(graph)

    return _changed_row(rng, {"act": new}, moves, act=old, se=False)


def effnet_stride(rng: random.Random) -> Trial:
    def moves(graph: Graph, i: int) -> list[Move]:
        return [SetStride(_op(graph, f"blocks.{i}.0.conv_dw", "conv"), new)]

    old, new = rng.sample((1, 2), 2)
    return _changed_row(rng, {"stride": new}, moves, stride=old, skip=False)


def effnet_head(rng: random.Random) -> Trial:
    rows, width = tuple(_rows(rng)), rng.choice((64, 96, 200))
    return Trial(
        "timm EfficientNet builder",
        lambda: _efficientnet(rows),
        lambda: _efficientnet(rows, width),
        _width("conv_head", width),
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
    return _v3(rng, (1, 2, 5), 2, (88, 96, 136), lambda i, v: _width(f"features.{i}.block.0.0", v))


def v3_ungate(rng: random.Random) -> Trial:
    return _v3(rng, (3, 4, 6), 4, (False,), lambda i, v: _without_gates(f"features.{i}."))


def v3_swap(rng: random.Random) -> Trial:
    return _v3(rng, (0, 1, 2), 5, ("HS",), lambda i, v: _swap("relu", "hardswish", f"features.{i}."))


def v3_stride(rng: random.Random) -> Trial:
    def moves(i: int, value: int) -> Callable[[Graph], list[Move]]:
        return lambda graph: [SetStride(_op(graph, f"features.{i}.block.1.0", "conv"), value)]

    return _v3(rng, (1, 3, 5), 6, (1,), moves) if rng.random() < 0.7 else _v3(rng, (6,), 6, (2,), moves)


# ---- other constructors


def vgg_width(rng: random.Random) -> Trial:
    from torchvision.models.vgg import VGG, make_layers

    cfg = [16, "M", 32, "M", 48, 48, "M", 512, "M"]
    i = rng.choice([k for k, v in enumerate(cfg[:-2]) if v != "M"])
    width = rng.choice((20, 40, 56))
    after: list[Any] = [*cfg[:i], width, *cfg[i + 1 :]]
    at = sum(1 if v == "M" else 3 for v in cfg[:i])

    def build(config: list[Any]) -> nn.Module:
        return VGG(make_layers(config, batch_norm=True), num_classes=10, init_weights=False)

    return Trial("torchvision VGG", lambda: build(cfg), lambda: build(after), _width(f"features.{at}", width))


def densenet_width(rng: random.Random) -> Trial:
    from torchvision.models.densenet import DenseNet

    build = partial(DenseNet, growth_rate=16, block_config=(rng.randint(2, 4),))
    width = rng.choice((24, 48, 72))
    return Trial(
        "torchvision DenseNet",
        partial(build, num_init_features=32),
        partial(build, num_init_features=width),
        _width("features.conv0", width),
    )


def shufflenet_width(rng: random.Random) -> Trial:
    from torchvision.models.shufflenetv2 import ShuffleNetV2

    build = partial(ShuffleNetV2, [2, 2, 2])
    i, path = rng.choice(((0, "conv1.0"), (4, "conv5.0")))
    channels = [24, 48, 96, 192, 512]
    after = list(channels)
    after[i] = rng.choice((16, 40, 320))
    return Trial("torchvision ShuffleNetV2", partial(build, channels), partial(build, after), _width(path, after[i]))


def _vit(**kwargs: Any) -> nn.Module:
    from timm.models.vision_transformer import VisionTransformer

    return VisionTransformer(**{"embed_dim": 96, "num_heads": 3, "depth": 1, "patch_size": 16, **kwargs})


def vit_mlp(rng: random.Random) -> Trial:
    ratio = rng.choice((2, 3, 5))
    return Trial("timm ViT", _vit, partial(_vit, mlp_ratio=ratio), _width("blocks.0.mlp.fc1", 96 * ratio, "linear"))


def _scaled(factor: int) -> Callable[[Graph], list[Move]]:
    """Every width that may change, times ``factor``."""
    return lambda graph: [SetWidth(g.key, g.width * factor) for g in analyse(graph).groups if not g.pinned]


def vit_scaled(rng: random.Random) -> Trial:
    factor = rng.choice((2, 3))
    return Trial("timm ViT", partial(_vit, depth=2), partial(_vit, depth=2, embed_dim=96 * factor), _scaled(factor))


def swin_scaled(rng: random.Random) -> Trial:
    from timm.models.swin_transformer import SwinTransformer

    build = partial(SwinTransformer, depths=(2, 1), num_heads=(2, 4), img_size=56)
    return Trial("timm Swin", partial(build, embed_dim=32), partial(build, embed_dim=64), _scaled(2), (1, 3, 56, 56))


def convnext_scaled(rng: random.Random) -> Trial:
    from timm.models.convnext import ConvNeXt

    factor = rng.choice((2, 3))
    build = partial(ConvNeXt, depths=(1, 2, 1, 1))
    dims = (16, 24, 32, 48)
    return Trial(
        "timm ConvNeXt",
        partial(build, dims=dims),
        partial(build, dims=tuple(d * factor for d in dims)),
        _scaled(factor),
    )


def densenet_scaled(rng: random.Random) -> Trial:
    from torchvision.models.densenet import DenseNet

    build = partial(DenseNet, block_config=(2, 3))
    return Trial(
        "torchvision DenseNet",
        partial(build, growth_rate=12, num_init_features=32),
        partial(build, growth_rate=24, num_init_features=64),
        _scaled(2),
    )


def shufflenet_scaled(rng: random.Random) -> Trial:
    from torchvision.models.shufflenetv2 import ShuffleNetV2

    factor = rng.choice((2, 3))
    channels = [24, 48, 96, 192, 512]
    build = partial(ShuffleNetV2, [2, 3, 2])
    after = [c * factor for c in channels]
    return Trial("torchvision ShuffleNetV2", partial(build, channels), partial(build, after), _scaled(factor))


def unet_width(rng: random.Random) -> Trial:
    from segmentation_models_pytorch import Unet

    channels = [64, 48, 32, 24, 16]
    i = rng.randrange(len(channels))
    after = list(channels)
    after[i] = rng.choice((20, 40, 80))
    build = partial(Unet, "resnet18", encoder_weights=None)

    def moves(graph: Graph) -> list[Move]:
        paths = [f"decoder.blocks.{i}.conv{n}.0" for n in (1, 2)]
        return [move for path in paths for move in _width(path, after[i])(graph)]

    return Trial(
        "smp Unet",
        lambda: build(decoder_channels=channels),
        lambda: build(decoder_channels=after),
        moves,
        (1, 3, 64, 64),
    )


def vit_resolution(rng: random.Random) -> Trial:
    size = rng.choice((128, 160, 256, 384))
    return Trial(
        "timm ViT",
        _vit,
        partial(_vit, img_size=size),
        lambda graph: [SetResolution(size, size)],
        inputs_after=(1, 3, size, size),
    )


def vit_swap(rng: random.Random) -> Trial:
    return Trial("timm ViT", partial(_vit, depth=2), partial(_vit, depth=2, act_layer=nn.SiLU), _swap("gelu", "silu"))


def timm_model(name: str, **kwargs: Any) -> nn.Module:
    import timm

    return timm.create_model(name, **kwargs)


def named_swap(rng: random.Random) -> Trial:
    build = partial(timm_model, rng.choice(("resnet18", "resnet26d", "regnetx_002", "densenet121")))
    return Trial(f"timm {build.args[0]}", build, partial(build, act_layer=nn.SiLU), _swap("relu", "silu"))


def resnet_ungate(rng: random.Random) -> Trial:
    name = rng.choice(("seresnet18", "seresnet50"))
    return Trial(f"timm {name}", partial(timm_model, name), partial(timm_model, name[2:]), _without_gates())


def regnet_ungate(rng: random.Random) -> Trial:
    build = partial(timm_model, "regnety_002")
    return Trial("timm regnety_002", build, partial(build, se_ratio=0.0), _without_gates())


RESOLUTION_MODELS = [
    "resnet18",
    "mobilenetv2_100",
    "densenet121",
    "efficientnet_b0",
    "convnext_atto",
    "ghostnet_100",
    "regnetx_002",
    "mnasnet_100",
    "repvgg_a0",
    "hardcorenas_a",
    "tf_efficientnet_b0",
]


def named_resolution(rng: random.Random) -> Trial:
    name = rng.choice(RESOLUTION_MODELS)
    height, width = rng.choice((96, 160, 193, 256, 287)), rng.choice((96, 150, 192, 257, 288))
    return Trial(
        f"timm {name}",
        partial(timm_model, name),
        partial(timm_model, name),
        lambda graph: [SetResolution(height, width)],
        inputs_after=(1, 3, height, width),
    )


BY_CONSTRUCTOR: dict[str, tuple[Callable[[random.Random], Trial], ...]] = {
    "set_width": (
        effnet_expand,
        v3_expand,
        vgg_width,
        densenet_width,
        shufflenet_width,
        vit_mlp,
        unet_width,
        vit_scaled,
        swin_scaled,
        convnext_scaled,
        densenet_scaled,
        shufflenet_scaled,
        effnet_head,
    ),
    "fuse_ibn": (effnet_fuse,),
    "unfuse_ibn": (effnet_unfuse,),
    "swap_activation": (effnet_swap, v3_swap, vit_swap, named_swap),
    "remove_se": (effnet_ungate, v3_ungate, resnet_ungate, regnet_ungate),
    "set_stride": (effnet_stride, v3_stride),
    "set_resolution": (vit_resolution, named_resolution),
}
"""Move kind → generators of trials whose second model the library's constructor builds."""
