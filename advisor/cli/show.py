"""``advisor show``: every layer of a file's models with what it costs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..report import ModelReport, Report
from .errors import CLEAN, FINDINGS, UsageError
from .options import add_engine_options, overrides

if TYPE_CHECKING:
    from rich.console import Console

    from ..reports.layers import Row

WIDE = 140
"""Columns of a terminal that show parameters and memory too; a narrower one gets the compact table."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model_argument(parser)
    add_engine_options(parser)
    add_table_options(parser)


def add_model_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="FILE[::NAME]", help="Python file, and a class or factory in it")


def add_table_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sort", choices=tuple(_KEYS), default="order", help="order of the rows; default as executed")
    parser.add_argument("--depth", type=int, metavar="N", help="sum up modules deeper than N levels")


def run(args: argparse.Namespace) -> int:
    """Prints the tables; exit code 1 when no model could be traced."""
    from ..engine import audit_paths

    file, _, name = args.model.partition("::")
    if args.depth is not None and args.depth < 1:
        raise UsageError(f"--depth {args.depth}: give a number of levels, at least 1")
    report = audit_paths([Path(file)], overrides(args))
    models = [m for m in report.models if not name or m.name == name]
    if not models:
        known = ", ".join(m.name for m in report.models) or "none"
        raise UsageError(f"no model {name or ''} in {file}; models found there: {known}".replace("  ", " "))
    print_models(models, report, args.sort, args.depth)
    return CLEAN if any(m.graph is not None for m in models) else FINDINGS


_KEYS: dict[str, Callable[[Any], float]] = {
    "order": lambda row: 0,
    "latency": lambda row: -max((us or 0.0 for us in row.latency_us.values()), default=0.0),
    "params": lambda row: -row.params,
    "macs": lambda row: -(row.macs or 0),
}


def ordered(table: Sequence[Row], sort: str) -> list[Row]:
    """The rows in the order that ``--sort`` asks for."""
    return sorted(table, key=_KEYS[sort])


def print_models(models: Sequence[ModelReport], report: Report, sort: str, depth: int | None) -> None:
    """Print the layer tables of ``models``, which are ``report``'s."""
    from rich.console import Console

    from ..reports.console import plain

    def write(console: Console) -> None:
        for model in models:
            _write(model, report, sort, depth, console)

    if sys.stdout.isatty():
        write(Console())
    else:
        sys.stdout.write(plain(write, WIDE))


def _write(model: ModelReport, report: Report, sort: str, depth: int | None, console: Console) -> None:
    from ..reports.console import header, layer_table
    from ..reports.layers import grouped, rows

    shown = ordered(grouped(model, depth) if depth else rows(model), sort)
    console.print(header(model, report))
    for target in model.costs or [None]:
        if shown:
            console.print()
            console.print(layer_table(model, shown, report, target, wide=console.width >= WIDE))
    console.print()
