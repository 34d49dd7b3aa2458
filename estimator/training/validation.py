"""Predicted against truth: whole networks of families that were never trained on, and single moves on them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from advisor.costs import Costs, Estimator, gain_error
from advisor.edit import MoveError
from advisor.graph import Graph, Op
from advisor.targets import Target

from ..measuring import Measurement, Unmeasurable
from .dataset import units
from .journal import Entry
from .networks import Network, families, stripped
from .sampling import Sample, random_move

COUNTED = 1e-3
"""Kernels below this share of their network are left out of the kernels' mean error: nobody would look at them."""
LEAST_EFFECT = 0.01
"""Moves whose true effect is smaller are no decisions."""
JUDGED = ("test", "final")
"""The splits of the zoo that predictors are judged on."""
_BETWEEN = " | "


@dataclass(slots=True, frozen=True)
class Judged:
    """One network: what it took and what was predicted, in µs; ``kernels`` are its kernels' relative errors.

    ``spread`` is the measurement's own, 0 where the backend is deterministic."""

    name: str
    family: str
    truth_us: float
    predicted_us: float
    low_us: float | None
    high_us: float | None
    spread: float
    kernels: tuple[float, ...]

    @property
    def error(self) -> float:
        """Relative, positive where too much was predicted."""
        return self.predicted_us / self.truth_us - 1.0

    @property
    def covered(self) -> bool | None:
        """Whether the interval holds the truth; None without an interval."""
        if self.low_us is None or self.high_us is None:
            return None
        return self.low_us <= self.truth_us <= self.high_us


@dataclass(slots=True, frozen=True)
class Failure:
    """A network that was not measured, and why."""

    name: str
    family: str
    why: str


@dataclass(slots=True, frozen=True)
class Decision:
    """A move on a network: its true and its predicted gain, relative to the network before.

    ``covered`` says whether the predicted gain's interval, in µs, holds the true gain; None without an interval."""

    name: str
    move: str
    true: float
    predicted: float
    covered: bool | None = None


@dataclass(slots=True)
class Validation:
    """What came of a validation on the networks of a split; errors are relative."""

    target: str
    basis: str
    split: str = "test"
    networks: list[Judged] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)

    @property
    def families(self) -> list[str]:
        return sorted({n.family for n in self.networks})

    @property
    def mape(self) -> float:
        return _mean([abs(n.error) for n in self.networks])

    @property
    def median(self) -> float:
        """The error that half of the networks stay below."""
        return float(np.median([abs(n.error) for n in self.networks])) if self.networks else float("nan")

    def within(self, share: float) -> float:
        """How many of the networks are predicted to within ``share`` of the truth."""
        return _mean([abs(n.error) <= share for n in self.networks])

    @property
    def kernel_mape(self) -> float:
        """Mean error of all kernels that are at least :data:`COUNTED` of their network."""
        return _mean([e for n in self.networks for e in n.kernels])

    @property
    def coverage(self) -> float:
        """How many of the networks' intervals hold the truth."""
        return _mean([n.covered for n in self.networks if n.covered is not None])

    @property
    def spearman(self) -> float:
        """The rank correlation of predicted and true latencies."""
        if len(self.networks) < 2:
            return float("nan")
        truth = _ranks([n.truth_us for n in self.networks])
        return float(np.corrcoef(truth, _ranks([n.predicted_us for n in self.networks]))[0, 1])

    @property
    def repeat(self) -> float:
        """The mean of the measurements' own spreads: no prediction can be better."""
        return _mean([n.spread for n in self.networks])

    @property
    def signs(self) -> float:
        """How many of the moves' gains have the right sign."""
        return _mean([d.true * d.predicted > 0 for d in self.decisions])

    @property
    def gain_coverage(self) -> float:
        """How many of the gains' intervals hold the true gain."""
        return _mean([d.covered for d in self.decisions if d.covered is not None])

    @property
    def kendall(self) -> float:
        """Kendall's τ of the predicted and the true gains."""
        return _kendall([d.true for d in self.decisions], [d.predicted for d in self.decisions])


def judged(sample: Sample, measurement: Measurement, estimator: Estimator, target: Target) -> Judged:
    """The estimator's costs of a measured network against the measurement."""
    costs = estimator.estimate(sample.graph, target)
    return Judged(
        sample.name,
        sample.family,
        measurement.latency_us,
        costs.latency_us,
        costs.low_us,
        costs.high_us,
        measurement.spread,
        tuple(_kernels(sample.graph, costs, measurement)),
    )


def _kernels(graph: Graph, costs: Costs, measurement: Measurement) -> Iterator[float]:
    """Relative errors of the kernels that count; those that the backend ran together are one."""
    position = graph.position
    kernels = sorted(costs.kernels, key=lambda k: position[k.ops[0]])
    found = units(graph, [k.ops for k in kernels], measurement)
    predicted = np.bincount(found.unit, [k.latency_us for k in kernels], len(found.truth_us))
    for truth, mine in zip(found.truth_us, predicted, strict=True):
        if truth >= COUNTED * measurement.latency_us:
            yield abs(float(mine) / float(truth) - 1.0)


