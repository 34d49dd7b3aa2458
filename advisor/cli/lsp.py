"""``advisor lsp``: the language server, on standard input and output, as editors start it."""

from __future__ import annotations

import argparse
import os


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--standalone", action="store_true", help="serve this editor alone, in this process, without the daemon"
    )
    parser.add_argument("--stdio", action="store_true", help="what it does anyway; some editors add it")


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 the editor ended it, 1 the daemon ended, 2 it could not be started."""
    if args.standalone:
        from ..client.program import daemon

        command = daemon("stdio")
        os.execv(command[0], command)
    from ..client.forward import main  # as `advisor lsp` alone, which does not come this way

    return main()
