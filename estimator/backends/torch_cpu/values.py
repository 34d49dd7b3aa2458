"""Random weights and inputs of a graph: seeded, and of a size that keeps activations near one through a deep network.

Values matter little to the time, unless they become denormal, infinite or not a number; indices have to be legal.
"""

from __future__ import annotations

from math import prod

import torch

from advisor.graph import Graph, Op

SEED = 20


def stored_tensors(
    graph: Graph, dtype: torch.dtype, device: str, channels_last: bool = False
) -> dict[int, torch.Tensor]:
    """A value for every parameter, buffer, constant and input that some op reads, by tensor id.

    Inputs lie in memory as the graph says; with ``channels_last`` everything of four dimensions lies that way."""
    generator = torch.Generator().manual_seed(SEED)
    roles: dict[int, tuple[str, Op]] = {}
    limits: dict[int, int] = {}
    for op in graph.ops:
        for role, t in op.weights.items():
            roles.setdefault(t, (role, op))
        for position, t in enumerate(op.inputs):
            if graph.tensors[t].role != "activation":
                roles.setdefault(t, ("input", op))
                limits[t] = min(limits.get(t, 2), _index_limit(graph, op, position))
    for t in graph.inputs:
        roles.setdefault(t, ("input", graph.ops[0]))
    values: dict[int, torch.Tensor] = {}
    for t, (role, op) in roles.items():
        value = _value(graph, t, role, op, limits.get(t, 2), dtype, generator)
        if value.dim() == 4 and (channels_last or graph.tensors[t].layout == "channels_last"):
            value = value.contiguous(memory_format=torch.channels_last)
        values[t] = value.to(device)
    return values


def _index_limit(graph: Graph, op: Op, position: int) -> int:
    """What an index that this op reads must stay below."""
    if op.op == "embedding" and "weight" in op.weights:
        return graph.tensors[op.weights["weight"]].shape[0]
    if op.op == "gather" and position == 1:
        return min(graph.tensors[op.inputs[0]].shape, default=1)
    return 2


def _value(
    graph: Graph, t: int, role: str, op: Op, limit: int, dtype: torch.dtype, generator: torch.Generator
) -> torch.Tensor:
    known = graph.tensors[t]
    shape = known.shape
    if known.dtype == "bool":
        return torch.rand(shape, generator=generator) < 0.5
    if not known.dtype.startswith(("float", "bfloat", "complex")):
        return torch.randint(0, max(limit, 1), shape, generator=generator, dtype=getattr(torch, known.dtype))
    if known.dtype.startswith("complex"):
        return torch.randn(shape, generator=generator, dtype=getattr(torch, known.dtype))
    value = torch.randn(shape, generator=generator)
    if role == "running_var":
        value = value.abs() * 0.1 + 0.95
    elif role in ("running_mean", "bias"):
        value = value * 0.05
    elif role == "weight" and len(shape) == 1:
        value = value * 0.05 + 1.0
    elif role == "weight":
        value = value * _scale(shape, op)
    elif known.role != "input":
        value = value * 0.1
    return value.to(dtype)


def _scale(shape: tuple[int, ...], op: Op) -> float:
    """He's initialisation: one over the root of half the fan-in."""
    if op.op == "embedding":
        return 1.0
    fan_in = prod(shape[1:])
    if op.attrs.get("transposed"):
        fan_in = shape[0] * prod(shape[2:]) // max(1, prod(op.attrs["stride"]) * op.attrs["groups"])
    return (2.0 / max(1, fan_in)) ** 0.5
