"""Which pairs of operators a target runs as one, found by measuring; after nn-Meter (Zhang et al., MobiSys 2021).

A pair is measured in a chain, and once more with each of its two operators left out. If the pair costs clearly less
than its operators apart, or if the backend's own rows have both in one, the pair is fused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from advisor.graph import Graph
from advisor.targets import Target

from ..kernels import decompose
from ..measuring import Backend, Measurement, Unmeasurable
from .building import Builder

SHARE = 0.5
"""As in nn-Meter: a pair is fused that saves more than this share of the cheaper of its operators."""
_SIDE, _CHANNELS = 28, 64

Step = Callable[[Builder, int], int]

STEPS: dict[str, Step] = {
    "conv": lambda b, x: b.conv(x, _CHANNELS, 3),
    "pointwise": lambda b, x: b.conv(x, _CHANNELS),
    "depthwise": lambda b, x: b.depthwise(x),
    "relu": lambda b, x: b.act(x, "relu"),
    "relu6": lambda b, x: b.act(x, "relu6"),
    "hardswish": lambda b, x: b.act(x, "hardswish"),
    "sigmoid": lambda b, x: b.act(x, "sigmoid"),
    "silu": lambda b, x: b.act(x, "silu"),
    "gelu": lambda b, x: b.act(x, "gelu"),
    "add": lambda b, x: b.elementwise("add", x, x),
    "mul": lambda b, x: b.elementwise("mul", x, x),
    "maxpool": lambda b, x: b.pool(x, "max", 3, 1),
    "avgpool": lambda b, x: b.pool(x, "avg", 3, 1),
}
"""The operators that are paired; each keeps the shape, so that it can be left out."""

FIRST = ("conv", "pointwise", "depthwise", "add", "mul", "maxpool", "avgpool")


@dataclass(slots=True, frozen=True)
class Pair:
    """Two operators, one behind the other: the µs that each adds to the chain, and that both together add.

    ``together`` says whether the backend's own rows have them in one, None where it cannot be told; ``fused`` is the
    verdict; ``stated`` says whether the target's rules fuse them."""

    first: str
    second: str
    first_us: float
    second_us: float
    both_us: float
    together: bool | None
    fused: bool
    stated: bool


def detect(backend: Backend, target: Target, first: Sequence[str] = FIRST) -> list[Pair]:
    """Every pair that the backend can measure."""
    bare = _measured(backend, target, ())
    if bare is None:
        return []
    alone = {name: found for name in STEPS if (found := _measured(backend, target, (name,))) is not None}
    pairs = []
    for a in first:
        for b in STEPS:
            both = _measured(backend, target, (a, b)) if a in alone and b in alone else None
            if both is None:
                continue
            costs = [m.latency_us - bare.latency_us for m in (alone[a], alone[b], both)]
            pairs.append(_pair(a, b, costs, both, target))
    return pairs


def _pair(a: str, b: str, costs: Sequence[float], both: Measurement, target: Target) -> Pair:
    graph, keys = _chain((a, b))
    rows = [set(row.ops) for row in both.rows]
    single = all(len(row) <= 1 for row in rows)
    together = None if single else any(row >= set(keys) for row in rows)
    saved = costs[0] + costs[1] - costs[2]
    cheaper = max(min(costs[0], costs[1]), 0.0)
    fused = together or (together is None and saved > SHARE * cheaper > 0)
    home = decompose(graph, target).home
    return Pair(a, b, costs[0], costs[1], costs[2], together, fused, home[keys[0]] is home[keys[1]])


def _measured(backend: Backend, target: Target, names: Sequence[str]) -> Measurement | None:
    try:
        return backend.measure(_chain(names)[0], target)
    except Unmeasurable:
        return None  # what the target cannot run has no fusion to find


def _chain(names: Sequence[str]) -> tuple[Graph, list[int]]:
    """The named operators between two convolutions, and their keys."""
    b = Builder(1, _CHANNELS, _SIDE, _SIDE)
    x = b.conv(b.act(b.conv(0, _CHANNELS, 3), "relu"), _CHANNELS)
    x = b.pool(x, "max", 2, 1, False)  # neither of the pair can fuse with what stands before
    keys = []
    for name in names:
        x = STEPS[name](b, x)
        keys.append(len(b))
    return b.build(b.conv(x, _CHANNELS, 3, 2)), [k - 1 for k in keys]


def compared(pairs: Sequence[Pair], target: Target) -> Iterator[str]:
    """The verdicts as lines, those first that the target's rules contradict."""
    wrong = [p for p in pairs if p.fused != p.stated]
    fused = sum(p.fused for p in pairs)
    yield f"{target.name}: {len(pairs)} pairs measured, {fused} fused, {len(wrong)} against the target's rules"
    for pair in sorted(pairs, key=lambda p: (p.fused == p.stated, p.first, p.second)):
        verdict = "fused" if pair.fused else "apart"
        said = "" if pair.fused == pair.stated else f"   the target's rules say {'fused' if pair.stated else 'apart'}"
        yield (
            f"{verdict}  {pair.first:>10} + {pair.second:<10} {pair.first_us:9.1f} + {pair.second_us:9.1f}"
            f" → {pair.both_us:9.1f} µs{said}"
        )
