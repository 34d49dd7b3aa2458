"""``advisor targets``: what models can be costed for."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..config import resolve
from ..targets import TargetError, available, load
from .errors import CLEAN, ERROR
from .listing import print_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    del parser  # the command takes no arguments


def run(args: argparse.Namespace) -> int:
    """Lists the shipped targets and those of ``target-dirs``; exit code 2 when one of their files is wrong."""
    config = resolve(Path.cwd())
    folders = config.target_dirs
    rows: list[tuple[str, str, str]] = []
    wrong: list[TargetError] = []
    for name in available(folders, config.where("target-dirs")):
        try:
            target = load(name, folders)
        except TargetError as e:
            wrong.append(e)
        else:
            rows.append((target.name, target.dtype, target.description))
    print_table(("target", "dtype", "description"), rows)
    for error in wrong:
        print(f"advisor: error: {error}", file=sys.stderr)
    return ERROR if wrong else CLEAN
