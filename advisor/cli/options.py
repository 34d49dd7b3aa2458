"""Options that several commands share, and how they override the settings file."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .errors import UsageError


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Where to run: targets, interpreter and limits. Each overrides the setting of its name."""
    parser.add_argument(
        "--target",
        action="append",
        dest="targets",
        metavar="T",
        help="target to cost for (repeatable): a name that `advisor targets` lists or the path of a TOML file",
    )
    parser.add_argument("--python", metavar="FILE", help="interpreter that imports the models")
    parser.add_argument("--time-limit", type=float, metavar="S", help="seconds for one file, all attempts together")
    parser.add_argument("--memory-limit", metavar="SIZE", help='memory for one file, such as "4 GiB"')


OVERRIDES = ("targets", "python", "time_limit", "memory_limit", "select", "ignore", "min_gain", "jobs", "memory_budget")


def overrides(args: argparse.Namespace) -> dict[str, Any]:
    """The command's options as settings, None where not given."""
    return {name: getattr(args, name, None) for name in OVERRIDES}


def existing(paths: Sequence[str]) -> list[Path]:
    """The paths, all of which exist; raises :class:`UsageError` for one that does not."""
    for path in paths:
        if not os.path.lexists(path):  # a dangling link is there: the report says what is wrong with it
            raise UsageError(f"no such file or folder: {path}; give paths of Python files or of folders that hold them")
    return [Path(p) for p in paths]


def codes(text: str) -> list[str]:
    """``CHN101,IBN`` as a list, for argparse."""
    return [part.strip() for part in text.split(",") if part.strip()]
