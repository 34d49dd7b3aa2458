"""Speed as ratios to a yardstick that runs in the same process, turn by turn, on one thread.

    python -m tests.benchmarks.ratios [--rounds 15] [--families 50] [--table docs/benchmarks.md]

The model is ``mobilenet_v2.py`` beside this file at 224 on meta, built anew for every repetition, with the advisor's
caches of earlier models emptied; what is reported is the ratio of the medians. Exit code 1 when one is over its limit.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torchinfo

import advisor
from advisor import config, engine, live, packs, targets

from . import mobilenet_v2

SHAPE = (1, 3, 224, 224)
TARGET = "npu-64"


@dataclass
class Result:
    """Median seconds of both, over ``rounds`` turns each."""

    name: str
    ours: float
    yardstick: str
    theirs: float
    limit: float
    rounds: int

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs


def fresh() -> torch.nn.Module:
    """MobileNetV2 on meta; caches that an earlier copy filled are emptied."""
    for name, module in list(sys.modules.items()):
        if name.startswith(("advisor.estimator", "advisor.worker")):
            for value in vars(module).values():
                if hasattr(value, "cache_clear"):
                    value.cache_clear()
    with torch.device("meta"):
        model = mobilenet_v2.MobileNetV2().eval()
    gc.collect()
    return model


def seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def turns(
    name: str, ours: Callable[[], Callable[[], object]], limit: float, rounds: int, yardstick: str = "torchinfo.summary"
) -> Result:
    """``ours`` prepares a repetition and returns what is timed. The first turn of each warms up and is not counted."""
    mine, others = [], []
    for turn in range(rounds + 1):
        run = ours()
        spent = seconds(run)
        model = fresh()
        peer = seconds(lambda m=model: torchinfo.summary(m, SHAPE, verbose=0, device="meta"))
        if turn:
            mine.append(spent)
            others.append(peer)
    return Result(name, statistics.median(mine), yardstick, statistics.median(others), limit, rounds)


def graph_and_costs() -> Callable[[], object]:
    model, target = fresh(), targets.load(TARGET)
    estimator = packs.estimator_for(target)

    def run() -> None:
        graph, _ = live.trace(model, SHAPE)
        estimator.estimate(graph, target)

    return run


def full_report() -> Callable[[], object]:
    model = fresh()
    return lambda: advisor.audit(model, SHAPE, target=TARGET)


def from_file(session: engine._Session) -> Callable[[], object]:
    """The file's model through a worker that is running already; the worker forks a fresh child each time."""
    fresh()
    path = Path(mobilenet_v2.__file__)

    def run() -> None:
        report = session.file(path)
        assert report is not None
        assert report.models[0].costs, report.findings

    return run


def families(count: int) -> Result:
    """``count`` timm families audited, against one forward of each; a process of its own for both."""
    spent = {}
    for mode in ("forward", "audit"):
        command = [sys.executable, "-m", "tests.benchmarks.families", mode, str(count)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        spent[mode] = float(done.stdout.split()[0])
    return Result(
        f"{count} timm families audited", spent["audit"], "import, build, one forward", spent["forward"], 2.0, 1
    )


def measure(rounds: int, family_count: int) -> list[Result]:
    settings = config.resolve(Path.cwd(), {"targets": [TARGET], "python": sys.executable})
    session = engine._Session(engine._Plan.of(settings), threading.Event())
    try:
        return [
            turns("live model to graph and costs", graph_and_costs, 0.5, rounds),
            turns("live model to the full report", full_report, 1.0, rounds),
            turns("file to the full report, warm worker", lambda: from_file(session), 1.0, rounds),
            families(family_count),
        ]
    finally:
        session.close()


def table(results: list[Result]) -> str:
    rows = ["| what | median | yardstick | median | ratio | limit |", "|---|---|---|---|---|---|"]
    rows += [
        f"| {r.name} | {1000 * r.ours:.0f} ms | {r.yardstick} | {1000 * r.theirs:.0f} ms | {r.ratio:.2f} | {r.limit} |"
        for r in results
    ]
    return "\n".join(rows) + "\n"


HEAD = """# Benchmarks

Written by `make bench`. Both sides of a row ran in turns on the same machine, on one thread, each on a model built
anew: MobileNetV2 at 224 on meta, for the target npu-64. The ratio is what matters; the times are this
machine's.

"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--families", type=int, default=50)
    parser.add_argument("--table", type=Path, help="write the table to this Markdown file")
    args = parser.parse_args()
    torch.set_num_threads(1)
    results = measure(args.rounds, args.families)
    print(table(results))
    if args.table:
        args.table.write_text(HEAD + table(results), encoding="utf-8")
    return int(any(r.ratio > r.limit for r in results))


if __name__ == "__main__":
    sys.exit(main())
