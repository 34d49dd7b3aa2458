"""In words, what the layer that failed takes and what it got: torch's own message names neither on meta tensors."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from .fitting import failing_layer


def mismatch(model: nn.Module, error: BaseException) -> str:
    """``Conv2d r takes 1 channel, got 3 of (1, 3, 224, 224)``, "" where a layer of torch did not fail by its width."""
    at = failing_layer(error)
    if at is None:
        return ""
    layer, given = at
    shape = tuple(given.shape)
    said = _taken(layer, given)
    path = next((name for name, module in model.named_modules() if module is layer), "")
    return f"{type(layer).__name__} {path}".rstrip() + f" takes {said} of {shape}" if said else ""


def _taken(layer: nn.Module, given: torch.Tensor) -> str:
    if isinstance(layer, nn.Embedding):
        kind = str(given.dtype).removeprefix("torch.")
        return f"whole numbers, got {kind}" if given.is_floating_point() else ""
    for kind, name, dim, unit in (
        (_ConvNd, "in_channels", 1, "channel"),
        (_BatchNorm, "num_features", 1, "channel"),
        (nn.GroupNorm, "num_channels", 1, "channel"),
        (nn.Linear, "in_features", -1, "feature"),
        (nn.RNNBase, "input_size", -1, "feature"),
    ):
        if isinstance(layer, kind) and given.dim() > 1:
            wanted, got = getattr(layer, name), given.shape[dim]
            return f"{wanted} {unit}{'' if wanted == 1 else 's'}, got {got}" if wanted != got else ""
    return ""
