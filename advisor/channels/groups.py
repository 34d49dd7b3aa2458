"""Channel groups: which dimensions of a model must change together, and which nothing may change.

``analyse`` reads the whole graph once through :mod:`.ties`; every variable left unsolved that a layer makes is a
*group*: the output channels of one or more convolutions, linears or embeddings with every dimension that follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple
from weakref import WeakKeyDictionary

from ..graph import Graph, Op
from ..operators import LINEAR
from . import layers, movement
from .forms import ONE, Form
from .ties import Ties

PRODUCING = LINEAR | {"embedding", "rnn"}
"""Operators whose weights decide how many channels they make."""


_HANDLERS = {**layers.TABLE, **movement.TABLE}


class Place(NamedTuple):
    """Dimension ``dim`` of a tensor (activation or weight) holds ``coefficient * width // multiple`` channels of
    the group from ``offset`` on."""

    tensor: int
    dim: int
    coefficient: int
    offset: int


class Group(NamedTuple):
    """Dimensions that change together.

    ``key`` names it: the smallest op key among its producers. (Where one producer's channels are cut into unequal
    parts that makes several groups: the first is named so, the others by the first op that reads them.) ``width`` is
    the number of channels that the smallest producer makes for the group; it must stay a multiple of ``multiple``
    (heads, groups, split parts). ``producers`` are the ops whose output channels it sets, depthwise convolutions
    included; ``consumers`` the convolutions, linears and recurrent layers that read them. ``pinned`` is empty, or the
    reason why the width must not change.
    """

    key: int
    width: int
    multiple: int
    producers: tuple[int, ...]
    consumers: tuple[int, ...]
    pinned: str
    dims: tuple[Place, ...]


class _Structure:
    """What of an analysis survives a change of widths: forms and who reads and makes which variable."""

    def __init__(self, graph: Graph, ties: Ties) -> None:
        resolve = ties.forms.resolve
        self.dims: dict[int, list[Form]] = {t: [resolve(f) for f in dims] for t, dims in ties.dims.items()}
        self.starts = {k: resolve(f) for k, f in ties.starts.items()}
        self.pinned = ties.forms.pinned
        self.output = {op.key: op.outputs[0] for op in graph.ops if op.outputs}
        self.producers: dict[int, dict[int, int]] = {}
        self.consumers: dict[int, dict[int, None]] = {}
        for op in graph.ops:
            if op.op in PRODUCING:
                for v, c in self._channels(op, op.outputs[0]):
                    made = self.producers.setdefault(v, {})
                    made[op.key] = made.get(op.key, 0) + c
                if op.op != "embedding":
                    for v, _ in self._channels(op, op.inputs[0]):
                        self.consumers.setdefault(v, {})[op.key] = None
        self.producers.pop(ONE, None)
        self.variable = self._name(graph)
        self.key = {v: key for key, v in self.variable.items()}

    def _channels(self, op: Op, tensor: int) -> Form:
        dims = self.dims[tensor]
        return dims[len(dims) - len(op.attrs["kernel"]) - 1] if op.op == "conv" else dims[-1]

    @cached_property
    def places(self) -> dict[int, list[tuple[int, int, int, Form]]]:
        """Variable → (tensor, dimension, coefficient, the form before it) of every occurrence."""
        out: dict[int, list[tuple[int, int, int, Form]]] = {}
        for t, dims in self.dims.items():
            for d, form in enumerate(dims):
                for i, (v, c) in enumerate(form):
                    if v != ONE:
                        out.setdefault(v, []).append((t, d, c, form[:i]))
        return out

    def _name(self, graph: Graph) -> dict[int, int]:
        """Group key → variable."""
        names: dict[int, int] = {}
        nameless = []
        for v, made in self.producers.items():
            if names.setdefault(min(made), v) != v:
                nameless.append(v)
        for v in nameless:
            readers = (op.key for t, *_ in self.places[v] for op in graph.consumers.get(t, ()))
            key = min((k for k in readers if k not in names and k not in self.producers), default=None)
            if key is None:
                self.pinned.setdefault(v, "no operation of its own names it")
            else:
                names[key] = v
        return names


class Channels:
    """The channel groups of one graph; :func:`analyse` makes it."""

    def __init__(self, structure: _Structure, sizes: list[int]) -> None:
        self._structure = structure
        self._sizes = sizes
        self._made: dict[int, Group] = {}

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """All groups in the order of their keys."""
        return tuple(self._group(key) for key in sorted(self._structure.variable))

    def group(self, key: int) -> Group | None:
        """The group of that key."""
        return self._group(key) if key in self._structure.variable else None

    def group_of(self, op_key: int) -> Group | None:
        """The group that an op's first output holds: its channels (the first group of them where there are several)
        or, where no layer sets those, another of its dimensions. None where no dimension belongs to a group."""
        s = self._structure
        for form in s.dims.get(s.output.get(op_key, -1), ()):
            for v, _ in form:
                if v in s.key:
                    return self._group(s.key[v])
        return None

    def slice_start(self, op_key: int, dim: int) -> int | None:
        """Where the range of a slice op starts in input dimension ``dim``; None where that dimension is not cut."""
        form = self._structure.starts.get((op_key, dim))
        return None if form is None else self._width(form)

    def resized(self, key: int, width: int) -> Channels:
        """The analysis of the same graph with another width of group ``key``. Tensors and ops keep their ids."""
        return self.all_resized({key: width})

    def all_resized(self, widths: Mapping[int, int]) -> Channels:
        """The same with several widths, by the groups' keys."""
        sizes = list(self._sizes)
        for key, width in widths.items():
            sizes[self._structure.variable[key]] = width // self._group(key).multiple
        return Channels(self._structure, sizes)

    def shape(self, tensor: int) -> tuple[int, ...]:
        """A tensor's shape as its forms have it."""
        return tuple(map(self._width, self._structure.dims[tensor]))

    def adopt(self, graph: Graph) -> None:
        """Let :func:`analyse` answer with this analysis for ``graph``, whose widths it describes."""
        _ANALYSED[graph] = self

    def _width(self, form: Form) -> int:
        sizes = self._sizes
        return sum([sizes[v] * c for v, c in form]) if form else 0

    def _group(self, key: int) -> Group:
        group = self._made.get(key)
        if group is None:
            s = self._structure
            v = s.variable[key]
            multiple = min(s.producers[v].values())
            group = self._made[key] = Group(
                key=key,
                width=self._sizes[v] * multiple,
                multiple=multiple,
                producers=tuple(s.producers[v]),
                consumers=tuple(s.consumers.get(v, ())),
                pinned=s.pinned.get(v, ""),
                dims=tuple(Place(t, d, c, self._width(before)) for t, d, c, before in s.places[v]),
            )
        return group


_ANALYSED: WeakKeyDictionary[Graph, Channels] = WeakKeyDictionary()


def analyse(graph: Graph) -> Channels:
    """The channel groups of a graph; computed once for each graph object."""
    channels = _ANALYSED.get(graph)
    if channels is None:
        ties = Ties(graph, _HANDLERS)
        channels = Channels(_Structure(graph, ties), ties.forms.sizes)
        _ANALYSED[graph] = channels
    return channels
