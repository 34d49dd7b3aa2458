"""What all proxies share: how a network is run to be looked at, and left as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import nn

from ..trace import trees

NORMS: tuple[type[nn.Module], ...] = (nn.modules.batchnorm._BatchNorm, nn.InstanceNorm1d, nn.InstanceNorm2d)
WEIGHTED: tuple[type[nn.Module], ...] = (nn.modules.conv._ConvNd, nn.Linear)
"""Layers that mix channels: what a network's depth is counted in."""


class Unscorable(ValueError):
    """A proxy that says nothing about a model; the message is a clause that says why."""


class Inputs(NamedTuple):
    """One forward's arguments, on the CPU."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def floats(self) -> list[torch.Tensor]:
        """The floating-point tensors among them."""
        return [t for t in trees.tensors([*self.args, self.kwargs]) if t.is_floating_point()]

    def each(self, change: Callable[[torch.Tensor], Any]) -> Inputs:
        """The same with each tensor changed."""
        return Inputs(trees.replace(self.args, change), trees.replace(self.kwargs, change))


def call(model: nn.Module, inputs: Inputs) -> Any:
    return model(*inputs.args, **inputs.kwargs)


def gaussian(inputs: Inputs, seed: int) -> Inputs:
    """``inputs`` with standard normal numbers in their floating-point tensors."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(tensor: torch.Tensor) -> torch.Tensor:
        if not tensor.is_floating_point():
            return tensor
        return torch.randn(tensor.shape, generator=generator, dtype=torch.float32).to(tensor.dtype)

    return inputs.each(drawn)


@contextmanager
def batch_statistics(model: nn.Module) -> Iterator[None]:
    """Inside, the model runs as if deployed (no dropout, no auxiliary heads), but its normalisations use the batch's
    own statistics: at initialisation the kept ones say nothing. Modes and kept statistics are restored."""
    modes = [(m, m.training) for m in model.modules()]
    kept = [(b, b.detach().clone()) for m in model.modules() if isinstance(m, NORMS) for b in m.buffers(recurse=False)]
    model.eval()
    for module in model.modules():
        if isinstance(module, NORMS):
            module.training = True
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for buffer, value in kept:
            with torch.no_grad():
                buffer.copy_(value)


@contextmanager
def hooked(handles: list[Any]) -> Iterator[None]:
    """Removes hooks afterwards."""
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def feature_map(output: Any) -> torch.Tensor | None:
    """The first floating-point tensor of what a module returned."""
    return next((t for t in trees.tensors(output) if t.is_floating_point()), None)


def channels_last(feature: torch.Tensor) -> torch.Tensor:
    """A feature map as (batch, positions …, channels).

    Channels stand behind the batch, but at the end in maps of tokens (three dimensions) and in images whose first two
    sizes behind the batch are equal where the last is not (the layout of Swin).
    """
    if feature.dim() < 4 or (feature.dim() == 4 and feature.shape[1] == feature.shape[2] != feature.shape[3]):
        return feature
    return feature.movedim(1, -1)


def by_position(feature: torch.Tensor) -> torch.Tensor:
    """A feature map as a matrix of positions (of all images) by channels."""
    return channels_last(feature).flatten(0, -2)
