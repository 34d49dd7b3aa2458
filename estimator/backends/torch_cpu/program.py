"""A graph as a torch program: its ops as calls, in order, on slots that are freed after their last reader.

Weights and inputs are random (:mod:`.values`). What has no equivalent raises :class:`Unmeasurable`, and so does a
program whose results are not of the shapes that the graph says: a wrong translation would be a wrong measurement.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from advisor.graph import Graph

from ...measuring import Unmeasurable
from . import arithmetic, layers, movement
from .making import CannotRun, Making, Run
from .values import stored_tensors

MAKERS: dict[str, Callable[[Making], Run]] = {**layers.MAKERS, **arithmetic.MAKERS, **movement.MAKERS}


@dataclass(slots=True, frozen=True)
class Step:
    """One op's call: what it reads and writes, and what nobody reads after it, as slots."""

    key: int
    call: Run
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    frees: tuple[int, ...]


@dataclass(slots=True, frozen=True)
class Program:
    """Steps over slots. ``stored`` has the weights and inputs in theirs, None in the others: a run begins with it."""

    graph: Graph
    steps: tuple[Step, ...]
    stored: tuple[torch.Tensor | None, ...]
    outputs: tuple[int, ...]
    weights_bytes: int

    def run(self, after: Callable[[], None] | None = None) -> list[torch.Tensor]:
        """One forward; the model's outputs. ``after`` is called after every step."""
        values: list[Any] = list(self.stored)
        for step in self.steps:
            out = step.call(*[values[i] for i in step.reads])
            if len(step.writes) == 1:
                values[step.writes[0]] = out
            else:
                for slot, part in zip(step.writes, out, strict=False):
                    values[slot] = part
            for slot in step.frees:
                values[slot] = None
            if after is not None:
                after()
        return [values[i] for i in self.outputs]


def build(
    graph: Graph, dtype: torch.dtype = torch.float32, device: str = "cpu", channels_last: bool = False
) -> Program:
    """The program of a graph; floating-point tensors become ``dtype``. Raises :class:`Unmeasurable`.

    ``channels_last``: images and the weights of their convolutions lie so, whatever the graph says."""
    stored = stored_tensors(graph, dtype, device, channels_last)
    slots = {t: i for i, t in enumerate(dict.fromkeys([*stored, *(t for op in graph.ops for t in op.outputs)]))}
    last = _last_readers(graph)
    translate = _dtypes(dtype)
    steps: list[Step] = []
    reasons: dict[int, str] = {}
    for op in graph.ops:
        making = Making(graph, op, {role: stored[t] for role, t in op.weights.items()}, translate, device)
        try:
            if op.op not in MAKERS:
                raise CannotRun(f"{op.attrs.get('fn', op.op)} is no operator that the advisor knows")
            call = MAKERS[op.op](making)
        except CannotRun as e:
            reasons[op.key] = str(e)
            continue
        touched = dict.fromkeys((*op.inputs, *op.outputs))
        frees = tuple(slots[t] for t in touched if t not in stored and last.get(t, op.key) == op.key)
        reads, writes = tuple(slots[t] for t in op.inputs), tuple(slots[t] for t in op.outputs)
        steps.append(Step(op.key, call, reads, writes, frees))
    if reasons:
        raise Unmeasurable(reasons)
    outputs = tuple(slots[t] for t in graph.outputs)
    size = sum(t.numel() * t.element_size() for key, t in stored.items() if graph.tensors[key].role != "input")
    return Program(graph, tuple(steps), tuple(stored.get(t) for t in slots), outputs, size)


def check(program: Program) -> None:
    """Run once and compare every result with the graph. Raises :class:`Unmeasurable` for the first op that differs."""
    values: list[Any] = list(program.stored)
    for step in program.steps:
        op = program.graph.by_key[step.key]
        try:
            out = step.call(*[values[i] for i in step.reads])
        except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError) as e:
            raise Unmeasurable({step.key: f"torch cannot run {op.op}: {str(e).splitlines()[0]}"}) from e
        parts = [out] if len(step.writes) == 1 else list(out)
        for slot, part, tensor in zip(step.writes, parts, op.outputs, strict=False):
            expected = program.graph.tensors[tensor].shape
            if not isinstance(part, torch.Tensor) or tuple(part.shape) != expected:
                found = list(part.shape) if isinstance(part, torch.Tensor) else type(part).__name__
                raise Unmeasurable({step.key: f"{op.op} gives {found} where the graph says {list(expected)}"})
            values[slot] = part
        for slot in step.frees:
            values[slot] = None


def _last_readers(graph: Graph) -> dict[int, int | None]:
    """Tensor → the op after which nobody reads it; None for the model's outputs."""
    last: dict[int, int | None] = {}
    for op in graph.ops:
        last.update(dict.fromkeys(op.inputs, op.key))
    last.update(dict.fromkeys(graph.outputs))
    return last


def _dtypes(computing: torch.dtype) -> Callable[[str], torch.dtype]:
    def translate(name: str) -> torch.dtype:
        return computing if name.startswith(("float", "bfloat")) else getattr(torch, name)

    return translate
