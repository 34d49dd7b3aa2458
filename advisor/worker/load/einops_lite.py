"""``rearrange``, ``reduce`` and ``repeat`` of einops for tensors, for when einops itself is not installed.

Patterns: names, parentheses, ``1``, ``()`` and one ``...``. Written from the description in einops' documentation:
split composed axes, permute, reduce or repeat, compose.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

Axes = list[list[str]]


def _side(text: str, batch: int) -> Axes:
    """One side of a pattern as groups of axis names; ``...`` becomes ``batch`` names of its own."""
    groups: Axes = []
    for token in re.findall(r"\([^)]*\)|\.\.\.|\w+", text):
        if token == "...":
            groups += [[f"…{i}"] for i in range(batch)]
        elif token.startswith("("):
            names = re.findall(r"\.\.\.|\w+", token)
            groups.append([n for name in names for n in ([f"…{i}" for i in range(batch)] if name == "..." else [name])])
        else:
            groups.append([token])
    return [[name for name in group if name != "1"] for group in groups]


def _sizes(groups: Axes, shape: tuple[int, ...], known: dict[str, int]) -> dict[str, int]:
    """The size of every axis on the left; raises :class:`ValueError` when the pattern does not fit ``shape``."""
    if len(groups) != len(shape):
        raise ValueError(f"Wrong shape: expected {len(groups)} dims. Received {len(shape)}-dim tensor.")
    sizes = dict(known)
    for group, dim in zip(groups, shape, strict=True):
        unknown = [n for n in group if n not in sizes]
        product = math.prod(sizes[n] for n in group if n in sizes)
        if len(unknown) > 1:
            raise ValueError(f"Could not infer sizes for {unknown}")
        if dim % product or (not unknown and dim != product):
            raise ValueError(f"Shape mismatch, can't divide axis of length {dim} in chunks of {product}")
        if unknown:
            sizes[unknown[0]] = dim // product
    return sizes


def _apply(tensor: torch.Tensor, pattern: str, combine: Callable[..., torch.Tensor] | None, sizes: Any) -> torch.Tensor:
    left_text, right_text = pattern.split("->")
    named = len(_side(left_text.replace("...", " "), 0))
    batch = tensor.dim() - named if "..." in left_text else 0
    left, right = _side(left_text, batch), _side(right_text, batch)
    length = _sizes(left, tuple(tensor.shape), sizes)
    have = [n for group in left for n in group]
    want = [n for group in right for n in group]
    x = tensor.reshape([length[n] for n in have])
    gone = [n for n in have if n not in want]
    if gone:
        if combine is None:
            raise ValueError(f"axes {gone} are missing on the right of {pattern!r}")
        x = combine(x, tuple(have.index(n) for n in gone))
        have = [n for n in have if n in want]
    x = x.permute([have.index(n) for n in want if n in have])
    fresh = [n for n in want if n not in have]
    for position, name in enumerate(want):
        if name in fresh:
            x = x.unsqueeze(position)
    if fresh:
        x = x.expand([length[n] if n in length else int(n) for n in want])
    return x.reshape([math.prod(length[n] if n in length else int(n) for n in group) for group in right])


def rearrange(tensor: Any, pattern: str, **sizes: int) -> torch.Tensor:
    """Split, permute and merge axes; a list of tensors is stacked first."""
    return _apply(torch.stack(tensor) if isinstance(tensor, (list, tuple)) else tensor, pattern, None, sizes)


def repeat(tensor: torch.Tensor, pattern: str, **sizes: int) -> torch.Tensor:
    """Like :func:`rearrange`; axes new on the right repeat the tensor."""
    return _apply(tensor, pattern, None, sizes)


_REDUCTIONS: dict[str, Callable[..., torch.Tensor]] = {
    "mean": torch.mean,
    "sum": torch.sum,
    "max": torch.amax,
    "min": torch.amin,
}


def reduce(tensor: torch.Tensor, pattern: str, reduction: str, **sizes: int) -> torch.Tensor:
    """Like :func:`rearrange`; axes missing on the right are reduced."""
    return _apply(tensor, pattern, _REDUCTIONS[reduction], sizes)


class Rearrange(nn.Module):
    """:func:`rearrange` as a layer."""

    def __init__(self, pattern: str, **sizes: int) -> None:
        super().__init__()
        self.pattern, self.sizes = pattern, sizes

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return rearrange(x, self.pattern, **self.sizes)


class Reduce(nn.Module):
    """:func:`reduce` as a layer."""

    def __init__(self, pattern: str, reduction: str, **sizes: int) -> None:
        super().__init__()
        self.pattern, self.reduction, self.sizes = pattern, reduction, sizes

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return reduce(x, self.pattern, self.reduction, **self.sizes)
