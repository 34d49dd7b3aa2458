"""Energy of an inference: products times their energy, bytes moved times that of the memory that moves them.

The figures are the target's (``[energy]`` and its memories), so the result is *simulated*. It leaves out whatever the
target does besides: leakage, clocks, the host. Where a figure is missing the energy is unknown, not zero.

Units: picojoules a kernel, microjoules an inference, kilowatt-hours a year.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from advisor.targets import Memory, Target

MILLION = 1_000_000
JOULES_PER_KWH = 3.6e6


def kernel_pj(macs: Mapping[str, int], moved: Iterable[tuple[Memory, float]], target: Target) -> float | None:
    """Picojoules of ``macs`` by kind of engine and of the bytes that each memory moves; None where one is unknown."""
    if target.energy is None:
        return None
    total = sum([target.energy.pj_per_mac[engine] * count for engine, count in macs.items()])
    for memory, size in moved:
        if size and memory.pj_per_byte is None:
            return None
        total += size * (memory.pj_per_byte or 0.0)
    return total


def inference_uj(kernels: Iterable[float | None]) -> float | None:
    """Microjoules of all kernels together; None where that of one is unknown."""
    total = 0.0
    for pj in kernels:
        if pj is None:
            return None
        total += pj
    return total / 1e6


def kwh_a_year(energy_uj: float, inferences_a_day: float, users: int = MILLION) -> float:
    """Kilowatt-hours that ``users`` draw in a year of 365 days, each with so many inferences a day."""
    return energy_uj / 1e6 * inferences_a_day * users * 365 / JOULES_PER_KWH
