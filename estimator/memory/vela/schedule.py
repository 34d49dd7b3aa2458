"""In which order Vela runs the steps, which it chains, which results take an operand's place, and what lives how long.

- The order is the reverse post-order of a walk from the outputs that takes the last input first, and of an area
  written in parts the last writer first.
- Ethos-U85 chains element-wise steps behind the step just before them, if nobody else reads what is in between.
- A result takes the place of the first operand of the same shape, type and layout that only this element-wise step
  reads (model inputs included, outputs not).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .area import LAYERS, Area, Step

CHAINABLE = LAYERS - {"FULLY_CONNECTED", "TRANSPOSE_CONV"}


class Span(NamedTuple):
    """The first and the last step (by index) at which an area is in memory; ``home`` is the area whose place it has."""

    area: Area
    first: int
    last: int
    home: Area


def ordered(outputs: Sequence[Area]) -> list[Step]:
    """The steps that the outputs depend on, in the compiler's order."""
    order: list[Step] = []
    seen: set[Step] = set()
    stack = [(False, writer) for area in outputs for writer in area.writers]
    while stack:
        done, step = stack.pop()
        if done:
            order.append(step)
        elif step not in seen:
            seen.add(step)
            stack.append((True, step))
            stack += [(False, writer) for area in step.reads for writer in area.writers if writer not in seen]
    return order


def chained(order: Sequence[Step]) -> list[Step]:
    """The steps with element-wise ones joined to the step before them."""
    out: list[Step] = []
    for step in order:
        last = out[-1] if out else None
        if last is not None and _chains(last, step):
            between = last.writes
            others = [area for area in step.reads if area is not between]
            for area in others:
                area.readers[area.readers.index(step)] = last
            last.reads += others
            last.writes = step.writes
            last.writes.writers = [last]
            last.chained += (step.operator, *step.chained)
        else:
            out.append(step)
    return out


def _chains(last: Step, step: Step) -> bool:
    between = last.writes
    return (
        step.elementwise
        and (last.elementwise or last.code in CHAINABLE)
        and between.readers == [step]
        and between.writers == [last]
        and not between.kept
        and len(step.writes.writers) == 1
        and step.writes.shape == between.shape
    )


def spans(order: Sequence[Step]) -> list[Span]:
    """When each area is in memory. Model inputs are from the start, outputs to the end."""
    first: dict[Area, int] = {}
    last: dict[Area, int] = {}
    homes: dict[Area, Area] = {}
    for at, step in enumerate(order):
        for area in step.reads:
            if area.given:
                first.setdefault(area, 0)
            last[area] = at
        first.setdefault(step.writes, at)
        last[step.writes] = at
        home = _overwritten(step)
        if home is not None:
            homes[step.writes] = homes.get(home, home)
    end = len(order)
    return [Span(a, begin, end if a.kept else last[a], homes.get(a, a)) for a, begin in first.items()]


def _overwritten(step: Step) -> Area | None:
    """The operand whose place the result takes."""
    out = step.writes
    if not step.elementwise or len(out.writers) != 1:
        return None
    for area in step.reads[: step.operands]:
        same = (area.shape, area.item_bytes, area.linear) == (out.shape, out.item_bytes, out.linear)
        if same and len(area.readers) == 1 and not area.kept:
            return area
    return None
