"""``advisor audit``: the report of files and folders."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import CLEAN, FINDINGS, known_errors
from .options import add_engine_options, codes, overrides
from .outputs import add_output_options, chosen, write
from .progress import progress

if TYPE_CHECKING:
    from ..engine import Progress
    from ..report import Report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH", help="Python file, or folder to search for them")
    add_engine_options(parser)
    parser.add_argument("--select", type=codes, metavar="CODES", help="codes or prefixes to report, comma-separated")
    parser.add_argument("--ignore", type=codes, metavar="CODES", help="codes or prefixes not to report")
    parser.add_argument("--min-gain", type=float, metavar="PERCENT", help="smallest saving worth reporting")
    parser.add_argument("--latency-budget", metavar="TIME", help='latency a model may have, such as "2 ms"')
    parser.add_argument("--memory-budget", metavar="SIZE", help="peak activation memory a model may use")
    parser.add_argument("--jobs", type=int, metavar="N", help="files at the same time; 0: one for each core")
    parser.add_argument(
        "--zero-shot",
        action="store_const",
        const=True,
        help="score trainability at initialisation, and what the best moves do to it; a second or more for each model",
    )
    parser.add_argument(
        "--show-fixes", action="store_true", help="also find a verified fix for each finding; models are run again"
    )
    add_output_options(parser)


def run(args: argparse.Namespace) -> int:
    """Exit code 1 when there are findings, 0 when there are none."""
    from ..engine import audit_paths

    pairs = chosen(args.outputs)
    paths, settings = [Path(p) for p in args.paths], overrides(args)
    with progress() as advance:
        known = None if args.show_fixes else _of_daemon(paths, settings, advance)
        report = known or audit_paths(paths, settings, advance, fixes=args.show_fixes)
    return finish(report, pairs)


def _of_daemon(paths: Sequence[Path], settings: Mapping[str, Any], advance: Progress | None) -> Report | None:
    """The report from a daemon that runs already, whose caches make it quick; None when there is none or it fails.

    The audit is done here then, with the same result, and it is what tells a person about wrong settings and paths.
    """
    from ..client.connection import connect

    try:
        with connect(start=False) as client:
            return client.audit(paths, progress=advance, **settings)
    except known_errors():
        return None


def finish(report: Report, pairs: Sequence[tuple[str, str]]) -> int:
    """Write the report in the formats and to the places of ``pairs``; returns the exit code."""
    if not report.files:
        print("advisor: nothing was audited: no Python file under these paths that is not excluded", file=sys.stderr)
    write(report, pairs)
    return FINDINGS if any(True for _ in report.findings()) else CLEAN
