"""Calibration: rounds of sampling, measuring and fitting, within a budget of time.

Every measurement is in the journal as soon as it is there, and every round installs what it fitted: whatever ends the
program, what was done is kept, and a resumed run goes on from it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from advisor import folders
from advisor.targets import Target

from ..learned.features import features
from ..learned.predictor import Predictor
from ..learned.shelf import install
from ..measuring import Backend, Measurement
from .dataset import Table, table
from .fit import Fitted, fit, region
from .journal import Entry, Journal, identity, read
from .measurers import Measurers
from .sampling import CHAINS, Sample, samples

ROUNDS = 3
ROUND_S = 180.0
"""Seconds of budget that a round takes at least: with less there are fewer of them."""
MEASURING = 0.75
"""The share of the budget that measuring gets; fits get the rest."""
CANDIDATES = 4
"""Graphs drawn for one that is measured, once it is known where the errors are."""

Tell = Callable[[str, float, int, int], None]
"""Told of progress: what is being done, how much of the budget is used (0 to 1), measurements, those that failed."""


@dataclass(slots=True, frozen=True)
class Calibrated:
    """What a calibration made, and of how much."""

    predictor: Predictor
    path: Path
    measured: int
    refused: int


def journal_path(target: Target, what: str = "training") -> Path:
    """Where a target's measurements are kept: ``training``, ``networks`` or ``moves``."""
    return folders.cache() / "measurements" / f"{target.name}.{what}.journal"


def calibrate(
    target: Target,
    backend: Backend,
    budget_s: float,
    path: Path,
    tell: Tell,
    place: Path | None = None,
    resume: bool = True,
) -> Calibrated:
    """Measure into the journal at ``path``, fit and install, or write the predictor to ``place``.

    Unless it is to ``resume``, a journal that is there already is put aside. The budget begins with the first
    measurement that is there; the last fit gets the time that it will take, judged by the one before.

    Raises ``FitError``, ``JournalError``, OSError."""
    source = backend.source(target)
    rounds = max(1, min(ROUNDS, int(budget_s / ROUND_S)))
    started: float | None = None
    measured = refused = 0
    fitted: Fitted | None = None
    installed = path

    def used() -> float:
        return 0.0 if started is None else (time.monotonic() - started) / budget_s

    def over(number: int) -> bool:
        """Whether the round has measured for as long as it may."""
        if number == rounds and each_s:
            return used() + each_s * len(had) / budget_s >= 1
        return used() >= MEASURING * number / rounds + (1 - MEASURING) * (number - 1) / rounds

    with Journal(path, target, source, afresh=not resume) as journal:
        had = read_measured(path)
        rng = random.Random(len(journal.known))
        each_s = 0.0
        for number in range(1, rounds + 1):
            wanted = _wanted(rng, journal, fitted, target)
            feed = _until(wanted, lambda number=number: over(number))
            with measurers(backend, target) as pool:
                for entry in pool.measure(feed):
                    started = started or time.monotonic()
                    journal.append(entry)
                    if isinstance(entry.result, Measurement):
                        measured += 1
                        had.append((entry.sample, entry.result))
                    else:
                        refused += 1
                    tell(f"measuring, round {number} of {rounds}", used(), measured, refused)
            tell(f"fitting, round {number} of {rounds}", used(), measured, refused)
            began = time.monotonic()
            rows = table(had, target)
            fitted = fit(rows, target, f"{source}, {backend.label}", facts(rows, source))
            installed = install(fitted.predictor, place)
            each_s = (time.monotonic() - began) / len(had)
    assert fitted is not None  # there is a round
    return Calibrated(fitted.predictor, installed, measured, refused)


def measurers(backend: Backend, target: Target) -> Measurers:
    """Processes for a backend: one where measurements would disturb each other."""
    alone = bool(getattr(backend, "exclusive", False))
    return Measurers(backend.name, target, backend.source(target), 1 if alone else 2)


def read_measured(path: Path) -> list[tuple[Sample, Measurement]]:
    """The samples of a journal that could be measured."""
    return [(entry.sample, entry.result) for entry in read(path) if isinstance(entry.result, Measurement)]


def facts(rows: Table, source: str) -> dict[str, object]:
    """What a predictor says of its training."""
    families = sorted(set(rows.families) - {CHAINS})
    return {"source": source, "samples": len(rows.families), "kernels": len(rows), "families": families}


def _until(wanted: Iterable[Sample], over: Callable[[], bool]) -> Iterator[Sample]:
    for sample in wanted:
        if over():
            return
        yield sample


def _wanted(rng: random.Random, journal: Journal, fitted: Fitted | None, target: Target) -> Iterator[Sample]:
    """Samples that are not in the journal; once errors are known, mostly those of some that promise to teach most."""
    drawn = (sample for sample in samples(rng) if identity(sample) not in journal.known)
    if fitted is None:
        yield from drawn
        return
    while True:
        yield max(islice(drawn, CANDIDATES), key=lambda sample: promise(sample, fitted, target))


def promise(sample: Sample, fitted: Fitted, target: Target) -> float:
    """How wrong the predictor is expected to be about a kernel of the sample, by kind and region; where nothing of a
    region was measured it counts as much as the worst that was."""
    made = features(sample.graph, target)
    worst = max(fitted.errors.values(), default=1.0)
    errors = [fitted.errors.get((k, region(c)), worst) for k, c in zip(made.kinds, made.staged, strict=True)]
    return float(np.mean(errors)) if errors else 0.0


def measured_once(path: Path, target: Target, backend: Backend, wanted: Iterable[Sample], tell: Tell) -> list[Entry]:
    """The entries of the ``wanted`` samples: from the journal at ``path``, or measured now and added to it."""
    source = backend.source(target)
    chosen = {identity(sample): sample for sample in wanted}
    with Journal(path, target, source) as journal:
        kept = {identity(entry.sample): entry for entry in read(path)}
        found = [kept[key] for key in chosen if key in kept]
        left = [sample for key, sample in chosen.items() if key not in kept]
        with measurers(backend, target) as pool:
            for entry in pool.measure(left):
                journal.append(entry)
                found.append(entry)
                failed = sum(not isinstance(e.result, Measurement) for e in found)
                tell("measuring", len(found) / len(chosen), len(found) - failed, failed)
    return found


def measured_together(target: Target, backend: Backend, wanted: Iterable[Sample]) -> list[Entry] | None:
    """The samples measured interleaved in one run, for devices whose speed drifts; None where the backend cannot."""
    together = getattr(backend, "measure_all", None)
    if together is None:
        return None
    chosen = list(wanted)
    results = together([sample.graph for sample in chosen], target)
    return [Entry(sample, result, 0.0) for sample, result in zip(chosen, results, strict=True)]
