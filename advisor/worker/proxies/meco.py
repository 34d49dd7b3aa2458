"""MeCo: how independent the channels of a network's feature maps are.

Jiang, Wang, Bie: MeCo: Zero-Shot NAS with One Data and Single Forward Pass via Minimum Eigenvalue of Correlation.
NeurIPS 2023, section 3: one random image is run once; for the feature maps of layer l, P is the Pearson correlation of
its channels (each map flattened), and the score is the sum over the layers of P's smallest eigenvalue.

Its optimised form (section 3.4) draws 8 channels of each layer and weights the layer's eigenvalue with channels / 8:
cheap for wide layers, and not zero where a map has fewer positions than channels. The layers are the convolutions and
linear layers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from .rig import WEIGHTED, Inputs, Unscorable, batch_statistics, by_position, call, feature_map, hooked

DRAWN = 8


def meco(model: nn.Module, inputs: Inputs) -> float:
    """Sum of the layers' smallest eigenvalues. Raises :class:`Unscorable` for networks without feature maps."""
    return sum(_layers(model, inputs, lambda maps: _smallest(maps)))


def meco_drawn(model: nn.Module, inputs: Inputs, seed: int) -> float:
    """The optimised form. Raises :class:`Unscorable` for networks without feature maps."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(maps: torch.Tensor) -> float:
        channels = maps.shape[1]
        if channels <= DRAWN:
            return _smallest(maps)
        chosen = torch.randperm(channels, generator=generator)[:DRAWN]
        return channels / DRAWN * _smallest(maps[:, chosen])

    return sum(_layers(model, inputs, drawn))


def _layers(model: nn.Module, inputs: Inputs, value: Callable[[torch.Tensor], float]) -> list[float]:
    found: list[float] = []

    def look(_module: nn.Module, _args: Any, output: Any) -> None:
        feature = feature_map(output)
        if feature is not None and feature.dim() > 2:
            found.append(value(by_position(feature.detach()[:1]).float()))

    handles = [m.register_forward_hook(look) for m in model.modules() if isinstance(m, WEIGHTED)]
    with hooked(handles), batch_statistics(model), torch.no_grad():
        call(model, inputs)
    if not found:
        raise Unscorable("it makes no feature maps")
    return found


def _smallest(maps: torch.Tensor) -> float:
    """The smallest eigenvalue of the correlation of the columns."""
    positions, channels = maps.shape
    if positions <= channels and channels > 1:
        return 0.0  # centred columns of so few numbers depend on each other
    centred = maps - maps.mean(0, keepdim=True)
    norms = centred.norm(dim=0)
    if not torch.isfinite(norms).all():
        raise Unscorable("its features are not finite at initialisation")
    if (norms == 0).any():
        return 0.0  # a constant map correlates with nothing; the paper's code sets it to 0
    unit = centred / norms
    return max(0.0, float(torch.linalg.eigvalsh(unit.T @ unit)[0]))
