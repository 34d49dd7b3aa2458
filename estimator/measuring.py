"""Ground truth: what a measurement is, and what a backend must offer.

A backend runs a graph, or has the vendor's compiler estimate it, and says what each op cost *in its context*: an op
inside a network costs otherwise than alone, since weights are fetched ahead and results stay in fast memory. Packages
offer theirs through the entry-point group ``advisor.backends``.

Units: latency in microseconds, sizes in bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Protocol

from advisor.costs import Label
from advisor.graph import Graph
from advisor.targets import Target


@dataclass(slots=True, frozen=True)
class Row:
    """Ops of the graph (by key) that ran as one, and how long they took.

    ``spread`` is the interquartile range of the repeats over their median, 0 where the backend is deterministic.
    ``ops`` is empty for time that belongs to no op.
    """

    ops: tuple[int, ...]
    latency_us: float
    spread: float = 0.0


@dataclass(slots=True, frozen=True)
class Measurement:
    """What a graph cost on a target.

    ``rows`` sum to ``latency_us``, of which ``spread`` is the relative interquartile range. ``source`` names what
    measured, with its version. ``peak_bytes`` are the activations' memory at its fullest, ``weights_bytes`` the
    constants as stored; None where the backend does not tell.
    """

    target: str
    label: Label
    source: str
    rows: tuple[Row, ...]
    latency_us: float
    spread: float = 0.0
    peak_bytes: int | None = None
    weights_bytes: int | None = None


class Unmeasurable(Exception):
    """A graph that the backend cannot run whole. ``reasons`` says why, by op key; nothing of it was measured."""

    def __init__(self, reasons: Mapping[int, str]) -> None:
        self.reasons = dict(reasons)
        told = "; ".join(f"op {key}: {why}" for key, why in list(self.reasons.items())[:3])
        more = f" and {len(self.reasons) - 3} more" if len(self.reasons) > 3 else ""
        super().__init__(f"cannot be measured: {told}{more}")


class Backend(Protocol):
    """A source of ground truth."""

    name: str
    label: Label

    def covers(self, target: Target) -> bool:
        """Whether it can measure on this target, here and now (its library or device is there)."""
        ...

    def source(self, target: Target) -> str:
        """What measures, with its version: kept with every measurement and predictor."""
        ...

    def measure(self, graph: Graph, target: Target) -> Measurement:
        """Per-op and total cost. Raises :class:`Unmeasurable`, which names what does not map."""
        ...


def only(found: Sequence[Measurement | Unmeasurable]) -> Measurement:
    """The one measurement that was made. Raises :class:`Unmeasurable` where it was refused."""
    (one,) = found
    if isinstance(one, Unmeasurable):
        raise one
    return one


def relative_spread(values: Sequence[float]) -> float:
    """Interquartile range over the median: 0 for a single value, and where the median is nothing."""
    if len(values) < 2:
        return 0.0
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return (high - low) / middle if middle else 0.0


def own_precision(graph: Graph) -> None:
    """Raise :class:`Unmeasurable` where some op is set to another type than the target's own: a backend that does not
    know such ops would measure something else."""
    reasons = {op.key: f"set to {p}" for op in graph.ops if (p := op.attrs.get("precision"))}
    if reasons:
        raise Unmeasurable(reasons)
