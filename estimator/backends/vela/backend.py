"""Arm Ethos-U by the vendor's compiler Vela, whose cycles are internal estimates: no hardware, no measured clock."""

from __future__ import annotations

from advisor.costs import Label
from advisor.graph import Graph
from advisor.targets import Target, VelaSetup

from ...measuring import Measurement, Unmeasurable, own_precision
from .compiler import PACKAGE, CompilerError, compile_network, installed
from .lowering import REVISION, lower
from .rows import check, failing, rows
from .writer import serialise


class VelaBackend:
    """Satisfies :class:`advisor.estimator.measuring.Backend` for targets that name a Vela set-up."""

    name = "vela"
    label: Label = "vendor estimate"

    def covers(self, target: Target) -> bool:
        return target.vela is not None and installed() is not None

    def source(self, target: Target) -> str:
        return f"{PACKAGE} {installed()}, lowering {REVISION}"

    def measure(self, graph: Graph, target: Target) -> Measurement:
        """The compiler's estimate for the whole graph in int8.

        ``peak_bytes`` is what Vela reserves in the memory where activations are at work: the SRAM, which with dedicated
        SRAM is a cache of a fixed size, with the weights that are fetched ahead. ``weights_bytes`` is all that it
        stores: compressed weights, scales, tables and commands.

        Raises :class:`Unmeasurable`, also for a network that the compiler fails on. A fault in its native code ends
        the process: who measures many networks does it in processes of their own.
        """
        setup = _setup(target)
        own_precision(graph)
        lowered = lower(graph)
        try:
            compiled = compile_network(serialise(lowered.network), setup)
        except CompilerError as e:
            raise Unmeasurable(dict.fromkeys(failing(lowered, setup), str(e))) from e
        check(compiled, lowered.network, lowered.keys)
        found = rows(compiled, lowered.keys, target.clock_hz)
        return Measurement(
            target=target.name,
            label=self.label,
            source=self.source(target),
            rows=found,
            latency_us=sum(row.latency_us for row in found),
            peak_bytes=compiled.peaks.get(compiled.staging),
            weights_bytes=compiled.read_only,
        )


def _setup(target: Target) -> VelaSetup:
    if target.vela is None:
        raise ValueError(f"target '{target.name}' names no Vela set-up: its file needs a table [vela]")
    return target.vela


VELA = VelaBackend()
