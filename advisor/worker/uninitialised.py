"""Building modules without filling their weights: only shapes matter here, and random numbers are most of the time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from .patches import replaced

_LARGE = 512
"""Elements beyond which an in-place fill is skipped. Small tensors are filled: constructors compute with them."""

_INITIALISERS = (
    "normal_",
    "uniform_",
    "xavier_uniform_",
    "xavier_normal_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "trunc_normal_",
    "orthogonal_",
    "constant_",
    "ones_",
    "zeros_",
    "dirac_",
    "eye_",
    "sparse_",
)


def _leave(tensor: torch.Tensor, *_args: Any, **_kwargs: Any) -> torch.Tensor:
    return tensor


def _only_small(fill: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    def maybe(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        return tensor if tensor.numel() > _LARGE else fill(tensor, *args, **kwargs)

    return maybe


@contextmanager
def uninitialised() -> Iterator[None]:
    """Inside the block ``torch.nn.init`` and large random fills do nothing."""
    changes: list[tuple[Any, str, Any]] = [(nn.init, name, _leave) for name in _INITIALISERS]
    fills = ("normal_", "uniform_", "erfinv_")
    changes += [(torch.Tensor, name, _only_small(getattr(torch.Tensor, name))) for name in fills]
    with replaced(changes):
        yield
