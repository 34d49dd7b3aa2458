"""How the networks of each library are made for the zoo: ``load(library, name, features, size)``.

timm, torchvision, pytorchcv and segmentation_models_pytorch are among the test dependencies. The final split also has
networks of kornia, MONAI and torchsr, wanted for building the zoo only: ``pip install --no-deps kornia kornia-rs
monai torchsr``.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
from torch import nn

from advisor.worker.load import torchvision_ops

torchvision_ops.install()

Size = tuple[int, int]
Shape = tuple[int, int, int]
Loaded = tuple[nn.Module, Shape]
"""A network and the channels, height and width of its input."""


def load(library: str, name: str, features: bool, size: Size | None) -> Loaded:
    """The network in evaluation mode, on the meta device where its constructor allows that. ``features`` leaves out
    its classifier."""
    return _LIBRARIES[library](name, features, size)


def _timm(name: str, features: bool, size: Size | None) -> Loaded:
    import timm

    kwargs: dict[str, Any] = {"features_only": True} if features else {}
    model = _on_meta(lambda: timm.create_model(name, **kwargs))
    cfg: Any = timm.get_pretrained_cfg(name, allow_unregistered=True)
    return model, _shape(3, size or (cfg.input_size[1:] if cfg is not None else (224, 224)))


def _torchvision(name: str, features: bool, size: Size | None) -> Loaded:
    import torchvision

    more = {"weights_backbone": None} if name.startswith(("lraspp", "deeplab", "fcn")) else {}
    if name in ("googlenet", "inception_v3"):
        more = {"init_weights": False, "aux_logits": False}
    model = _on_meta(lambda: torchvision.models.get_model(name, weights=None, **more))
    side = 299 if name == "inception_v3" else 224
    return _features(model, features), _shape(3, size or (side, side))


def _pytorchcv(name: str, features: bool, size: Size | None) -> Loaded:
    from pytorchcv.model_provider import get_model

    given: dict[str, Any] = {"in_size": size} if size else {}
    model = _on_meta(lambda: get_model(name, pretrained=False, **given))
    channels = next(p.shape[1] for p in model.parameters() if p.ndim == 4)
    return _features(model, features), _shape(channels, getattr(model, "in_size", (224, 224)))


def _smp(name: str, features: bool, size: Size | None) -> Loaded:
    """``decoder/encoder``."""
    import segmentation_models_pytorch as smp

    decoder, encoder = name.split("/")
    model = _on_meta(lambda: smp.create_model(decoder, encoder, encoder_weights=None))
    return model, _shape(3, size or (256, 256))


def _torchsr(name: str, features: bool, size: Size | None) -> Loaded:
    """Twice the resolution."""
    models = import_module("torchsr.models")
    return _on_meta(lambda: getattr(models, name)(scale=2, pretrained=False)), _shape(3, size or (64, 64))


_PLANE: dict[str, Any] = {"spatial_dims": 2, "in_channels": 3, "out_channels": 2}
_HALVED = {"channels": (16, 32, 64, 128), "strides": (2, 2, 2, 2)}
_MONAI: dict[str, dict[str, Any]] = {
    "AutoEncoder": {**_PLANE, **_HALVED, "norm": "batch"},
    "HighResNet": _PLANE,
    "HoVerNet": {"in_channels": 3},
    "PatchDiscriminator": {"spatial_dims": 2, "in_channels": 3, "channels": 64},
    "Restormer": {},
    "SegResNet": {**_PLANE, "init_filters": 16, "norm": "batch"},
    "VNet": {**_PLANE, "in_channels": 1, "dropout_dim": 2},
}
"""What each has to be told to be a network for images: most are for volumes by default."""


def _monai(name: str, features: bool, size: Size | None) -> Loaded:
    nets = import_module("monai.networks.nets")
    kind = nets.restormer.Restormer if name == "Restormer" else getattr(nets, name)
    model = _on_meta(lambda: kind(**_MONAI[name]))
    return model, _shape(_MONAI[name].get("in_channels", 3), size or (256, 256))


def _kornia(name: str, features: bool, size: Size | None) -> Loaded:
    """Descriptors and detectors of points, of grey images."""
    feature = import_module("kornia.feature")
    if name == "HourglassBackbone":
        model = _on_meta(feature.sold2.backbones.HourglassBackbone)
    elif name == "XFeatModel":
        model = _on_meta(feature.xfeat.XFeatModel)
    else:
        model = _on_meta(lambda: getattr(feature, name)(pretrained=False))
    return model, _shape(1, size or (32, 32))


def _shape(channels: int, size: Size) -> Shape:
    height, width = size
    return channels, height, width


def _features(model: nn.Module, wanted: bool) -> nn.Module:
    return model.get_submodule("features") if wanted else model


def _on_meta(make: Callable[[], Any]) -> nn.Module:
    try:
        with torch.device("meta"):
            return make().eval()
    except (NotImplementedError, RuntimeError):  # a constructor that computes with tensors' values
        return make().eval()


_LIBRARIES: dict[str, Callable[[str, bool, Size | None], Loaded]] = {
    "timm": _timm,
    "tv": _torchvision,
    "cv": _pytorchcv,
    "smp": _smp,
    "sr": _torchsr,
    "monai": _monai,
    "kornia": _kornia,
}
NAMES = {
    "timm": "timm",
    "tv": "torchvision",
    "cv": "pytorchcv",
    "smp": "segmentation_models_pytorch",
    "sr": "torchsr",
    "monai": "monai",
    "kornia": "kornia",
}
"""The libraries' names by the short ones of the tables."""
