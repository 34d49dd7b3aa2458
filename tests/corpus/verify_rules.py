"""Long check: whether what rules say holds against ground truth.

Random layers and blocks, each a small network of its own, are audited with the estimator that users get; the move of
every finding is then measured, and so are the moves of rules that stayed silent. Run
``python -m tests.corpus.verify_rules --table docs/verify-rules.md``; it exits with 1 when a requirement fails.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from advisor import packs
from advisor.advice.advise import advise
from advisor.costs import Estimator
from advisor.edit import MoveError
from advisor.estimator.backends import backend_for
from advisor.estimator.measuring import Backend
from advisor.graph import Graph
from advisor.moves import Move, from_plain
from advisor.rule import Look, Rule
from advisor.targets import Target, load
from tests.graphs import GraphBuilder

TARGETS = ("ethos-u55-128", "ethos-u85-1024-shared", "npu-64")

SHARE = 0.95
"""Of a rule's warnings, so many have to save time in truth; of the widths called free, so many have to cost no more
than is said."""
FREE = "CHN102"
"""The rule about what costs nothing."""
STEPS = "CHN101"
"""The rule about steps: it is silent where narrower is simply less, which is no saving missed."""
WORTH = 0.01
"""A rule that is silent about a saving of this share has missed it."""

STAGES = ((112, 8, 24), (56, 16, 40), (28, 24, 64), (14, 48, 160), (7, 96, 320))
"""Image sizes with the least and the most channels that inverted bottlenecks have there."""


def bottleneck(rng: random.Random, fused: bool) -> Graph:
    """An inverted bottleneck between two 1 × 1 convolutions."""
    size, least, most = rng.choice(STAGES)
    channels = rng.randrange(least, most + 1, 8)
    b = GraphBuilder()
    x = b.conv_bn_act(b.input((1, channels, size, size)), channels)
    y = b.inverted_bottleneck(x, channels, rng.choice((3, 4, 6)), rng.choice((3, 3, 5)), fused=fused)
    return b.build(b.conv(y, channels))


def pair(rng: random.Random) -> Graph:
    """Two convolutions with any number of channels between them."""
    size, kernel = rng.choice((8, 14, 16, 28, 32, 56)), rng.choice((1, 3, 3))
    b = GraphBuilder()
    x = b.input((1, rng.randrange(16, 129, 8), size, size))
    x = b.conv_bn_act(x, rng.randint(17, 200), kernel, fn="relu")
    return b.build(b.conv(x, rng.randrange(16, 129, 8), kernel))


def filtered(rng: random.Random) -> Graph:
    """A depthwise convolution between a 3 × 3 and a 1 × 1 one."""
    size, channels = rng.choice((112, 56, 28)), rng.choice((4, 8, 8, 12, 16, 24, 32))
    b = GraphBuilder()
    x = b.conv_bn_act(b.input((1, 3, size, size)), channels, 3)
    x = b.act(b.bn(b.depthwise(x, rng.choice((3, 5)))), "relu6")
    return b.build(b.conv(x, 2 * channels))


ASKED: tuple[tuple[str, int, Callable[[random.Random], Graph]], ...] = (
    ("CHN101", 50, pair),
    ("CHN102", 50, pair),
    ("DWC301", 20, filtered),
    ("IBN201", 20, lambda rng: bottleneck(rng, fused=False)),
    ("IBN202", 20, lambda rng: bottleneck(rng, fused=True)),
)
"""Rules, how many models they are asked about, and how those are drawn."""


@dataclass(frozen=True)
class Said:
    """A finding: its predicted and true gain and its uncertainty, as shares of the model's latency."""

    what: str
    warning: bool
    predicted: float
    true: float
    error: float

    @property
    def held(self) -> bool:
        return abs(self.predicted - self.true) <= self.error


@dataclass
class Tally:
    """What a rule said on a target. ``missed`` are true gains of moves that it did not speak of."""

    target: str
    code: str
    models: int
    said: list[Said] = field(default_factory=list)
    missed: list[float] = field(default_factory=list)

    @property
    def right(self) -> float:
        """How many of the warnings are right; of a rule about what costs nothing, how many of its findings."""
        return _mean([self.so(s) for s in self.said if s.warning or self.code == FREE])

    def so(self, said: Said) -> bool:
        """Whether a finding is right: the move saves time; one that is said to cost so much at the most does."""
        return said.true >= said.predicted - said.error if self.code == FREE else said.true > 0


