"""Long check: what compiled cost landscapes look like, and whether predictions see it.

A 3 × 3 convolution over C = 8 … 72 channels, in the middle of three at 32 × 32, as Vela compiles it and as the
installed estimator predicts it; and inverted bottlenecks fused against not, at the five stages of a MobileNet. Run
``python -m tests.corpus.verify_staircase --table docs/verify-staircase.md --figure docs/images/staircase.svg``; it
exits with 1 when a requirement fails.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from advisor import packs
from advisor.costs import Costs
from advisor.estimator import plots
from advisor.estimator.backends import backend_for
from advisor.estimator.measuring import Backend
from advisor.graph import Graph
from advisor.targets import Target, load
from tests.graphs import GraphBuilder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTHS = range(8, 73)
STAIRCASES = ("ethos-u55-128", "ethos-u85-1024-shared")
STAGES = ((112, 16), (56, 24), (28, 32), (14, 96), (7, 160))
EXPANSION = 6
REFERENCE = {
    "ethos-u85-1024": (0.59, 0.77, 1.17, 2.05, 2.50),
    "ethos-u85-2048": (0.68, 0.82, 0.76, 2.02, 2.10),
    "ethos-u55-128": (1.15, 2.02, 1.57, 3.09, 4.14),
}
"""Fused over inverted, found with another writer of TFLite and the same compiler; ours has to agree."""

WHOLE_BLOCKS = ("ethos-u55-128",)
"""Targets whose blocks were measured alone; the others' between two 1 × 1 convolutions."""

JUMP, SEEN = 0.25, 0.10
"""A compiled cost that rises by so much from one width to the next has to rise in the prediction by so much."""

MOST_ERROR, AGREEMENT = 0.08, 0.03


def convolution(channels: int) -> tuple[Graph, frozenset[int]]:
    """Three convolutions, and the key of the middle one."""
    b = GraphBuilder()
    x = b.conv(b.input((1, channels, 32, 32)), channels, 3)
    y = b.conv(x, channels, 3)
    middle = b.ops[-1].key
    return b.build(b.conv(y, channels, 3)), frozenset((middle,))


def block(size: int, channels: int, fused: bool, alone: bool) -> tuple[Graph, frozenset[int]]:
    """An inverted bottleneck with its residual, fused or not, and the keys of its ops."""
    b = GraphBuilder()
    x = b.input((1, channels, size, size))
    if not alone:
        x = b.conv(x, channels, 1)
    first = len(b.ops)
    if fused:
        y = b.act(b.conv(x, EXPANSION * channels, 3), "relu6")
    else:
        y = b.act(b.depthwise(b.act(b.conv(x, EXPANSION * channels, 1), "relu6")), "relu6")
    y = b.add(x, b.conv(y, channels, 1))
    keys = frozenset(op.key for op in b.ops[first:])
    return b.build(y if alone else b.conv(y, channels, 1)), keys


@dataclass(frozen=True)
class Step:
    """What ops take in their graph, in microseconds: compiled, predicted, and the prediction's 90 % interval."""

    compiled: float
    predicted: float
    low: float | None = None
    high: float | None = None


def step(made: tuple[Graph, frozenset[int]], target: Target, backend: Backend) -> Step:
    graph, keys = made
    rows = backend.measure(graph, target).rows
    costs = packs.estimator_for(target).estimate(graph, target)
    kernels = [k for k in costs.kernels if keys.issuperset(k.ops)]
    bounds = [(k.low_us, k.high_us) for k in kernels]
    lows, highs = ([v for v in side if v is not None] for side in zip(*bounds, strict=True))
    known = len(lows) == len(highs) == len(kernels) == 1
    return Step(
        sum(r.latency_us for r in rows if r.ops and keys.issuperset(r.ops)),
        _of(costs, keys),
        lows[0] if known else None,
        highs[0] if known else None,
    )


def _of(costs: Costs, keys: Collection[int]) -> float:
    return sum(costs.op_latency_us.get(key, 0.0) for key in keys)


@dataclass(frozen=True)
class Staircase:
    """A target's steps over :data:`WIDTHS`."""

    target: Target
    label: str
    steps: Sequence[Step]

    @property
    def error(self) -> float:
        return sum(abs(s.predicted / s.compiled - 1) for s in self.steps) / len(self.steps)

    def jumps(self) -> dict[int, bool]:
        """Width behind each jump → whether the prediction sees it."""
        return {
            width: b.predicted / a.predicted - 1 >= SEEN
            for width, (a, b) in zip(WIDTHS[1:], pairwise(self.steps), strict=True)
            if b.compiled / a.compiled - 1 >= JUMP
        }


def staircase(name: str) -> Staircase:
    target, backend = _target(name)
    label = packs.estimator_for(target).label
    return Staircase(target, label, [step(convolution(c), target, backend) for c in WIDTHS])


def _target(name: str) -> tuple[Target, Backend]:
    target = load(name)
    backend = backend_for(target)
    if backend is None:
        raise SystemExit(f"nothing installed measures on {name}; install the extra: pip install 'nas-advisor[vela]'")
    return target, backend


@dataclass(frozen=True)
class Ratios:
    """Fused over inverted at each of :data:`STAGES`."""

    target: str
    label: str
    compiled: tuple[float, ...]
    predicted: tuple[float, ...]

    @property
    def off(self) -> float:
        """The largest relative distance of the compiled ratios from :data:`REFERENCE`."""
        pairs = zip(self.compiled, REFERENCE[self.target], strict=True)
        return max(abs(ours / known - 1) for ours, known in pairs)

    def wrong(self) -> list[str]:
        """Stages where the prediction would decide otherwise."""
        return [
            f"{size} × {size}, {c} channels"
            for (size, c), a, b in zip(STAGES, self.compiled, self.predicted, strict=True)
            if (a < 1) != (b < 1)
        ]


