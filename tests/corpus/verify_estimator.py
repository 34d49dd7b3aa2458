"""Long check: the shipped predictors against their ground truth, on networks of families that were never trained on.

For every target: the latencies of the zoo's test split, and the gains of random single moves. Measurements are kept in
the user's cache, so a second run measures only what is new. ``python -m tests.corpus.verify_estimator [--table FILE]
[--target T]… [--networks N] [--moves N]``; it exits with 1 when a requirement fails.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from advisor.estimator.backends import backend_for
from advisor.estimator.commands.validate import validation
from advisor.estimator.learned.model import Learned
from advisor.estimator.learned.shelf import Shelf
from advisor.estimator.training import pages
from advisor.estimator.training.networks import families
from advisor.estimator.training.validation import Validation
from advisor.targets import load


@dataclass(frozen=True)
class Bar:
    """What a target has to reach; None where nothing is asked."""

    mape: float | None = None
    within: float | None = None
    kernels: float | None = None


SHARED = Bar(0.03, 0.95, 0.08)
DEDICATED = Bar(within=0.75)
BARS = {
    "ethos-u55-128": SHARED,
    "ethos-u55-256": SHARED,
    "ethos-u85-1024-shared": SHARED,
    "ethos-u65-512": DEDICATED,
    "ethos-u85-1024": DEDICATED,
    "ethos-u85-2048": DEDICATED,
    "ethos-u85-256": Bar(),
    "ethos-u85-512": Bar(),
    "npu-64": Bar(),
}
SIGNS, KENDALL = 0.97, 0.85
LEAST_NETWORKS, LEAST_FAMILIES = 60, 20


def failed(made: Validation, bar: Bar) -> list[str]:
    """The requirements that the validation does not meet."""
    wrong = []
    if len(made.networks) < LEAST_NETWORKS or len(made.families) < LEAST_FAMILIES:
        wrong.append(f"{len(made.networks)} networks of {len(made.families)} families")
    if bar.mape is not None and made.mape > bar.mape:
        wrong.append(f"mean error {100 * made.mape:.1f} % > {100 * bar.mape:.0f} %")
    if bar.within is not None and made.within(0.10) < bar.within:
        wrong.append(f"within 10 %: {100 * made.within(0.10):.1f} % < {100 * bar.within:.0f} %")
    if bar.kernels is not None and made.kernel_mape > bar.kernels:
        wrong.append(f"kernels' mean error {100 * made.kernel_mape:.1f} % > {100 * bar.kernels:.0f} %")
    if made.decisions and made.signs < SIGNS:
        wrong.append(f"signs {100 * made.signs:.1f} % < {100 * SIGNS:.0f} %")
    if made.decisions and made.kendall < KENDALL:
        wrong.append(f"Kendall's τ {made.kendall:.3f} < {KENDALL}")
    return wrong


def overview(made: list[Validation]) -> list[str]:
    lines = [
        "| target | networks | families | mean error | within ±10 % | kernels' mean error | intervals hold "
        "| Spearman | moves | right sign | Kendall's τ |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for v in made:
        moves = f"{len(v.decisions)} | {100 * v.signs:.1f} % | {v.kendall:.3f}" if v.decisions else "- | - | -"
        lines.append(
            f"| {v.target} | {len(v.networks)} | {len(v.families)} | {100 * v.mape:.2f} % | {100 * v.within(0.1):.1f} %"
            f" | {100 * v.kernel_mape:.1f} % | {100 * v.coverage:.0f} % | {v.spearman:.4f} | {moves} |"
        )
    return lines


def page(made: list[Validation], missed: dict[str, list[str]]) -> str:
    """The committed page."""
    lines = [
        "# The learned estimator against its ground truth",
        "",
        "Written by `make verify-estimator`.",
        "",
        f"The predictors learned from random chains and from networks of {len(families('train'))} families; they are"
        f" judged on whole networks of {len(families('test'))} other families (timm, torchvision, pytorchcv), at their"
        " own resolutions. A family is a lineage across libraries: SE-ResNet and ResNeXt belong to ResNet,"
        " EfficientNet-Lite and TinyNet to EfficientNet. The truth is each target's ground truth, a vendor's estimate"
        " (Vela) or a simulation (npu-64), not hardware. Kernels are counted from 0.1 % of their network on.",
        "",
        *overview(made),
        "",
        f"Test families: {', '.join(sorted(families('test')))}.",
        "",
    ]
    for v in made:
        if missed[v.target]:
            lines.append(f"**{v.target} misses**: {'; '.join(missed[v.target])}")
    return "\n".join([*lines, "", *("\n".join([pages.table(v), ""]) for v in made)]).rstrip() + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--table", type=Path, help="write the page to this Markdown file")
    parser.add_argument("--target", action="append", help="only this target (repeatable)")
    parser.add_argument("--networks", type=int, default=100, help="how many networks; default 100")
    parser.add_argument("--moves", type=int, default=600, help="random moves, of which some have no effect")
    options = parser.parse_args()
    made: list[Validation] = []
    missed: dict[str, list[str]] = {}
    for name in options.target or BARS:
        target = load(name)
        predictor, backend = Shelf().find(target), backend_for(target)
        if predictor is None or backend is None:
            print(f"{name}: {'no predictor' if predictor is None else 'nothing measures it here'}", file=sys.stderr)
            missed[name] = ["not verified"]
            continue
        found = validation(target, backend, Learned(predictor), predictor.basis, options.networks, options.moves)
        made.append(found)
        missed[name] = failed(found, BARS.get(name, Bar()))
        print(f"{name}: {'; '.join(missed[name]) or 'met'}", flush=True)
    if options.table:
        options.table.write_text(page(made, missed), encoding="utf-8")
    return 1 if any(missed.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
