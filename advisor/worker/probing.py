"""Trying a forward call cheaply, to see whether an input fits: on meta tensors first, on real ones where values matter."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn

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


@contextlib.contextmanager
def on_meta(model: nn.Module) -> Iterator[None]:
    """``model`` with meta tensors for its parameters and buffers inside the block, its own ones again after it."""
    swapped: list[tuple[dict[str, torch.Tensor | None], str, torch.Tensor]] = []
    twins: dict[int, torch.Tensor] = {}
    try:
        for module in model.modules():
            for held in (module._parameters, module._buffers):
                for name, tensor in held.items():
                    if tensor is None or tensor.is_meta:
                        continue
                    if id(tensor) not in twins:
                        twin = tensor.detach().to("meta")
                        twins[id(tensor)] = nn.Parameter(twin, False) if isinstance(tensor, nn.Parameter) else twin
                    swapped.append((held, name, tensor))
                    held[name] = twins[id(tensor)]
        yield
    finally:
        for held, name, tensor in swapped:
            held[name] = tensor


def probe(model: nn.Module, guess: Guess, device: str) -> Exception | None:
    """What one forward call raises on ``device`` (``meta`` or ``cpu``), or None when it runs."""
    swap = on_meta(model) if device == "meta" else contextlib.nullcontext()
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
