"""Trying a forward call cheaply, to see whether an input fits: on meta tensors, or on real ones where values matter."""

from __future__ import annotations

import contextlib

import torch
from torch import nn

from ..trace.borrow import borrowed
from .specs import Guess

_NEEDS_VALUES = (
    "meta",
    "item()",
    "data-dependent",
    "same device",
    "devices",
    "Dynamo",
    "storage",
    "numpy",
)


def probe(model: nn.Module, guess: Guess, device: str) -> Exception | None:
    """What one forward call raises on ``device`` (``meta`` or ``cpu``), or None when it runs."""
    swap = borrowed(model, lambda t: t.to("meta")) if device == "meta" else contextlib.nullcontext()
    try:
        with torch.no_grad(), swap, torch.device(device):
            args, kwargs = guess.make(device)
            model(*args, **kwargs)
    except (Exception, SystemExit) as e:
        return e if isinstance(e, Exception) else RuntimeError(f"the model ended the program: SystemExit {e}")
    return None


def needs_values(error: BaseException) -> bool:
    """Whether ``error`` may come from running without values rather than from the input's shape."""
    message = str(error)
    return isinstance(error, NotImplementedError) or any(word in message for word in _NEEDS_VALUES)
