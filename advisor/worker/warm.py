"""What the zygote does once so that no file pays for it: torch's lazy set-up, most of a second of it."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import torch
from torch import nn

from .specs import Guess, Spec
from .torchvision_ops import install as mend_torchvision
from .tracer import trace

_CACHE = "TORCHINDUCTOR_CACHE_DIR"


class _Tiny(nn.Module):
    """Reaches what torch sets up on first use: modules, and a reduction and an addition on meta."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.ReLU())
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.body(x)
        return self.head((x + x).mean((2, 3)))


def warm_up() -> None:
    """Import what a trace imports, then trace a tiny model."""
    _import_compiler()
    mend_torchvision()
    with torch.device("meta"):
        model = _Tiny().eval()
    trace(model, *Guess("", "", (Spec((1, 3, 8, 8)),)).make("meta"))


def _import_compiler() -> None:
    """Import what the first reduction on meta would. It fails while torch is patched, as it is during a trace, and
    without a cache folder that exists or can be made; the zygote may write nowhere, so it is shown one that exists."""
    kept = os.environ.get(_CACHE)
    os.environ[_CACHE] = str(Path(torch.__file__).parent)
    try:
        importlib.import_module("torch._dynamo")
    finally:
        del os.environ[_CACHE]
        if kept is not None:
            os.environ[_CACHE] = kept
