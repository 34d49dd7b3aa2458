"""Real model families that can be built twice with one number changed, to hold predicted graphs of moves against.

Every generator draws a :class:`Trial`: a model, the moves that lead to a second one, and that one, built by the
library's own constructor. Models live on the meta device.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from advisor.graph import Graph
from advisor.moves import Move, SetResolution

from . import block_families as blocks
from .trials import Trial, scaled, swap, timm_model, width_at, without_gates


def vgg_width(rng: random.Random) -> Trial:
    from torchvision.models.vgg import VGG, make_layers

    cfg = [16, "M", 32, "M", 48, 48, "M", 512, "M"]
    i = rng.choice([k for k, v in enumerate(cfg[:-2]) if v != "M"])
    width = rng.choice((20, 40, 56))
    after: list[Any] = [*cfg[:i], width, *cfg[i + 1 :]]
    at = sum(1 if v == "M" else 3 for v in cfg[:i])

    def build(config: list[Any]) -> nn.Module:
        return VGG(make_layers(config, batch_norm=True), num_classes=10, init_weights=False)

    return Trial("torchvision VGG", lambda: build(cfg), lambda: build(after), width_at(f"features.{at}", width))


def densenet_width(rng: random.Random) -> Trial:
    from torchvision.models.densenet import DenseNet

    build = partial(DenseNet, growth_rate=16, block_config=(rng.randint(2, 4),))
    width = rng.choice((24, 48, 72))
    return Trial(
        "torchvision DenseNet",
        partial(build, num_init_features=32),
        partial(build, num_init_features=width),
        width_at("features.conv0", width),
    )


def shufflenet_width(rng: random.Random) -> Trial:
    from torchvision.models.shufflenetv2 import ShuffleNetV2

    build = partial(ShuffleNetV2, [2, 2, 2])
    i, path = rng.choice(((0, "conv1.0"), (4, "conv5.0")))
    channels = [24, 48, 96, 192, 512]
    after = list(channels)
    after[i] = rng.choice((16, 40, 320))
    return Trial("torchvision ShuffleNetV2", partial(build, channels), partial(build, after), width_at(path, after[i]))


def _vit(**kwargs: Any) -> nn.Module:
    from timm.models.vision_transformer import VisionTransformer

    return VisionTransformer(**{"embed_dim": 96, "num_heads": 3, "depth": 1, "patch_size": 16, **kwargs})


def vit_mlp(rng: random.Random) -> Trial:
    ratio = rng.choice((2, 3, 5))
    return Trial("timm ViT", _vit, partial(_vit, mlp_ratio=ratio), width_at("blocks.0.mlp.fc1", 96 * ratio, "linear"))


def vit_scaled(rng: random.Random) -> Trial:
    factor = rng.choice((2, 3))
    return Trial("timm ViT", partial(_vit, depth=2), partial(_vit, depth=2, embed_dim=96 * factor), scaled(factor))


def swin_scaled(rng: random.Random) -> Trial:
    from timm.models.swin_transformer import SwinTransformer

    build = partial(SwinTransformer, depths=(2, 1), num_heads=(2, 4), img_size=56)
    return Trial("timm Swin", partial(build, embed_dim=32), partial(build, embed_dim=64), scaled(2), (1, 3, 56, 56))


def convnext_scaled(rng: random.Random) -> Trial:
    from timm.models.convnext import ConvNeXt

    factor = rng.choice((2, 3))
    build = partial(ConvNeXt, depths=(1, 2, 1, 1))
    dims = (16, 24, 32, 48)
    return Trial(
        "timm ConvNeXt",
        partial(build, dims=dims),
        partial(build, dims=tuple(d * factor for d in dims)),
        scaled(factor),
    )


def densenet_scaled(rng: random.Random) -> Trial:
    from torchvision.models.densenet import DenseNet

    build = partial(DenseNet, block_config=(2, 3))
    return Trial(
        "torchvision DenseNet",
        partial(build, growth_rate=12, num_init_features=32),
        partial(build, growth_rate=24, num_init_features=64),
        scaled(2),
    )


def shufflenet_scaled(rng: random.Random) -> Trial:
    from torchvision.models.shufflenetv2 import ShuffleNetV2

    factor = rng.choice((2, 3))
    channels = [24, 48, 96, 192, 512]
    build = partial(ShuffleNetV2, [2, 3, 2])
    after = [c * factor for c in channels]
    return Trial("torchvision ShuffleNetV2", partial(build, channels), partial(build, after), scaled(factor))


def unet_width(rng: random.Random) -> Trial:
    from segmentation_models_pytorch import Unet

    channels = [64, 48, 32, 24, 16]
    i = rng.randrange(len(channels))
    after = list(channels)
    after[i] = rng.choice((20, 40, 80))
    build = partial(Unet, "resnet18", encoder_weights=None)

    def moves(graph: Graph) -> list[Move]:
        paths = [f"decoder.blocks.{i}.conv{n}.0" for n in (1, 2)]
        return [move for path in paths for move in width_at(path, after[i])(graph)]

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
    return Trial("timm ViT", partial(_vit, depth=2), partial(_vit, depth=2, act_layer=nn.SiLU), swap("gelu", "silu"))


def named_swap(rng: random.Random) -> Trial:
    build = partial(timm_model, rng.choice(("resnet18", "resnet26d", "regnetx_002", "densenet121")))
    return Trial(f"timm {build.args[0]}", build, partial(build, act_layer=nn.SiLU), swap("relu", "silu"))


def resnet_ungate(rng: random.Random) -> Trial:
    name = rng.choice(("seresnet18", "seresnet50"))
    return Trial(f"timm {name}", partial(timm_model, name), partial(timm_model, name[2:]), without_gates())


def regnet_ungate(rng: random.Random) -> Trial:
    build = partial(timm_model, "regnety_002")
    return Trial("timm regnety_002", build, partial(build, se_ratio=0.0), without_gates())


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
        blocks.effnet_expand,
        blocks.v3_expand,
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
        blocks.effnet_head,
    ),
    "fuse_ibn": (blocks.effnet_fuse,),
    "unfuse_ibn": (blocks.effnet_unfuse,),
    "swap_activation": (blocks.effnet_swap, blocks.v3_swap, vit_swap, named_swap),
    "remove_se": (blocks.effnet_ungate, blocks.v3_ungate, resnet_ungate, regnet_ungate),
    "set_stride": (blocks.effnet_stride, blocks.v3_stride),
    "set_resolution": (vit_resolution, named_resolution),
}
"""Move kind → generators of trials whose second model the library's constructor builds."""
