"""The state of a graph being lowered, and the verbs that lowerings are written in."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from advisor.graph import Graph, Op

from .. import constants
from ..layout import Order, Shape, channels_last, insert_ones, merged, plain, same_data, stored
from ..writer import Network, OpSpec, TensorSpec

SCALE = 0.05
"""Quantisation of activations. Cycles do not depend on it; without one nothing runs on the accelerator."""

WEIGHT_SCALE = 0.01
FUSED = {"relu": 1, "relu6": 3}
"""Activations that an operator applies on its way out, as the schema numbers them."""


class Refusal(Exception):
    """An operator that has no form on the accelerator. The message says what of it has none."""


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor of the graph on the way through: its ``shape`` as the graph has it, and in which ``order`` it lies.

    ``tensor`` is its number in the network, None for a constant that no operator has read yet. The shape may be
    smaller than the graph's where it broadcasts (an ``expand`` that nobody needed to carry out).
    """

    shape: Shape
    order: Order
    tensor: int | None
    dtype: str = "int8"

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def stored(self) -> Shape:
        return stored(self.shape, self.order)


def of_graph(dtype: str) -> str:
    """The type that a graph's tensor has on the accelerator."""
    if dtype.startswith(("float", "bfloat")):
        return "int8"
    return "bool" if dtype == "bool" else "int32"


