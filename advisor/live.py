"""Trace a live ``nn.Module`` in the caller's process, with the worker's own code."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from typing import Any

import torch
from torch import nn

from .graph import Graph, Span
from .report import Failure
from .worker import trees
from .worker.borrow import borrowed
from .worker.inputs import guesses, search
from .worker.placement import Placement
from .worker.probing import needs_values, probe
from .worker.sites import Observer
from .worker.specs import Guess
from .worker.tracer import Inputs, trace_ladder, unwrapped


class TraceError(RuntimeError):
    """No part of the model could be traced; ``failure`` says why and where."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.kind}: {failure.message}")
        self.failure = failure


@dataclass(slots=True, frozen=True)
class Info:
    """How a graph was obtained: ``rung`` of the ladder, ``status`` ``ok`` or ``partial`` with its ``failure``.

    ``unobserved`` counts tensors whose producer is unknown; ``seconds`` is the wall time. ``guess`` is the call whose
    inputs were guessed, as a person would write them and with what they were guessed from; empty for given ones.
    """

    rung: str
    status: str
    failure: Failure | None
    unobserved: int
    seconds: float
    guess: str = ""


def trace(
    model: nn.Module, inputs: Any, *, seconds: float = math.inf, observer: Observer | None = None
) -> tuple[Graph, Info]:
    """The graph of one forward of ``model`` and how it was obtained.

    ``inputs`` is the forward's only argument as a tensor, a shape (a tuple of ints, float32), a tuple or list of the
    positional arguments, or a mapping of keyword arguments; meta tensors are welcome, the data of others is read only
    where the model's control flow depends on it. None has them guessed, as for a file. ``observer`` is one that was
    entered while the model was built: it knows the lines. The model is traced in eval mode and left as it was;
    meanwhile no other thread may run it. Raises :class:`TraceError`.
    """
    started = time.monotonic()
    guess = _guessed(model, started + seconds) if inputs is None else None
    make_inputs = guess.make if guess is not None else partial(_moved, _arguments(inputs))
    sites = observer.sites if observer is not None else lambda module: []
    found = trace_ladder(model, make_inputs, started + seconds, sites)
    failure = _failure(found.error)
    if found.plain is None:
        raise TraceError(failure or Failure("TraceError", "the model computes nothing from its inputs"))
    shown = f"{guess.shown()}  # {guess.source}" if guess is not None else ""
    info = Info(found.rung, found.status, failure, found.unobserved, time.monotonic() - started, shown)
    return Graph.from_plain(found.plain), info


def _guessed(model: nn.Module, deadline: float) -> Guess:
    """The first guess with which a forward runs, else the first guess; none is begun after ``deadline``."""
    model = unwrapped(model)

    def choices() -> Iterator[Guess]:
        return takewhile(lambda _: time.monotonic() < deadline, guesses(model, ()))

    errors: list[BaseException] = []

    def attempt(guess: Guess) -> BaseException | None:
        error = probe(model, guess, "meta")
        errors.extend([] if error is None else [error])
        return error

    winner, first, _ = search(choices(), attempt)
    if winner is None and any(map(needs_values, errors)):
        with borrowed(model, Placement("real").substitute):
            winner, first, _ = search(choices(), lambda guess: probe(model, guess, "cpu"))
    guess = winner or first
    if guess is None:
        raise TraceError(Failure("NoInput", "no input is known for it"))
    return guess


def _moved(call: Inputs, device: str) -> Inputs:
    return trees.replace(call[0], partial(_on, device=device)), trees.replace(call[1], partial(_on, device=device))


def _arguments(inputs: Any) -> Inputs:
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
