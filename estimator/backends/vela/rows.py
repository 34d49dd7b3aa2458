"""From the compiler's parts to rows of the graph's ops."""

from __future__ import annotations

from collections.abc import Sequence

from ...measuring import Row, Unmeasurable
from .compiler import Compiled, Part, refusals
from .writer import Network


def rows(compiled: Compiled, keys: Sequence[frozenset[int]], clock_hz: float) -> tuple[Row, ...]:
    """What each of the graph's ops cost, in µs at ``clock_hz``.

    ``keys`` has the graph's ops of each operator. Ops that the compiler runs as one share a row, as do those that
    became several operators or operations; ops that left no operation have none.
    """
    united = _united(compiled.parts, keys)
    cycles: dict[frozenset[int], int] = {}
    for part in compiled.parts:
        ops = frozenset().union(*(keys[i] for i in part.operators))
        row = united[min(ops)] if ops else ops
        cycles[row] = cycles.get(row, 0) + part.cycles
    return tuple(Row(tuple(sorted(ops)), spent * 1e6 / clock_hz) for ops, spent in cycles.items())


def _united(parts: Sequence[Part], keys: Sequence[frozenset[int]]) -> dict[int, frozenset[int]]:
    """The row of each op: parts that have an op in common belong together."""
    found: dict[int, frozenset[int]] = {}
    for part in parts:
        ops = frozenset().union(*(keys[i] for i in part.operators))
        ops = ops.union(*(found[op] for op in ops if op in found))
        found.update(dict.fromkeys(ops, ops))
    return found


def check(compiled: Compiled, network: Network, keys: Sequence[frozenset[int]]) -> None:
    """Raise :class:`Unmeasurable` for what the compiler left to the CPU, with its reasons."""
    said = refusals(compiled.said)
    reasons: dict[int, str] = {}
    for part in compiled.parts:
        for i in () if part.on_npu else part.operators:
            op = network.ops[i]
            why = said.get(network.tensors[op.outputs[0]].name, f"{op.code}: Vela gives no reason")
            reasons.update(dict.fromkeys(keys[i], f"stays on the CPU, {why}"))
    if reasons:
        raise Unmeasurable(reasons)
