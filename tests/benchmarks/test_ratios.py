"""Speed as ratios to a yardstick that is timed in the same run, turn by turn, on one thread.

The model is ``mobilenet_v2.py`` beside this file at 224 on meta, built anew for every repetition, with the caches that
an earlier copy filled emptied. Before each timed repetition of ours the yardstick runs once, so that both see the same
machine; the ratio is that of the medians. ``make bench`` runs them and writes ``docs/benchmarks.md``; in the normal
suite each runs once, for what it computes.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchinfo

import advisor
from advisor import live, packs, targets
from advisor.plan import Plans
from advisor.session import Session

from . import mobilenet_v2

SHAPE = (1, 3, 224, 224)
TARGET = "npu-64"


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


def torchinfo_summary() -> float:
    """Seconds that ``torchinfo.summary`` takes on the same model on meta."""
    model = fresh()
    started = time.perf_counter()
    torchinfo.summary(model, SHAPE, verbose=0, device="meta")
    return time.perf_counter() - started


def test_live_model_to_graph_and_costs(against):
    def prepare() -> Callable[[], object]:
        model, target = fresh(), targets.load(TARGET)
        estimator = packs.estimator_for(target)

        return lambda: estimator.estimate(live.trace(model, SHAPE)[0], target)

    costs = against(prepare, torchinfo_summary, "torchinfo.summary", 0.5)
    assert costs.macs == pytest.approx(300e6, rel=0.02)


def test_live_model_to_the_full_report(against):
    def prepare() -> Callable[[], object]:
        model = fresh()
        return lambda: advisor.audit(model, SHAPE, target=TARGET)

    report = against(prepare, torchinfo_summary, "torchinfo.summary", 1.0)
    assert report.models[0].findings


def test_file_to_the_full_report_through_a_warm_worker(against):
    """The worker is running already and forks a fresh child each time; the project around the file is known."""
    path = Path(mobilenet_v2.__file__)
    with Session(Plans({"targets": [TARGET], "python": sys.executable})) as session:
        session.file(path)

        def prepare() -> Callable[[], object]:
            fresh()
            return lambda: session.file(path)

        report = against(prepare, torchinfo_summary, "torchinfo.summary", 1.0)
        assert report.models[0].findings


def test_fifty_timm_families(benchmark):
    """Imported, built on meta and audited by one process, against another that runs one forward of each instead."""
    count = 2 if benchmark.disabled else 50

    def run(mode: str) -> float:
        command = [sys.executable, "-m", "tests.benchmarks.families", mode, str(count)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
        return float(done.stdout.split()[0])

    theirs = run("forward")
    benchmark.pedantic(run, args=("audit",), rounds=1)
    if not benchmark.disabled:
        ratio = benchmark.stats.stats.median / theirs
        benchmark.extra_info.update(
            yardstick="import, build, one forward of each", yardstick_seconds=theirs, ratio=ratio, limit=2.0
        )
        assert ratio <= 2.0
