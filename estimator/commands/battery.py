"""How a target behaves: a few graphs whose costs show its parallelism, its limits, when fusing pays, and its memory.

Each check gives lines for people and what looks wrong. Costs come from ``ask``, whatever stands behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise

from advisor.graph import Graph
from advisor.landscape import parallelism
from advisor.reports import cells
from advisor.targets import Engine, Target

from ..measuring import Unmeasurable
from ..training.building import Builder

Ask = Callable[[Graph, Collection[int]], float]
"""Microseconds that the ops of these keys take in the graph."""

STAGES = ((112, 16), (56, 24), (28, 32), (14, 96), (7, 160))
EXPANSION = 6
JUMP = 0.1


@dataclass(frozen=True, slots=True)
class Check:
    """One part of the battery: a table, what it shows in a sentence, and ``wrong``, what a person should look at."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    shown: str
    wrong: tuple[str, ...] = ()


def staircase(target: Target, ask: Ask) -> Check:
    """A 3 × 3 convolution over its channels, between two others like it."""
    step = parallelism(target)
    widths = sorted({w for k in range(1, 5) for w in (k * step - step // 2, k * step, k * step + 1) if w > 0})
    costs = {w: ask(*_convolutions(w)) for w in widths}
    tops = [a for a, b in pairwise(widths) if costs[b] > (1 + JUMP) * costs[a] and b == a + 1]
    falls = [f"{b} channels cost less than {a}" for a, b in pairwise(widths) if costs[b] < 0.98 * costs[a]]
    high = max(costs.values())
    rows = [(str(w), cells.time(us), cells.bar(us / high, 24)) for w, us in costs.items()]
    if tops:
        shown = f"the cost steps up behind {_listed(tops)} channels: multiples of {step} use the array fully"
    else:
        shown = "no steps: every channel count uses the array about equally well"
    return Check(
        "A 3 × 3 convolution over C channels at 32 × 32", ("C", "latency", ""), tuple(rows), shown, tuple(falls)
    )


def limits(target: Target, ask: Ask) -> Check:
    """Layers of different kinds against what the target could do at most."""
    rows, wrong = [], []
    slowest = target.memories[-1]
    for name, kind, make in _LAYERS:
        graph, keys, macs, moved = make()
        us = ask(graph, keys)
        cycles = us * target.clock_hz / 1e6
        engine: Engine | None = target.engines.get(kind)
        used = macs / cycles / engine.macs_per_cycle if engine is not None and cycles else None
        rate = moved / us * 1e6 / slowest.bytes_per_s if us else 0.0
        rows.append((name, cells.time(us), "" if used is None else f"{100 * used:.0f} %", f"{100 * rate:.0f} %"))
        if us <= 0:
            wrong.append(f"{name} costs nothing: a rate is far too high, or the operator is in `free`")
        elif used is not None and used > 1.001:
            wrong.append(f"{name} runs at more than the engine's macs_per_cycle")
        elif kind == "conv" and used is not None and used < 0.3:
            wrong.append(
                f"{name} uses {100 * used:.0f} % of the array, though nothing suits it better: look at "
                "outputs_per_cycle, weights_per_cycle, the memories' bytes_per_s and the tiling"
            )
    shown = f"shares of the engine's peak, and of the bandwidth of {slowest.name} if everything passed through it"
    header = ("layer", "latency", "of peak", f"of {slowest.name}")
    return Check("Layers against the target's limits", header, tuple(rows), shown, tuple(wrong))


def fusion(target: Target, ask: Ask) -> Check:
    """An inverted bottleneck whose expansion and depthwise convolution are fused, against the block as it is."""
    fn = _activation(target)
    rows, pays = [], []
    for size, channels in STAGES:
        fused, plain = (ask(*_block(size, channels, fused, fn)) for fused in (True, False))
        ratio = fused / plain if plain else float("nan")
        rows.append((f"{size} × {size}, {channels}", cells.time(plain), cells.time(fused), f"{ratio:.2f}"))
        if ratio < 1:
            pays.append(f"{size} × {size}")
    shown = f"fusing pays at {', '.join(pays)}" if pays else "fusing never pays here"
    header = ("stage, channels", "inverted", "fused", "ratio")
    return Check("Inverted bottlenecks, fused and not", header, tuple(rows), shown)


def memory(target: Target, peak: Callable[[Graph], int]) -> Check:
    """What activations of a MobileNet's stem need at common resolutions."""
    first = target.memory("activations")[0]
    rows, fits = [], []
    for size in (96, 128, 160, 192, 224, 256, 320, 384):
        need = peak(_stem(size, _activation(target)))
        inside = first.bytes is None or need <= first.bytes
        rows.append((f"{size} × {size}", cells.size(need), "fits" if inside else f"spills from {first.name}"))
        if inside:
            fits.append(size)
    if first.bytes is None:
        shown = f"{first.name} has no limit of its own: whatever a model needs, it holds"
    elif fits:
        shown = f"{first.name} ({cells.size(first.bytes)}) holds the activations up to {max(fits)} × {max(fits)}"
    else:
        shown = f"{first.name} ({cells.size(first.bytes)}) holds the activations at none of these"
    header = ("input", "peak", "")
    return Check("Activations of a MobileNet's first blocks", header, tuple(rows), shown)


def _activation(target: Target) -> str:
    return "relu6" if target.runs("activation", "relu6") else "none"


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))


# ---- graphs


def _convolutions(channels: int) -> tuple[Graph, set[int]]:
    b = Builder(1, channels, 32, 32)
    b.conv(b.conv(b.conv(0, channels, 3), channels, 3), channels, 3)
    graph = b.build()
    return graph, {graph.ops[1].key}


def _block(size: int, channels: int, fused: bool, fn: str) -> tuple[Graph, set[int]]:
    b = Builder(1, channels, size, size)
    x = b.conv(0, channels, 1)
    if fused:
        y = b.act(b.conv(x, EXPANSION * channels, 3), fn)
    else:
        y = b.act(b.depthwise(b.act(b.conv(x, EXPANSION * channels, 1), fn)), fn)
    b.conv(b.elementwise("add", x, b.conv(y, channels, 1)), channels, 1)
    graph = b.build()
    return graph, {op.key for op in graph.ops[1:-1]}


def _stem(size: int, fn: str) -> Graph:
    b = Builder(1, 3, size, size)
    x = b.act(b.conv(0, 32, 3, 2), fn)
    x = b.conv(b.act(b.depthwise(x), fn), 16, 1)
    x = b.act(b.conv(x, 96, 1), fn)
    b.conv(b.act(b.depthwise(x, 3, 2), fn), 24, 1)
    return b.build()


Layer = tuple[Graph, set[int], int, int]
"""A graph, the keys of the layer in it, its MACs, and the elements that it reads and writes, weights included."""


def _layer(size: int, channels: int, add: Callable[[Builder, int], int], macs: int, weights: int) -> Layer:
    """The layer between two 1 × 1 convolutions."""
    b = Builder(1, channels, size, size)
    x = b.conv(0, channels, 1)
    y = add(b, x)
    moved = channels * size * size + b.channels(y) * b.shape(y)[2] * b.shape(y)[3] + weights
    b.conv(y, channels, 1)
    graph = b.build()
    return graph, {graph.ops[1].key}, macs, moved


def _addition(size: int, channels: int) -> Layer:
    """Behind a pooling, with which no target fuses it."""
    b = Builder(1, channels, size, size)
    x = b.pool(b.conv(0, channels, 1), "max", 3, 1)
    b.conv(b.elementwise("add", x, 0), channels, 1)
    graph = b.build()
    return graph, {graph.ops[2].key}, 0, 3 * channels * size * size


def _linear() -> Layer:
    b = Builder(1, 1024)
    b.linear(b.linear(b.linear(0, 1024), 1024), 1024)
    graph = b.build()
    return graph, {graph.ops[1].key}, 1024 * 1024, 1024 * 1026


_LAYERS: tuple[tuple[str, str, Callable[[], Layer]], ...] = (
    (
        "conv 3 × 3, 256 → 256 at 28",
        "conv",
        lambda: _layer(28, 256, lambda b, x: b.conv(x, 256, 3), 256 * 256 * 9 * 784, 256 * 256 * 9),
    ),
    (
        "conv 1 × 1, 256 → 256 at 28",
        "pointwise",
        lambda: _layer(28, 256, lambda b, x: b.conv(x, 256), 256 * 256 * 784, 256 * 256),
    ),
    (
        "depthwise 3 × 3, 256 at 28",
        "depthwise",
        lambda: _layer(28, 256, lambda b, x: b.depthwise(x), 256 * 9 * 784, 256 * 9),
    ),
    ("linear, 1024 → 1024", "linear", _linear),
    ("addition, 256 at 28", "", lambda: _addition(28, 256)),
    ("max pool 2 × 2, 256 at 28", "", lambda: _layer(28, 256, lambda b, x: b.pool(x, "max", 2, 2), 0, 0)),
)


def battery(target: Target, ask: Ask, peak: Callable[[Graph], int]) -> Iterator[Check]:
    """All checks, in the order of a reader's interest; one whose graphs cannot be costed says which operator it is."""
    checks: tuple[tuple[str, Callable[[], Check]], ...] = (
        ("Staircase", lambda: staircase(target, ask)),
        ("Limits", lambda: limits(target, ask)),
        ("Fusion", lambda: fusion(target, ask)),
        ("Memory", lambda: memory(target, peak)),
    )
    for title, check in checks:
        try:
            yield check()
        except Unmeasurable as e:
            yield Check(title, (), (), "not to be shown", (str(e),))
