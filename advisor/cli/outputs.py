"""``--output-format F`` and ``-o FILE``: several formats at once, each to its own file.

An ``-o`` belongs to the ``--output-format`` before it; one that comes before any format belongs to the first. A format
without ``-o`` goes to standard output, as ``-o -`` does; only one may.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..report import Report
from ..reports import FORMATS, render
from .errors import UsageError

STDOUT = "-"


@dataclass(slots=True)
class Output:
    """One rendering asked for; ``None`` stands for what the person has not said."""

    format: str | None = None
    file: str | None = None


class _Collect(argparse.Action):
    """Keeps the order in which formats and files were given."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        outputs: list[Output] = getattr(namespace, self.dest) or []
        is_file = self.metavar == "FILE"
        field = "file" if is_file else "format"
        if outputs and getattr(outputs[-1], field) is None:
            setattr(outputs[-1], field, values)
        elif is_file and outputs:
            taken = outputs[-1].format or "console"
            parser.error(f"{option_string} {values}: {taken} has a file already; name a format before it")
        else:
            outputs.append(Output(**{field: values}))
        setattr(namespace, self.dest, outputs)


def add_output_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output-format",
        action=_Collect,
        dest="outputs",
        choices=tuple(FORMATS),
        help="format of the report (repeatable); default console",
    )
    parser.add_argument(
        "-o",
        "--output-file",
        action=_Collect,
        dest="outputs",
        metavar="FILE",
        help="where the format named before it goes; '-' or none: standard output",
    )


def chosen(outputs: Sequence[Output] | None) -> list[tuple[str, str]]:
    """(format, file) pairs, defaults filled in; raises :class:`UsageError` where two would share a place."""
    pairs = [(o.format or "console", o.file or STDOUT) for o in outputs or [Output()]]
    places = [file for _, file in pairs]
    for place in places:
        if places.count(place) > 1:
            where = "standard output" if place == STDOUT else place
            raise UsageError(f"two formats would be written to {where}; give each its own -o FILE")
    for place in places:
        if place != STDOUT and (wrong := unwritable(Path(place).absolute())):
            raise UsageError(f"-o {place}: {wrong}")
    return pairs


def unwritable(file: Path) -> str:
    """Why a report cannot be written to ``file``, with the remedy; empty when it can."""
    if not file.parent.is_dir():
        return "its folder does not exist; create it first"
    if file.is_dir():
        return "it is a folder; name a file in it"
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        return "it may not be written; choose another place"
    return ""


def write(report: Report, pairs: Sequence[tuple[str, str]]) -> None:
    """Render the report in each format to its place."""
    for output_format, file in pairs:
        if file != STDOUT:
            Path(file).write_text(render(report, output_format), encoding="utf-8")
        elif output_format == "console" and sys.stdout.isatty():
            from rich.console import Console

            from ..reports import console

            console.write(report, Console())
        else:
            sys.stdout.write(render(report, output_format))
