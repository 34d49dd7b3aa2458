"""What a model may take on a target: the budgets that a person sets, and the memory that the target has.

Latencies are µs, sizes bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple

from .units import size, time

if TYPE_CHECKING:
    from .targets import Target

Level = Literal["ok", "near", "over", "unknown"]
"""How a model stands to its limits: within them, close to one, over one, or nobody can tell."""

NEAR = 0.9
"""The share of a limit from which on a model is close to it."""


class MemoryLimit(NamedTuple):
    """Bytes that activations may take, what sentences call it, and who sets it: the user's ``budget`` or the
    ``target``. ``hard``: nothing lies behind it."""

    bytes: int
    name: str
    what: Literal["budget", "target"]
    hard: bool


class Limits(NamedTuple):
    """``latency_us`` is the user's budget, None without one; ``memory`` are the limits in the order in which a peak is
    held against them, none where the target's memories are caches or know no end."""

    latency_us: float | None = None
    memory: tuple[MemoryLimit, ...] = ()

    def exceeded(self, peak_bytes: int) -> MemoryLimit | None:
        """The first memory limit that a peak is over."""
        return next((limit for limit in self.memory if peak_bytes > limit.bytes), None)


NO_LIMITS = Limits()


def limits(target: Target, latency_budget: float | None = None, memory_budget: int | None = None) -> Limits:
    """The limits on ``target``, with the budgets of the settings."""
    return Limits(latency_budget, tuple(_memory(target, memory_budget)))


def _memory(target: Target, budget: int | None) -> Iterator[MemoryLimit]:
    """A budget (the user's before the target's), or else all that the target has for activations, then its first
    memory if that is kept for them."""
    if budget is not None:
        yield MemoryLimit(budget, "the budget", "budget", hard=True)
        return
    if target.memory_budget is not None:
        yield MemoryLimit(target.memory_budget, f"{target.name}'s budget", "target", hard=True)
        return
    places = target.memory("activations")
    sizes = [m.bytes for m in places if m.bytes is not None]
    if len(sizes) == len(places):
        names = ", ".join(m.name for m in places)
        yield MemoryLimit(sum(sizes), f"all of {target.name}'s memory ({names})", "target", hard=True)
    if places[0].bytes is not None and places[0].roles == ("activations",):
        yield MemoryLimit(places[0].bytes, f"{target.name}'s {places[0].name}", "target", hard=False)


def judge(
    given: Limits, latency_us: float, peak_bytes: int, uncounted: int = 0, whole: bool = True
) -> tuple[Level, str]:
    """How a model with these figures stands to ``given``, and why in words; no words for what is within.

    ``uncounted`` operations are in no latency, and without ``whole`` only the first part of the model was run: what is
    over is over nevertheless, what is not may be.
    """
    over: list[str] = []
    near: list[str] = []
    unsure: list[str] = []
    if given.latency_us is not None:
        latency, budget = f"latency {time(latency_us)}", f"the budget of {time(given.latency_us)}"
        if latency_us > given.latency_us:
            over.append(f"{latency} is over {budget}")
        elif latency_us > NEAR * given.latency_us:
            near.append(f"{latency} is near {budget}")
        elif uncounted:
            counted = "1 operation has" if uncounted == 1 else f"{uncounted} operations have"
            unsure.append(f"{counted} no latency: nobody knows whether the model is within {budget}")
    peak, limit = f"peak memory {size(peak_bytes)}", given.exceeded(peak_bytes)
    tight = next((m for m in given.memory if m.hard and peak_bytes > NEAR * m.bytes), None)
    if limit is not None:
        (over if limit.hard else near).append(f"{peak} is over {limit.name} of {size(limit.bytes)}")
    elif tight is not None:
        near.append(f"{peak} is near {tight.name} of {size(tight.bytes)}")
    if not whole and not over and not near:
        unsure.append("only a part of the model could be run")
    if over:
        return "over", "; ".join([*over, *near])
    if near:
        return "near", "; ".join(near)
    return ("unknown", "; ".join(unsure)) if unsure else ("ok", "")
