"""The SRAM over time: feature maps by their spans, weight buffers ahead of and during their layer."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import NamedTuple

from advisor.graph import Graph
from advisor.targets import Target

from .area import Area, Step
from .buffers import Buffers, buffers, run_cycles
from .flash import flash
from .outline import outline
from .schedule import Span, chained, ordered, spans
from .staging import kept
from .steps import steps_of


class Sram(NamedTuple):
    """The fullest moment: its ``bytes``, the key of the ``op`` that runs, the graph's tensors ``alive`` then; and
    ``by_op``: the bytes while each op runs. An op that became several steps has the most of them. ``stored`` are the
    bytes in flash."""

    bytes: int
    op: int
    alive: tuple[int, ...]
    by_op: Mapping[int, int]
    stored: int


STRIPED = 0.97
"""How full a dedicated SRAM gets that is too small: stripes are made as large as fits (0.87 to 1 of it in the vendor's
compiler)."""


class _Plan(NamedTuple):
    """The steps in order, when the areas live, and what network operators and tensors are in the graph."""

    order: list[Step]
    lives: list[Span]
    weights: list[Buffers]
    keys: tuple[frozenset[int], ...]
    lying: Mapping[int, int]
    stored: int


class Staged(NamedTuple):
    """Bytes used of an SRAM that feature maps only pass through, and bytes in flash."""

    bytes: int
    stored: int


def sram(graph: Graph, target: Target) -> Sram | None:
    """What the graph takes of an SRAM that holds everything; None where not all of it would run on the accelerator."""
    plan = _plan(graph, target)
    if plan is None:
        return None
    order, lives, weights, keys, lying, flash_bytes = plan
    full = _full(_maps(lives, len(order)), weights)
    at = full.index(max(full))
    by_op: dict[int, int] = {}
    for step, bytes_ in zip(order, full, strict=True):
        for operator in (step.operator, *step.chained):
            for key in keys[operator]:
                by_op[key] = max(by_op.get(key, 0), bytes_)
    return Sram(full[at], min(keys[order[at].operator]), _alive(lives, at, lying), by_op, flash_bytes)


def staged(graph: Graph, target: Target, size: int) -> Staged | None:
    """What is used of an SRAM of ``size`` that feature maps only pass through; None where :func:`sram` is.

    What comes from and goes to the outside stays in DRAM. Where a step's maps do not fit together, and one of them
    passes from one layer to the next, they are made in stripes, as large as fits: the SRAM is full. Else whole maps are
    kept (:mod:`.staging`).
    """
    plan = _plan(graph, target)
    if plan is None:
        return None
    inside = [span for span in plan.lives if not (span.home.given or span.home.kept)]
    if any(_striped(step, size) for step in plan.order):
        return Staged(int(size * STRIPED), plan.stored)
    weights = [_limited(step, w, target, size) for step, w in zip(plan.order, plan.weights, strict=True)]
    used = kept(plan.order, inside, _full([0] * len(plan.order), weights), size)
    return Staged(min(max(used), size), plan.stored)


def _limited(step: Step, weights: Buffers, target: Target, size: int) -> Buffers:
    """The buffers that an SRAM of ``size`` has for a layer's weights: halves of it for those that are too large, and
    none where the layer takes longer to compute than its weights take to come."""
    if weights.first + weights.second <= size:
        return weights
    rate = target.memory("weights")[-1].bytes_per_s / target.clock_hz
    if run_cycles(step, target) > weights.stored / rate:
        return Buffers()
    return weights._replace(first=size // 2, second=size // 2)


def _striped(step: Step, size: int) -> bool:
    """Whether a step's maps do not fit together, and one of them passes from one operation to one layer."""
    areas = {*step.reads, step.writes}
    needed = sum([area.bytes for area in areas if not (area.given or area.kept)])
    return needed > size and any(_passes(area) for area in areas)


def _passes(area: Area) -> bool:
    """Whether it goes from one operation to one layer or pool."""
    if area.given or area.kept or len(area.writers) != 1 or len(area.readers) != 1:
        return False
    reader = area.readers[0]
    return reader.layer is not None or "POOL" in reader.code


def _plan(graph: Graph, target: Target) -> _Plan | None:
    setup = target.vela
    found = None if setup is None else outline(graph)
    if setup is None or found is None:
        return None
    lowered, lying = found
    _, outputs = steps_of(lowered.network, setup.accelerator)
    order = ordered(outputs)
    if "u85" in setup.accelerator:
        order = chained(order)
    if not order:
        return None
    weights = buffers(order, target, setup.accelerator)
    stored = flash(lowered.network, order, weights, "u85" in setup.accelerator)
    return _Plan(order, spans(order), weights, lowered.keys, lying, stored)


def _full(maps: list[int], weights: list[Buffers]) -> list[int]:
    """Bytes while each step runs, at their most: at its start, or later when weights for the next one arrive."""
    full = []
    ahead = [w.first if w.ahead else 0 for w in weights[1:]]
    for held, own, coming in zip(maps, weights, [*ahead, 0], strict=True):
        kept = (own.first, own.second)[own.final]
        full.append(held + max(own.first + own.second, kept + coming))
    return full


def _maps(lives: list[Span], count: int) -> list[int]:
    """Bytes of feature maps during each step."""
    held: dict[Area, tuple[int, int]] = {}
    for _, first, last, home in lives:
        begin, end = held.get(home, (first, last))
        held[home] = min(first, begin), max(last, end)
    change = [0] * (count + 1)
    for area, (first, last) in held.items():
        change[first] += area.bytes
        change[min(last, count - 1) + 1] -= area.bytes
    return list(accumulate(change[:-1]))


def _alive(lives: list[Span], at: int, lying: Mapping[int, int]) -> tuple[int, ...]:
    """The graph's tensors in memory at a step, each place once."""
    there = [span for span in lives if span.first <= at <= span.last]
    areas = {span.area for span in there}
    own = [s.area for s in there if s.home is s.area or s.home not in areas]
    return tuple([lying[a.tensor] for a in own if a.tensor in lying])
