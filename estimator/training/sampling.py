"""Graphs to measure: random chains of blocks, and networks of the zoo's training split, perturbed and cut.

Both put every kernel into a context, since what a kernel costs depends on what stands around it. All is drawn from a
``random.Random``: the same seed gives the same graphs.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from advisor.channels import analyse
from advisor.edit import MoveError
from advisor.graph import Graph, Module, Op, Tensor
from advisor.moves import (
    DepthwiseToStandard,
    FuseIBN,
    Move,
    RemoveSE,
    SetResolution,
    SetStride,
    SetWidth,
    StandardToDepthwise,
    SwapActivation,
    UnfuseIBN,
    find_ibn,
    find_se,
)

from .blocks import BLOCKS, MAX_ELEMENTS, encoder, head, heavy, patches, separable, width
from .building import Builder
from .networks import Network, stripped, zoo

STEPS = (8, 8, 16, 32, 64)
_MAX_WEIGHTS = (500_000, 500_000, 500_000, 1_000_000, 1_000_000, 2_000_000, 4_000_000)
"""Of a section, drawn for each: one with more is left. Compiling takes its time for weights, so graphs with many are
few."""
_WHOLE = 8_000_000
"""Of a whole network: with more it is cut into sections. Nothing but whole networks shows what targets with little
memory do with many layers in a row, so these may take their time."""
_MAX_TENSOR = 4_000_000


@dataclass(slots=True, frozen=True)
class Sample:
    """A graph to measure. ``family`` is its network's (``chains`` for a random chain); ``name`` says which.

    ``whole`` is false for a section that was cut out of a network: its first kernels lack their context.
    """

    graph: Graph
    family: str
    name: str
    whole: bool


CHAINS = "chains"
MIX = {CHAINS: 0.4, "section": 0.4, "network": 0.2}
"""The shares of random chains, of sections of perturbed networks, and of whole perturbed networks."""


def samples(rng: random.Random, longest: int = 700, mix: Mapping[str, float] = MIX) -> Iterator[Sample]:
    """Endless samples in the shares of ``mix``; whole networks have at most ``longest`` operations."""
    kinds, shares = list(mix), list(mix.values())
    while True:
        kind = rng.choices(kinds, shares)[0]
        if kind == CHAINS:
            yield Sample(chain(rng), CHAINS, CHAINS, True)
            continue
        network = _drawn(rng)
        graph = perturbed(network.graph, rng)
        most = rng.choice(_MAX_WEIGHTS)
        whole = kind == "network" and len(graph.ops) <= longest and _weights(graph) <= _WHOLE
        most = _WHOLE if whole else most
        cut = graph if whole else section(graph, rng)
        if cut is not None and _small(cut, most):
            yield Sample(stripped(cut), network.family, network.title, cut is graph)


def _drawn(rng: random.Random) -> Network:
    """A training network: families are equally likely, so that none is learned by heart."""
    return rng.choice(rng.choice(_by_family()))


@cache
def _by_family() -> list[list[Network]]:
    found: dict[str, list[Network]] = {}
    for network in zoo("train"):
        found.setdefault(network.family, []).append(network)
    return list(found.values())


# ---- random chains


@cache
def _prior() -> tuple[list[tuple[int, int]], list[int]]:
    """(size, channels) of convolutions' inputs in published networks, with how often each occurs."""
    text = (resources.files("advisor.estimator.training") / "prior.csv").read_text("utf-8")
    lines = [line.split(",") for line in text.splitlines() if line[:1].isdigit()]
    return [(int(size), int(channels)) for size, channels, _ in lines], [int(count) for *_, count in lines]


