"""``advisor targets``: what models can be costed for. Packs add subcommands: their entry points are named with both
words, ``targets new``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..config import resolve
from ..packs import commands
from ..targets import TargetError, available, load
from . import PACKED
from .errors import CLEAN, ERROR
from .listing import print_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions; without one, targets are listed")
    for name, entry in commands().items():
        if name.startswith("targets "):
            sub = actions.add_parser(name.partition(" ")[2], help=PACKED.get(name))
            action = entry.load()
            action.add_arguments(sub)
            sub.set_defaults(act=action.run)


def run(args: argparse.Namespace) -> int:
    """Lists the shipped targets and those of ``target-dirs``; exit code 2 when one of their files is wrong."""
    if args.action is not None:
        code: int = args.act(args)
        return code
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
