"""Builds the zoo of networks that training and validation use, from timm, torchvision and pytorchcv.

``python -m tests.corpus.zoo [--output estimator/networks]`` traces every network below on meta, strips names and
places and packs them by split. A family is a lineage: derivatives stand with what they derive from (SE-ResNet and
ResNeXt with ResNet, EfficientNet-Lite and TinyNet with EfficientNet), whatever library they are in, and backbones of
segmentation networks decide the family of those.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

from advisor import live
from advisor.estimator.training.networks import SPLITS, Network, pack, stripped
from advisor.worker.load import torchvision_ops

from .zoo_families import TEST, TRAIN

torchvision_ops.install()

Size = tuple[int, int]
MAX_PARAMETERS = 60_000_000


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("estimator/networks"), help="folder of the zoo files")
    options = parser.parse_args()
    failed = 0
    for split, table in zip(SPLITS, (TRAIN, TEST), strict=True):
        networks = []
        for family, specs in sorted(table.items()):
            for spec in specs.split():
                try:
                    networks.append(build(spec, family, split))
                except Exception as e:  # one network that cannot be built is named; the others are still wanted
                    failed += 1
                    print(f"{split} {family} {spec}: {type(e).__name__}: {e}".splitlines()[0][:300], flush=True)
        data = pack(networks)
        (options.output / f"{split}.msgpack.xz").write_bytes(data)
        lineages = len({n.family for n in networks})
        print(f"{split}: {len(networks)} networks of {lineages} families, {len(data) / 1e6:.2f} MB, {failed} failed")
    return 0


def build(spec: str, family: str, split: str) -> Network:
    """The network of ``library:name[+features][@resolution]``. Raises ValueError for one that is too large."""
    library, _, rest = spec.partition(":")
    rest, _, size = rest.partition("@")
    name, _, features = rest.partition("+")
    given = (int(size), int(size)) if size else None
    model, (height, width) = LIBRARIES[library](name, bool(features), given)
    count = sum(p.numel() for p in model.parameters())
    if count > MAX_PARAMETERS:
        raise ValueError(f"{count / 1e6:.0f} M parameters")
    graph, info = live.trace(model, torch.empty((1, 3, height, width), device="meta"))
    if info.failure:
        raise ValueError(info.failure.message)
    title = f"{rest}@{height}" if height == width else f"{rest}@{height}x{width}"
    return Network(title, NAMES[library], family, split, stripped(graph))


def _timm(name: str, features: bool, size: Size | None) -> tuple[nn.Module, Size]:
    import timm

    kwargs: dict[str, Any] = {"features_only": True} if features else {}
    model = _on_meta(lambda: timm.create_model(name, **kwargs))
    cfg: Any = timm.get_pretrained_cfg(name, allow_unregistered=True)
    _, height, width = cfg.input_size if cfg is not None else (3, 224, 224)
    return model, size or (height, width)


def _torchvision(name: str, features: bool, size: Size | None) -> tuple[nn.Module, Size]:
    import torchvision

    more = {"weights_backbone": None} if name.startswith(("lraspp", "deeplab", "fcn")) else {}
    if name in ("googlenet", "inception_v3"):
        more = {"init_weights": False, "aux_logits": False}
    model = _on_meta(lambda: torchvision.models.get_model(name, weights=None, **more))
    default = 299 if name == "inception_v3" else 224
    return model, size or (default, default)


def _pytorchcv(name: str, features: bool, size: Size | None) -> tuple[nn.Module, Size]:
    from pytorchcv.model_provider import get_model

    given: dict[str, Any] = {"in_size": size} if size else {}
    model = _on_meta(lambda: get_model(name, pretrained=False, **given))
    height, width = getattr(model, "in_size", (224, 224))
    return model, (height, width)


def _on_meta(make: Any) -> nn.Module:
    try:
        with torch.device("meta"):
            return make().eval()
    except (NotImplementedError, RuntimeError):  # a constructor that computes with tensors' values
        return make().eval()


LIBRARIES = {"timm": _timm, "tv": _torchvision, "cv": _pytorchcv}
NAMES = {"timm": "timm", "tv": "torchvision", "cv": "pytorchcv"}

if __name__ == "__main__":
    sys.exit(main())
