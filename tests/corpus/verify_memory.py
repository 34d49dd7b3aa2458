"""Peak SRAM and flash as predicted against what Arm's compiler Vela reports.

``python -m tests.corpus.verify_memory [--targets …] [--journals FOLDER] [--table docs/verify-memory.md]`` compiles the
networks of the zoo that Vela accepts; measurements kept in a folder (``TARGET.truth.jrn`` of the split ``test``,
``TARGET.final.jrn`` of ``final``, ``TARGET.jrn`` of ``train``) are taken from there. The rules were worked out on the
split ``test`` and on half of the families of ``train``; the other half and ``final`` say how they predict. Fails where
there the median error is above 3 %, or fewer than 95 % of the networks are within 10 %.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

from advisor.estimator import SIMULATED
from advisor.estimator.backends.vela import VELA
from advisor.estimator.measuring import Measurement, Unmeasurable
from advisor.estimator.training import journal
from advisor.estimator.training.networks import zoo
from advisor.graph import Graph
from advisor.targets import Target, load

SHARED = ("ethos-u55-128", "ethos-u55-256", "ethos-u85-1024-shared")
DEDICATED = ("ethos-u65-512", "ethos-u85-1024", "ethos-u85-2048")
MEDIAN, WITHIN, SHARE = 0.03, 0.10, 0.95


class Row(NamedTuple):
    """Bytes of one network: predicted and reported."""

    name: str
    family: str
    sram: int
    true_sram: int
    flash: int
    true_flash: int

    @property
    def errors(self) -> tuple[float, float]:
        return self.sram / self.true_sram - 1, self.flash / self.true_flash - 1


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--targets", nargs="+", default=[*SHARED, *DEDICATED])
    parser.add_argument("--journals", type=Path, help="folder of measurements: TARGET.truth.jrn and others")
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    tables: dict[str, list[str]] = {part: [] for part in PARTS}
    details: list[str] = []
    failed = []
    for name in options.targets:
        target = load(name)
        by_part: dict[str, list[Row]] = {part: [] for part in PARTS}
        for split in SPLITS:
            for found in measured(target, split, options.journals):
                by_part[part_of(split, found[1])].append(row(*found[:3], target, found[3]))
        for part, rows in by_part.items():
            if not rows:
                print(f"{name}, {part}: nothing measured")
                continue
            tables[part].append(summary(name, rows))
            print(f"{part}: {tables[part][-1]}", flush=True)
            details += worst(f"{name}, {part}", rows)
            failed += [name] if part in UNSEEN and misses(rows) else []
    if options.table is not None:
        parts = [line for part in PARTS for line in (f"## {part.capitalize()}", "", *COLUMNS, *tables[part], "")]
        options.table.write_text("\n".join([*HEADER, *parts, *details]).rstrip() + "\n")
    for name in dict.fromkeys(failed):
        print(f"{name}: not within the requirement on networks never looked at", file=sys.stderr)
    return 1 if failed else 0


def part_of(split: str, family: str) -> str:
    """Which table a network belongs to."""
    if split != "train":
        return FITTED if split == "test" else FINAL
    looked_at = hashlib.blake2b(family.encode(), digest_size=8).digest()[0] % 2
    return LOOKED_AT if looked_at else HELD_BACK


def measured(target: Target, split: str, journals: Path | None) -> Iterator[tuple[str, str, Graph, Measurement]]:
    """The networks of a split that Vela runs whole, with what it reports."""
    kept = None if journals is None else journals / f"{target.name}{SPLITS[split]}.jrn"
    if kept is not None:
        for entry in journal.read(kept) if kept.is_file() else ():
            network = entry.sample.whole and entry.sample.family != CHAINS
            if network and isinstance(entry.result, Measurement):
                yield entry.sample.name, entry.sample.family, entry.sample.graph, entry.result
        return
    for network in zoo(split):
        try:
            yield network.name, network.family, network.graph, VELA.measure(network.graph, target)
        except Unmeasurable as e:
            print(f"{target.name}: {network.name}: {e}", flush=True)


def row(name: str, family: str, graph: Graph, target: Target, truth: Measurement) -> Row:
    costs = SIMULATED.estimate(graph, target)
    sram = costs.peak.staging_bytes or costs.peak.bytes  # a dedicated SRAM is a stage
    flash = costs.peak.stored_bytes or costs.weights_bytes
    return Row(name, family, sram, truth.peak_bytes or 1, flash, truth.weights_bytes or 1)


def _within(errors: list[float]) -> float:
    return sum(abs(e) <= WITHIN for e in errors) / len(errors)


def misses(rows: list[Row]) -> bool:
    return any(
        median(map(abs, errors)) > MEDIAN or _within(errors) < SHARE
        for errors in ([r.errors[i] for r in rows] for i in (0, 1))
    )


CHAINS = "chains"
"""The family of random chains, which are no networks."""

SPLITS = {"train": "", "final": ".final", "test": ".truth"}
"""The zoo's splits, which are predictors', and what the names of their journals end with."""

FINAL, HELD_BACK = "networks never looked at: split final", "networks never looked at: half of the families of train"
LOOKED_AT, FITTED = "networks looked at: the other half of train", "networks looked at: split test"
PARTS = (FINAL, HELD_BACK, LOOKED_AT, FITTED)
UNSEEN = (FINAL, HELD_BACK)

HEADER = (
    "# Peak SRAM and flash against Vela",
    "",
    "Written by `make verify-memory`. Errors are relative. Flash is all that Vela stores: weights, constants, tables.",
    "",
    "The rules of `estimator/memory/vela` were worked out on networks of the zoo's split `test`, then on half of the",
    "families of `train` (by a hash of the name): what was off there was looked into until it was not. Those tables",
    "say how well the rules fit. The other half of `train` and the split `final` were never looked at, and say how the",
    "rules predict. Some networks of `train` are changed by random moves, in width and resolution.",
    "",
    "Known causes of what is off: how large the stripes are that fill a dedicated SRAM, and which weights it holds, is",
    "the scheduler's choice; so is how many channels of weights are fetched at once on Ethos-U85, where output blocks",
    "are deep. Slopes of a PReLU that are all below one have a shorter form, which is not told apart.",
    "",
)
COLUMNS = (
    "| target | networks | families | SRAM: median error | within 10 % | flash: median error | within 10 % |",
    "|---|---|---|---|---|---|---|",
)


def summary(name: str, rows: list[Row]) -> str:
    sram, flash = ([r.errors[i] for r in rows] for i in (0, 1))
    cells = [name, str(len(rows)), str(len({r.family for r in rows}))]
    for errors in (sram, flash):
        cells += [f"{median(map(abs, errors)):.2%}", f"{_within(errors):.1%}"]
    return f"| {' | '.join(cells)} |"


def worst(name: str, rows: list[Row]) -> list[str]:
    """The networks that are off by more than 10 % in either."""
    off = [r for r in rows if max(map(abs, r.errors)) > WITHIN]
    if not off:
        return []
    lines = [
        f"Off by more than 10 % on {name}:",
        "",
        "| network | SRAM predicted | Vela | | flash predicted | Vela | |",
    ]
    lines.append("|---|---|---|---|---|---|---|")
    for r in sorted(off, key=lambda r: -max(map(abs, r.errors))):
        sram, flash = r.errors
        lines.append(
            f"| {r.name} | {r.sram:,} | {r.true_sram:,} | {sram:+.1%} | {r.flash:,} | {r.true_flash:,} | {flash:+.1%} |"
        )
    return [*lines, ""]


if __name__ == "__main__":
    sys.exit(main())
