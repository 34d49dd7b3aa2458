"""The zero-shot proxies on NAS-Bench-Macro: how well each orders networks by what training them came to.

A journal, one JSON line a network, is written as networks are done: the study goes on where it was stopped.
"""

from __future__ import annotations

import csv
import gzip
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from advisor.worker.proxies.rig import Inputs, gaussian
from advisor.worker.proxies.score import BATCH, SEED, Bench
from advisor.zeroshot.ranks import combined, ranks

from .nasbench_macro import RESOLUTION, Network

QUICK = ("naswot", "expressivity")
"""Proxies that all networks are scored with, as far as the time goes; the others only those of the sample."""
BASELINES = ("flops", "params")
COMBINATIONS = (("expressivity", "naswot"), ("expressivity", "naswot", "trainability", "flops"))
AZ_NAS = ("expressivity", "progressivity", "trainability", "flops")
RESAMPLED = 2000


@dataclass
class Scored:
    """What is known of one network. ``seconds`` of CPU by proxy, and ``step`` of one training step."""

    code: str
    scores: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def table(data: Path) -> dict[str, dict[str, float]]:
    """The benchmark's networks by code: accuracy (mean of three trainings), parameters, FLOPs (as MACs)."""
    with gzip.open(data, "rt", encoding="utf-8") as file:
        return {
            row["arch"]: {
                "accuracy": float(row["mean_acc"]),
                "params": float(row["params"]),
                "flops": float(row["flops"]),
            }
            for row in csv.DictReader(file)
        }


def ordered(codes: Sequence[str], seed: int = SEED) -> list[str]:
    """The networks in the order of the study: its first n are the sample of n."""
    order = sorted(codes)
    random.Random(seed).shuffle(order)
    return order


def run(
    codes: Sequence[str], sample: int, journal: Path, seconds: float, say: Callable[[str], None]
) -> dict[str, Scored]:
    """Score networks for ``seconds`` of CPU: the first ``sample`` with every proxy, the others with the quick ones."""
    known = {s.code: s for s in _read(journal)}
    began = time.process_time()
    with journal.open("a", encoding="utf-8") as out:
        for i, code in enumerate(codes):
            if code in known:
                continue
            if time.process_time() - began > seconds:
                say(f"{len(known)} networks; the time is up")
                break
            scored = known[code] = _scored(code, every=i < sample)
            out.write(json.dumps(vars(scored)) + "\n")
            out.flush()
            if len(known) % 100 == 0:
                say(f"{len(known)} networks, {time.process_time() - began:.0f} s of CPU")
    return known


def _read(journal: Path) -> list[Scored]:
    if not journal.exists():
        return []
    found = []
    for line in journal.read_text(encoding="utf-8").splitlines():
        try:
            found.append(Scored(**json.loads(line)))
        except ValueError:  # the last line of a run that was killed
            continue
    return found


def _scored(code: str, *, every: bool) -> Scored:
    torch.manual_seed(SEED)
    model = Network(code)
    inputs = gaussian(Inputs((torch.empty(BATCH, 3, RESOLUTION, RESOLUTION),), {}), SEED)
    bench = Bench(model, inputs, time.monotonic() + 3600)
    scored = Scored(code)
    for name, one in _methods(bench, every):
        before = time.process_time()
        value = one()
        scored.seconds[name] = time.process_time() - before
        if value is not None:
            scored.scores[name] = value
    if every:
        before = time.process_time()
        _step(model, inputs.args[0])
        scored.seconds["step"] = time.process_time() - before
    return scored


def _methods(bench: Bench, every: bool) -> list[tuple[str, Callable[[], float | None]]]:
    def value(name: str) -> float | None:
        return bench.scores((name,))[name].get("value")

    slow = ("progressivity", "meco", "meco-drawn", "trainability", "synflow", "zen")
    return [(name, lambda n=name: value(n)) for name in (*QUICK, *(slow if every else ()))]


def _step(model: nn.Module, images: torch.Tensor) -> None:
    """One step of training: forward, backward, and the optimizer's."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model.train()
    with torch.enable_grad():
        F.cross_entropy(model(images), torch.zeros(len(images), dtype=torch.long)).backward()
    optimizer.step()


# ---- what comes of it


def spearman(a: Sequence[float], b: Sequence[float]) -> float:
    return float(np.corrcoef(ranks(a), ranks(b))[0, 1])


def interval(a: Sequence[float], b: Sequence[float], seed: int = SEED) -> tuple[float, float]:
    """95 % of bootstrap resamples lie between."""
    rng = np.random.default_rng(seed)
    x, y = np.asarray(a), np.asarray(b)
    draws = rng.integers(0, len(x), (min(RESAMPLED, 4_000_000 // len(x)), len(x)))
    found = [spearman(x[d].tolist(), y[d].tolist()) for d in draws]
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


@dataclass(frozen=True)
class Row:
    """One line of the result. ``time`` is the median of CPU time in parts of one training step of the same network."""

    name: str
    rho: float
    low: float
    high: float
    networks: int
    time: float | None


def rows(bench: Mapping[str, Mapping[str, float]], known: Mapping[str, Scored], sample: Sequence[str]) -> list[Row]:
    """Every proxy on the networks that have it, baselines on all, combinations on the sample."""
    out: list[Row] = []
    for name in BASELINES:
        out.append(_row(name, [(row[name], row["accuracy"]) for row in bench.values()], None))
    names = dict.fromkeys(name for s in known.values() for name in s.scores)
    for name in names:
        pairs = [(s.scores[name], bench[c]["accuracy"]) for c, s in known.items() if name in s.scores]
        out.append(_row(name, pairs, _time(known, name)))
    for combination in (*COMBINATIONS, AZ_NAS):
        of = [c for c in (known if set(combination) <= set(QUICK) else sample) if c in known]
        scores: list[dict[str, float | None]] = [{**known[c].scores, "flops": bench[c]["flops"]} for c in of]
        values = combined(scores, combination)
        out.append(
            _row(" + ".join(combination), list(zip(values, (bench[c]["accuracy"] for c in of), strict=True)), None)
        )
    return out


def _row(name: str, pairs: list[tuple[float, float]], share: float | None) -> Row:
    a, b = [p[0] for p in pairs], [p[1] for p in pairs]
    return Row(name, spearman(a, b), *interval(a, b), len(pairs), share)


def _time(known: Mapping[str, Scored], name: str) -> float | None:
    found = [s.seconds[name] / s.seconds["step"] for s in known.values() if name in s.seconds and s.seconds.get("step")]
    return median(found) if found else None


def markdown(found: Sequence[Row]) -> list[str]:
    lines = ["| proxy | Spearman | 95 % interval | networks | time / training step |", "|---|---|---|---|---|"]
    for row in sorted(found, key=lambda r: -r.rho):
        share = "" if row.time is None else f"{row.time:.2f}"
        lines.append(f"| {row.name} | {row.rho:.3f} | {row.low:.3f} to {row.high:.3f} | {row.networks:,} | {share} |")
    return lines


def checked(bench: Mapping[str, Mapping[str, float]], codes: Sequence[str]) -> list[str]:
    """Networks whose parameters or FLOPs are not the benchmark's."""
    wrong = []
    for code in codes:
        with torch.device("meta"):
            model = Network(code)
        given: Any = Inputs((torch.empty(1, 3, RESOLUTION, RESOLUTION, device="meta"),), {})
        found = Bench(model, given, time.monotonic() + 60).scores(BASELINES)
        if found["params"]["value"] != bench[code]["params"] or found["flops"]["value"] != 2 * bench[code]["flops"]:
            wrong.append(code)
    return wrong
