"""From the compiler's parts to rows of the graph's ops."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.targets import VelaSetup

from ...measuring import Row, Unmeasurable
from .compiler import Compiled, CompilerError, Part, compile_network, refusals
from .lowering import Lowered
from .writer import Network, OpSpec, serialise


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


def failing(lowered: Lowered, setup: VelaSetup) -> list[int]:
    """The graph's ops that the compiler fails on: those of the operator that ends the shortest failing beginning."""
    fine, failed = 0, len(lowered.network.ops)
    while failed - fine > 1:
        middle = (fine + failed) // 2
        if _compiles(_beginning(lowered.network, middle), setup):
            fine = middle
        else:
            failed = middle
    return sorted(lowered.keys[failed - 1])


def _compiles(network: Network, setup: VelaSetup) -> bool:
    try:
        compile_network(serialise(network), setup)
    except CompilerError:
        return False
    return True


def _beginning(network: Network, count: int) -> Network:
    """The first operators; what only the others read are its outputs."""
    ops: list[OpSpec] = network.ops[:count]
    read = {tensor for op in ops for tensor in op.inputs}
    outputs = [tensor for op in ops for tensor in op.outputs if tensor not in read]
    return Network(network.tensors, ops, network.inputs, outputs)
