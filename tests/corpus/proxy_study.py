"""The zero-shot proxies on NAS-Bench-Macro: how well each orders networks by what training them came to.

A journal is written as networks are done, so the study goes on where it was stopped. Each line is one network's scores,
with the version of the code that each is of: a proxy that is another now is scored again, the others are not.
"""

from __future__ import annotations

import ast
import csv
import gzip
import hashlib
import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional as F

from advisor.worker.proxies import aznas, blocks, meco, naswot, rig, synflow, zen
from advisor.worker.proxies.rig import Inputs, gaussian
from advisor.worker.proxies.score import BATCH, SEED, Bench
from advisor.zeroshot.ranks import combined

from . import nasbench_macro
from .nasbench_macro import RESOLUTION, Network

SOURCES: dict[str, tuple[ModuleType, ...]] = {
    "naswot": (naswot,),
    "expressivity": (aznas, blocks),
    "progressivity": (aznas, blocks),
    "trainability": (aznas, blocks),
    "synflow": (synflow,),
    "zen": (zen, blocks),
    "meco": (meco,),
    "meco-drawn": (meco,),
}
"""The proxies of the study, with the modules that each is written in, beside what all share."""
QUICK = ("naswot", "expressivity")
"""Proxies that all networks are scored with, as far as the time goes; the others only those of the sample."""
BASELINES = ("flops", "params")
COMBINATIONS = (("expressivity", "naswot"), ("expressivity", "naswot", "trainability", "flops"))
AZ_NAS = ("expressivity", "progressivity", "trainability", "flops")
RESAMPLED = 2000


@dataclass
class Scored:
    """What is known of one network, by proxy: its score, the CPU time that took in parts of one training step of the
    same network, and the version of its code."""

    code: str
    scores: dict[str, float] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def take(self, other: Scored) -> None:
        """Enter what a later line of the journal says."""
        for name in other.versions:
            for mine, new in ((self.scores, other.scores), (self.shares, other.shares)):
                mine.pop(name, None)
                mine.update({name: new[name]} if name in new else {})
        self.versions.update(other.versions)


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
    known = _read(journal)
    began, done = time.process_time(), 0
    with appending(journal) as out:
        for i, code in enumerate(codes):
            have = known.setdefault(code, Scored(code))
            missing = [n for n in (SOURCES if i < sample else QUICK) if n not in have.versions]
            if not missing:
                continue
            if time.process_time() - began > seconds:
                say(f"the time is up at network {i:,}")
                break
            scored = _scored(code, missing, timed=i < sample)
            have.take(scored)
            out.write(json.dumps(vars(scored)) + "\n")
            out.flush()
            done += 1
            if done % 100 == 0:
                say(f"{done} networks, {time.process_time() - began:.0f} s of CPU")
    return {code: s for code, s in known.items() if s.versions}


@contextmanager
def appending(journal: Path) -> Iterator[TextIO]:
    """The journal, open for another line, whatever a run that was killed left at its end."""
    torn = journal.exists() and not journal.read_bytes().endswith(b"\n")
    with journal.open("a", encoding="utf-8") as out:
        if torn:
            out.write("\n")
        yield out


@cache
def version(name: str) -> str:
    """Names the code that a proxy is."""
    return digest(*map(source, (*SOURCES[name], rig, nasbench_macro)))


def source(module: ModuleType) -> Path:
    return Path(str(module.__file__))


def digest(*files: Path) -> str:
    """Names the code in ``files``: another one where anything but comments and docstrings changed."""
    found = hashlib.sha256()
    for file in files:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list):
                node.__dict__["body"] = [s for s in body if not _docstring(s)]
        found.update(ast.dump(tree).encode())
    return found.hexdigest()[:12]


def _docstring(statement: Any) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _read(journal: Path) -> dict[str, Scored]:
    """The journal's networks, with the scores that are of the code as it is."""
    found: dict[str, Scored] = {}
    if not journal.exists():
        return found
    for line in journal.read_text(encoding="utf-8").splitlines():
        try:
            scored = Scored(**json.loads(line))
        except (ValueError, TypeError):  # the last line of a run that was killed, or a line of an older form
            continue
        scored.versions = {n: v for n, v in scored.versions.items() if n in SOURCES and v == version(n)}
        found.setdefault(scored.code, Scored(scored.code)).take(scored)
    return found


def _scored(code: str, names: Sequence[str], *, timed: bool) -> Scored:
    torch.manual_seed(SEED)
    model = Network(code)
    inputs = gaussian(Inputs((torch.empty(BATCH, 3, RESOLUTION, RESOLUTION),), {}), SEED)
    bench = Bench(model, inputs, time.monotonic() + 3600)
    scored, seconds = Scored(code), {}
    for name in names:
        before = time.process_time()
        value = bench.scores((name,))[name].get("value")
        seconds[name] = time.process_time() - before
        scored.versions[name] = version(name)
        if value is not None:
            scored.scores[name] = value
    if timed:
        before = time.process_time()
        _step(model, inputs.args[0])
        step = time.process_time() - before
        scored.shares = {name: took / step for name, took in seconds.items()}
    return scored


def _step(model: nn.Module, images: torch.Tensor) -> None:
    """One step of training: forward, backward, and the optimizer's."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model.train()
    with torch.enable_grad():
        F.cross_entropy(model(images), torch.zeros(len(images), dtype=torch.long)).backward()
    optimizer.step()


# ---- what comes of it


def spearman(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def _ranks(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Ranks; equal values share the mean of theirs."""
    _, place, count = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count - 1) / 2)[place]


def interval(a: Sequence[float], b: Sequence[float], seed: int = SEED) -> tuple[float, float]:
    """95 % of bootstrap resamples lie between."""
    rng = np.random.default_rng(seed)
    x, y = np.asarray(a), np.asarray(b)
    draws = rng.integers(0, len(x), (min(RESAMPLED, 4_000_000 // len(x)), len(x)))
    found = [spearman(x[d], y[d]) for d in draws]
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
    found = [s.shares[name] for s in known.values() if name in s.shares]
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
