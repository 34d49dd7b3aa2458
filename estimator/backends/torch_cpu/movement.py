"""Callables of ops that move, view, copy, select or join data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from .making import CannotRun, Making, Run


def _reshape(m: Making) -> Run:
    """A view where the memory allows one, else a copy: as torch's reshape does."""
    shape = list(m.shape)
    return lambda x: x.reshape(shape)


def _slice(m: Making) -> Run:
    index: list[Any] = []
    for item in m.attrs["index"]:
        if item == "tensor":
            raise CannotRun("it selects by a tensor")
        if item is None:
            index.append(slice(None))
        elif item == "new":
            index.append(None)
        elif item == "ellipsis":
            index.append(...)
        else:
            index.append(slice(*item) if isinstance(item, list) else item)
    key = tuple(index)
    return lambda x: x[key]


def _split(m: Making) -> Run:
    dim, sizes = m.attrs["dim"], m.attrs["sizes"]
    if m.attrs.get("equal"):
        count = len(sizes)
        return lambda x: torch.chunk(x, count, dim)
    return lambda x: torch.split(x, sizes, dim)


def _unbind(m: Making) -> Run:
    dim = m.attrs["dim"]
    return lambda x: torch.unbind(x, dim)


def _joined(function: Run) -> Callable[[Making], Run]:
    def make(m: Making) -> Run:
        dim = m.attrs["dim"]
        return lambda *parts: function(parts, dim)

    return make


def _permute(m: Making) -> Run:
    dims = m.attrs["dims"]
    return lambda x: x.permute(dims)


def _expand(m: Making) -> Run:
    if len(m.made) > 1:
        shapes = [made.shape for made in m.made]
        return lambda *parts: [part.broadcast_to(shape) for part, shape in zip(parts, shapes, strict=True)]
    shape = list(m.shape)
    if "unfold" in m.op.target:
        raise CannotRun("overlapping windows as a view: their step is not in the graph")
    return lambda x, *unused: x.broadcast_to(shape)


def _repeat(m: Making) -> Run:
    repeats = m.attrs["repeats"]
    return lambda x: x.repeat(repeats)


def _pad(m: Making) -> Run:
    pad, mode = m.attrs["pad"], m.attrs["mode"]
    return lambda x: F.pad(x, pad, mode)


def _roll(m: Making) -> Run:
    shifts, dims = m.attrs["shifts"], m.attrs["dims"]
    return lambda x: torch.roll(x, shifts, dims)


def _flip(m: Making) -> Run:
    dims = m.attrs["dims"]
    return lambda x: torch.flip(x, dims)


def _gather(m: Making) -> Run:
    """Rows of a table by an index, or ``torch.gather``: whichever the shapes say."""
    if len(m.read) == 1:
        return _picked(m)
    if len(m.read) != 2:
        raise CannotRun("which elements it reads is not in the graph")
    x, index = m.read
    if "int" not in index.dtype:
        raise CannotRun(f"it selects by a tensor of {index.dtype}")
    for dim in range(len(x.shape)):
        if m.shape == (*x.shape[:dim], *index.shape, *x.shape[dim + 1 :]):
            before = (slice(None),) * dim
            return lambda x, index: x[(*before, index)]
    if m.shape == index.shape and len(x.shape) == len(index.shape):
        differ = [d for d, (a, b) in enumerate(zip(x.shape, index.shape, strict=True)) if a != b]
        dim = differ[0] if differ else len(x.shape) - 1
        return lambda x, index: torch.gather(x, dim, index)
    raise CannotRun("which elements it reads is not in the graph")


def _picked(m: Making) -> Run:
    """A list picks along the one dimension that differs: which elements those are does not matter to the time."""
    x, y = m.read[0].shape, m.shape
    differ = [d for d, (a, b) in enumerate(zip(x, y, strict=False)) if a != b]
    if len(x) != len(y) or len(differ) != 1:
        raise CannotRun("which elements it reads is not in the graph")
    dim = differ[0]
    before, index = (slice(None),) * dim, torch.arange(y[dim], device=m.device) % x[dim]
    return lambda x: x[(*before, index)]


def _cast(m: Making) -> Run:
    dtype = m.dtype(m.made[0].dtype)
    return lambda x, *unused: x.to(dtype)


def _copy(m: Making) -> Run:
    if m.op.target.endswith("contiguous"):
        return lambda x: x.contiguous()
    if len(m.read) == 1 and m.read[0].shape == m.shape:
        return lambda x: x.clone()
    if len(m.read) == 2 and m.read[0].shape == m.read[1].shape == m.shape:
        return lambda x, written: x.clone().copy_(written)
    raise CannotRun("which elements it writes is not in the graph")


def _pixel_shuffle(m: Making) -> Run:
    factor = m.attrs["factor"]
    return lambda x: torch.pixel_shuffle(x, factor)


def _pixel_unshuffle(m: Making) -> Run:
    factor = m.attrs["factor"]
    return lambda x: torch.pixel_unshuffle(x, factor)


def _channel_shuffle(m: Making) -> Run:
    groups = m.attrs["groups"]
    return lambda x: torch.channel_shuffle(x, groups)


MAKERS: dict[str, Callable[[Making], Run]] = {
    "reshape": _reshape,
    "slice": _slice,
    "split": _split,
    "unbind": _unbind,
    "concat": _joined(torch.cat),
    "stack": _joined(torch.stack),
    "permute": _permute,
    "expand": _expand,
    "repeat": _repeat,
    "pad": _pad,
    "roll": _roll,
    "flip": _flip,
    "gather": _gather,
    "cast": _cast,
    "copy": _copy,
    "identity": lambda m: lambda x: x,
    "pixel_shuffle": _pixel_shuffle,
    "pixel_unshuffle": _pixel_unshuffle,
    "channel_shuffle": _channel_shuffle,
}