def ratios(name: str) -> Ratios:
    target, backend = _target(name)
    pairs = [
        [step(block(size, c, fused, name in WHOLE_BLOCKS), target, backend) for fused in (True, False)]
        for size, c in STAGES
    ]
    return Ratios(
        name,
        packs.estimator_for(target).label,
        tuple(fused.compiled / plain.compiled for fused, plain in pairs),
        tuple(fused.predicted / plain.predicted for fused, plain in pairs),
    )


# ---- what is written


def figure(found: Sequence[Staircase]) -> Figure:
    """Compiled and predicted kilocycles over the widths, a panel a target."""

    def kilo(values: Sequence[float | None], clock: float) -> list[float]:
        return [(v or 0.0) * clock / 1e9 for v in values]

    panels = {}
    for stairs in found:
        clock, steps = stairs.target.clock_hz, stairs.steps
        known = all(s.low is not None for s in steps)
        panels[stairs.target.name] = [
            plots.Series("compiled (vendor estimate)", kilo([s.compiled for s in steps], clock)),
            plots.Series(
                stairs.label,
                kilo([s.predicted for s in steps], clock),
                kilo([s.low for s in steps], clock) if known else None,
                kilo([s.high for s in steps], clock) if known else None,
            ),
        ]
    return plots.staircase(panels, WIDTHS, "channels in and out of a 3 × 3 convolution at 32 × 32", "thousand cycles")


def page(found: Sequence[Staircase], blocks: Sequence[Ratios], problems: Sequence[str], image: str) -> str:
    """The figures as a page of Markdown."""
    lines = [
        "# Staircases and fused blocks: compiled against predicted",
        "",
        "Written by `make verify-staircase`. The compiled numbers are vendor estimates of Vela; the predictions come "
        f"from the installed estimator. {'All requirements are met.' if not problems else 'Not met:'}",
        "",
        *(f"- {problem}" for problem in problems),
        *([""] if problems else []),
        "## A 3 × 3 convolution over C = 8 … 72",
        "",
        "C channels in and out at 32 × 32, between two others like it. A *jump* is a width that costs "
        f"{100 * JUMP:.0f} % more than the one before; it is seen where the prediction rises by "
        f"{100 * SEEN:.0f} % too.",
        "",
        f"![staircase]({image})",
        "",
        "| target | label | mean absolute error | jumps after C = | seen |",
        "|---|---|---|---|---|",
    ]
    for stairs in found:
        jumps = stairs.jumps()
        after, seen = ", ".join(str(width - 1) for width in jumps), f"{sum(jumps.values())} of {len(jumps)}"
        lines.append(f"| {stairs.target.name} | {stairs.label} | {100 * stairs.error:.1f} % | {after} | {seen} |")
    heads = [f"{size} × {size}, {c}" for size, c in STAGES]
    lines += [
        "",
        "## Fused over inverted bottleneck",
        "",
        f"Latency of a block whose expansion ({EXPANSION} ×) and depthwise convolution are fused into one 3 × 3 "
        "convolution, over that of the block as it is; below 1 fusing pays. Between two 1 × 1 convolutions "
        f"({', '.join(WHOLE_BLOCKS)}: the block alone). *Reference*: the same compiler, fed by another writer.",
        "",
        f"| target | | {' | '.join(heads)} |",
        f"|---|---|{'---|' * len(heads)}",
    ]
    for found_ratios in blocks:
        for name, values in (
            ("reference", REFERENCE[found_ratios.target]),
            ("compiled", found_ratios.compiled),
            (found_ratios.label, found_ratios.predicted),
        ):
            lines.append(f"| {found_ratios.target} | {name} | {' | '.join(f'{v:.2f}' for v in values)} |")
    return "\n".join(lines) + "\n"


def problems_of(found: Sequence[Staircase], blocks: Sequence[Ratios]) -> list[str]:
    """The requirements that are not met."""
    out = []
    for stairs in found:
        name = stairs.target.name
        if stairs.error > MOST_ERROR:
            out.append(
                f"{name}: mean absolute error {100 * stairs.error:.1f} %, required at most {100 * MOST_ERROR:.0f} %"
            )
        missed = [str(width - 1) for width, seen in stairs.jumps().items() if not seen]
        if missed:
            out.append(f"{name}: jumps not predicted after C = {', '.join(missed)}")
    for found_ratios in blocks:
        if found_ratios.off > AGREEMENT:
            out.append(f"{found_ratios.target}: a compiled ratio is {100 * found_ratios.off:.1f} % off its reference")
        out += [
            f"{found_ratios.target}: fusing would be decided otherwise at {where}" for where in found_ratios.wrong()
        ]
    return out


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, help="write the page there")
    parser.add_argument("--figure", type=Path, help="write the staircase there (.svg or .png)")
    args = parser.parse_args(argv)
    found = [staircase(name) for name in STAIRCASES]
    blocks = [ratios(name) for name in REFERENCE]
    problems = problems_of(found, blocks)
    image = "images/staircase.svg" if args.figure is None else f"images/{args.figure.name}"
    text = page(found, blocks, problems, image)
    print(text)
    if args.figure is not None:
        plots.save(figure(found), args.figure)
    if args.table is not None:
        args.table.write_text(text, encoding="utf-8")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