def asked(rule: Rule, graphs: list[Graph], target: Target, estimator: Estimator, backend: Backend) -> Tally:
    """What the rule says of the graphs, measured."""
    made = Tally(target.name, rule.code, len(graphs))
    for graph in graphs:
        base = backend.measure(graph, target).latency_us

        def true(move: Move, graph: Graph = graph, base: float = base) -> float:
            return 1 - backend.measure(move.apply(graph), target).latency_us / base

        costs = estimator.estimate(graph, target)
        advised = advise(graph, target, estimator, [rule], costs=costs)
        assert not advised.failures, advised.failures
        for f in advised.findings:
            assert f.move is not None and f.gain_us is not None
            predicted, error = (us / costs.latency_us for us in (f.gain_us, f.gain_error_us or 0.0))
            made.said.append(Said(f.message, f.severity == "warning", predicted, true(from_plain(f.move)), error))
        if not advised.findings and rule.code not in (FREE, STEPS):
            made.missed += [max(map(true, moves)) for moves in proposed(rule, Look(graph, target, costs), graph)]
    return made


def proposed(rule: Rule, look: Look, graph: Graph) -> Iterator[list[Move]]:
    """The moves that the rule weighs, place by place."""
    for advice in rule.check(look):
        applying = []
        for move in advice.moves:
            try:
                move.apply(graph)
            except MoveError:
                continue  # the engine drops it, too
            applying.append(move)
        if applying:
            yield applying


def page(made: list[Tally]) -> str:
    """The committed page."""
    lines = [
        "# What rules say, measured",
        "",
        "Written by `make verify-rules`.",
        "",
        "Random layers and blocks, each a small network, audited with the estimator that users get; the move of every"
        " finding was measured (Vela; npu-64: the tile-level simulation). *Right*: the warning's move saves time in"
        f" truth; for `{FREE}`, the wider layer costs no more than is said at the most. *Doubtful* findings gain less"
        " than their uncertainty, which they say, and are no warnings. *Missed*: models on which the rule is silent"
        f" though its move would save at least {100 * WORTH:.0f} %.",
        "",
        "| target | rule | models | findings | doubtful | right | median true gain | intervals hold | missed |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for t in made:
        free = t.code == FREE
        doubtful = "-" if free else str(sum(not s.warning for s in t.said))
        median = f"{100 * np.median([s.true for s in t.said]):.1f} %" if t.said else "-"
        missed = "-" if t.code in (FREE, STEPS) else str(sum(m >= WORTH for m in t.missed))
        lines.append(
            f"| {t.target} | `{t.code}` | {t.models} | {len(t.said)} | {doubtful} | {_percent(t.right)} | {median} "
            f"| {_percent(_mean([s.held for s in t.said]))} | {missed} |"
        )
    wrong = [(t, s) for t in made for s in t.said if not t.so(s)]
    lines += ["", f"Required: {100 * SHARE:.0f} % right."]
    for t in made:
        if t.right < SHARE:
            lines.append(f"**`{t.code}` on {t.target} misses**: {_percent(t.right)}.")
    lines += ["", *(["Not so in truth:", ""] if wrong else [])]
    for t, s in wrong:
        lines.append(f"- {t.target}, `{t.code}`: {s.what} (in truth {100 * s.true:+.1f} %, ±{100 * s.error:.1f} %)")
    return "\n".join(lines).rstrip() + "\n"


def _mean(values: list[bool]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _percent(value: float) -> str:
    return "-" if np.isnan(value) else f"{100 * value:.0f} %"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--table", type=Path, help="write the page to this Markdown file")
    parser.add_argument("--target", action="append", help="only this target (repeatable)")
    options = parser.parse_args()
    rules = {rule.code: rule for rule in packs.rules()}
    made: list[Tally] = []
    for name in options.target or TARGETS:
        target = load(name)
        backend = backend_for(target)
        if backend is None:
            parser.error(f"nothing measures '{name}' here; `pip install nas-advisor[vela]`")
        for code, count, drawn in ASKED:
            rng = random.Random(code)
            graphs = [drawn(rng) for _ in range(count)]
            made.append(asked(rules[code], graphs, target, packs.estimator_for(target), backend))
            print(f"{name} {code}: {len(made[-1].said)} findings, right {_percent(made[-1].right)}", flush=True)
    if options.table:
        options.table.write_text(page(made), encoding="utf-8")
    return 1 if any(t.right < SHARE for t in made) else 0


if __name__ == "__main__":
    sys.exit(main())
