"""The zoo: graphs of published networks, shipped with the package, so that training and validation need no torch.

Every network belongs to a *family*, its architecture's lineage across libraries (torchvision's MobileNetV2 and
timm's are one), and every family to one split: predictors learn from ``train`` and are judged on ``test``.

The format is made for compression: operations and tensors are numbered afresh, and what an operation reads is written
as a distance backwards, so equal blocks are equal bytes. Source places, module paths and tensor names are dropped.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import msgpack

from advisor.graph import Graph, Module, Op, Tensor

SPLITS = ("train", "test", "final")
_VERSION = 1
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 1 << 26}]


class ZooError(ValueError):
    """A file of networks that is damaged or of another version."""


@dataclass(slots=True, frozen=True)
class Network:
    """A published network: ``library/name@resolution`` names it."""

    name: str
    library: str
    family: str
    split: str
    graph: Graph

    @property
    def title(self) -> str:
        return f"{self.library}/{self.name}"


@cache
def zoo(split: str) -> tuple[Network, ...]:
    """The shipped networks of a split, ordered by family and name. Raises :class:`ZooError`."""
    file = resources.files("advisor.estimator") / "networks" / f"{split}.msgpack.xz"
    return unpack(file.read_bytes())


@cache
def families(split: str) -> frozenset[str]:
    """The families of a split."""
    return frozenset(network.family for network in zoo(split))


def pack(networks: Iterable[Network]) -> bytes:
    """The networks as the bytes of a zoo file."""
    rows = [[n.name, n.library, n.family, n.split, compact(n.graph)] for n in networks]
    packed = msgpack.packb([_VERSION, rows])
    assert packed is not None  # it is only for a packer that streams
    return lzma.compress(packed, format=lzma.FORMAT_XZ, filters=_FILTERS)


def unpack(data: bytes) -> tuple[Network, ...]:
    """The networks of :func:`pack`'s bytes. Raises :class:`ZooError` on anything else."""
    try:
        version, rows = msgpack.unpackb(lzma.decompress(data), strict_map_key=False)
        if version != _VERSION:
            raise ZooError(f"a zoo of version {version}, this advisor reads {_VERSION}; rebuild it")
        return tuple(
            Network(name, library, family, split, expanded(plain)) for name, library, family, split, plain in rows
        )
    except (lzma.LZMAError, ValueError, TypeError, IndexError, msgpack.exceptions.UnpackException) as e:
        raise ZooError(f"not a zoo of networks: {e}; rebuild it") from e


def stripped(graph: Graph) -> Graph:
    """The graph without source places, paths and names, with tensors numbered in order of appearance."""
    return expanded(compact(graph))


def compact(graph: Graph) -> list[Any]:
    """The graph as plain values: inputs, operations, outputs.

    A tensor stands where it is first read or made; later it is a distance back."""
    numbers: dict[int, int] = {}

    def place(tensor: int) -> Any:
        known = numbers.get(tensor)
        if known is not None:
            return len(numbers) - known
        numbers[tensor] = len(numbers)
        t = graph.tensors[tensor]
        return [list(t.shape), t.dtype, t.layout, t.role]

    inputs = [place(t) for t in graph.inputs]
    ops = [
        [
            op.op,
            op.target,
            op.attrs,
            [place(t) for t in op.inputs],
            [[name, place(t)] for name, t in op.weights.items()],
            [place(t) for t in op.outputs],
            op.module,
        ]
        for op in graph.ops
    ]
    return [inputs, ops, [place(t) for t in graph.outputs]]


def expanded(plain: list[Any]) -> Graph:
    """The graph of :func:`compact`'s result; its operations' keys are their positions."""
    inputs, rows, outputs = plain
    tensors: dict[int, Tensor] = {}

    def tensor(place: Any) -> int:
        key = len(tensors)
        if isinstance(place, int):
            return key - place
        shape, dtype, layout, role = place
        tensors[key] = Tensor(tuple(shape), dtype, layout, role)
        return key

    given = tuple(tensor(t) for t in inputs)
    ops = []
    for key, (kind, target, attrs, read, weights, made, module) in enumerate(rows):
        reads = tuple(tensor(t) for t in read)
        stored = {name: tensor(t) for name, t in weights}
        ops.append(Op(key, kind, target, attrs, reads, tuple(tensor(t) for t in made), stored, "", module))
    graph = Graph(ops, tensors, {"": Module("", "Network")}, given, tuple(tensor(t) for t in outputs))
    graph.check()
    return graph
