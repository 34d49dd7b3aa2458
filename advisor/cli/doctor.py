"""``advisor doctor``: what a bug report needs."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from .errors import CLEAN, FINDINGS, UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path", nargs="?", default=".", metavar="PATH", help="file or folder in question (default: here)"
    )
    parser.add_argument(
        "--no-run",
        action="store_true",
        help="start no interpreter, so nothing of the project runs: for one that is not trusted",
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(args: argparse.Namespace) -> int:
    """Exit code 1 when something is wrong, 0 when nothing is."""
    from ..doctor import examine
    from ..reports.checkup import render

    path = Path(args.path)
    if not path.exists():
        raise UsageError(f"no such file or folder: {path}; name the one that you have trouble with")
    found = examine(path.resolve(), run=not args.no_run)
    sys.stdout.write(json.dumps(found, indent=2) + "\n" if args.json else render(found))
    return FINDINGS if found["problems"] else CLEAN
