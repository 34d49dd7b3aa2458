"""``advisor targets new``: a designed accelerator from its specification to a target that everything can use."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Collection
from pathlib import Path

from advisor import packs
from advisor.cli.errors import CLEAN, ERROR, UsageError
from advisor.cli.listing import print_table
from advisor.config import Config, resolve
from advisor.costs import Costs
from advisor.graph import Graph
from advisor.reports import cells
from advisor.targets import Target, available, load
from advisor.targets.checking import problems
from advisor.targets.template import TEMPLATE

from ..backends import backend_for
from .battery import Check, battery


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Take a designed accelerator from its specification to a usable target: writes a commented file where there is "
        "none yet, says everything that is wrong with one that is there, and shows how the accelerator behaves."
    )
    parser.add_argument("spec", metavar="SPEC.toml", help="the target's file; written where there is none yet")


def run(args: argparse.Namespace) -> int:
    """Exit code 2 while the file is wrong."""
    path = Path(args.spec)
    if path.suffix != ".toml":
        raise UsageError(f"{args.spec}: a target's file ends in .toml, and the rest of its name is the target's")
    if not path.exists():
        return _write(path)
    config = resolve(Path.cwd())
    wrong = problems(path, config.target_dirs)
    if wrong:
        for problem in wrong:
            print(problem)
        print(
            f"advisor: error: {path}: {cells.plural(len(wrong), 'problem')}; mend the file and run this again",
            file=sys.stderr,
        )
        return ERROR
    target = load(path, config.target_dirs)
    _describe(target)
    found = _checked(target)
    for check in found:
        _print(check)
    _tell_how(target, path, config, any(check.wrong for check in found))
    return CLEAN


def _write(path: Path) -> int:
    try:
        path.write_text(TEMPLATE, encoding="utf-8")
    except OSError as e:
        raise UsageError(f"{path}: {e.strerror}; choose another place") from e
    print(f"{path}: written, with the numbers of a small array. Give yours, then run again: advisor targets new {path}")
    return CLEAN


def _describe(target: Target) -> None:
    conv = target.engines["conv"]
    peak = 2 * conv.macs_per_cycle * target.clock_hz / 1e12
    slowest = target.memories[-1]
    balance = conv.macs_per_cycle * target.clock_hz / slowest.bytes_per_s
    print(f"{target.name}: {target.description}")
    print(f"  {peak:.3g} TOPS in {target.dtype} at {target.clock_hz / 1e6:g} MHz")
    print(f"  a convolution has to do {balance:.3g} MACs a byte of {slowest.name} to use them")
    missing = []
    if target.array is None and target.vela is None:
        missing.append("no [array]: it is costed by a roofline, not simulated tile by tile")
    if target.energy is None:
        missing.append("no [energy]: what it draws is unknown")
    elif any(m.pj_per_byte is None for m in target.memories):
        missing.append("a memory without pj_per_byte: what it draws is unknown")
    for text in missing:
        print(f"  {text}")


def _checked(target: Target) -> list[Check]:
    """The battery, on the ground truth where it is a simulation and so is quick, else on the cost model."""
    estimator = packs.estimator_for(target)
    backend = backend_for(target)

    def costs(graph: Graph) -> Costs:
        return estimator.estimate(graph, target)

    def ask(graph: Graph, keys: Collection[int]) -> float:
        if backend is not None and backend.label == "simulated":
            rows = backend.measure(graph, target).rows
            return sum(row.latency_us for row in rows if row.ops and set(row.ops) <= set(keys))
        latency = costs(graph).op_latency_us
        return sum(latency.get(key, 0.0) for key in keys)

    said = f"{backend.label}, {backend.source(target)}" if backend and backend.label == "simulated" else estimator.label
    print(f"  costs below: {said}")
    return list(battery(target, ask, lambda graph: costs(graph).peak.bytes))


def _print(check: Check) -> None:
    print(f"\n{check.title}")
    if check.rows:
        print_table(check.header, check.rows)
    print(f"→ {check.shown}")
    for text in check.wrong:
        print(f"! {text}")


def _tell_how(target: Target, path: Path, config: Config, wrong: bool) -> None:
    shown = path.as_posix() if path.is_absolute() else f"./{path.as_posix()}"
    print(f"\n{target.name} can be used" + (", but look at the lines marked with ! first" if wrong else ""))
    print(f"  advisor audit FILE --target {shown}")
    print(f"  advisor landscape FILE::NAME --target {shown}")
    if target.array is not None and target.vela is None:
        print(f"  advisor calibrate {shown}   trains a predictor on its tile-level simulation")
    else:
        print("  add a table [array] to have it simulated tile by tile, and a predictor trained on that")
    folder = path.parent.resolve()
    if folder not in [Path(d).resolve() for d in config.target_dirs]:
        near = os.path.relpath(folder, config.root)
        print(f'  to call it by its name, `--target {path.stem}`, add to [tool.advisor]: target-dirs = ["{near}"]')
    if target.name in available() and path.stem != target.name:
        print(f"  note: a target that comes with the advisor is called {target.name} too; give yours another `name`")
