"""Parameters that a module makes itself: ``nn.Parameter(scale * torch.ones(dim))`` has the sizes of what is in it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from ..trace.recording import identity
from .traced import TRACED

FACTORIES = frozenset(("Tensor", "empty", "full", "ones", "rand", "randn", "zeros"))
"""Functions of torch whose arguments begin with the sizes of what they make."""
NAME = "Parameter"

_last: list[tuple[Any, ...]] = []
"""The sizes of the tensor that was made last, where some of them are traced."""
_sizes: dict[int, tuple[weakref.ref[Any], tuple[Any, ...]]] = {}


def made(factory: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``factory(*args, **kwargs)``, one of :data:`FACTORIES` of torch."""
    sizes = args[0] if args and type(args[0]) in (tuple, list) else args
    _last[:] = [tuple(sizes)] if any(type(size) in TRACED for size in sizes) else []
    return factory(*args, **kwargs)


def parameter(kind: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``kind(*args, **kwargs)``, an ``nn.Parameter`` of an expression in which a factory was called."""
    found = kind(*args, **kwargs)
    if _last and tuple(getattr(found, "shape", ())) == _last[0]:
        key = identity(found)
        _sizes[key] = (weakref.ref(found, lambda _: _sizes.pop(key, None)), _last[0])
    _last.clear()
    return found


def sizes(tensor: Any) -> tuple[Any, ...] | None:
    """The sizes of a parameter as they were written; None where they were not followed."""
    entry = _sizes.get(identity(tensor))
    return entry[1] if entry is not None and entry[0]() is tensor else None
