"""Which operations of two graphs are the same, and which became one another.

Both graphs are read as sequences in execution order, without what only moves data. Windows that are alike in both are
anchors; between two anchors the best global alignment is found by dynamic programming (Needleman and Wunsch, 1970)
over pairs and over the three ways in which a fix makes several layers of one, or one of several.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ..graph import Graph, Op
from ..moves.chain import between, is_depthwise, is_pointwise

_PASSIVE = frozenset({"identity", "reshape", "expand", "copy", "cast", "permute"})
_WINDOW = 3
_LONGEST = 5
"""Operations of a pattern at most: expansion, norm, activation, depthwise, and one to spare."""
_CELLS = 4_000_000
"""The largest table of scores between two anchors (some seconds); beyond it operations go by their names."""
_REWRITTEN = 30.0
_BETWEEN = ([], ["batch_norm"], ["activation"], ["batch_norm", "activation"])
_FITTED = frozenset(
    {
        *(
            "relu",
            "relu6",
            "leaky_relu",
            "hardtanh",
            "hardswish",
            "hardsigmoid",
            "silu",
            "gelu",
            "sigmoid",
            "tanh",
            "elu",
        ),
        *("selu", "celu", "mish", "softplus", "softsign", "prelu", "log_sigmoid", "hardshrink", "softshrink"),
    }
)
"""Activations that a fused convolution can be fitted across: those whose values follow from their name."""


class Rewrite(NamedTuple):
    """Layers that became others: ``kind`` is ``fuse``, ``unfuse`` or ``merge``; ops in execution order, with the norms
    and activations between."""

    kind: str
    old: tuple[Op, ...]
    new: tuple[Op, ...]


@dataclass(slots=True)
class Alignment:
    """``pairs`` in execution order; ``removed`` and ``added`` are the ops that have no counterpart."""

    pairs: list[tuple[Op, Op]] = field(default_factory=list)
    rewrites: list[Rewrite] = field(default_factory=list)
    removed: list[Op] = field(default_factory=list)
    added: list[Op] = field(default_factory=list)


def align(old: Graph, new: Graph) -> Alignment:
    """The alignment of two graphs that explains most of both."""
    return _Aligner(old, new).run()


def is_active(graph: Graph, op: Op) -> bool:
    """Whether an op does more than moving data or computing a constant."""
    return bool(op.weights) or (op.op not in _PASSIVE and op.key not in graph.constant_ops)


def weight_name(graph: Graph, op: Op) -> str:
    """The path of the op's weight in the model, of its first parameter where it has no such role; else empty."""
    t = op.weights.get("weight", next(iter(op.weights.values()), None))
    return "" if t is None else graph.tensors[t].name


