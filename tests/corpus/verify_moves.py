"""Holds the predicted graph of random moves against the graph traced from a model that was built that way.

    python -m tests.corpus.verify_moves [--each 22] [--seed 0] [--table docs/verify-moves.md]

The second model is built by the library's own constructor where its arguments allow (``move_families.py``), otherwise
by surgery on the live module. Exit code 1 when any prediction differs.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from advisor import live
from advisor.channels import analyse
from advisor.equivalence import equivalent
from advisor.graph import Graph
from advisor.moves import (
    DepthwiseToStandard,
    FuseIBN,
    MergeLinear,
    Move,
    MoveError,
    RemoveBias,
    RemoveSE,
    SetStride,
    SetWidth,
    StandardToDepthwise,
    SwapActivation,
    UnfuseIBN,
    find_ibn,
    find_mergeable,
    find_redundant_bias,
    find_se,
)
from advisor.moves.chain import is_depthwise, is_pointwise
from advisor.moves.live import surgery_plan
from advisor.worker import surgery
from advisor.worker.load.torchvision_ops import install
from tests.corpus.move_families import BY_CONSTRUCTOR
from tests.corpus.trials import Trial, on_meta, timm_model

SURGERY_MODELS = (
    "resnet18",
    "mobilenetv2_100",
    "mobilenetv3_small_100",
    "efficientnet_b0",
    "efficientnet_es",
    "mnasnet_100",
    "regnetx_002",
    "densenet121",
    "convnext_atto",
    "vgg11_bn",
    "vgg16_bn",
    "repvgg_a0",
    "hardcorenas_a",
    "lcnet_050",
    "inception_v3",
    "fbnetc_100",
    "spnasnet_100",
    "tinynet_e",
    "efficientnet_lite0",
    "semnasnet_075",
    "mobilenetv2_050",
    "mobilenetv4_conv_small",
)
INPUT = (1, 3, 224, 224)


@dataclass(frozen=True)
class Result:
    """One prediction: how the second model was built, and how the graphs differ (not at all, it is hoped)."""

    kind: str
    family: str
    built: str
    move: str
    differences: tuple[str, ...]


def trace(model: nn.Module, shape: tuple[int, ...]) -> Graph:
    graph, info = live.trace(model, shape)
    if info.status != "ok":
        raise RuntimeError(f"traced in part only: {info.failure}")
    return graph


# ---- second models by constructor


def check_trial(kind: str, trial: Trial) -> Result:
    """Apply the trial's moves to the first model's graph and compare with the second's."""
    graph = trace(on_meta(trial.before), trial.inputs)
    predicted = graph
    moves = trial.moves(graph)
    if not moves or any(move.kind != kind for move in moves):
        raise RuntimeError(f"{trial.family}: {moves} are no {kind}")
    words = moves[0].describe(graph) + (f" and {len(moves) - 1} more" if len(moves) > 1 else "")
    try:
        for move in moves:
            predicted = move.apply(predicted)
    except MoveError as e:
        return Result(kind, trial.family, "constructor", words, (f"refused: {e}",))
    predicted.check()
    built = trace(on_meta(trial.after), trial.inputs_after or trial.inputs)
    return _compared(kind, trial.family, "constructor", words, graph, predicted, built)


def _compared(kind: str, family: str, built: str, words: str, before: Graph, predicted: Graph, after: Graph) -> Result:
    differences = equivalent(predicted, after)
    if not equivalent(before, predicted):
        differences.append("the move changed nothing")
    return Result(kind, family, built, words, tuple(differences))


# ---- second models by surgery


def _convs(graph: Graph, test: Callable[..., bool]) -> list[int]:
    return [op.key for op in graph.ops if op.op == "conv" and test(graph, op)]


def _widths(graph: Graph, rng: random.Random) -> list[Move]:
    groups = [g for g in analyse(graph).groups if not g.pinned]
    return [SetWidth(g.key, g.width + rng.choice((-1, 1, 2, 3)) * g.multiple) for g in groups if g.width > g.multiple]


CANDIDATES: dict[str, Callable[[Graph, random.Random], list[Move]]] = {
    "set_width": _widths,
    "fuse_ibn": lambda g, _: [FuseIBN(b.expand, b.depthwise) for b in find_ibn(g) if b.depthwise is not None],
    "unfuse_ibn": lambda g, _: (
        [UnfuseIBN(b.expand) for b in find_ibn(g) if b.fused]
        + [UnfuseIBN(k) for k in _convs(g, lambda g, op: op.attrs["groups"] == 1 and min(op.attrs["kernel"]) > 1)]
    ),
    "depthwise_to_standard": lambda g, _: [DepthwiseToStandard(k) for k in _convs(g, is_depthwise)],
    "standard_to_depthwise": lambda g, _: [
        StandardToDepthwise(k) for k in _convs(g, lambda g, op: op.attrs["groups"] == 1 and not is_pointwise(op))
    ],
    "swap_activation": lambda g, rng: [
        SwapActivation((op.key,), rng.choice(("relu", "silu", "gelu"))) for op in g.ops if op.op == "activation"
    ],
    "remove_se": lambda g, _: [RemoveSE(se.gate) for se in find_se(g)],
    "merge_linear": lambda g, _: [MergeLinear(a, b) for a, b in find_mergeable(g)],
    "remove_bias": lambda g, _: [RemoveBias(k) for k in find_redundant_bias(g)],
    "set_stride": lambda g, rng: [
        SetStride(op.key, rng.choice((1, 2, 3))) for op in g.ops if op.op in ("conv", "pool") and op.module
    ],
}
"""Move kind → all moves of a graph that surgery may carry out; some are refused."""


