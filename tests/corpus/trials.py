"""A trial: a model, moves, and the model that the moves should lead to; with helpers that find a move's ops by what a
constructor calls their modules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from advisor.channels import analyse
from advisor.graph import Graph
from advisor.moves import Move, RemoveSE, SetWidth, SwapActivation, find_se

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Trial:
    """``before`` with ``moves`` applied (they are of one kind) is predicted to be ``after``."""

    family: str
    before: Callable[[], nn.Module]
    after: Callable[[], nn.Module]
    moves: Callable[[Graph], list[Move]]
    inputs: Shape = (1, 3, 224, 224)
    inputs_after: Shape | None = None


def on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    with torch.device("meta"):
        return build().eval()


def find_op(graph: Graph, path: str, kind: str) -> int:
    """The op of that kind in the module ``path`` or below it."""
    inside = (op for op in graph.ops if op.path == path or op.path.startswith(f"{path}."))
    return next(op.key for op in inside if op.op == kind)


def width_at(path: str, width: int, kind: str = "conv") -> Callable[[Graph], list[Move]]:
    def moves(graph: Graph) -> list[Move]:
        group = analyse(graph).group_of(find_op(graph, path, kind))
        assert group is not None
        return [SetWidth(group.key, width)]

    return moves


def swap(old: str, new: str, below: str = "") -> Callable[[Graph], list[Move]]:
    """All activations ``old`` under a path; a gate's inner ones are not the block's."""

    def moves(graph: Graph) -> list[Move]:
        gates = {key for se in find_se(graph) for key in se.branch}
        keys = [op.key for op in graph.ops if op.op == "activation" and op.attrs["fn"] == old and op.key not in gates]
        return [SwapActivation(tuple(k for k in keys if graph.by_key[k].path.startswith(below)), new)]

    return moves


def without_gates(below: str = "") -> Callable[[Graph], list[Move]]:
    return lambda graph: [RemoveSE(se.gate) for se in find_se(graph) if graph.by_key[se.gate].path.startswith(below)]


def scaled(factor: int) -> Callable[[Graph], list[Move]]:
    """Every width that may change, times ``factor``."""
    return lambda graph: [SetWidth(g.key, g.width * factor) for g in analyse(graph).groups if not g.pinned]


def timm_model(name: str, **kwargs: Any) -> nn.Module:
    import timm

    return timm.create_model(name, **kwargs)
