"""A network as the compiler gets it, without its values: shapes and wiring decide over memory."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from advisor.graph import Graph

from ...backends.vela.lowering import Lowered, lower
from ...backends.vela.lowering.lowerer import Lowerer, Value
from ...backends.vela.writer import TensorSpec
from ...measuring import Unmeasurable

_NOTHING = b"\0" * 8


def blank(shape: Sequence[int], dtype: str) -> np.ndarray:
    """Zeros that take no memory."""
    return np.ndarray(tuple(shape), dtype, _NOTHING, strides=(0,) * len(shape))


class Outline(Lowerer):
    """Lowers without drawing weights. ``lying`` says which tensor of the graph a tensor of the network is."""

    def __init__(self, graph: Graph) -> None:
        self.lying: dict[int, int] = {}
        super().__init__(graph)

    def weights(self, shape: Sequence[int], axis: int = 0) -> int:
        return self.network.tensor(TensorSpec(tuple(shape), data=blank(shape, "int8")))

    def bias(self, channels: int) -> int:
        return self.network.tensor(TensorSpec((channels,), "int32", data=blank((channels,), "int32")))

    def number(self, value: Value) -> int:
        if value.tensor is not None:
            return value.tensor
        return self._tensor(value.stored, value.dtype, data=blank(value.stored, value.dtype))

    def model_input(self, tensor: int) -> None:
        super().model_input(tensor)
        self.lies(tensor, self.values[tensor])

    def give(self, tensor: int, value: Value) -> None:
        super().give(tensor, value)
        self.lies(tensor, value)

    def lies(self, tensor: int, value: Value) -> None:
        if value.tensor is not None:
            self.lying.setdefault(value.tensor, tensor)
            if self.graph.tensors[tensor].precision:
                self.network.tensors[value.tensor].dtype = self.graph.tensors[tensor].precision


def outline(graph: Graph) -> tuple[Lowered, dict[int, int]] | None:
    """The lowered graph, and the graph's tensor of each of the network's; None where some op has no form there."""
    made: list[Outline] = []

    def lowerer(graph: Graph) -> Outline:
        made.append(Outline(graph))
        return made[0]

    if any(min(tensor.shape, default=0) < 0 or not prod(tensor.shape) for tensor in graph.tensors.values()):
        return None  # shapes that are not known have no place in memory
    try:
        lowered = lower(graph, lowerer)
    except Unmeasurable:
        return None  # the compiler would leave it to the CPU: its memory is not the compiler's to plan
    except (ValueError, LookupError, TypeError, ArithmeticError):
        return None  # shapes that contradict each other, in a graph that was put together: no lowering expects them
    return lowered, made[0].lying
