"""What rows need to know of a target: how much its memories hold, how fast they are, and by which rules it compiles."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from advisor.targets import Target

from ..vela.fetching import Flow
from ..vela.rates import CHANNEL, PORTS, Rates, followed, rates


class Speeds(NamedTuple):
    """What the fastest memory for activations holds, and cycles per byte of it and of the slowest. Of Vela's targets
    ``flow`` where it holds all, else ``rates``; ``turned`` is the accelerator where what kernels have to do besides is
    followed."""

    bytes: float
    fast: float
    slow: float
    flow: Flow | None
    rates: Rates | None
    turned: str


@lru_cache(maxsize=64)
def speeds_of(target: Target) -> Speeds:
    """The speeds of a target."""
    fast, *_, slow = (*target.memory("activations"), target.memories[-1])
    size = float("inf") if fast.bytes is None else float(fast.bytes)
    each = target.clock_hz / fast.bytes_per_s
    name = target.vela.accelerator if target.vela is not None else ""
    ports = PORTS.get(name)
    apart = rates(target)
    flow = None
    if ports is not None and apart is None:
        channel = ports.fast * (CHANNEL if ports.chains else 1.0)
        rate = target.memory("weights")[-1].bytes_per_s / target.clock_hz
        flow = Flow(rate, ports.fast, channel, ports.burst, each, name, followed(target))
    turned = name if followed(target) else ""
    return Speeds(size, each, target.clock_hz / slow.bytes_per_s, flow, apart, turned)
