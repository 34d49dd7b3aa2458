"""How much SRAM Vela takes for weights that it fetches from flash ahead of a layer.

It fetches during the operation before. What fits into that time goes into one buffer, at best the whole layer; the
rest follows in slices of output channels, each as large as can be fetched while the slice before is computed, through
that buffer and a second one. A layer whose weights are read once, a single block of the image, is read from flash
directly, unless computing takes longer than fetching. What several operations in a row share is fetched whole.

Source: ``ethos-u-vela`` 5.2.0, weight buffering of its scheduler; times are the target's own rates.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, prod
from typing import NamedTuple

from advisor.targets import Target

from ...workloads import Work, cycles
from .area import Step
from .encoding import ALIGNMENT, DEPTHWISE, Layer, block_depth, stored, up

SLICE = 16
"""Output channels: slices are multiples of it."""

ONE_BLOCK = 64
"""Positions of an image that is a single block: its weights are read once."""

LATENCY = 64
"""Cycles until a transfer starts."""


class Buffers(NamedTuple):
    """Bytes of the first and the second buffer. ``ahead``: the first is filled while the step before runs. The
    ``final`` one is in use until the end. ``stored`` are the weights in flash."""

    first: int = 0
    second: int = 0
    ahead: bool = False
    final: int = 0
    stored: int = 0


def buffers(steps: Sequence[Step], target: Target, accelerator: str) -> list[Buffers]:
    """The weight buffers of each step."""
    out = []
    rate = target.memory("weights")[-1].bytes_per_s / target.clock_hz
    before = 0.0  # cycles of what runs before a layer
    for at, step in enumerate(steps):
        busy = run_cycles(step, target)
        found, free = Buffers(), busy
        layer = step.layer
        if layer is not None:
            block = block_depth(layer, accelerator, step.image) if "u85" in accelerator else 0
            size = stored(layer, accelerator, (), block)
            granule = max(SLICE, block)
            slices = _slices(step, layer, size, busy, before, size / rate + LATENCY, granule)
            whole = stored(layer, accelerator, tuple(slices), block)
            found = _of_slices(slices, whole, layer.outputs, at > 0)
            free = busy * slices[-1] / layer.outputs if slices else busy
        out.append(found)
        before = free
    return out


def _slices(step: Step, layer: Layer, size: int, busy: float, slack: float, transfer: float, granule: int) -> list[int]:
    """Output channels of each slice, empty where the weights are not buffered. Times are in cycles."""
    positions = 1 if layer.kind == "linear" else prod(step.shape[:-1])
    if step.repeated:
        return [layer.outputs]
    if positions <= ONE_BLOCK and busy < 1.1 * size:
        return []
    outputs = layer.outputs
    least = min(SLICE / outputs, 1.0)
    hidden = min(slack / transfer, 1.0)
    share = 1.0 if 1 - floor(hidden / least) * least < least / 2 else hidden
    if busy > size * max(1, positions / ONE_BLOCK) and 0.5 < share < 1:
        share = min(max(up(outputs // 2, SLICE) / outputs, 0.5), 1.0)  # there is time for the second half meanwhile
    ahead = max(int(outputs * max(share, least)) // granule * granule, SLICE)
    if ahead >= outputs:
        return [outputs]
    each = up(max(int(busy * ahead / transfer), SLICE), granule)
    rest = outputs - ahead
    return [ahead, *[each] * (rest // each), *([rest % each] if rest % each else [])]


def _of_slices(slices: list[int], size: int, outputs: int, ahead: bool) -> Buffers:
    if not slices:
        return Buffers(stored=size)
    if len(slices) == 1:
        return Buffers(size, 0, ahead, 0, size)
    first, second = (up(int(max(slices[i::2]) * size / outputs), ALIGNMENT) for i in (0, 1))
    return Buffers(first, second, ahead, (len(slices) - 1) % 2, size)


def run_cycles(step: Step, target: Target) -> float:
    """How long the array or the element unit is busy with a step."""
    if step.layer is None:
        amount = prod(step.shape)
        if step.elementwise:
            return amount / target.throughput["elementwise" if len(step.reads) > 1 else "activation"]
        return amount * step.window / target.throughput["pool" if "POOL" in step.code else "move"]
    kind, outputs, inputs, kernel, _ = step.layer
    *rows, width, _ = (1, 1, *step.shape)
    engine = "pointwise" if kind == "conv" and kernel == 1 and "pointwise" in target.engines else kind
    engine = "depthwise" if kind in DEPTHWISE else engine
    found = target.engines[engine]
    busy = cycles(Work(engine, outputs, inputs, kernel, prod(rows), width), found)
    return max(busy, prod(rows) * width * outputs / found.outputs_per_cycle if found.outputs_per_cycle else 0.0)
