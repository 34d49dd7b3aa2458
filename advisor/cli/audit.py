"""``advisor audit``: the report of files and folders."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ..config import Config
from ..report import Report
from .errors import CLEAN, FINDINGS
from .options import add_engine_options, codes, configure, existing
from .outputs import add_output_options, chosen, write
from .progress import progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH", help="Python file, or folder to search for them")
    add_engine_options(parser)
    parser.add_argument("--select", type=codes, metavar="CODES", help="codes or prefixes to report, comma-separated")
    parser.add_argument("--ignore", type=codes, metavar="CODES", help="codes or prefixes not to report")
    parser.add_argument("--min-gain", type=float, metavar="PERCENT", help="smallest saving worth reporting")
    parser.add_argument("--memory-budget", metavar="SIZE", help="peak activation memory a model may use")
    parser.add_argument("--jobs", type=int, metavar="N", help="files at the same time; 0: one for each core")
    add_output_options(parser)


def run(args: argparse.Namespace) -> int:
    """Exit code 1 when there are findings, 0 when there are none."""
    pairs = chosen(args.outputs)
    paths = existing(args.paths)
    report = _audit(args, paths)
    write(report, pairs)
    return FINDINGS if any(True for _ in report.findings()) else CLEAN


def _audit(args: argparse.Namespace, paths: list[Path]) -> Report:
    """One audit for each settings file that the paths lead to, as one report."""
    from ..engine import audit_paths

    groups: dict[Path | None, tuple[Config, list[Path]]] = {}
    for path in paths:
        config = configure(args, path)
        groups.setdefault(config.file, (config, []))[1].append(path)
    with progress() as advance:
        reports = [audit_paths(members, config, advance) for config, members in groups.values()]
    if len(reports) == 1:
        return reports[0]
    root = os.path.commonpath([r.root for r in reports])
    targets = tuple(dict.fromkeys(t for r in reports for t in r.targets))
    return Report(root, targets, [f for r in reports for f in r.files])