class Lowerer:
    """Collects the network; each operator remembers the keys of the graph's ops that it stands for."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.network = Network()
        self.keys: list[frozenset[int]] = []
        self.values: dict[int, Value] = {}
        self.absorbed: set[int] = set()
        self.current: frozenset[int] = frozenset()

    # ---- values of the graph

    def model_input(self, tensor: int) -> None:
        """Images lie with channels innermost, whoever reads them; sequences as their first reader wants them."""
        known = self.graph.tensors[tensor]
        rank = len(known.shape)
        readers = {op.op for op in self.graph.consumers.get(tensor, [])}
        images = rank > 3 or not readers.isdisjoint(("conv", "pool", "batch_norm", "resize"))
        order = channels_last(rank) if images else plain(rank)
        dtype = of_graph(known.dtype)
        number = self._tensor(stored(known.shape, order), dtype)
        self.network.inputs.append(number)
        self.values[tensor] = Value(known.shape, order, number, dtype)

    def operand(self, tensor: int) -> Value:
        """The value of a graph's tensor, which may still have to broadcast to its full shape."""
        found = self.values.get(tensor)
        if found is None:  # made by no operator that lives: a parameter, or computed before the first inference
            known = self.graph.tensors[tensor]
            found = Value(known.shape, plain(len(known.shape)), None, of_graph(known.dtype))
        return found

    def input(self, op: Op, index: int = 0) -> Value:
        """The whole value of an op's input."""
        if index >= len(op.inputs):
            raise Refusal(f"it has no input {index}")
        tensor = op.inputs[index]
        value = self.operand(tensor)
        shape = self.graph.shape(tensor)
        return value if value.shape == shape else self.tiled(value, shape)

    def give(self, tensor: int, value: Value) -> None:
        shape = self.graph.shape(tensor)
        if value.shape != shape:
            raise Refusal(f"its result of shape {value.shape} was expected to be {shape}")
        self.values[tensor] = value

    def follower(self, tensor: int) -> Op | None:
        """The only op that reads ``tensor``, where nothing else does."""
        readers = self.graph.consumers.get(tensor, [])
        return readers[0] if len(readers) == 1 and tensor not in self.graph.outputs else None

    def absorb(self, tensor: int, kind: str, functions: Collection[Any] = ()) -> tuple[int, Op | None]:
        """Take the op of this kind that alone follows ``tensor`` into the current one, past ops that do nothing.

        Returns the tensor that now is the result, and the op taken or None.
        """
        passed: list[Op] = []
        at = tensor
        while (op := self.follower(at)) is not None and op.op == "identity":
            passed.append(op)
            at = op.outputs[0]
        if op is None or op.op != kind or (functions and op.attrs.get("fn") not in functions) or op.inputs[0] != at:
            return tensor, None
        self.absorbed.update(o.key for o in (*passed, op))
        self.current |= {op.key}
        return op.outputs[0], op

    def fused_activation(self, tensor: int) -> tuple[int, int]:
        """Absorb a clamping activation behind ``tensor``: the tensor it makes, and the schema's number for it."""
        tensor, op = self.absorb(tensor, "activation", FUSED)
        return tensor, FUSED[op.attrs["fn"]] if op is not None else 0

    # ---- the network

    @property
    def _ordinal(self) -> int:
        """Tells constants of one shape apart."""
        return len(self.network.tensors)

    def _tensor(self, shape: Shape, dtype: str, **more: Any) -> int:
        scales = (SCALE,) if dtype in ("int8", "int16") else ()
        number = len(self.network.tensors)
        return self.network.tensor(TensorSpec(shape, dtype, scales, name=f"t{number}", **more))

    def number(self, value: Value) -> int:
        """The value's tensor in the network; a constant is made here."""
        if value.tensor is not None:
            return value.tensor
        plain_data = value.dtype != "int8"
        data = np.zeros(value.stored, value.dtype) if plain_data else constants.operand(value.stored, self._ordinal)
        return self._tensor(value.stored, value.dtype, data=data)

    def constant(self, shape: Sequence[int]) -> Value:
        """A constant of int8, of no particular values."""
        return Value(tuple(shape), plain(len(shape)), None)

    def numbers(self, values: Sequence[int]) -> int:
        """A parameter of an operator: axes, sizes, paddings."""
        data = np.asarray(values, np.int32)
        return self.network.tensor(TensorSpec(data.shape, "int32", data=data))

    def table(self, values: Sequence[Sequence[int]]) -> int:
        """A parameter of two dimensions: what is added before and after, by dimension."""
        data = np.asarray(values, np.int32)
        return self.network.tensor(TensorSpec(data.shape, "int32", data=data))

    def weights(self, shape: Sequence[int], axis: int = 0) -> int:
        """Weights in the schema's layout, quantised by output channel, which lie along ``axis``."""
        data = constants.weights(shape, axis, self._ordinal)
        scales = [WEIGHT_SCALE] * shape[axis]
        return self.network.tensor(TensorSpec(tuple(shape), "int8", scales, 0, axis, data))

    def bias(self, channels: int) -> int:
        data = constants.biases(channels, self._ordinal)
        return self.network.tensor(TensorSpec((channels,), "int32", [SCALE * WEIGHT_SCALE] * channels, data=data))

    def emit(
        self,
        code: str,
        operands: Sequence[Value | int],
        shape: Sequence[int],
        order: Order | None = None,
        options: tuple[str, Mapping[str, Any]] | None = None,
        dtype: str = "int8",
    ) -> Value:
        """Append an operator; returns its result, of this shape (the graph's) and order (default: plain)."""
        return self.emit_many(code, operands, [shape], order, options, dtype)[0]

    def emit_many(
        self,
        code: str,
        operands: Sequence[Value | int],
        shapes: Sequence[Sequence[int]],
        order: Order | None = None,
        options: tuple[str, Mapping[str, Any]] | None = None,
        dtype: str = "int8",
    ) -> list[Value]:
        """:meth:`emit` for an operator of several results."""
        inputs = tuple(o if isinstance(o, int) else self.number(o) for o in operands)
        made = []
        for shape in shapes:
            lies = plain(len(shape)) if order is None else order
            made.append(Value(tuple(shape), lies, self._tensor(stored(shape, lies), dtype), dtype))
        outputs = tuple(v.tensor for v in made if v.tensor is not None)
        self.network.ops.append(OpSpec(code, inputs, outputs, options))
        self.keys.append(self.current)
        return made

    # ---- moving data

    def arranged(self, value: Value, order: Order) -> Value:
        """The value in another order: a transposition where its data has to move."""
        if value.order == order or value.tensor is None:
            return replace(value, order=order)
        if same_data(value.shape, value.order, order):
            return self.viewed(value, value.shape, order)
        shape, places = merged(value.shape, value.order, order)
        flat = self.viewed(value, shape)
        made = self.emit("TRANSPOSE", [flat, self.numbers(places)], [shape[i] for i in places], dtype=value.dtype)
        return self.viewed(made, value.shape, order)

    def viewed(self, value: Value, shape: Sequence[int], order: Order | None = None) -> Value:
        """The same data under another shape and order."""
        lies = plain(len(shape)) if order is None else order
        if math.prod(shape) != math.prod(value.shape):
            raise Refusal(f"{value.shape} has not as many elements as {tuple(shape)}")
        if value.tensor is None or stored(shape, lies) == value.stored:
            return replace(value, shape=tuple(shape), order=lies)
        size = stored(shape, lies)
        options = ("ReshapeOptions", {"NewShape": list(size)})
        return self.emit("RESHAPE", [value, self.numbers(size)], shape, lies, options, value.dtype)

    def broadcastable(self, value: Value, rank: int, order: Order) -> Value:
        """The value with leading dimensions of size 1 up to ``rank``, in ``order``: operators broadcast it then."""
        shape = (1,) * (rank - value.rank) + value.shape
        lies = insert_ones(shape, [d + rank - value.rank for d in value.order if value.shape[d] != 1])
        return self.arranged(self.viewed(value, shape, lies), order)

    def tiled(self, value: Value, shape: Sequence[int]) -> Value:
        """The value repeated along the dimensions where ``shape`` is larger."""
        if value.tensor is None:
            return Value(tuple(shape), plain(len(shape)), None, value.dtype)
        rank = len(shape)
        if rank < value.rank:
            raise Refusal(f"its result of shape {value.shape} was expected to be {tuple(shape)}")
        full = (1,) * (rank - value.rank) + value.shape
        order = insert_ones(full, [d + rank - value.rank for d in value.order if value.shape[d] != 1])
        if any(have != want and want % have for have, want in zip(full, shape, strict=True)):
            raise Refusal(f"{value.shape} does not repeat to {tuple(shape)}")
        base = self.viewed(value, full, order)
        if base.shape == tuple(shape):
            return base
        repeats = [shape[d] // full[d] for d in order]
        return self.emit("TILE", [base, self.numbers(repeats)], shape, order, dtype=value.dtype)