def judge(
    entries: Iterable[Entry], estimator: Estimator, target: Target, basis: str, split: str = "test"
) -> Validation:
    """All measured networks, judged; of the others, why they were not measured."""
    made = Validation(target.name, basis, split)
    for entry in entries:
        if isinstance(entry.result, Unmeasurable):
            made.failures.append(Failure(entry.sample.name, entry.sample.family, str(entry.result)))
        else:
            made.networks.append(judged(entry.sample, entry.result, estimator, target))
    made.networks.sort(key=lambda n: (n.family, n.name))
    made.failures.sort(key=lambda f: (f.family, f.name))
    return made


def assess(
    entries: Sequence[Entry], moves: Iterable[Entry], estimator: Estimator, target: Target, basis: str
) -> list[Validation]:
    """The measured networks judged by split, in the order of :data:`JUDGED`, and with ``test`` the moves on them."""
    made = []
    for split in JUDGED:
        mine = [entry for entry in entries if entry.sample.family in families(split)]
        made.append(judge(mine, estimator, target, basis, split))
    known = {
        entry.sample.name: (entry.sample.graph, entry.result.latency_us)
        for entry in entries
        if isinstance(entry.result, Measurement)
    }
    made[0].decisions += decide(moves, known, estimator, target)
    return made


# ---- moves


def moved(networks: Iterable[Network], rng: random.Random) -> Iterator[Sample]:
    """Endless random single moves on the networks, of which each family is drawn as often; a sample's name says on
    which network, and the move."""
    by_family: dict[str, list[Network]] = {}
    for network in networks:
        by_family.setdefault(network.family, []).append(network)
    drawn = list(by_family.values())
    while True:
        network = rng.choice(rng.choice(drawn))
        move = random_move(network.graph, rng)
        if move is None:
            continue
        try:
            after = move.apply(network.graph)
        except MoveError:
            continue  # what was drawn does not exist on this network: draw again
        name = f"{network.title}{_BETWEEN}{move.describe(network.graph)}"
        yield Sample(stripped(after), network.family, name, True)


def decide(
    entries: Iterable[Entry],
    before: dict[str, tuple[Graph, float]],
    estimator: Estimator,
    target: Target,
) -> list[Decision]:
    """The moves with an effect, their true gains beside the predicted ones. ``before`` has the networks and their
    latencies by title."""
    costs = {title: estimator.estimate(graph, target) for title, (graph, _) in before.items()}
    found = []
    for entry in entries:
        title, _, move = entry.sample.name.partition(_BETWEEN)
        if isinstance(entry.result, Unmeasurable) or title not in before:
            continue
        graph, was = before[title]
        gain = was - entry.result.latency_us
        if abs(gain) >= LEAST_EFFECT * was:
            now, after = costs[title], estimator.estimate(numbered_like(graph, entry.sample.graph), target)
            predicted, error = now.latency_us - after.latency_us, gain_error(now, after)
            covered = None if error is None else abs(predicted - gain) <= error
            found.append(Decision(title, move, gain / was, predicted / now.latency_us, covered))
    return found


def numbered_like(before: Graph, after: Graph) -> Graph:
    """``after`` with the keys that the operations of ``before`` have, where both begin alike and end alike: a journal
    numbers operations by position, and a move that adds or removes some shifts those behind it."""
    more = len(after.ops) - len(before.ops)
    if not more:
        return after
    least = min(len(before.ops), len(after.ops))
    pairs = list(zip(before.ops[:least], after.ops[:least], strict=True))
    first = next((i for i, (a, b) in enumerate(pairs) if not _alike(a, b)), least)
    pairs = list(zip(reversed(before.ops[first:]), reversed(after.ops[first:]), strict=False))
    last = len(after.ops) - next((i for i, (a, b) in enumerate(pairs) if not _alike(a, b)), least - first)
    fresh = max(len(before.ops), len(after.ops))
    keys = [i if i < first else i - more if i >= last else fresh + i for i in range(len(after.ops))]
    ops = [replace(op, key=key) for op, key in zip(after.ops, keys, strict=True)]
    return Graph(ops, after.tensors, after.modules, after.inputs, after.outputs)


def _alike(a: Op, b: Op) -> bool:
    return (a.op, a.target, a.attrs) == (b.op, b.target, b.attrs)


# ---- statistics


def _mean(values: Sequence[float | bool]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _ranks(values: Sequence[float]) -> NDArray[np.float64]:
    """Ranks from 0, the mean of their places where values are equal."""
    array = np.asarray(values)
    return np.array([((array < v).sum() + (array <= v).sum() - 1) / 2 for v in array])


def _kendall(a: Sequence[float], b: Sequence[float]) -> float:
    """τ-b: the pairs in the same order less those in the other, over all that are not tied in either."""
    if len(a) < 2:
        return float("nan")
    x, y = np.asarray(a), np.asarray(b)
    dx, dy = np.sign(x[:, None] - x), np.sign(y[:, None] - y)
    whole = float(np.sqrt((dx != 0).sum() * (dy != 0).sum()))
    return float((dx * dy).sum() / whole) if whole else float("nan")
