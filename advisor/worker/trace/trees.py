"""Tensors inside nested values: lists, tuples, dicts, dataclasses and plain objects that hold them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

_DEPTH = 6
"""How deep an object's attributes are searched; deeper nesting is not a forward's value but somebody's bookkeeping."""


def replace(value: Any, change: Callable[[torch.Tensor], Any]) -> Any:
    """``value`` with every tensor in lists, tuples, dicts and slices replaced; other objects stay as they are."""
    if isinstance(value, torch.Tensor):
        return change(value)
    kind = type(value)
    if kind is list:
        return [replace(v, change) for v in value]
    if isinstance(value, tuple):
        items = [replace(v, change) for v in value]
        return kind(*items) if hasattr(value, "_fields") else tuple(items)
    if kind is dict:
        return {k: replace(v, change) for k, v in value.items()}
    if kind is slice:
        return slice(replace(value.start, change), replace(value.stop, change), replace(value.step, change))
    return value


def tensors(value: Any) -> Iterator[torch.Tensor]:
    """Every tensor in ``value``, in order."""
    return (t for _, t in named_tensors(value))


def named_tensors(value: Any, name: str = "", depth: int = _DEPTH) -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor in ``value`` with its place: ``x``, ``x.0``, ``x.mask``."""
    if isinstance(value, torch.Tensor):
        yield name, value
        return
    if isinstance(value, (str, bytes, int, float, type(None))) or depth == 0:
        return
    if isinstance(value, (list, tuple)):
        items = enumerate(value)
    elif isinstance(value, Mapping):
        items = iter(value.items())
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        items = ((f.name, getattr(value, f.name, None)) for f in dataclasses.fields(value))
    elif not isinstance(value, (type, torch.nn.Module)) and isinstance(getattr(value, "__dict__", None), dict):
        items = iter(vars(value).items())
    else:
        return
    for key, item in items:
        yield from named_tensors(item, f"{name}.{key}" if name else str(key), depth - 1)
