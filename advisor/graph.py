"""The graph: what one model computes, as plain data.

Everything downstream of the worker (rules, moves, estimators, reports, caches) reads this and nothing else:
no torch, no user objects. A graph is treated as immutable; a move builds a new one that shares the
unchanged :class:`Op` and :class:`Tensor` objects, so "what changed" is an identity comparison.

The plain form (:meth:`Graph.to_plain`) is both the worker's JSON and the msgpack cache format.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from .facts import Facts

if TYPE_CHECKING:
    from .numbers import Numbers

FORMAT_VERSION = 1
"""Raised when the plain form changes; caches and workers of another version are refused."""

ROLES = ("input", "activation", "parameter", "buffer", "constant")


INDEXES = frozenset({"by_key", "position", "weight_readers", "producer", "consumers", "constant_ops"})
"""The cached properties of a graph: each depends on its ops and inputs only."""


class GraphError(ValueError):
    """A plain form that is not a graph of this version, or a graph whose wiring is broken."""


class Span(NamedTuple):
    """A source range. Lines and columns count from 1, in Unicode code points; the end is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int


class Tensor(NamedTuple):
    """What is known of one tensor value.

    ``shape`` in elements; ``dtype`` a torch name without prefix (``float32``, ``int64``);
    ``layout`` ``contiguous``, ``channels_last`` or ``strided``; ``role`` one of :data:`ROLES`;
    ``name`` the parameter's or buffer's path in the model, or the input's argument name. ``precision`` is the type that
    a floating-point tensor is deployed in, empty for the target's own (:class:`advisor.moves.SetPrecision`).
    """

    shape: tuple[int, ...]
    dtype: str = "float32"
    layout: str = "contiguous"
    role: str = "activation"
    name: str = ""
    precision: str = ""

    @property
    def is_float(self) -> bool:
        return self.dtype.startswith(("float", "bfloat"))

    @property
    def numel(self) -> int:
        n = 1
        for d in self.shape:
            n *= d
        return n


@dataclass(slots=True, eq=False)
class Op:
    """One executed leaf operation.

    ``op`` and ``attrs`` follow :mod:`advisor.operators`; ``target`` is the torch name it came from
    (``torch.nn.Conv2d``, ``torch.add``). ``inputs`` are the activations it reads in order, ``weights`` the
    parameters and buffers it reads by role (``weight``, ``bias``, ``running_mean`` …), all as tensor ids.
    ``path`` is the module that ran it (for a functional op: the innermost module whose forward called it);
    ``module`` says whether the op *is* that module's call. ``call`` is the call site in user code.
    """

    key: int
    op: str
    target: str
    attrs: dict[str, Any]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    weights: dict[str, int] = field(default_factory=dict)
    path: str = ""
    module: bool = False
    call: Span | None = None


@dataclass(slots=True, eq=False)
class Module:
    """One ``nn.Module`` instance, however often it is called.

    ``created`` starts at the expression that built it and goes outwards through user code; it is empty when
    the construction was not observed (a live model). ``scope``, where it was asked for, has the simple values that code
    at that expression can name (``i``, ``self.width``, ``row['stride']``).
    """

    path: str
    type: str
    created: tuple[Span, ...] = ()
    scope: Mapping[str, int | float | str | bool | None] = field(default_factory=dict)


