"""From two graphs to a plan."""

from __future__ import annotations

from collections.abc import Sequence
from math import isclose
from typing import Any

from ..graph import Graph, Op
from .alignment import align, is_active
from .dims import Dims
from .plan import Plan, Row, Step
from .rewriting import Made, absorbed, regrouped, rewritten
from .tempering import Temper, tempers
from .widths import Misfit, Widths

Dim = tuple[int, int]
"""A tensor of a graph and one of its dimensions."""
_SEEN = ("fn", "scalar", "stride", "padding", "dilation", "ceil", "adaptive", "causal", "mode", "factor", "eps", "log")
"""Attributes that change what an operation computes; the others follow from shapes."""
COPIED = "as it was"


def plan(old: Graph, new: Graph) -> Plan:
    """How a state dict of ``old``'s model becomes one of ``new``'s."""
    return _Planner(old, new).run()


class _Planner:
    def __init__(self, old: Graph, new: Graph) -> None:
        self.old, self.new = old, new
        self.widths = Widths(Dims(old), Dims(new))
        self.alignment = align(old, new)
        self.steps: dict[str, Step] = {}
        self.by_layer: dict[str, list[Step]] = {}
        self.said: dict[str, list[Row]] = {}
        """Layer → what else is to be said of it than how its dimensions changed."""
        self.constants: dict[int, str] = {}
        """Key of a new batch norm → the entry that its running mean takes up."""
        self.tempers: list[Temper] = []
        self.untempered: set[int] = set()
        self.cancelled: set[int] = set()
        """Keys of new convolutions and linears whose missing bias changes nothing."""

    def run(self) -> Plan:
        result = Plan()
        for rewrite in self.alignment.rewrites:
            made = rewritten(self.old, self.new, rewrite)
            self._made(made)
            result.makings.append(made.making)
        self.tempers, self.untempered = tempers(self.old, self.new, self.alignment.pairs)
        self.cancelled, constants = absorbed(self.old, self.new, self.alignment.pairs)
        self.constants |= constants
        for p, q in self.alignment.pairs:
            made = regrouped(self.old, self.new, p, q)
            if made is not None:
                self._made(made)
                result.makings.append(made.making)
            self._pair(p, q)
        self._loose()
        self._temper()
        self._unpaired()
        self.widths.judge()
        result.steps, result.growths = list(self.steps.values()), self.widths.growths
        result.paths = {q.path: p.path for p, q in self.alignment.pairs if p.module and q.module and p.path != q.path}
        result.rows = self._rows()
        return result

    # ---- pairs of layers

    def _pair(self, p: Op, q: Op) -> None:
        layer = q.path or q.target
        made_up = {"scalar"} if any(t.op == q.key for t in self.tempers) else set()
        differing = [k for k in _SEEN if k not in made_up and not _same(p.attrs.get(k), q.attrs.get(k))]
        if q.op == "attention" and q.key in self.untempered:
            self._say(
                layer, "another scale", False, "the width of its heads changed, and what makes its queries is not found"
            )
        if differing:
            words = ", ".join(f"{k} {_short(p.attrs.get(k))} → {_short(q.attrs.get(k))}" for k in differing)
            self._say(layer, "weights are carried as they are" if q.weights else "another function", False, words)
        for role, t in q.weights.items():
            source = p.weights.get(role)
            if source is None:
                self._fresh(layer, t, role, q)
                continue
            dims = [(source, d) for d in range(len(self.old.shape(source)))]
            minus = self.constants.get(q.key) if role == "running_mean" else None
            self._step(layer, t, role, self.old.tensors[source].name, dims, _reads(q, role), minus)
        for role in p.weights.keys() - q.weights.keys():
            if role == "bias" and q.key in self.cancelled:
                self._say(layer, "its bias goes into the running mean of the norm behind it")
            else:
                self._say(layer, f"its {role} is dropped", False, "nothing takes it up")

    def _loose(self) -> None:
        """Parameters and buffers that are read as activations are (a token, a scale), by their names."""
        paths = {q.path: p.path for p, q in self.alignment.pairs if p.path != q.path}
        named = {t.name: i for i, t in self.old.tensors.items() if t.role in ("parameter", "buffer")}
        for op in self.new.ops:
            for y in op.inputs:
                t = self.new.tensors[y]
                if t.role not in ("parameter", "buffer") or not t.name or t.name in self.steps:
                    continue
                home, _, leaf = t.name.rpartition(".")
                x = named.get(t.name, named.get(f"{paths.get(home, home)}.{leaf}"))
                if x is None:
                    self._say(t.name, "keeps its initial values", False, "the old model has none")
                    continue
                dims = [(x, d) for d in range(len(self.old.shape(x)))]
                self._step(t.name, y, "weight", self.old.tensors[x].name, dims, frozenset())

    def _temper(self) -> None:
        """Have the weights that make queries make up for another scale of attention."""
        for temper in self.tempers:
            linear = self.new.by_key[temper.linear]
            for t in linear.weights.values():
                step = self.steps.get(self.new.tensors[t].name)
                if step is not None and step.source is not None:
                    step.scales = (*step.scales, (temper.start, temper.stop, temper.factor))
            self._say(linear.path or linear.target, f"queries times {temper.factor:.3g}, for the scale of attention")

    def _made(self, made: Made) -> None:
        """Enter the weights that a rewrite makes, and what is to be said of it."""
        layer = made.making.layer
        for part in made.parts:
            self._step(layer, part.tensor, part.role, part.source, part.dims, part.reads)
        if made.constant is not None:
            self.constants[made.constant[0]] = made.constant[1]
        self.said.setdefault(layer, []).append(made.row)

    def _step(
        self,
        layer: str,
        tensor: int,
        role: str,
        source: str,
        dims: Sequence[Dim | None],
        reads: frozenset[int],
        minus: str | None = None,
    ) -> None:
        """Enter how a tensor is made; one whose dimensions do not fit keeps the new model's values, which is said."""
        name, shape = self.new.tensors[tensor].name, self.new.shape(tensor)
        known = self.steps.get(name)
        if known is not None:  # shared: it is read by whatever one of its layers reads by
            known.reads = tuple(r or i in reads for i, r in enumerate(known.reads))
            return
        try:
            if len(dims) != len(shape):
                raise Misfit(f"it has {len(shape)} dimensions and had {len(dims)}")
            made = [None if d is None else self.widths.segments(d, (tensor, i)) for i, d in enumerate(dims)]
        except Misfit as e:
            self.steps[name] = Step(name, None, role=role)
            self._say(layer, f"{name.rpartition('.')[2]} keeps its initial values", False, str(e))
            return
        step = Step(name, source, tuple(made), tuple(i in reads for i in range(len(shape))), role, minus=minus)
        self.steps[name] = step
        self.by_layer.setdefault(layer, []).append(step)

    def _fresh(self, layer: str, tensor: int, role: str, q: Op) -> None:
        """A weight that the old layer did not have: as if it were not there."""
        name = self.new.tensors[tensor].name
        if name in self.steps:
            return
        if role == "bias" or q.op not in ("conv", "linear", "embedding", "rnn"):
            self._neutral(tensor, role, q)
            self._say(layer, f"its new {role} changes nothing")
        else:
            self.steps[name] = Step(name, None, role=role)
            self._say(layer, f"{role} keeps its initial values", False, "it is new")

    def _neutral(self, tensor: int, role: str, q: Op) -> None:
        name = self.new.tensors[tensor].name
        eps = float(q.attrs.get("eps") or 0.0)
        self.steps.setdefault(name, Step(name, None, role=role, fill="neutral", eps=eps))

    # ---- what has no counterpart

    def _unpaired(self) -> None:
        between = [op for rewrite in self.alignment.rewrites for op in rewrite.new[1:-1]]
        for op in (*between, *self.alignment.added):
            layer = op.path or op.target
            if op.op in ("batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm"):
                for role, t in op.weights.items():
                    self._neutral(t, role, op)
                if op.op == "batch_norm" and "running_mean" in op.weights:
                    self._say(layer, "a new norm, set to change nothing")
                else:
                    self._say(layer, "a new norm", False, "the old model has none")
            elif op not in between:
                kept = "; its weights keep their initial values" if op.weights else ""
                self._say(layer, f"a new {op.attrs.get('fn') or op.op}{kept}", False, "the old model has none")
        removed = {op.key for op in self.alignment.removed}
        for op in self.alignment.removed:
            home = self._wholly(op, removed)
            what = "the module" if home else str(op.attrs.get("fn") or op.op)
            self._say(home or op.path or op.target, f"{what} is gone", False, "it is in the old model only")

    def _wholly(self, op: Op, removed: set[int]) -> str:
        """The outermost module around ``op``, of several operations, of which nothing is left; empty where none is."""
        path, home = op.path, ""
        while path:
            inside = [o for o in self.old.ops if o.path == path or o.path.startswith(f"{path}.")]
            if not all(o.key in removed for o in inside if is_active(self.old, o)):
                break
            home = path if len(inside) > 1 else home
            path = path.rpartition(".")[0]
        return home

    def _say(self, layer: str, what: str, exact: bool | None = True, why: str = "") -> None:
        self.said.setdefault(layer, []).append(Row(layer, what, exact, why))

    # ---- for people

    def _rows(self) -> list[Row]:
        order = {op.path or op.target: i for i, op in enumerate((*self.old.ops, *self.new.ops))}
        out: list[Row] = []
        for layer in dict.fromkeys((*self.by_layer, *self.said)):
            rows = [*self._resized(layer), *self.said.get(layer, ())]
            if not rows:
                rows = [Row(layer, COPIED)]
            whys = dict.fromkeys(row.why for row in rows if row.why)
            kept = [row.exact for row in rows]
            exact = False if False in kept else None if None in kept else True
            out.append(Row(layer, "; ".join(dict.fromkeys(r.what for r in rows if r.what)), exact, "; ".join(whys)))
        at = {op.path or op.target: i for i, op in enumerate(self.new.ops)}
        return sorted(out, key=lambda row: at.get(row.layer, order.get(row.layer, -1)))

    def _resized(self, layer: str) -> list[Row]:
        """What became of a layer's dimensions, those with weights of two dimensions or more first."""
        rows: dict[str, Row] = {}
        for step in sorted(self.by_layer.get(layer, ()), key=lambda s: -len(s.dims)):
            for i, segments in enumerate(step.dims):
                for s in segments or ():
                    if s.growth < 0:
                        continue
                    growth = self.widths.growths[s.growth]
                    side = "in" if step.reads[i] else "out"
                    a, b = (sum(r.outer * n * r.inner for r in segments or () for n in [r[k]]) for k in (2, 3))
                    text = f"{side} {a} → {b} ({growth.words()})"
                    rows.setdefault(side, Row(layer, text, growth.exact, growth.why))
        return list(rows.values())


def _reads(op: Op, role: str) -> frozenset[int]:
    """The dimensions of a weight by which its layer reads channels."""
    if op.op == "conv" and role == "weight":
        return frozenset({0} if op.attrs["transposed"] else {1})
    if op.op == "linear" and role == "weight":
        return frozenset({1})
    return frozenset({1}) if op.op == "rnn" and role.startswith("weight") else frozenset()


def _short(value: Any) -> str:
    return (
        "×".join(map(str, value))
        if isinstance(value, list)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, (int, float)):
        return isclose(a, b, rel_tol=1e-6)
    return (list(a) if isinstance(a, (list, tuple)) else a) == (list(b) if isinstance(b, (list, tuple)) else b)