class _Aligner:
    def __init__(self, old: Graph, new: Graph) -> None:
        self.old, self.new = old, new
        self.a = [op for op in old.ops if is_active(old, op)]
        self.b = [op for op in new.ops if is_active(new, op)]
        self.tokens_a = [_token(old, op) for op in self.a]
        self.tokens_b = [_token(new, op) for op in self.b]
        self.found = Alignment()

    def run(self) -> Alignment:
        i = j = 0
        for x, y in [*self._anchors(), (len(self.a), len(self.b))]:
            self._between(i, x, j, y)
            if x < len(self.a):
                self.found.pairs.append((self.a[x], self.b[y]))
            i, j = x + 1, y + 1
        return self.found

    # ---- anchors

    def _anchors(self) -> list[tuple[int, int]]:
        """Pairs of positions, rising in both, around which both sequences are alike and that are so only once."""
        at_a, at_b = _unique(self.tokens_a), _unique(self.tokens_b)
        common = sorted((i, at_b[window]) for window, i in at_a.items() if window in at_b)
        return _rising(common)

    # ---- between anchors

    def _between(self, i0: int, i1: int, j0: int, j1: int) -> None:
        a, b = self.a[i0:i1], self.b[j0:j1]
        if a and b and len(a) * len(b) <= _CELLS:
            self._table(a, b)
            return
        names = {weight_name(self.new, op): op for op in b if op.weights}
        taken: set[int] = set()
        for op in a:
            other = names.get(weight_name(self.old, op)) if op.weights else None
            if other is not None and other.op == op.op and other.key not in taken:
                taken.add(other.key)
                self.found.pairs.append((op, other))
            else:
                self.found.removed.append(op)
        self.found.added += [op for op in b if op.key not in taken]

    def _table(self, a: Sequence[Op], b: Sequence[Op]) -> None:
        """Fill the table of best scores from the ends, then walk it from the start."""
        many = [self._groups(self.old, a, i) for i in range(len(a))]
        parts = [self._groups(self.new, b, j) for j in range(len(b))]
        best = [[0.0] * (len(b) + 1) for _ in range(len(a) + 1)]
        step: list[list[tuple[str, int, int]]] = [[("", 0, 0)] * (len(b) + 1) for _ in range(len(a) + 1)]
        for i in range(len(a) - 1, -1, -1):
            for j in range(len(b) - 1, -1, -1):
                score, taken = best[i + 1][j], ("", 1, 0)
                if best[i][j + 1] > score:
                    score, taken = best[i][j + 1], ("", 0, 1)
                alike = self._alike(a[i], b[j])
                if alike and alike + best[i + 1][j + 1] >= score:
                    score, taken = alike + best[i + 1][j + 1], ("pair", 1, 1)
                for kind, m, n in self._rewrites(a, b, i, j, many[i], parts[j]):
                    if (total := _REWRITTEN + best[i + m][j + n]) > score:
                        score, taken = total, (kind, m, n)
                best[i][j], step[i][j] = score, taken
        i = j = 0
        while i < len(a) and j < len(b):
            kind, m, n = step[i][j]
            if kind == "pair":
                self.found.pairs.append((a[i], b[j]))
            elif kind:
                self.found.rewrites.append(Rewrite(kind, tuple(a[i : i + m]), tuple(b[j : j + n])))
            else:
                self.found.removed += a[i : i + m]
                self.found.added += b[j : j + n]
            i, j = i + m, j + n
        self.found.removed += a[i:]
        self.found.added += b[j:]

    def _alike(self, p: Op, q: Op) -> float:
        """How much speaks for two ops being the same; 0 where they cannot be."""
        if p.op != q.op or bool(p.weights) != bool(q.weights):
            return 0.0
        parent, _, leaf = p.path.rpartition(".")
        other, _, name = q.path.rpartition(".")
        numbered = leaf.isdigit() and name.isdigit()  # layers in a sequence are renumbered by what is left out
        score = 1.0 + (parent == other) + (1.0 if numbered else 2.0) * (leaf == name)
        score += p.attrs.get("fn") == q.attrs.get("fn")
        if not p.weights:
            return score
        score += (1.0 if numbered else 3.0) * (weight_name(self.old, p) == weight_name(self.new, q))
        x, y = (g.tensors[t].shape if (t := o.weights.get("weight")) is not None else () for g, o in self._both(p, q))
        score += 2.0 * sum(m == n for m, n in zip(x[:2], y[:2], strict=False)) + (p.weights.keys() == q.weights.keys())
        if p.op == "conv":
            a, b = p.attrs, q.attrs
            if a["transposed"] != b["transposed"] or len(a["kernel"]) != len(b["kernel"]):
                return 0.0
            score += (4.0 if a["kernel"] == b["kernel"] else -4.0) + (a["stride"] == b["stride"])
            score += 2.0 if (a["groups"] > 1) == (b["groups"] > 1) else -2.0
        return max(4.0 + score, 0.5)

    def _both(self, p: Op, q: Op) -> tuple[tuple[Graph, Op], tuple[Graph, Op]]:
        return (self.old, p), (self.new, q)

    # ---- several layers that became one, or one that became several

    def _groups(self, graph: Graph, ops: Sequence[Op], i: int) -> list[tuple[str, int]]:
        """The (pattern, length) that begin at ``ops[i]``: an expansion with its depthwise convolution (``ibn``), two
        linear operators with at most norms between (``linear``)."""
        first = ops[i]
        if first.op not in ("conv", "linear") or "weight" not in first.weights:
            return []
        out: list[tuple[str, int]] = []
        for length in range(2, min(_LONGEST, len(ops) - i) + 1):
            last = ops[i + length - 1]
            if last.op not in ("conv", "linear"):
                if last.op not in ("batch_norm", "activation"):
                    break
                continue
            if between(graph, first, last) is None or "weight" not in last.weights:
                break
            inner = ops[i + 1 : i + length - 1]
            kinds = [op.op for op in inner]
            if any(op.op == "batch_norm" and "running_mean" not in op.weights for op in inner):
                break  # it depends on what it reads
            if is_pointwise(first) and is_depthwise(graph, last) and kinds in _BETWEEN:
                out.append(("ibn", length))
            if last.op == first.op and set(kinds) <= {"batch_norm"} and (first.op == "linear" or is_pointwise(last)):
                out.append(("linear", length))
            break
        return out

    def _rewrites(
        self,
        a: Sequence[Op],
        b: Sequence[Op],
        i: int,
        j: int,
        many: Sequence[tuple[str, int]],
        parts: Sequence[tuple[str, int]],
    ) -> list[tuple[str, int, int]]:
        out: list[tuple[str, int, int]] = []
        for pattern, length in many:
            last = a[i + length - 1]
            if any(op.op == "activation" and op.attrs["fn"] not in _FITTED for op in a[i : i + length]):
                continue
            if pattern == "ibn" and _dense(b[j]) and _same_window(last, b[j]):
                out.append(("fuse", length, 1))
            if pattern == "linear" and b[j].op == last.op and self._merged(a[i], last, b[j]):
                out.append(("merge", length, 1))
        for pattern, length in parts:
            if pattern == "ibn" and _dense(a[i]) and _same_window(a[i], b[j + length - 1]):
                out.append(("unfuse", 1, length))
        return out

    def _merged(self, first: Op, last: Op, new: Op) -> bool:
        """Whether ``new`` may be the product of two: it reads what the first read, through the first's window."""
        if "weight" not in new.weights:
            return False
        x, y, z = (
            g.tensors[o.weights["weight"]].shape for g, o in ((self.old, first), (self.old, last), (self.new, new))
        )
        if x[2:] != z[2:] or (first.op == "conv" and (not _same_window(first, new) or new.attrs["groups"] != 1)):
            return False
        return x[1] == z[1] and y[0] == z[0]


