"""The cost landscape over widths, and which of them are worth a search: curation.

Three views of the same networks: their MACs, smooth in every width; what a target really takes, which steps where its
parallelism is full; and the *curated* ones, few widths that suit the parallelism and of which a wider one always
costs more. Widths vary one channel group at a time, two together, or all by one ratio: the depth multiplier, which
scales every channel count (not the number of layers).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import lcm

from .channels import Group, analyse
from .costs import Costs, Estimator
from .graph import Graph
from .moves import SetWidth
from .targets import Target


@dataclass(frozen=True, slots=True)
class Sample:
    """One network of a landscape: ``at`` is its multiplier or its width (two in a surface)."""

    at: tuple[float, ...]
    macs: int
    latency_us: float
    low_us: float | None
    high_us: float | None

    @classmethod
    def of(cls, at: tuple[float, ...], costs: Costs) -> Sample:
        return cls(at, costs.macs, costs.latency_us, costs.low_us, costs.high_us)


@dataclass(frozen=True, slots=True)
class Line:
    """A landscape over one number: every network (``real``), and those worth considering (``curated``), ascending."""

    real: tuple[Sample, ...]
    curated: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Surface:
    """A landscape over the widths of two channel groups; ``real[i][j]`` has width ``widths[0][i]`` and
    ``widths[1][j]``. ``curated`` likewise holds what the cheapest network costs that is at least as wide in both,
    with widths of ``curated_widths``; it never falls where a width grows."""

    groups: tuple[Group, Group]
    widths: tuple[tuple[int, ...], tuple[int, ...]]
    real: tuple[tuple[Sample, ...], ...]
    curated_widths: tuple[tuple[int, ...], tuple[int, ...]]
    curated: tuple[tuple[float, ...], ...]


class Landscape:
    """The landscapes of one graph on one target."""

    def __init__(self, graph: Graph, target: Target, estimator: Estimator) -> None:
        self.graph, self.target, self.estimator = graph, target, estimator
        self.costs = estimator.estimate(graph, target)

    def free(self) -> tuple[Group, ...]:
        """The channel groups whose width may change, those first whose layers take most of the latency."""
        latency = self.costs.op_latency_us

        def share(group: Group) -> float:
            return sum(latency.get(key, 0.0) for key in {*group.producers, *group.consumers})

        return tuple(sorted((g for g in analyse(self.graph).groups if not g.pinned), key=share, reverse=True))

    def step(self, group: Group) -> int:
        """Of how many channels the widths are multiples that suit the target's parallelism and the group's heads."""
        return lcm(parallelism(self.target), group.multiple)

    def multipliers(self, ratios: Sequence[float], coarse: Sequence[float]) -> Line:
        """Every channel count times each of the ascending ``ratios``, to the nearest channel; curated are those of the
        ``coarse`` ratios, to the nearest multiple that suits the target."""
        real = [Sample.of((r,), self._cost(scaled(self.graph, r))) for r in ratios]
        suited: dict[tuple[int, ...], Sample] = {}
        for ratio in coarse:
            moved = scaled(self.graph, ratio, parallelism(self.target))
            widths = tuple(g.width for g in analyse(moved).groups)
            suited.setdefault(widths, Sample.of((ratio,), self._cost(moved)))
        return Line(tuple(real), rising(list(suited.values())))

    def line(self, group: Group, widths: Sequence[int]) -> Line:
        """Each of the ascending ``widths`` of one channel group."""
        real = [Sample.of((w,), self._cost(_widened(self.graph, group, w))) for w in widths]
        step = self.step(group)
        return Line(tuple(real), rising([s for s in real if not s.at[0] % step]))

    def surface(self, groups: tuple[Group, Group], widths: tuple[Sequence[int], Sequence[int]]) -> Surface:
        """Each of the ascending ``widths`` of two channel groups, together."""
        first, second = groups
        rows = []
        for a in widths[0]:
            row = _widened(self.graph, first, a)
            base = self._cost(row)
            rows.append(tuple([Sample.of((a, b), self._cost(_widened(row, second, b), row, base)) for b in widths[1]]))
        suited = [[w for w in ws if not w % self.step(g)] for g, ws in zip(groups, widths, strict=True)]
        at = [[list(ws).index(w) for w in some] for ws, some in zip(widths, suited, strict=True)]
        costs = _enveloped([[rows[i][j].latency_us for j in at[1]] for i in at[0]])
        return Surface(
            groups,
            (tuple(widths[0]), tuple(widths[1])),
            tuple(rows),
            (tuple(suited[0]), tuple(suited[1])),
            tuple(map(tuple, costs)),
        )

    def _cost(self, moved: Graph, before: Graph | None = None, base: Costs | None = None) -> Costs:
        return self.estimator.restimate(base or self.costs, before or self.graph, moved, self.target)


def parallelism(target: Target) -> int:
    """How many output channels the target's convolutions compute at a time: the smallest of its tiles."""
    return min(tiling.output for tiling in target.engines["conv"].tilings)


def scaled(graph: Graph, ratio: float, multiple: int = 1) -> Graph:
    """The graph with every channel count that may change times ``ratio``, to the nearest multiple of ``multiple`` (and
    of what its group needs), one of them at least."""
    for group in analyse(graph).groups:
        if not group.pinned:
            step = lcm(group.multiple, multiple)
            graph = _widened(graph, group, max(1, round(group.width * ratio / step)) * step)
    return graph


def rising(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """Those of the ascending ``samples`` that no later one undercuts or equals: wider always costs more."""

    def keep() -> Iterator[Sample]:
        cheapest = float("inf")
        for sample in reversed(samples):
            if sample.latency_us < cheapest:
                cheapest = sample.latency_us
                yield sample

    return tuple(reversed(list(keep())))


def _enveloped(costs: list[list[float]]) -> list[list[float]]:
    """Each cost, or that of a cell further down or right where one is cheaper."""
    for i in reversed(range(len(costs))):
        for j in reversed(range(len(costs[i]))):
            further = [row[j] for row in costs[i + 1 : i + 2]] + costs[i][j + 1 : j + 2]
            costs[i][j] = min([costs[i][j], *further])
    return costs


def window(group: Group, reach: int, stride: int = 1) -> range:
    """The widths that a group may have within ``reach`` channels of its own, and as many in all where there are fewer
    below: multiples of ``stride``, and of what the group needs."""
    step = lcm(group.multiple, stride)
    first = max(step, (group.width - reach) // step * step)
    return range(first, first + 2 * reach + 1, step)


def steepest(line: Line) -> float:
    """Microseconds of the largest step between neighbours: how rocky the landscape is."""
    return max((abs(b.latency_us - a.latency_us) for a, b in pairwise(line.real)), default=0.0)


def _widened(graph: Graph, group: Group, width: int) -> Graph:
    now = analyse(graph).group(group.key)
    return graph if now is not None and now.width == width else SetWidth(group.key, width).apply(graph)
