"""How many bytes a cycle an Ethos-U gets from its memories, by channel.

A channel of Ethos-U85 has so many requests on their way at a time; each comes back after the memory's latency. Vela
counts on four fifths of the requests, and of the time. Ethos-U55 and U65 have the memory's own rate.

Source: ``ethos-u-vela`` 5.2.0: its performance model (vendor estimates), its architecture descriptions (requests) and
the system configurations of its ``vela.ini`` (latencies, bursts).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from advisor.targets import Target


class Ports(NamedTuple):
    """``fast`` bytes a cycle from the SRAM, in bursts of ``burst`` bytes; ``slow`` ports to the other memory; requests
    of 16 bytes on their way at a time for operands, weights and copies (0: any). ``chains``: element-wise operations
    behind a layer are part of it."""

    fast: float
    burst: int
    cores: int
    slow: int = 1
    operands: int = 0
    weights: int = 0
    copies: int = 0
    chains: bool = False


PORTS = {
    "ethos-u55-128": Ports(8, 32, 1),
    "ethos-u55-256": Ports(8, 32, 1),
    "ethos-u65-512": Ports(16, 32, 2),
    "ethos-u85-256": Ports(32, 64, 1, 1, 104, 128, 128, True),
    "ethos-u85-512": Ports(32, 64, 2, 1, 128, 256, 128, True),
    "ethos-u85-1024": Ports(32, 64, 4, 1, 256, 416, 256, True),
    "ethos-u85-2048": Ports(64, 64, 4, 2, 256, 512, 256, True),
}
"""By the name that Vela has for them."""

CHANNEL = 0.64
"""Share of the SRAM's rate that one channel of Ethos-U85 gets."""
_REQUEST = 16
_SCALES = 16
"""Requests on their way for biases and scales."""
_COUNTED = 0.8
_LATENCY = {"dram": (500, 250, 64, 32), "flash": (64, 64, 2, 2)}
"""Cycles until a read and a write are done, bursts of each on their way at a time, for one port."""
_BURST = 128


class Rates(NamedTuple):
    """Bytes a cycle: of the SRAM and of each of its channels; of the slow memory, of its channels for operands,
    results, weights, copies and scales. ``room`` bytes of the SRAM, ``wait`` cycles until a copy begins; the bytes of
    the bursts of both; ``cores`` that write beside each other (those of Ethos-U85 do not)."""

    room: float
    fast: float
    fast_channel: float
    slow: float
    operands: float
    results: float
    weights: float
    copies: float
    scales: float
    wait: float
    slow_burst: float
    fast_burst: float
    cores: int
    chains: bool
    accelerator: str


@lru_cache(maxsize=64)
def rates(target: Target) -> Rates | None:
    """None for a target whose SRAM holds all activations, or that is not Vela's."""
    if target.vela is None:
        return None
    ports = PORTS.get(target.vela.accelerator)
    maps, memory = target.memory("activations"), target.memories[-1]
    if ports is None or len(maps) < 2 or maps[0].bytes is None:
        return None
    slow = memory.bytes_per_s / target.clock_hz
    read, write, reads, writes = _LATENCY.get(memory.name, _LATENCY["dram"])

    def channel(requests: float, most: float, latency: float) -> float:
        on_way = min(requests * _REQUEST / _BURST, most * ports.slow * _COUNTED)
        return min(slow, _BURST * on_way / latency * _COUNTED) if ports.operands else slow

    sram_channel = ports.fast * CHANNEL if ports.operands else ports.fast
    return Rates(
        room=float(maps[0].bytes),
        fast=ports.fast,
        fast_channel=sram_channel,
        slow=slow,
        operands=channel(ports.operands, reads, read),
        results=channel(float("inf"), writes, write),
        weights=channel(ports.weights, reads, read),
        copies=channel(ports.copies, reads, read),
        scales=channel(_SCALES, reads, read),
        wait=float(read),
        slow_burst=_BURST,
        fast_burst=ports.burst,
        cores=1 if ports.chains else ports.cores,
        chains=ports.chains,
        accelerator=target.vela.accelerator,
    )


_FOLLOWED = frozenset({"ethos-u85-1024"})
"""Accelerators whose predictor started from these rules. They hold for all of Ethos-U85; where a predictor was fitted
without them it expects rows without."""


def followed(target: Target) -> bool:
    """Whether rows have what kernels do besides their own work: maps that are brought into another order or copied into
    a part of another, and layers that are added up position by position. Only where the SRAM holds all maps."""
    return target.vela is not None and target.vela.accelerator in _FOLLOWED and rates(target) is None
