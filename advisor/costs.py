"""The estimator interface: what a cost is, and what a cost model must offer.

A cost model is a pure function of (graph, target). It decomposes the graph into *kernels* (ops that the target
runs as one), costs each and accumulates. Packages offer theirs through the entry-point group
``advisor.estimators``; the engine asks each, in order, whether it covers a target.

Units: latency in microseconds, sizes in bytes, 1 MAC = 2 FLOPs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import hypot, sqrt
from typing import Literal, NamedTuple, Protocol

from .graph import Graph
from .targets import Target

SHARED_ERROR, STANDING_ERROR = 0.9, 0.995
"""The correlation of a predicted kernel's error with that of the same kernel at other sizes, and among other kernels
but with its own work unchanged."""
OF_KERNELS, OF_GAIN, OF_LATENCY = 0.7, 0.15, 0.0005
"""What a predicted gain may be off by: this share of what is not known of kernels that differ (intervals hold for
kernels of any network, and part of what is wrong with one network's is wrong before and after a move); this share of
the gain, as kernels of a kind err alike; and this share of the latency, for what else a move changes.
See :func:`gain_error`."""

Label = Literal["measured", "vendor estimate", "predicted", "simulated"]


class OpCost(NamedTuple):
    """What one operator costs, told by a handler of the group ``advisor.op_costs``: busy clock cycles of the target,
    bytes moved, multiply-accumulates. The target's overhead per kernel comes on top."""

    cycles: float
    bytes: int = 0
    macs: int = 0


@dataclass(slots=True, frozen=True)
class Kernel:
    """Ops that the target executes as one, and what that costs.

    ``ops`` in execution order, the first is the one that gives the kernel its ``kind``. ``bytes`` is the traffic
    to the memory that holds activations and weights; ``bound`` says what limits it (``compute``, ``memory``,
    ``overhead``).

    ``low_us`` and ``high_us`` bound the latency of a prediction with 90 % (two-sided), None where nothing is known of
    its error. ``outside`` says that the prediction left the range it was trained on, ``simulated`` that a learned
    model had nothing to say of this kind of kernel and fell back to the simulated price.
    """

    ops: tuple[int, ...]
    kind: str
    latency_us: float
    macs: int
    bytes: int
    bound: str
    low_us: float | None = None
    high_us: float | None = None
    outside: bool = False
    simulated: bool = False


@dataclass(frozen=True)
class MemoryPeak:
    """Peak activation memory: ``bytes`` alive while op ``op`` runs, and which tensors those are.

    They are alive in the order of execution that needs least, or that the target's compiler takes; ``exact`` says that
    the former is proved. In the model's own order it is ``own_order_bytes``, None where nobody looked. ``timeline`` is
    the bytes alive during each kernel, by the key of its first op, in the order in which they run. ``arena`` are the
    bytes of an arena that all tensors are packed into, ``staging`` those of a fast memory that they pass through,
    ``stored`` all that the target's compiler stores; or what works them out.
    """

    bytes: int
    op: int | None
    alive: tuple[int, ...]
    timeline: Mapping[int, int] = field(default_factory=dict)
    arena: int | Callable[[], int] | None = field(default=None, compare=False, repr=False)
    own_order_bytes: int | None = None
    exact: bool = True
    staging: Callable[[], int | None] | None = field(default=None, compare=False, repr=False)
    stored: Callable[[], int | None] | None = field(default=None, compare=False, repr=False)

    @cached_property
    def arena_bytes(self) -> int | None:
        """What a packed arena needs, None where that is not known."""
        return self.arena() if callable(self.arena) else self.arena

    @cached_property
    def staging_bytes(self) -> int | None:
        """What a fast memory holds at its fullest that activations only pass through, None where there is none."""
        return None if self.staging is None else self.staging()

    @cached_property
    def stored_bytes(self) -> int | None:
        """All that lies in flash, constants that are no parameters included; None where nobody knows the compiler."""
        return None if self.stored is None else self.stored()


@dataclass(frozen=True)
class Costs:
    """What a graph costs on a target.

    ``latency_us`` sums the kernels' latencies and excludes ``uncounted``: keys of ops that the model cannot cost, which
    every report must name. ``op_latency_us`` shares each kernel's latency out over its ops and sums to the total;
    ``op_macs`` likewise; it lacks only ops whose MACs are unknown. ``weights_bytes`` is the parameters as the target
    stores them, shared ones once. ``memory`` is :attr:`peak`, or what works it out.

    ``low_us`` and ``high_us`` bound the network's latency with 90 % (two-sided): its kernels' errors are not
    independent, so the bounds are its own, not their sums. None where the model has no interval. ``cycles`` are clock
    cycles of the target, ``energy_uj`` microjoules per inference, None where unknown. ``basis`` says what the numbers
    rest on, e.g. ``ethos-u-vela 5.2.0, vendor estimate``.
    """

    target: str
    label: Label
    kernels: tuple[Kernel, ...]
    latency_us: float
    macs: int
    params: int
    weights_bytes: int
    traffic_bytes: int
    memory: MemoryPeak | Callable[[], MemoryPeak] = field(compare=False, repr=False)
    uncounted: tuple[int, ...]
    op_latency_us: Mapping[int, float]
    op_macs: Mapping[int, int]
    low_us: float | None = None
    high_us: float | None = None
    cycles: float | None = None
    energy_uj: float | None = None
    basis: str = ""

    @cached_property
    def peak(self) -> MemoryPeak:
        """Peak activation memory, worked out when it is first asked for: many costs are compared by time alone."""
        return self.memory() if callable(self.memory) else self.memory

    @property
    def flops(self) -> int:
        """Floating-point operations of the products: 2 × MACs."""
        return 2 * self.macs


def gain_error(before: Costs, after: Costs) -> float | None:
    """How far the true difference of two predictions may lie from the predicted one with 90 %, in µs; None where one
    of them has no interval.

    Kernels that both have in common err alike, and cancel; so does most of the error of one that was changed. Of a
    kernel that changes only because others do, all that it is predicted to change by is in doubt.

    The numbers above were fitted to true gains of random moves on networks that no predictor was trained on;
    ``docs/verify-estimator.md`` says how many true gains the intervals hold.
    """
    if before.low_us is None or after.low_us is None:
        return None
    had = {k.ops: k for k in before.kernels}
    square = doubtful = 0.0
    for kernel in after.kernels:
        was = had.pop(kernel.ops, None)
        if was is None:
            square += _half_width(kernel) ** 2
        elif was is not kernel and was != kernel:
            a, b = _half_width(was), _half_width(kernel)
            standing = (was.macs, was.bytes) == (kernel.macs, kernel.bytes)
            square += (a - b) ** 2 + 2 * (1 - (STANDING_ERROR if standing else SHARED_ERROR)) * a * b
            doubtful += abs(was.latency_us - kernel.latency_us) if standing else 0.0
    square += sum([_half_width(k) ** 2 for k in had.values()])
    gain = before.latency_us - after.latency_us
    return hypot(OF_KERNELS * hypot(sqrt(square), doubtful), OF_GAIN * gain, OF_LATENCY * before.latency_us)


def _half_width(kernel: Kernel) -> float:
    """How far off a kernel may be, its whole latency at the most: where that is not certain, nothing is."""
    if kernel.low_us is None or kernel.high_us is None:
        return kernel.latency_us if kernel.simulated else 0.0
    return min((kernel.high_us - kernel.low_us) / 2, kernel.latency_us)


class Estimator(Protocol):
    """A cost model."""

    label: Label

    def covers(self, target: Target) -> bool: ...

    def estimate(self, graph: Graph, target: Target) -> Costs:
        """Costs of the whole graph."""
        ...

    def restimate(self, base: Costs, before: Graph, after: Graph, target: Target) -> Costs:
        """Costs of ``after``, equal to ``estimate(after, target)``; work is done only for kernels that hold
        ops or tensors which ``before`` does not share (by identity)."""
        ...
