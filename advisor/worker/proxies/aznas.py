"""AZ-NAS: the expressivity, progressivity and trainability of a network's blocks.

Lee, Ham: AZ-NAS: Assembling Zero-Cost Proxies for Network Architecture Search. CVPR 2024, arXiv 2403.19232, section 3.
The fourth of its proxies, complexity, is the FLOPs. The features are those of the primary blocks (:mod:`.blocks`).

- Expressivity (eq. 1-3): for block l, the features of all positions are centred; lambda are the eigenvalues of their
  covariance, normalised to a sum of 1; s_l = -sum(lambda log lambda). The score is the sum of s_l over the blocks.
- Progressivity (eq. 4): the smallest of s_l - s_(l-1).
- Trainability (eq. 5-8): for block l, a random sign vector g_out is propagated backwards to its input, giving g_in; A
  is the mean over positions of the products g_in g_out^T; with sigma the spectral norm of A, the block's score is
  -sigma - 1/sigma + 2, at most 0 and 0 where sigma is 1. The score is the mean over the blocks. Where a block makes
  the map smaller, the input's positions that meet in one of the output are stacked as channels.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ..trace import trees
from .blocks import Block
from .rig import Inputs, Unscorable, batch_statistics, by_position, call, channels_last, feature_map, hooked

_SIGMA_FLOOR = 1e-6
"""Added to sigma below the fraction: a block that passes nothing back scores very low, not minus infinity."""


def entropies(model: nn.Module, inputs: Inputs, blocks: list[Block]) -> list[float]:
    """s_l of each block. Raises :class:`Unscorable` where features are not finite."""
    found: list[float] = []

    def look(_module: nn.Module, _args: Any, output: Any) -> None:
        feature = feature_map(output)
        if feature is not None and feature.dim() > 1:
            found.append(entropy(feature))

    handles = [model.get_submodule(block[-1]).register_forward_hook(look) for block in blocks]
    with hooked(handles), batch_statistics(model), torch.no_grad():
        call(model, inputs)
    if not found:
        raise Unscorable("its blocks make no feature maps")
    return found


def entropy(feature: torch.Tensor) -> float:
    """Entropy of the principal components of a feature map's channels, in nats."""
    matrix = by_position(feature.detach()).float()
    matrix = matrix - matrix.mean(0, keepdim=True)
    if not torch.isfinite(matrix).all():
        raise Unscorable("its features are not finite at initialisation")
    scale = matrix.abs().max()
    if scale == 0:
        return 0.0
    matrix = matrix / scale
    positions, channels = matrix.shape
    product = matrix.T @ matrix if channels <= positions else matrix @ matrix.T  # the same eigenvalues, but for zeros
    values = torch.linalg.eigvalsh(product / positions).clamp_min(0)
    shares = values / values.sum()
    return float(-torch.special.xlogy(shares, shares).sum())


def expressivity(found: list[float]) -> float:
    return sum(found)


def progressivity(found: list[float]) -> float:
    """Raises :class:`Unscorable` for a single block."""
    if len(found) < 2:
        raise Unscorable("it has a single block, so nothing grows from block to block")
    return min(b - a for a, b in itertools.pairwise(found))


def trainability(model: nn.Module, inputs: Inputs, blocks: list[Block], seed: int) -> float:
    """Mean over the blocks. Raises :class:`Unscorable` where no block's gradient could be looked at."""
    generator = torch.Generator().manual_seed(seed)
    found: list[float] = []
    handles = []
    for block in blocks:
        handles += _watched(model, block, lambda given, made: found.append(_backward(given, made, generator)))
    with hooked(handles), batch_statistics(model), torch.enable_grad():
        call(model, inputs.each(lambda t: t.detach()))
    if not found:
        raise Unscorable("no block passes a gradient back")
    return sum(found) / len(found)


def _watched(model: nn.Module, block: Block, look: Callable[[torch.Tensor, torch.Tensor], None]) -> list[Any]:
    """Hooks that cut the network in front of ``block`` and show its input and output."""
    leaves: list[torch.Tensor] = []

    def enter(_module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        leaves.clear()

        def cut(tensor: torch.Tensor) -> torch.Tensor:
            if not tensor.is_floating_point():
                return tensor
            leaf = tensor.detach().requires_grad_()
            leaves.append(leaf)
            return leaf.clone()  # which the block may change in place

        return trees.replace(args, cut)

    def leave(_module: nn.Module, _args: tuple[Any, ...], output: Any) -> None:
        made = feature_map(output)
        if leaves and made is not None and made.requires_grad:
            look(leaves[0], made)

    first, last = (model.get_submodule(block[i]) for i in (0, -1))
    return [first.register_forward_pre_hook(enter), last.register_forward_hook(leave)]


def _backward(given: torch.Tensor, made: torch.Tensor, generator: torch.Generator) -> float:
    signs = torch.randint(0, 2, made.shape, generator=generator).to(made.dtype) * 2 - 1
    (back,) = torch.autograd.grad(made, given, signs, allow_unused=True)
    if back is None:
        back = torch.zeros_like(given)
    down, up = _aligned(back, signs)
    product = down.T @ up / len(up)
    sigma = float(torch.linalg.matrix_norm(product.float(), 2))
    return -sigma - 1 / (sigma + _SIGMA_FLOOR) + 2


def _aligned(back: torch.Tensor, signs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Both as positions by channels, for the same positions."""
    given, made = _grid(back), _grid(signs)
    if given is not None and made is not None:
        step = given.shape[1] // made.shape[1]
        if step > 0 and given.shape[1:3] == (made.shape[1] * step, made.shape[2] * step):
            if step > 1:
                given = nn.functional.pixel_unshuffle(given.movedim(-1, 1), step).movedim(1, -1)
            return given.flatten(0, 2), made.flatten(0, 2)
    down, up = channels_last(back), channels_last(signs)
    if down.shape[:-1] == up.shape[:-1]:
        return down.flatten(0, -2), up.flatten(0, -2)
    batch = len(signs)  # the positions differ in a way that is no stride: one mean for each image
    return down.reshape(batch, -1, down.shape[-1]).mean(1), up.reshape(batch, -1, up.shape[-1]).mean(1)


def _grid(feature: torch.Tensor) -> torch.Tensor | None:
    """As (batch, rows, columns, channels); tokens are taken for a square of them."""
    if feature.dim() == 4:
        return channels_last(feature)
    if feature.dim() != 3 or math.isqrt(feature.shape[1]) ** 2 != feature.shape[1]:
        return None
    return feature.unflatten(1, (math.isqrt(feature.shape[1]), -1))
