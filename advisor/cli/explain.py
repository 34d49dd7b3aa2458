"""``advisor explain``: the page of a code."""

from __future__ import annotations

import argparse
import sys

from ..packs import pages
from ..rulepages import page
from ..words import suggestion
from .errors import CLEAN, UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("code", metavar="CODE", help="a code such as CHN101, or a rule's name")


def run(args: argparse.Namespace) -> int:
    known = pages()
    wanted = args.code.strip()
    found = next((p for p in known if wanted.upper() == p.code or wanted.lower() == p.name), None)
    if found is None:
        raise UsageError(f"no code '{wanted}'{suggestion(wanted.upper(), [p.code for p in known])}")
    print_page(page(found))
    return CLEAN


def print_page(markdown: str) -> None:
    """Print a page; on a terminal, as it is meant to look."""
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(markdown))
    else:
        sys.stdout.write(markdown)
