"""What a target's ground truth says of a model before and after its fixes."""

from __future__ import annotations

from dataclasses import dataclass

from .. import packs
from ..graph import Graph
from ..targets import Target


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Latencies in µs as ``source`` (a backend, with its version) has them, and what kind of number that is. ``why``
    says why there are none; then both are None."""

    target: str
    source: str = ""
    label: str = ""
    before_us: float | None = None
    after_us: float | None = None
    why: str = ""

    @property
    def gain_percent(self) -> float | None:
        """By how much it got faster."""
        if self.before_us is None or self.after_us is None or not self.before_us:
            return None
        return 100 * (1 - self.after_us / self.before_us)


def confirm(before: Graph, after: Graph, target: Target) -> Confirmed:
    """Measure both graphs by the first installed backend that covers ``target``. Raises
    :class:`advisor.packs.PackError`."""
    backend = next((b for b in packs.load_group(packs.BACKENDS) if b.covers(target)), None)
    if backend is None:
        return Confirmed(
            target.name, why="nothing that is installed measures on it (nas-advisor[vela] does on Ethos-U)"
        )
    try:
        first, second = backend.measure(before, target), backend.measure(after, target)
    except Exception as e:  # a compiler's or device's own, for this model: others are confirmed all the same
        return Confirmed(target.name, why=" ".join(str(e).split()) or type(e).__name__)
    return Confirmed(target.name, first.source, first.label, first.latency_us, second.latency_us)
