"""``--ratio-table FILE`` writes what the benchmarks measured as a Markdown table; ``--daemon-table FILE`` has those of
the daemon run, and writes theirs."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

ROUNDS = 15

HEAD = """# Benchmarks

Written by `make bench`. Both sides of a row ran in turns on the same machine, on one thread, each on a model built
anew: MobileNetV2 at 224 on meta, for the target npu-64 (the learned estimator: its graph, for ethos-u55-128). The ratio
is what matters; the times are this machine's.

| what | median | yardstick | median | ratio | limit |
|---|---|---|---|---|---|
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--ratio-table", type=Path, help="write the benchmarks' ratios to this Markdown file")
    parser.addoption("--daemon-table", type=Path, help="run the daemon's benchmarks and write this Markdown file")


def pytest_sessionfinish(session: pytest.Session) -> None:
    file = session.config.getoption("--ratio-table")
    measured = getattr(session.config, "_benchmarksession", None)
    if file is None or measured is None:
        return
    rows = []
    for bench in measured.benchmarks:
        info = bench.extra_info
        if "ratio" in info:
            name = bench.name.removeprefix("test_").replace("_", " ")
            rows.append(
                f"| {name} | {1000 * bench.stats.median:.0f} ms | {info['yardstick']} "
                f"| {1000 * info['yardstick_seconds']:.0f} ms | {info['ratio']:.2f} | {info['limit']} |\n"
            )
    file.write_text(HEAD + "".join(rows), encoding="utf-8")


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def against(benchmark) -> Callable[..., Any]:
    """``against(prepare, peer, name, limit)`` times what ``prepare`` returns, in turns with ``peer``, asserts that it
    takes no more than ``limit`` of the peer's time, and gives what came of it, for the test to look at."""

    def run(prepare: Callable[[], Callable[[], object]], peer: Callable[[], float], name: str, limit: float) -> Any:
        peers: list[float] = []

        def setup() -> tuple[tuple[Callable[[], object]], dict[str, object]]:
            peers.append(peer())
            return (prepare(),), {}

        if benchmark.disabled:
            return benchmark.pedantic(prepare())
        found = benchmark.pedantic(lambda timed: timed(), setup=setup, rounds=ROUNDS, warmup_rounds=1)
        theirs = statistics.median(peers[1:])
        ratio = benchmark.stats.stats.median / theirs
        benchmark.extra_info.update(yardstick=name, yardstick_seconds=theirs, ratio=ratio, limit=limit)
        assert ratio <= limit
        return found

    return run