@dataclass(eq=False)
class Graph:
    """A model's operations in execution order, its tensors by id and its modules by path.

    ``facts`` are what was measured of this very network; ``numbers`` where the source has its widths from; None where
    nothing was, and where nobody watched. An edited graph has neither.
    """

    ops: list[Op]
    tensors: dict[int, Tensor]
    modules: dict[str, Module]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    facts: Facts | None = None
    numbers: Numbers | None = None

    # ---- indexes (computed once; a graph never changes)

    @cached_property
    def by_key(self) -> dict[int, Op]:
        return {op.key: op for op in self.ops}

    @cached_property
    def position(self) -> dict[int, int]:
        """Op key → index in :attr:`ops`."""
        return {op.key: i for i, op in enumerate(self.ops)}

    @cached_property
    def weight_readers(self) -> dict[int, list[int]]:
        """Tensor id → keys of the ops that read it as a weight; more than one where modules share it."""
        out: dict[int, list[int]] = {}
        for op in self.ops:
            for t in op.weights.values():
                out.setdefault(t, []).append(op.key)
        return out

    @cached_property
    def producer(self) -> dict[int, Op]:
        """Tensor id → the op that made it."""
        return {t: op for op in self.ops for t in op.outputs}

    @cached_property
    def consumers(self) -> dict[int, list[Op]]:
        """Tensor id → the ops that read it as an input, in execution order."""
        out: dict[int, list[Op]] = {}
        for op in self.ops:
            for t in dict.fromkeys(op.inputs):
                out.setdefault(t, []).append(op)
        return out

    @cached_property
    def constant_ops(self) -> frozenset[int]:
        """Keys of ops that depend on no model input: a deployment folds them into constants."""
        live = set(self.inputs)
        folded = set()
        for op in self.ops:
            if not live.isdisjoint(op.inputs):
                live.update(op.outputs)
            else:
                folded.add(op.key)
        return frozenset(folded)

    # ---- facts

    def shape(self, tensor: int) -> tuple[int, ...]:
        return self.tensors[tensor].shape

    def weight_shape(self, op: Op, name: str = "weight") -> tuple[int, ...] | None:
        t = op.weights.get(name)
        return None if t is None else self.tensors[t].shape

    def parameter_ids(self, ops: Iterable[Op] | None = None) -> list[int]:
        """Ids of the distinct parameter tensors that ``ops`` (default: all) read; a shared one counts once."""
        seen: dict[int, None] = {}
        for op in self.ops if ops is None else ops:
            for t in (*op.weights.values(), *op.inputs):
                if self.tensors[t].role == "parameter":
                    seen[t] = None
        return list(seen)

    def site(self, op: Op) -> Span | None:
        """Where a person would look for ``op``: the module's creation, for a function its call."""
        if op.module:
            created = self.modules[op.path].created if op.path in self.modules else ()
            if created:
                return created[0]
        return op.call

    def enclosing_types(self, op: Op) -> list[str]:
        """Types of the modules around ``op``, innermost first, up to the root."""
        parts = op.path.split(".") if op.path else []
        paths = [".".join(parts[:i]) for i in range(len(parts), -1, -1)]
        return [self.modules[p].type for p in paths if p in self.modules]

    def connected(self) -> bool:
        """Whether some model output depends, edge by edge, on some model input."""
        wanted = set(self.outputs)
        folded = self.constant_ops
        live = any(not wanted.isdisjoint(op.outputs) for op in reversed(self.ops) if op.key not in folded)
        return bool(self.ops) and (live or not wanted.isdisjoint(self.inputs))

    def check(self) -> None:
        """Raise :class:`GraphError` when an op reads a tensor that nothing made before it."""
        known = set(self.inputs) | {i for i, t in self.tensors.items() if t.role in ("parameter", "buffer", "constant")}
        for op in self.ops:
            for t in (*op.inputs, *op.weights.values()):
                if t not in self.tensors:
                    raise GraphError(f"op {op.key} ({op.target}) reads tensor {t}, which does not exist")
                if t not in known:
                    raise GraphError(f"op {op.key} ({op.target}) reads tensor {t} before it is made")
            known.update(op.outputs)
        for i, tensor in self.tensors.items():
            if tensor.role not in ROLES:
                raise GraphError(f"tensor {i} has the role {tensor.role!r}; there are {', '.join(ROLES)}")
        for t in self.outputs:
            if t not in known:
                raise GraphError(f"output {t} is never made")

    def replace(
        self,
        ops: list[Op] | None = None,
        tensors: dict[int, Tensor] | None = None,
        inputs: tuple[int, ...] | None = None,
        outputs: tuple[int, ...] | None = None,
    ) -> Graph:
        graph = Graph(
            self.ops if ops is None else ops,
            self.tensors if tensors is None else tensors,
            self.modules,
            self.inputs if inputs is None else inputs,
            self.outputs if outputs is None else outputs,
        )
        if ops is None and inputs is None:
            graph.adopt(**{name: index for name, index in vars(self).items() if name in INDEXES})
        return graph

    def with_facts(self, facts: Facts) -> Graph:
        """The same graph with what was measured of it."""
        graph = Graph(self.ops, self.tensors, self.modules, self.inputs, self.outputs, facts, self.numbers)
        graph.adopt(**{name: index for name, index in vars(self).items() if name in INDEXES})
        return graph

    def adopt(self, **indexes: Any) -> None:
        """Take over indexes of another graph that hold for this one too, or were brought up to date for it."""
        vars(self).update(indexes)

    # ---- plain form

    def to_plain(self) -> dict[str, Any]:
        files: dict[str, int] = {}

        def span(s: Span | None) -> list[int] | None:
            return None if s is None else [files.setdefault(s.file, len(files)), *s[1:]]

        return {
            **({} if self.facts is None else {"facts": self.facts.to_plain()}),
            **({} if self.numbers is None else {"numbers": self.numbers.to_plain()}),
            "version": FORMAT_VERSION,
            "tensors": [[i, list(t.shape), *(t[1:] if t.precision else t[1:5])] for i, t in self.tensors.items()],
            "modules": [
                [m.path, m.type, [span(s) for s in m.created], *([dict(m.scope)] if m.scope else [])]
                for m in self.modules.values()
            ],
            "ops": [
                [
                    o.key,
                    o.op,
                    o.target,
                    o.attrs,
                    list(o.inputs),
                    list(o.outputs),
                    o.weights,
                    o.path,
                    o.module,
                    span(o.call),
                ]
                for o in self.ops
            ],
            "inputs": list(self.inputs),
            "outputs": list(self.outputs),
            "files": list(files),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Graph:
        """The graph of a plain form; raises :class:`GraphError` when it is malformed or of another version."""
        from .numbers import Numbers, NumbersError  # it speaks of spans itself

        if plain.get("version") != FORMAT_VERSION:
            raise GraphError(f"graph format {plain.get('version')!r}, this advisor reads {FORMAT_VERSION}")
        try:
            files = plain["files"]
            spans: dict[tuple[int, ...], Span] = {}  # one stands with most modules that were created below it

            def span(s: list[int] | None) -> Span | None:
                if s is None:
                    return None
                found = spans.get(key := tuple(s))
                if found is None:
                    found = spans[key] = Span(files[s[0]], s[1], s[2], s[3], s[4])
                return found

            graph = cls(
                ops=[
                    Op(k, op, target, attrs, tuple(i), tuple(o), weights, path, module, span(call))
                    for k, op, target, attrs, i, o, weights, path, module, call in plain["ops"]
                ],
                tensors={
                    i: Tensor(tuple(shape), dtype, layout, role, name, *rest)
                    for i, shape, dtype, layout, role, name, *rest in plain["tensors"]
                },
                modules={
                    path: Module(path, kind, tuple(s for s in map(span, created) if s is not None), *scope)
                    for path, kind, created, *scope in plain["modules"]
                },
                inputs=tuple(plain["inputs"]),
                outputs=tuple(plain["outputs"]),
                facts=Facts.from_plain(plain["facts"]) if "facts" in plain else None,
                numbers=Numbers.from_plain(plain["numbers"]) if "numbers" in plain else None,
            )
        except NumbersError as e:
            raise GraphError(str(e)) from e
        except (KeyError, TypeError, ValueError, IndexError) as e:
            raise GraphError(f"malformed graph: {type(e).__name__}: {e}") from e
        graph.check()
        return graph


def pack(graph: Graph) -> bytes:
    """The graph as msgpack."""
    import msgpack

    packed = msgpack.packb(graph.to_plain(), use_bin_type=True)
    assert packed is not None  # it is only for a packer that streams
    return packed


def unpack(data: bytes) -> Graph:
    """The graph of :func:`pack`'s bytes; raises :class:`GraphError` on anything else."""
    import msgpack

    try:
        plain = msgpack.unpackb(data, raw=False, strict_map_key=False)
    except (ValueError, msgpack.exceptions.UnpackException) as e:
        raise GraphError(f"not msgpack: {e}") from e
    if not isinstance(plain, dict):
        raise GraphError("not a graph")
    return Graph.from_plain(plain)
