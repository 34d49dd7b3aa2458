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
from .worker.feed.inputs import guesses, search
from .worker.feed.probing import needs_values, probe
from .worker.feed.specs import Guess, number_type
from .worker.proxies import fresh
from .worker.proxies.rig import Inputs
from .worker.proxies.score import SEED, scored
from .worker.trace import trees
from .worker.trace.borrow import borrowed
from .worker.trace.placement import Placement
from .worker.trace.sites import Observer
from .worker.trace.tracer import Inputs as Call
from .worker.trace.tracer import trace_ladder, unwrapped


class TraceError(RuntimeError):
    """No part of the model could be traced; ``failure`` says why and where."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.kind}: {failure.message}")
        self.failure = failure


class InputError(ValueError):
    """Inputs that are no arguments of a forward; the message says what they may be."""


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

    ``inputs`` is the forward's only argument as a tensor or a shape (a tuple of ints, in the dtype of the model's
    first floating-point parameter), a tuple or list of the positional arguments, or a mapping of keyword arguments,
    in both of which a shape stands for a tensor too; meta tensors are welcome, the data of others is read only
    where the model's control flow depends on it. None has them guessed, as for a file. ``observer`` is one that was
    entered while the model was built: it knows the lines. The model is traced in eval mode and left as it was;
    meanwhile no other thread may run it. Raises :class:`TraceError`, and :class:`InputError` for other inputs.
    """
    started = time.monotonic()
    guess = _guessed(model, started + seconds) if inputs is None else None
    make_inputs = guess.make if guess is not None else partial(_moved, _arguments(inputs, number_type(model)))
    sites = observer.sites if observer is not None else lambda module: []
    found = trace_ladder(model, make_inputs, started + seconds, sites)
    failure = _failure(found.error)
    if found.plain is None:
        raise TraceError(failure or Failure("TraceError", "the model computes nothing from its inputs"))
    shown = f"{guess.shown()}  # {guess.source}" if guess is not None else ""
    info = Info(found.rung, found.status, failure, found.unobserved, time.monotonic() - started, shown)
    return Graph.from_plain(found.plain), info


def score(model: nn.Module, inputs: Any, plans: Sequence[dict[str, Any]], *, seconds: float) -> dict[str, Any]:
    """The zero-shot scores of ``model``, and of it after each of the moves whose surgery plans are given, as
    :func:`advisor.worker.proxies.score.scored` says. ``inputs`` are those of :func:`trace`. A copy on the CPU is looked
    at, with weights drawn anew; the model is left as it was."""
    until = time.monotonic() + seconds
    try:
        make = partial(_moved, _arguments(inputs, number_type(model))) if inputs is not None else None
        given = Inputs(*(make or _guessed(model, until).make)("cpu"))
        with torch.no_grad(), fresh.drawing(SEED):
            return scored(fresh.renewed(unwrapped(model), SEED), given, plans, until)
    except Exception as e:  # a copy of a user's module may raise anything
        why = {"why": f"the module cannot be copied and run with new weights: {type(e).__name__}: {e}"[:300]}
        return {"facts": why, "moves": [why for _ in plans]}


def _guessed(model: nn.Module, deadline: float) -> Guess:
    """The first guess with which a forward runs, else the first guess; none is begun after ``deadline``."""
    model = unwrapped(model)
    numbers = number_type(model)

    def choices() -> Iterator[Guess]:
        in_time = takewhile(lambda _: time.monotonic() < deadline, guesses(model, ()))
        return (guess.in_numbers(numbers) for guess in in_time)

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


def _moved(call: Call, device: str) -> Call:
    return trees.replace(call[0], partial(_on, device=device)), trees.replace(call[1], partial(_on, device=device))


def _arguments(inputs: Any, numbers: str) -> Call:
    if isinstance(inputs, Mapping):
        return (), {name: _tensor(value, numbers) for name, value in inputs.items()}
    if isinstance(inputs, (tuple, list)):
        if inputs and all(isinstance(d, int) for d in inputs):
            return (_tensor(inputs, numbers),), {}
        return tuple(_tensor(v, numbers) for v in inputs), {}
    if isinstance(inputs, torch.Tensor):
        return (inputs,), {}
    raise InputError(f"inputs: expected a tensor, a shape, a tuple of them or a dict of them by name, got {inputs!r}")


def _tensor(value: Any, numbers: str) -> Any:
    """An argument; a shape stands for a tensor of ``numbers``."""
    if isinstance(value, Sequence) and value and all(type(d) is int for d in value):
        if min(value) < 0:
            raise InputError(f"inputs: a shape has no negative sizes, got {tuple(value)}")
        return torch.empty(tuple(value), dtype=getattr(torch, numbers), device="meta")
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
