"""Building modules without drawing their weights: only shapes matter here, and random numbers are most of the time.

Where a forward has to run on values, what it does must not depend on what the memory held before: real tensors get
the same small numbers in every run.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import nn

from .patches import replaced

_LARGE = 512
"""Elements beyond which an in-place random fill is replaced. Small tensors are filled: constructors compute on them."""
_PERIOD = 4093  # prime, so that rows of a matrix differ

_RANDOM = (
    "normal_",
    "uniform_",
    "xavier_uniform_",
    "xavier_normal_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "trunc_normal_",
    "orthogonal_",
    "sparse_",
)
_CONSTANT = ("constant_", "ones_", "zeros_", "dirac_", "eye_")


_LAYERS: tuple[type[nn.Module], ...] = (
    nn.modules.conv._ConvNd,
    nn.modules.batchnorm._NormBase,
    nn.Linear,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.Embedding,
)
"""Layers whose ``reset_parameters`` does nothing but fill their own tensors."""


def _is_meta(tensor: torch.Tensor) -> bool:
    with torch._C.DisableTorchFunction():  # a look at a property is a call to the modes that are active
        return tensor.is_meta


def _filled_where_real(reset: Callable[[nn.Module], None]) -> Callable[[nn.Module], None]:
    def reset_parameters(self: nn.Module) -> None:
        weight = self._parameters.get("weight")
        if type(weight) is not nn.Parameter or not _is_meta(weight):
            reset(self)

    return reset_parameters


@cache
def _pattern() -> torch.Tensor:
    return torch.randn(_PERIOD, generator=torch.Generator().manual_seed(0)).mul_(0.02)


def _patterned(tensor: torch.Tensor, *_args: Any, **_kwargs: Any) -> torch.Tensor:
    """Small numbers around zero in place of random ones; nothing on the meta device."""
    if _is_meta(tensor):
        return tensor
    count = tensor.numel()
    with torch.no_grad():
        return tensor.copy_(_pattern().repeat(-(-count // _PERIOD))[:count].view(tensor.shape))


def _where_real(fill: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    def maybe(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        return tensor if _is_meta(tensor) else fill(tensor, *args, **kwargs)

    return maybe


def _where_small(
    fill: Callable[..., torch.Tensor], otherwise: Callable[..., torch.Tensor]
) -> Callable[..., torch.Tensor]:
    def maybe(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        return (otherwise if tensor.numel() > _LARGE else fill)(tensor, *args, **kwargs)

    return maybe


def _as_it_is(tensor: torch.Tensor, *_args: Any, **_kwargs: Any) -> torch.Tensor:
    return tensor


@contextmanager
def cheap_weights() -> Iterator[None]:
    """Inside the block ``torch.nn.init`` and large random fills do nothing on meta and draw no random numbers."""
    changes: list[tuple[Any, str, Any]] = [(nn.init, name, _patterned) for name in _RANDOM]
    changes += [(nn.init, name, _where_real(getattr(nn.init, name))) for name in _CONSTANT]
    fills = {"normal_": _patterned, "uniform_": _patterned, "erfinv_": _as_it_is}  # the last follows a uniform fill
    changes += [(torch.Tensor, n, _where_small(getattr(torch.Tensor, n), other)) for n, other in fills.items()]
    changes += [(kind, "reset_parameters", _filled_where_real(vars(kind)["reset_parameters"])) for kind in _LAYERS]
    with replaced(changes):
        yield


def seed() -> None:
    """Have every generator that user code may draw from start at the same place."""
    random.seed(0)
    torch.default_generator.manual_seed(0)
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed(0)
