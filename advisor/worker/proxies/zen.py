"""Zen-score: how strongly a network with Gaussian weights answers a small change of its input.

Lin, Wang, Sun, Chen, Sun, Qian, Li, Jin: Zen-NAS: A Zero-Shot NAS for High-Performance Image Recognition. ICCV 2021,
arXiv 2102.01063, algorithm 1: weights, x and e are standard normal, f is the network up to its global pooling, and

    Zen = log E ||f(x) - f(x + 0.01 e)|| + sum over BatchNorms of log sqrt(mean of the channels' variances)

where the second term gives back what the normalisations took away. The norm is the mean of the absolute differences, as
in the authors' experiments. The paper removes residual links, which a module as such does not let go: they stay here.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import nn

from .blocks import Block
from .rig import NORMS, WEIGHTED, Inputs, Unscorable, batch_statistics, call, feature_map, gaussian

STEP = 0.01


def zen(model: nn.Module, inputs: Inputs, blocks: list[Block], seed: int, repeats: int = 2) -> float:
    """The mean over ``repeats`` draws of weights and inputs; larger is better. Raises :class:`Unscorable` for networks
    without feature maps, and where they are not finite or do not change."""
    model = copy.deepcopy(model)
    scores = [_once(model, inputs, blocks, seed + i) for i in range(repeats)]
    return sum(scores) / len(scores)


def _once(model: nn.Module, inputs: Inputs, blocks: list[Block], seed: int) -> float:
    _draw(model, seed)
    first = gaussian(inputs, seed)
    moved = _shifted(first, gaussian(inputs, seed + 1_000_003))
    features: list[torch.Tensor] = []
    corrections: list[float] = []

    def look(_module: nn.Module, _args: Any, output: Any) -> None:
        feature = feature_map(output)
        if feature is not None and feature.dim() > 2:
            features.append(feature.detach().clone())

    def normalised(_module: nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        given = args[0].detach()
        others = [d for d in range(given.dim()) if d != 1]
        corrections.append(0.5 * math.log(float(given.float().var(others, unbiased=False).mean()) + 1e-30))

    last = [model.get_submodule(block[-1]).register_forward_hook(look) for block in blocks]
    norms = [m.register_forward_pre_hook(normalised) for m in model.modules() if isinstance(m, NORMS)]
    try:
        with batch_statistics(model), torch.no_grad():
            call(model, first)
            corrected, count = sum(corrections), len(features)
            call(model, moved)
    finally:
        for handle in (*last, *norms):
            handle.remove()
    if not count:
        raise Unscorable("it makes no feature maps")
    change = float((features[count - 1] - features[-1]).abs().double().mean())
    if not math.isfinite(change) or change == 0:
        raise Unscorable("with Gaussian weights its features " + ("do not change" if change == 0 else "are not finite"))
    return math.log(change) + corrected


def _draw(model: nn.Module, seed: int) -> None:
    """Standard normal weights; normalisations as they begin, no biases."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in model.modules():
            if not isinstance(module, WEIGHTED):
                continue
            for name, parameter in module.named_parameters(recurse=False):
                if name == "bias":
                    parameter.zero_()
                else:
                    parameter.normal_(generator=generator)


def _shifted(first: Inputs, noise: Inputs) -> Inputs:
    steps = iter(noise.floats())
    return first.each(lambda t: t + STEP * next(steps) if t.is_floating_point() else t)