class Workshop:
    """Traced models by name, and the moves of each kind that were not tried yet."""

    def __init__(self, names: tuple[str, ...], rng: random.Random) -> None:
        self._rng = rng
        self._models = {name: on_meta(lambda name=name: timm_model(name)) for name in names}
        self._graphs = {name: trace(model, INPUT) for name, model in self._models.items()}
        self.skipped: list[str] = []

    def results(self, kind: str, wanted: int) -> list[Result]:
        """Up to ``wanted`` results of a kind, spread over the models."""
        pools: dict[str, list[Move]] = {}
        for name, graph in self._graphs.items():
            pools[name] = CANDIDATES[kind](graph, self._rng)
            self._rng.shuffle(pools[name])
        out: list[Result] = []
        while len(out) < wanted and any(pools.values()):
            for name in sorted(pools, key=lambda n: self._rng.random()):
                result = self._next(kind, name, pools[name]) if len(out) < wanted else None
                if result is not None:
                    out.append(result)
        return out

    def _next(self, kind: str, name: str, pool: list[Move]) -> Result | None:
        """The first move of the pool that applies and that surgery can build."""
        graph = self._graphs[name]
        while pool:
            move = pool.pop()
            try:
                predicted = move.apply(graph)
            except MoveError:
                continue  # a refusal is no prediction
            try:
                built = surgery.apply(self._models[name], surgery_plan(graph, predicted))
            except (MoveError, surgery.SurgeryError) as e:
                self.skipped.append(f"{name}: {move.describe(graph)}: {e}")
                continue
            try:
                after = trace(built, INPUT)
            except (live.TraceError, RuntimeError) as e:
                return Result(kind, name, "surgery", move.describe(graph), (f"the model built so fails: {e}",))
            return _compared(kind, f"timm {name}", "surgery", move.describe(graph), graph, predicted, after)
        return None


def verify(each: int, seed: int, names: tuple[str, ...] = SURGERY_MODELS) -> tuple[list[Result], list[str]]:
    """``each`` results of every kind, two thirds of them by constructor where there is one; and what was skipped."""
    rng = random.Random(seed)
    workshop = Workshop(names, rng)
    results: list[Result] = []
    for kind in sorted({*BY_CONSTRUCTOR, *CANDIDATES}):
        generators = BY_CONSTRUCTOR.get(kind, ())
        wanted = each if kind not in CANDIDATES else -(-2 * each // 3)
        made = [check_trial(kind, generators[i % len(generators)](rng)) for i in range(wanted)] if generators else []
        if kind in CANDIDATES:
            made += workshop.results(kind, each - len(made))
        results += made
    return results, workshop.skipped


# ---- the table


def table(results: list[Result], skipped: list[str], seed: int, seconds: float) -> str:
    """The figures as a page of Markdown."""
    kinds = sorted({r.kind for r in results})
    families = sorted({r.family for r in results})
    wrong = [r for r in results if r.differences]
    lines = [
        "# Moves: predicted against built",
        "",
        f"{len(results)} random moves over {len(families)} model families (seed {seed}), none a no-op. Each predicted "
        "graph is compared with the graph traced from a model that was built that way: operators, attributes, shapes, "
        "dtypes, weights and wiring, up to names, spans, keys and identities. "
        f"{len(results) - len(wrong)} are equal, {len(wrong)} differ.",
        "",
        "Written by `python -m tests.corpus.verify_moves --table docs/verify-moves.md`. *Constructor*: the second "
        "model is built by its library with another argument; *surgery*: the live module was edited.",
        "",
        "| move | moves | by constructor | by surgery | equal | families |",
        "|---|---|---|---|---|---|",
    ]
    for kind in kinds:
        of = [r for r in results if r.kind == kind]
        constructed = sum(r.built == "constructor" for r in of)
        cells = (kind, len(of), constructed, len(of) - constructed, sum(not r.differences for r in of))
        lines.append(f"| {' | '.join(map(str, cells))} | {len({r.family for r in of})} |")
    lines += ["", "Families: " + ", ".join(families) + ".", ""]
    if wrong:
        lines += ["## Different", "", *(f"- {r.kind}, {r.family}, {r.move}: {r.differences[0]}" for r in wrong), ""]
    if skipped:
        lines += [
            f"## Skipped: {len(skipped)} moves that surgery cannot build",
            "",
            *(f"- {line}" for line in skipped),
            "",
        ]
    lines.append(f"Took {seconds:.0f} s.")
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=22, help="moves of every kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", type=Path, help="write the table there")
    args = parser.parse_args(argv)
    install()
    started = time.monotonic()
    results, skipped = verify(args.each, args.seed)
    text = table(results, skipped, args.seed, time.monotonic() - started)
    print(text)
    if args.table is not None:
        args.table.write_text(text, encoding="utf-8")
    return 1 if any(r.differences for r in results) else 0


if __name__ == "__main__":
    sys.exit(main())
