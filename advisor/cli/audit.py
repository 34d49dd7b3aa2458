"""``advisor audit``: the report of files and folders."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .errors import CLEAN, FINDINGS
from .options import add_engine_options, codes, overrides
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
    from ..engine import audit_paths

    pairs = chosen(args.outputs)
    with progress() as advance:
        report = audit_paths([Path(p) for p in args.paths], overrides(args), advance)
    if not report.files:
        print("advisor: nothing was audited: no Python file under these paths that is not excluded", file=sys.stderr)
    write(report, pairs)
    return FINDINGS if any(True for _ in report.findings()) else CLEAN
