"""``advisor targets``: what models can be costed for."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..config import resolve
from ..targets import available, load
from .errors import CLEAN
from .listing import print_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    del parser  # the command takes no arguments


def run(args: argparse.Namespace) -> int:
    """Lists the shipped targets and those of the folders that ``target-dirs`` names."""
    folders = resolve(Path.cwd()).target_dirs
    found = [load(name, folders) for name in available(folders)]
    print_table(("target", "dtype", "description"), [(t.name, t.dtype, t.description) for t in found])
    return CLEAN