def chain(rng: random.Random) -> Graph:
    """A chain of two to nine random blocks, with a stem and a classifier now and then."""
    places, counts = _prior()
    if rng.random() < 0.3:
        side = rng.choice((32, 48, 64, 96, 128, 160, 192, 224, 256))
        b = Builder(1, rng.choice((1, 3, 3, 3)), side, side)
        if rng.random() < 0.25:
            x = patches(b, rng, 0)
        else:
            out, kernel = width(rng, rng.choice((16, 24, 32, 48, 64, 96))), rng.choice((3, 3, 5, 7, 11))
            x = b.act(b.conv(0, out, kernel, rng.choice((2, 2, 2, 4)), padded=rng.random() < 0.7), "relu")
    else:
        side, c = rng.choices(places, counts)[0]
        if rng.random() < 0.5:
            side, c = rng.choice((4, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64)), c
        side = max(3, side + rng.choice((0, 0, 0, 1, -1)))
        other = side if rng.random() < 0.85 else max(3, side + rng.randint(-4, 8))
        channels = min(width(rng, c * rng.uniform(0.3, 2.5)), MAX_ELEMENTS // (side * other))
        b = Builder(1, channels, side, other)
        x = b.act(b.conv(0, channels if rng.random() < 0.5 else min(width(rng, channels), 2 * channels)), "relu")
    if rng.random() < 0.1 and 16 <= b.shape(x)[2] * b.shape(x)[3] <= 1024:
        return b.build(encoder(b, rng, x))
    if rng.random() < 0.1:
        return b.build(heavy(b, rng, x if rng.random() < 0.5 else separable(b, rng, x)))
    blocks, weights = zip(*BLOCKS, strict=True)
    for _ in range(rng.randint(2, 9)):
        x = rng.choices(blocks, weights)[0](b, rng, x)
    return b.build(head(b, rng, x) if rng.random() < 0.3 else x)


# ---- networks, perturbed


def perturbed(graph: Graph, rng: random.Random) -> Graph:
    """The network at another resolution, with other widths and with random moves, as far as it allows them."""
    if rng.random() < 0.5:
        side = rng.choice((64, 96, 112, 128, 160, 176, 192, 208, 224, 240, 256, 288))
        graph = _applied(graph, SetResolution(side, side))
    if rng.random() < 0.6:
        graph = _scaled(graph, rng)
    if rng.random() < 0.4:
        for _ in range(rng.randint(1, 4)):
            move = random_move(graph, rng)
            graph = graph if move is None else _applied(graph, move)
    return graph


def _applied(graph: Graph, move: Move) -> Graph:
    try:
        return move.apply(graph)
    except MoveError:
        return graph  # not every network allows every move: it stays as it was


def _scaled(graph: Graph, rng: random.Random) -> Graph:
    """Some channel groups, or all, at another width."""
    groups = [g for g in analyse(graph).groups if not g.pinned]
    factor, every = rng.choice((0.35, 0.5, 0.75, 1.0, 1.25, 1.4)), rng.random() < 0.5
    chosen = groups if every else rng.sample(groups, min(len(groups), rng.randint(1, 12)))
    step = rng.choice(STEPS)
    for group in chosen[:80]:
        if every:
            wanted = max(1, round(group.width * factor / step)) * step
        else:
            wanted = width(rng, group.width * rng.uniform(0.4, 1.6))
        wanted = max(1, round(wanted / group.multiple)) * group.multiple
        graph = _applied(graph, SetWidth(group.key, wanted)) if wanted != group.width else graph
    return graph


def random_move(graph: Graph, rng: random.Random) -> Move | None:
    """A move that a person might try on the graph, of a kind chosen at random; None where none of that kind exists.
    It may still turn out to be impossible."""
    kind = rng.choice((_widen, _widen, _widen, _fuse, _mix, _gate, _swap, _resize, _stride))
    return kind(graph, rng)


def _widen(graph: Graph, rng: random.Random) -> Move | None:
    groups = [g for g in analyse(graph).groups if not g.pinned]
    if not groups:
        return None
    group = rng.choice(groups)
    wanted = width(rng, group.width * rng.choice((0.5, 0.75, 0.9, 1.1, 1.25, 1.5)))
    return SetWidth(group.key, max(1, round(wanted / group.multiple)) * group.multiple)


def _fuse(graph: Graph, rng: random.Random) -> Move | None:
    blocks = [ibn for ibn in find_ibn(graph) if ibn.depthwise is not None]
    if blocks:
        chosen = rng.choice(blocks)
        assert chosen.depthwise is not None
        return FuseIBN(chosen.expand, chosen.depthwise)
    wide = [ibn.expand for ibn in find_ibn(graph)]
    return UnfuseIBN(rng.choice(wide)) if wide else None


def _mix(graph: Graph, rng: random.Random) -> Move | None:
    convs = [op for op in graph.ops if op.op == "conv" and op.attrs["kernel"][0] > 1 and not op.attrs["transposed"]]
    if not convs:
        return None
    op = rng.choice(convs)
    return DepthwiseToStandard(op.key) if op.attrs["groups"] > 1 else StandardToDepthwise(op.key)


def _gate(graph: Graph, rng: random.Random) -> Move | None:
    gates = find_se(graph)
    return RemoveSE(rng.choice(gates).gate) if gates else None


def _swap(graph: Graph, rng: random.Random) -> Move | None:
    found = [op for op in graph.ops if op.op == "activation"]
    if not found:
        return None
    fn = rng.choice(found).attrs["fn"]
    return SwapActivation(
        tuple(op.key for op in found if op.attrs["fn"] == fn),
        rng.choice(("relu", "relu6", "hardswish", "silu", "gelu")),
    )


def _resize(graph: Graph, rng: random.Random) -> Move | None:
    side = rng.choice((96, 128, 160, 192, 208, 224, 240, 256, 288, 320))
    return SetResolution(side, side)


def _stride(graph: Graph, rng: random.Random) -> Move | None:
    convs = [op for op in graph.ops if op.op == "conv" and op.attrs["stride"] == [2, 2] and not op.attrs["transposed"]]
    return SetStride(rng.choice(convs).key, 1) if convs else None


def _small(graph: Graph, weights: int) -> bool:
    """Whether it can be compiled in good time."""
    activations = (t.numel for t in graph.tensors.values() if t.role in ("input", "activation"))
    return max(activations) <= _MAX_TENSOR and _weights(graph) <= weights


def _weights(graph: Graph) -> int:
    return sum(t.numel for t in graph.tensors.values() if t.role == "parameter")


# ---- sections


def section(graph: Graph, rng: random.Random, least: int = 10, most: int = 40) -> Graph | None:
    """Consecutive ops of the graph, about as many kernels as asked, cut where few tensors cross; None where no cut
    leaves an image or a sequence as the input."""
    compute = [i for i, op in enumerate(graph.ops) if op.op in ("conv", "linear", "matmul", "attention")]
    size = rng.randint(least, most) // 2
    if len(compute) <= size:
        return graph
    cuts = _cuts(graph)
    start = rng.randrange(len(compute) - size + 1)
    first = min(cuts, key=lambda i: abs(i - compute[start]))
    last = min((i for i in cuts if i > first), key=lambda i: abs(i - compute[start + size - 1] - 1), default=0)
    return _cut(graph, first, last) if last > first else None


def _cuts(graph: Graph) -> list[int]:
    """Positions before which at most two activations cross; the ends are among them."""
    last = {t: i for i, op in enumerate(graph.ops) for t in op.inputs}
    last.update(dict.fromkeys(graph.outputs, len(graph.ops)))
    alive = {t for t in graph.inputs if t in last}
    positions = [0]
    for i, op in enumerate(graph.ops):
        alive = {t for t in alive if last[t] > i}
        alive.update(t for t in op.outputs if t in last and last[t] > i)
        if len(alive) <= 2:
            positions.append(i + 1)
    return positions


def _cut(graph: Graph, first: int, last: int) -> Graph | None:
    """Ops ``first`` to ``last`` (exclusive) as a graph of their own; what they do not make they are given."""
    ops: list[Op] = graph.ops[first:last]
    made = {t for op in ops for t in op.outputs}
    given: dict[int, None] = {}
    for op in ops:
        for t in op.inputs:
            if t not in made and graph.tensors[t].role in ("activation", "input"):
                given[t] = None
    later = {t for op in graph.ops[last:] for t in op.inputs} | set(graph.outputs)
    outputs = tuple(t for op in ops for t in op.outputs if t in later)
    if not given or not outputs:
        return None
    used = {t for op in ops for t in (*op.inputs, *op.outputs, *op.weights.values())}
    tensors = {t: graph.tensors[t] for t in used}
    for t in given:
        tensors[t] = Tensor(tensors[t].shape, tensors[t].dtype, tensors[t].layout, "input")
    return Graph(ops, tensors, {"": Module("", "Section")}, tuple(given), outputs)
