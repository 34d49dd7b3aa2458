"""A recorded torch call, and what it means in the advisor's vocabulary: the data that the ``vocabulary*`` modules
work on.

Names and attributes of a :class:`Meaning` are those of the core's operator table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from .recording import Node, Spec, collect


def spec_of(tensor: torch.Tensor) -> Spec:
    """The spec of a real, meta or fake tensor."""
    return Spec(tuple(map(int, tensor.shape)), _dtype_name(tensor.dtype), _layout(tensor))


_dtypes: dict[torch.dtype, str] = {}


def _dtype_name(dtype: torch.dtype) -> str:
    name = _dtypes.get(dtype)
    if name is None:
        name = _dtypes[dtype] = str(dtype).removeprefix("torch.")
    return name


def _layout(tensor: torch.Tensor) -> str:
    if tensor.layout is not torch.strided or tensor.is_contiguous():
        return "contiguous"
    rank = tensor.dim()
    if rank == 4 and tensor.is_contiguous(memory_format=torch.channels_last):
        return "channels_last"
    if rank == 5 and tensor.is_contiguous(memory_format=torch.channels_last_3d):
        return "channels_last"
    return "strided"


@dataclass(slots=True)
class Meaning:
    """An operator with its attributes, the nodes it reads as activations and those it reads as weights, by role."""

    op: str
    attrs: dict[str, Any]
    inputs: list[Node]
    weights: dict[str, Node] = field(default_factory=dict)


@dataclass(slots=True)
class Call:
    """A recorded function call: tensors in ``args`` and ``kwargs`` are nodes; ``out`` the specs of its results."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    out: Sequence[Spec]

    def get(self, position: int, name: str, default: Any = None) -> Any:
        """The argument at ``position``, or by ``name``."""
        if position < len(self.args):
            return self.args[position]
        return self.kwargs.get(name, default)

    def rest(self, position: int, name: str) -> Any:
        """Variadic integers from ``position`` on: ``x.flip(1, 2)`` and ``x.flip((1, 2))`` alike."""
        values = self.args[position:]
        if not values:
            return self.kwargs.get(name, ())
        return values[0] if len(values) == 1 and isinstance(values[0], (list, tuple)) else values

    @property
    def nodes(self) -> list[Node]:
        """Every node read, in argument order."""
        found: list[Node] = []
        collect(self.args, found)
        collect(self.kwargs, found)
        return found

    @property
    def x(self) -> Node:
        """The first node read."""
        return self.nodes[0]


def spec(node: Node) -> Spec:
    """The spec of a node's value."""
    return node.meta["spec"]


def shape(node: Node) -> tuple[int, ...]:
    """The shape of a node's value."""
    return node.meta["spec"].shape


def is_stored(node: Node) -> bool:
    """Whether the value is a parameter, a buffer or a constant of the model, not computed in the forward."""
    return node.op == "get_attr"


def ints(value: Any, count: int) -> list[int]:
    """``value`` as ``count`` integers; a single one is repeated."""
    if isinstance(value, (list, tuple)):
        return [int(v) for v in value] * (count if len(value) == 1 else 1)
    return [int(value)] * count


def number(value: Any) -> int | float | bool | None:
    """A plain JSON number of a Python number, subclasses included; None for anything else."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    return float(value) if isinstance(value, float) else None


def dimension(value: Any, rank: int) -> int:
    """A dimension counted from the front."""
    return int(value) + rank if value < 0 else int(value)


def dimensions(value: Any, rank: int) -> list[int]:
    """Dimensions counted from the front; none given means all of them."""
    if value is None or value == () or value == []:
        return list(range(rank))
    return [dimension(v, rank) for v in (value if isinstance(value, (list, tuple)) else (value,))]


def words(text: str) -> list[str]:
    """The names in a table's text, which stays readable where a list of forty strings is not."""
    return text.split()


def same_padding(kernel: Sequence[int], dilation: Sequence[int]) -> list[int]:
    """The left side of ``padding='same'``; torch puts an odd remainder on the right."""
    return [d * (k - 1) // 2 for k, d in zip(kernel, dilation, strict=True)]
