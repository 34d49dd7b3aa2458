"""Where the compiler has to bring a feature map into another order of its dimensions, and what that takes.

A permutation in a model moves nothing by itself: data moves where an operator needs another order than the one at hand.
Which these are, and in as few dimensions as it takes, the lowering says that networks are measured by.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

from advisor.graph import Graph, Op, Tensor

from ..backends.vela.layout import Order, plain, stored
from ..backends.vela.lowering import Lowering, living, lowerings
from ..backends.vela.lowering.lowerer import Lowerer, Refusal, Value, of_graph
from .transposing import reordered

TURNING = frozenset(
    {"permute", "attention", "matmul", "einsum", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "unfold"}
)
"""Operators without which maps stay as they lie."""
RENAMING = frozenset({"permute", "copy"})
"""Kinds of kernels that do nothing there."""
_WRITTEN = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D"})
"""Operators that write their result in another order, in place of a turn behind them."""
_MOST = 1 << 16
"""Tensors that one op makes, at the most; the number of a tensor is that of its op and its own."""


class Turn(NamedTuple):
    """The shape as it lies and the order that it is brought into; ``source`` is the number of the tensor that lies
    so."""

    shape: tuple[int, ...]
    order: tuple[int, ...]
    source: int


class Turned(NamedTuple):
    """Cycles of all passes over maps before an op runs, and of the last of them."""

    all: float
    last: float


class _Dry(Lowerer):
    """Lowers without making a network: all that counts is how values lie and which are brought into another order.

    ``made`` are the tensors, the shape of each as it lies and its operator; ``views`` what those are that only have
    another shape, ``reads`` what operators read."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self.begin(-1)

    def begin(self, key: int) -> None:
        """What follows is of the op with this key."""
        self.first, self.current = key * _MOST, frozenset({key})
        self.turns: list[Turn] = []
        self.made: dict[int, tuple[tuple[int, ...], str]] = {}
        self.views: dict[int, int] = {}
        self.reads: list[int] = []
        self.lists: list[tuple[int, ...]] = []

    def made_of(self, shape: Sequence[int], code: str = "") -> int:
        """The number of another tensor, of this shape as it lies, that the operator makes."""
        number = self.first + len(self.made)
        self.made[number] = tuple(shape), code
        return number

    def _tensor(self, shape: Sequence[int], dtype: str, **more: Any) -> int:
        return self.made_of(shape)

    def number(self, value: Value) -> int:
        return 0

    def numbers(self, values: Sequence[int]) -> int:
        self.lists.append(tuple(values))
        return len(self.lists) - 1

    def table(self, values: Sequence[Sequence[int]]) -> int:
        return 0

    def weights(self, shape: Sequence[int], axis: int = 0) -> int:
        return 0

    def bias(self, channels: int) -> int:
        return 0

    def emit_many(
        self,
        code: str,
        operands: Sequence[Value | int],
        shapes: Sequence[Sequence[int]],
        order: Order | None = None,
        options: tuple[str, Mapping[str, Any]] | None = None,
        dtype: str = "int8",
    ) -> list[Value]:
        read = [value.tensor for value in operands if isinstance(value, Value) and value.tensor is not None]
        out = []
        for shape in shapes:
            lies = plain(len(shape)) if order is None else order
            out.append(Value(tuple(shape), lies, self.made_of(stored(shape, lies), code), dtype))
        if code == "RESHAPE" and read:
            self.views[out[0].tensor or 0] = read[0]
            return out
        if code == "TRANSPOSE":
            value, places = operands
            assert isinstance(value, Value) and isinstance(places, int)
            self.turns.append(Turn(value.stored, self.lists[places], read[0]))
        self.reads += read
        return out


@dataclass(slots=True, eq=False)
class _Lowered:
    """What came of an op: the values that it was given and gave, the ops that it took along, what it turned, and of
    :class:`_Dry` what it made and read. ``seen`` are the tensors that it may have looked at."""

    operands: tuple[Value | None, ...]
    seen: tuple[tuple[int, Tensor], ...]
    given: dict[int, Value]
    absorbed: frozenset[int]
    turns: tuple[Turn, ...]
    made: dict[int, tuple[tuple[int, ...], str]]
    views: dict[int, int]
    reads: tuple[int, ...]

    def seen_in(self, graph: Graph) -> bool:
        """Whether all that it looked at is the same there."""
        return all(graph.tensors.get(number) is tensor for number, tensor in self.seen)


