"""Trace a live ``nn.Module`` in the caller's process, with the worker's own code."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from .graph import Graph, Span
from .report import Failure
from .worker import trees
from .worker.sites import Observer
from .worker.tracer import trace_ladder


class TraceError(RuntimeError):
    """No part of the model could be traced; ``failure`` says why and where."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.kind}: {failure.message}")
        self.failure = failure


@dataclass(slots=True, frozen=True)
class Info:
    """How a graph was obtained: ``rung`` of the ladder, ``status`` ``ok`` or ``partial`` with its ``failure``.

    ``unobserved`` counts tensors whose producer is unknown; ``seconds`` is the wall time.
    """

    rung: str
    status: str
    failure: Failure | None
    unobserved: int
    seconds: float


def trace(
    model: nn.Module, inputs: Any, *, seconds: float = math.inf, observer: Observer | None = None
) -> tuple[Graph, Info]:
    """The graph of one forward of ``model`` and how it was obtained.

    ``inputs`` is the forward's only argument as a tensor, a shape (a tuple of ints, float32), a tuple or list of the
    positional arguments, or a mapping of keyword arguments; meta tensors are welcome, the data of others is read only
    where the model's control flow depends on it. ``observer`` is one that was entered while the model was built: it
    knows the lines. The model is traced in eval mode and left as it was; meanwhile no other thread may run it. Raises
    :class:`TraceError`.
    """
    args, kwargs = _arguments(inputs)
    started = time.monotonic()

    def make_inputs(device: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        def move(tensor: torch.Tensor) -> torch.Tensor:
            return _on(tensor, device)

        return trees.replace(args, move), trees.replace(kwargs, move)

    sites = observer.sites if observer is not None else lambda module: []
    found = trace_ladder(model, make_inputs, started + seconds, sites)
    failure = _failure(found.error)
    if found.plain is None:
        raise TraceError(failure or Failure("TraceError", "the model computes nothing from its inputs"))
    info = Info(found.rung, found.status, failure, found.unobserved, time.monotonic() - started)
    return Graph.from_plain(found.plain), info


def _arguments(inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(inputs, Mapping):
        return (), dict(inputs)
    if isinstance(inputs, (tuple, list)):
        if inputs and all(isinstance(d, int) for d in inputs):
            return (torch.empty(tuple(inputs), device="meta"),), {}
        return tuple(_tensor(v) for v in inputs), {}
    return (inputs,), {}


def _tensor(value: Any) -> Any:
    """A positional argument; a shape stands for a float32 tensor."""
    if isinstance(value, Sequence) and value and all(type(d) is int for d in value):
        return torch.empty(tuple(value), device="meta")
    return value


def _on(tensor: torch.Tensor, device: str) -> torch.Tensor:
    if device == "meta" or not tensor.is_meta:
        return tensor.detach().to(device)
    if tensor.is_floating_point():
        return torch.zeros(tensor.shape, dtype=tensor.dtype)
    return torch.ones(tensor.shape, dtype=tensor.dtype)


def _failure(error: Mapping[str, Any] | None) -> Failure | None:
    if error is None:
        return None
    file, line = error["file"], error["line"]
    return Failure(error["type"], error["message"], Span(file, line, 1, line, 1) if file and line else None)
