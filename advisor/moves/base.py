"""What a move is: one architectural edit as plain data, and the registry that reads its plain form back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeVar

from ..edit import MoveError
from ..graph import Graph, Op


@dataclass(frozen=True)
class Move:
    """Base of all moves: a frozen dataclass whose fields are ints, strings or tuples of ints."""

    kind: ClassVar[str]

    def describe(self, graph: Graph) -> str:
        """A short imperative for the graph the move applies to: ``set width 60 → 64``."""
        raise NotImplementedError

    def apply(self, graph: Graph) -> Graph:
        """The moved graph, shapes propagated, unchanged objects shared. Raises :class:`MoveError` with the reason
        where the move is impossible or would change nothing."""
        raise NotImplementedError

    def surviving(self, graph: Graph) -> Move:
        """What is left of the move where other moves have removed some of its layers; by default, all or nothing."""
        return self

    def to_plain(self) -> dict[str, Any]:
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {"kind": self.kind, **{k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}}


_KINDS: dict[str, type[Move]] = {}
_M = TypeVar("_M", bound=type[Move])


def register(cls: _M) -> _M:
    """Class decorator: makes :func:`from_plain` know the move's ``kind``."""
    _KINDS[cls.kind] = cls
    return cls


def kinds() -> tuple[str, ...]:
    """All registered kinds, sorted."""
    return tuple(sorted(_KINDS))


def from_plain(plain: Mapping[str, Any]) -> Move:
    """The move of :meth:`Move.to_plain`'s result; raises :class:`MoveError` on anything else."""
    cls = _KINDS.get(plain.get("kind", ""))
    if cls is None:
        raise MoveError(f"unknown move {plain.get('kind')!r}; known are {', '.join(kinds())}")
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in plain.items() if k != "kind"}
    try:
        return cls(**values)
    except TypeError as e:
        raise MoveError(f"malformed move {cls.kind}: {e}") from e


def need(condition: object, reason: str) -> None:
    """Raise :class:`MoveError` unless the condition holds."""
    if not condition:
        raise MoveError(reason)


def get(graph: Graph, key: int, *ops: str) -> Op:
    """The op of that key, which must be one of the named operators."""
    op = graph.by_key.get(key)
    if op is None:
        raise MoveError(f"the graph has no operation {key}")
    if ops and op.op not in ops:
        raise MoveError(f"{name(op)} is not a {' or '.join(ops)}")
    return op


def name(op: Op) -> str:
    """How messages call an op: its module path, for a functional op its torch name."""
    return op.path if op.module and op.path else op.target


def unshared(graph: Graph, op: Op) -> None:
    """Refuse to reshape weights that another call reads too."""
    for t in op.weights.values():
        if len(graph.weight_readers[t]) > 1:
            raise MoveError(f"{name(op)} shares its weights with another call")
