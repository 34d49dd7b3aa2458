"""``advisor rules``: every code that can be reported."""

from __future__ import annotations

import argparse

from ..packs import pages
from .errors import CLEAN
from .listing import print_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    del parser  # the command takes no arguments


def run(args: argparse.Namespace) -> int:
    print_table(("code", "name", "reports"), [(p.code, p.name, p.summary) for p in pages()])
    return CLEAN