@dataclass(slots=True, eq=False)
class Turns:
    """The turns of a graph, by the key of the op that they stand before. ``given`` are the numbers of its results."""

    known: dict[int, _Lowered]
    given: frozenset[int]

    def cycles(self, accelerator: str) -> dict[int, Turned]:
        """What those of each op take on Ethos-U85 by themselves."""
        written = {id(turn) for turn in self.written().values()}
        found = {}
        for key, lowered in self.known.items():
            left = [turn for turn in lowered.turns if id(turn) not in written]
            if left:
                each = [reordered(turn.shape, turn.order, accelerator) for turn in left]
                found[key] = Turned(sum([whole for whole, _ in each]), each[-1][1])
        return found

    def written(self) -> dict[int, Turn]:
        """The turns that are no operation of their own, by the key of the layer that writes its result in that order:
        of three dimensions at the most, of all that it makes, for nobody else."""
        some = [turn for lowered in self.known.values() for turn in lowered.turns if len(turn.order) <= 3]
        if not some:
            return {}
        views, readers = {}, Counter()
        for lowered in self.known.values():
            views.update(lowered.views)
        for lowered in self.known.values():
            readers.update([_origin(number, views) for number in lowered.reads])
        found = {}
        for turn in some:
            source = _origin(turn.source, views)
            lowered = self.known.get(source // _MOST)
            if lowered is None or readers[source] != 1 or source in self.given:
                continue
            shape, code = lowered.made.get(source, ((), ""))
            if code in _WRITTEN and tuple([n for n in shape if n != 1]) == turn.shape:
                found[source // _MOST] = turn
        return found


def _origin(number: int, views: Mapping[int, int]) -> int:
    while number in views:
        number = views[number]
    return number


def turns(graph: Graph, old: Turns | None = None) -> Turns | None:
    """The turns of a graph; None where there are none, or where shapes are not known. Of ``old``, those of a graph that
    is wired alike, ops are taken over whose tensors are the same."""
    if TURNING.isdisjoint([op.op for op in graph.ops]):
        return None
    if any(min(tensor.shape, default=0) < 0 or not prod(tensor.shape) for tensor in graph.tensors.values()):
        return None
    dry, table, known = _Dry(graph), lowerings(), {}
    for tensor in graph.inputs:
        dry.model_input(tensor)
    for op in living(graph):
        if op.key in dry.absorbed:
            continue
        had = None if old is None else old.known.get(op.key)
        operands = tuple([dry.values.get(t) for t in op.inputs])
        if had is not None and had.operands == operands and had.seen_in(graph):
            dry.values.update(had.given)
            dry.absorbed |= had.absorbed
            known[op.key] = had
            continue
        known[op.key] = _lowered(dry, op, table, operands)
    ends = [dry.values[t].tensor for t in graph.outputs if t in dry.values]
    return Turns(known, frozenset([number for number in ends if number is not None]))


def _lowered(dry: _Dry, op: Op, table: Mapping[str, Lowering], operands: tuple[Value | None, ...]) -> _Lowered:
    graph = dry.graph
    before, absorbed = set(dry.values), set(dry.absorbed)
    dry.begin(op.key)
    try:
        handler = table.get(op.op)
        if handler is None:
            raise Refusal(op.op)
        handler(dry, op)
    except (Refusal, ValueError, LookupError, TypeError, ArithmeticError):
        # there is no form of it, or its shapes contradict each other: it lies as the graph has it
        for tensor in op.outputs:
            known = graph.tensors[tensor]
            dry.values[tensor] = Value(
                known.shape, plain(len(known.shape)), dry._tensor(known.shape, ""), of_graph(known.dtype)
            )
        dry.turns = []
    taken = frozenset(dry.absorbed - absorbed)
    ops = [op, *[graph.by_key[key] for key in taken]]
    seen = tuple([(t, graph.tensors[t]) for o in ops for t in (*o.inputs, *o.outputs)])
    given = {t: value for t, value in dry.values.items() if t not in before}
    return _Lowered(operands, seen, given, taken, tuple(dry.turns), dry.made, dry.views, tuple(dry.reads))