def _dense(op: Op) -> bool:
    a = op.attrs
    return (
        op.op == "conv"
        and "weight" in op.weights
        and a["groups"] == 1
        and not a["transposed"]
        and len(a["kernel"]) == 2
        and max(a["kernel"]) > 1
    )


def _same_window(p: Op, q: Op) -> bool:
    return all(list(p.attrs[k]) == list(q.attrs[k]) for k in ("kernel", "stride", "padding", "dilation"))


def _token(graph: Graph, op: Op) -> tuple[object, ...]:
    """What two ops that are the same for certain agree in, around them too."""
    a = op.attrs
    window = (*a["kernel"], *a["stride"], a["groups"] > 1) if op.op == "conv" else ()
    return op.op, op.path, weight_name(graph, op), a.get("fn"), window


def _unique(tokens: Sequence[tuple[object, ...]]) -> dict[tuple[object, ...], int]:
    """Windows of tokens that occur once → the position in their middle."""
    padded = [("start",), *tokens, ("end",)]
    windows: list[tuple[object, ...]] = [tuple(padded[i : i + _WINDOW]) for i in range(len(tokens))]
    counts = Counter(windows)
    return {w: i for i, w in enumerate(windows) if counts[w] == 1}


def _rising(
    pairs: Sequence[tuple[int, int]], key: Callable[[tuple[int, int]], int] = lambda p: p[1]
) -> list[tuple[int, int]]:
    """The longest subsequence that rises in ``key`` too (patience sorting)."""
    ends: list[int] = []
    piles: list[list[int]] = []
    before: dict[int, int | None] = {}
    for index, pair in enumerate(pairs):
        at = bisect_left(ends, key(pair))
        before[index] = piles[at - 1][-1] if at else None
        if at == len(ends):
            ends.append(key(pair))
            piles.append([index])
        else:
            ends[at] = key(pair)
            piles[at].append(index)
    out: list[tuple[int, int]] = []
    index = piles[-1][-1] if piles else None
    while index is not None:
        out.append(pairs[index])
        index = before[index]
    return out[::-1]
