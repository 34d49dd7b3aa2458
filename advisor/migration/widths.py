"""How groups of channels grow and shrink between two graphs, and whether the function stays the same meanwhile.

A group that grows is filled in one of three ways, and what reads it decides which of them is exact:

- ``initial``: new channels hold whatever the new model starts with, and the weights that read them are zero. Exact as
  long as nothing but convolutions, linears and recurrent layers mixes channels. They can be trained at once.
- ``zero``: new channels are zero as well, for what sums over channels (products of queries and keys).
- ``duplicate``: new channels repeat old ones, and the weights that read those are shared out (Chen et al., Net2Net,
  2016). Exact through a normalisation over channels where each channel is repeated equally often.

A group that shrinks keeps the channels with the largest norm of all weights that belong to them (``select``).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from typing import NamedTuple

from ..graph import Graph, Op
from ..operators import LINEAR
from .dims import Dims, Run

WAYS = ("initial", "zero", "duplicate")
_ALL = frozenset(WAYS)
_EVEN = frozenset({"duplicate"})
_NONE: frozenset[str] = frozenset()
_ZERO_AT_ZERO = frozenset(
    {
        *("relu", "relu6", "leaky_relu", "rrelu", "prelu", "hardswish", "hardshrink", "softshrink", "silu", "gelu"),
        *("tanh", "elu", "selu", "celu", "mish", "softsign", "tanhshrink"),
    }
)
_FINITE = frozenset(
    {
        *("add", "sub", "mul", "maximum", "minimum", "neg", "abs", "where", "clamp", "clip", "exp", "eq", "ne", "lt"),
        *("gt", "le", "ge", "sign", "floor", "ceil", "round", "sin", "cos", "square", "masked_fill", "lerp", "erf"),
    }
)
"""Element-wise functions whose results are finite whatever finite numbers they read."""
_KEEPS_ZERO = frozenset({"mul", "maximum", "minimum", "neg", "abs", "sign", "square", "sin", "erf", "floor", "round"})
_PASSING = frozenset(
    {
        *("batch_norm", "instance_norm", "pool", "resize", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle"),
        *("concat", "stack", "split", "unbind", "slice", "reshape", "permute", "expand", "repeat", "pad", "unfold"),
        *("cast", "copy", "identity", "create", "embedding"),
    }
)


class Segment(NamedTuple):
    """``outer * channels * inner`` positions of a dimension; of the channels, ``old`` became ``new``. ``growth`` is the
    index of the :class:`Growth` that says how, -1 where nothing changed."""

    growth: int
    outer: int
    old: int
    new: int
    inner: int


@dataclass(slots=True)
class Growth:
    """A change of one group's width. ``way`` is one of :data:`WAYS`, or ``select``; ``why`` is empty where the function
    is kept. ``copies``: whole copies of the group (heads, groups of a convolution) come or go, not channels."""

    index: int
    group: int
    old: int
    new: int
    copies: bool = False
    way: str = ""
    why: str = ""

    @property
    def exact(self) -> bool:
        return not self.why

    def words(self) -> str:
        kind = {"initial": "zero padding", "zero": "zero padding", "duplicate": "duplication"}.get(self.way, "")
        return kind or "the most important are kept"


class Misfit(ValueError):
    """Dimensions that hold different things; the message is a clause that says why."""


class Widths:
    """The growths between two graphs, found while dimensions are mapped, and judged at the end."""

    def __init__(self, old: Dims, new: Dims) -> None:
        self.old, self.new = old, new
        self.growths: list[Growth] = []
        self._by_group: dict[int, Growth] = {}

    # ---- dimensions

    def segments(self, old: tuple[int, int], new: tuple[int, int]) -> tuple[Segment, ...] | None:
        """How dimension ``new`` (of the new graph) is made of ``old``; None where it is the same. Raises
        :class:`Misfit`."""
        a, b = self.old.graph.shape(old[0])[old[1]], self.new.graph.shape(new[0])[new[1]]
        runs, others = self.old.runs(*old), self.new.runs(*new)
        fit = [r.group is None for r in runs] == [s.group is None for s in others]
        if a == b and (not fit or [r.size for r in runs] == [s.size for s in others]):
            return None
        if not fit:
            raise Misfit(f"its {a} channels are made up of other parts than the {b} of the new one")
        return tuple(self._segment(r, s) for r, s in zip(runs, others, strict=True))

    def _segment(self, r: Run, s: Run) -> Segment:
        if r.size == s.size and r.channels == s.channels:
            return Segment(-1, 1, r.size, s.size, 1)
        if r.group is None or s.group is None:
            raise Misfit(f"{r.size} of its positions became {s.size} without a layer that decides about them")
        if (r.outer, r.inner) == (s.outer, s.inner):
            return Segment(self._grow(s.group, r.channels, s.channels, False), r.outer, r.channels, s.channels, r.inner)
        if r.channels == s.channels and r.inner == s.inner == 1:
            had, has = self._base(self.old, r.group), self._base(self.new, s.group)
            if r.outer % had == 0 and s.outer % has == 0 and r.outer // had == s.outer // has:
                return Segment(self._grow(s.group, had, has, True), r.outer // had, had, has, r.channels)
        raise Misfit(f"{r.outer * r.inner} copies of {r.channels} channels became {s.outer * s.inner} of {s.channels}")

    @staticmethod
    def _base(dims: Dims, group: int) -> int:
        """Copies that every weight holds of a group, or a multiple of."""
        return gcd(
            *(p.coefficient for p in dims.groups[group].dims if dims.graph.tensors[p.tensor].role == "parameter")
        )

    def _grow(self, group: int, old: int, new: int, copies: bool) -> int:
        growth = self._by_group.get(group)
        if growth is None:
            growth = self._by_group[group] = Growth(len(self.growths), group, old, new, copies)
            self.growths.append(growth)
        elif (growth.old, growth.new, growth.copies) != (old, new, copies):
            raise Misfit(f"{growth.old} → {growth.new} channels elsewhere are {old} → {new} here")
        return growth.index

    # ---- exactness

    def judge(self) -> None:
        """Decide for each growth how it is made, and whether the function is kept."""
        allowed: dict[int, frozenset[str]] = {g.group: _ALL for g in self.growths}
        reasons: dict[int, dict[str, None]] = {g.group: {} for g in self.growths}
        for op in self.new.graph.ops:
            for i, t in enumerate(op.inputs):
                for d in range(len(self.new.graph.shape(t))):
                    for group in self.new.holds(t, d):
                        growth = self._by_group.get(group)
                        if growth is None or not self._changes(growth, t, d):
                            continue
                        ways, why = self._ways(op, i, t, d)
                        allowed[group] &= ways
                        if why:
                            reasons[group][why] = None
        for t in self.new.graph.outputs:
            for d in range(len(self.new.graph.shape(t))):
                for group in self.new.holds(t, d) & allowed.keys():
                    allowed[group] = _NONE
                    reasons[group]["the model's output changes"] = None
        for growth in self.growths:
            self._settle(growth, allowed[growth.group], list(reasons[growth.group]))

    def _settle(self, growth: Growth, allowed: frozenset[str], reasons: list[str]) -> None:
        shuffle = self.new.shuffled.get(growth.group)
        if growth.new < growth.old:
            growth.way, growth.why = "select", "channels are dropped"
            return
        if "duplicate" in allowed and (growth.copies or growth.new % growth.old):
            allowed -= {"duplicate"}
        growth.way = next((way for way in WAYS if way in allowed), "initial")
        if shuffle:
            growth.why = f"{shuffle} shuffles the channels"
        elif not allowed:
            growth.why = reasons[0] if reasons else "no way to fill it keeps the function"

    def _changes(self, growth: Growth, tensor: int, dim: int) -> bool:
        """Whether the growth shows in this dimension: copies that come do not in a single one."""
        if not growth.copies:
            return True
        return any(
            group == growth.group and copies % growth.new == 0 for _, group, copies in self.new.places[tensor, dim]
        )

    def _ways(self, op: Op, index: int, tensor: int, dim: int) -> tuple[frozenset[str], str]:
        """The ways to fill a group in dimension ``dim`` of an op's input that keep the function, and what forbids the
        others."""
        graph, rank = self.new.graph, len(self.new.graph.shape(tensor))
        name = op.path or op.target
        if op.op in LINEAR or op.op == "rnn":
            channel = rank - 1 - (len(op.attrs["kernel"]) if op.op == "conv" else 0)
            known = op.op == "rnn" or "weight" in op.weights
            reads = (known and dim == channel) or dim < channel
            return (_ALL, "") if reads else (_NONE, f"{name} slides over channels")
        if op.op in ("layer_norm", "rms_norm") and dim >= rank - op.attrs["dims"]:
            return self._even(tensor, dim), f"{name} normalises over the channels"
        if op.op == "group_norm" and dim == 1:
            return self._even(tensor, dim), f"{name} normalises over groups of channels"
        if op.op in ("layer_norm", "rms_norm", "group_norm"):
            return _ALL, ""
        if op.op == "activation":
            return (_ALL, "") if op.attrs["fn"] in _ZERO_AT_ZERO else (_ALL - {"zero"}, f"{name} is not zero at zero")
        if op.op == "softmax":
            return (_NONE, f"{name} is a softmax over channels") if dim == op.attrs["dim"] else (_ALL - {"zero"}, "")
        if op.op == "elementwise":
            return _of_elementwise(op, name)
        if op.op == "reduce":
            return self._of_reduce(op, tensor, dim, name)
        if op.op in ("matmul", "addmm", "attention", "einsum"):
            return _of_product(graph, op, index, dim, name)
        if op.op in ("flip", "roll") and dim not in op.attrs["dims"]:
            return _ALL, ""
        return (_ALL, "") if op.op in _PASSING else (_NONE, f"what {name} does with channels is not known")

    def _even(self, tensor: int, dim: int) -> frozenset[str]:
        """Repetition, where it repeats all channels of a dimension equally often."""
        times = {self._times(run) for run in self.new.runs(tensor, dim)}
        return _EVEN if len(times) == 1 else _NONE

    def _times(self, run: Run) -> float:
        growth = None if run.group is None else self._by_group.get(run.group)
        return 1.0 if growth is None else growth.new / growth.old

    def _of_reduce(self, op: Op, tensor: int, dim: int, name: str) -> tuple[frozenset[str], str]:
        rank = len(self.new.graph.shape(tensor))
        dims = {d % rank for d in op.attrs["dims"]} if op.attrs["dims"] else set(range(rank))
        if dim not in dims:
            return _ALL, ""
        if op.attrs["fn"] in ("sum", "norm"):
            return frozenset({"zero"}), f"{name} sums over channels"
        if op.attrs["fn"] in ("mean", "max", "min", "amax", "amin"):
            return self._even(tensor, dim), f"{name} takes the {op.attrs['fn']} over channels"
        return _NONE, f"{name} takes the {op.attrs['fn']} over channels"


def _of_elementwise(op: Op, name: str) -> tuple[frozenset[str], str]:
    fn, scalar = op.attrs["fn"], op.attrs.get("scalar")
    if fn == "div" and scalar is not None:
        return _ALL, ""
    if fn not in _FINITE:
        return _EVEN, f"{name} ({fn}) may divide by a channel that is zero"
    if fn in _KEEPS_ZERO or (fn in ("add", "sub") and scalar is None):
        return _ALL, ""
    return _ALL - {"zero"}, f"{name} ({fn}) makes something of zero"


def _of_product(graph: Graph, op: Op, index: int, dim: int, name: str) -> tuple[frozenset[str], str]:
    """Products sum over one dimension of each factor: that is exact for channels that are zero."""
    rank = len(graph.shape(op.inputs[index]))
    if op.op == "attention":
        summed = index < 2 and dim == rank - 1
    elif op.op == "einsum":
        left, _, right = op.attrs["equation"].replace(" ", "").partition("->")
        summed = left.split(",")[index][dim] not in right
    else:
        factor = index - (op.op == "addmm")
        summed = (factor == 0 and dim == rank - 1) or (factor == 1 and dim == max(rank - 2, 0))
    return (frozenset({"zero"}), f"{name} sums over channels") if summed else (_ALL, "")
