"""Peak SRAM and flash as predicted against what Arm's compiler Vela reports, on the zoo's test networks.

``python -m tests.corpus.verify_memory [--targets …] [--journals FOLDER] [--table docs/verify-memory.md]`` compiles each
network that Vela accepts; measurements that ``advisor validate`` keeps in a folder are taken from there. Fails where
the median error is above 3 %, or fewer than 95 % of the networks are within 10 %.
"""

from __future__ import annotations

import argparse
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
    parser.add_argument("--journals", type=Path, help="folder of measurements: TARGET.truth.jrn")
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    lines, failed = list(HEADER), []
    details: list[str] = []
    for name in options.targets:
        target = load(name)
        rows = [row(n, family, graph, target, m) for n, family, graph, m in measured(target, options.journals)]
        if not rows:
            print(f"{name}: nothing measured")
            continue
        lines.append(summary(name, rows))
        print(lines[-1], flush=True)
        details += worst(name, rows)
        failed += [name] if misses(rows) else []
    if options.table is not None:
        options.table.write_text("\n".join([*lines, "", *details]) + "\n")
    for name in failed:
        print(f"{name}: not within the requirement", file=sys.stderr)
    return 1 if failed else 0


def measured(target: Target, journals: Path | None) -> Iterator[tuple[str, str, Graph, Measurement]]:
    """The test networks that Vela runs whole, with what it reports."""
    kept = None if journals is None else journals / f"{target.name}.truth.jrn"
    if kept is not None and kept.is_file():
        for entry in journal.read(kept):
            if entry.sample.whole and isinstance(entry.result, Measurement):
                yield entry.sample.name, entry.sample.family, entry.sample.graph, entry.result
        return
    for network in zoo("test"):
        try:
            yield network.name, network.family, network.graph, VELA.measure(network.graph, target)
        except Unmeasurable as e:
            print(f"{target.name}: {network.name}: {e}", flush=True)


def row(name: str, family: str, graph: Graph, target: Target, truth: Measurement) -> Row:
    costs = SIMULATED.estimate(graph, target)
    sram = costs.peak.staging_bytes or costs.peak.bytes  # a dedicated SRAM is a stage
    return Row(name, family, sram, truth.peak_bytes or 1, costs.weights_bytes, truth.weights_bytes or 1)


def _within(errors: list[float]) -> float:
    return sum(abs(e) <= WITHIN for e in errors) / len(errors)


def misses(rows: list[Row]) -> bool:
    return any(
        median(map(abs, errors)) > MEDIAN or _within(errors) < SHARE
        for errors in ([r.errors[i] for r in rows] for i in (0, 1))
    )


HEADER = (
    "# Peak SRAM and flash against Vela",
    "",
    "Written by `make verify-memory`. Networks of families that no predictor was trained on; nothing here is learned",
    "from networks but the bits that a weight takes, and how full a dedicated SRAM gets. Errors are relative.",
    "",
    "Known causes of what is off: weights that are computed of two parameters are stored once (xdensenet, with masks);",
    "on U55 and U65 the softmax of several heads keeps a constant of its size in 32 bits in flash (mobilevit); a mean",
    "over large images is a layer with weights of ones, 1 to 1.75 bits each, and no parameter (nf_regnet, and of",
    "EfficientNets 2 to 7 %); and which feature maps a dedicated SRAM takes in is the scheduler's choice.",
    "",
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
