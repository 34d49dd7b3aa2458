"""The ``advisor`` program: one module a command, imported only when it runs, so that ``advisor --help`` is quick.

Packs add commands through the entry-point group ``advisor.commands``: an object with ``add_arguments(parser)`` and
``run(args) -> int``, as our own command modules have. Exit codes: 0 nothing found, 1 findings, 2 an error, of which
standard error says in one line what it is and what to do.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Any

from .errors import ERROR, known_errors

COMMANDS = {
    "audit": "report what the models of files and folders cost and what to change",
    "fix": "apply verified fixes to files, and say what they save",
    "show": "list every layer of a file's models with its cost",
    "explain": "print the page of a code",
    "rules": "list the codes that can be reported",
    "targets": "list the targets that models can be costed for",
    "migrate": "carry a checkpoint across a change of the model's source",
    "schema": "print the JSON Schema of the report or of the settings",
    "doctor": "print what a bug report needs: versions, interpreter, what confines it, settings, packs",
    "daemon": "start, stop or look at the process that serves editors and scripts",
    "lsp": "be the language server that an editor starts",
    "query": "ask the daemon, for scripts",
}

PACKED = {
    "calibrate": "measure a target, train a predictor on that and install it",
    "estimate": "tell what a model costs on targets, kernel by kernel",
    "landscape": "plot what a model costs over its widths: smooth in FLOPs, rocky on hardware, curated",
    "targets new": "take a designed accelerator from its specification to a usable target",
    "validate": "hold a target's predictions against its ground truth, on networks never trained on",
}
"""What the help says of commands that come with the advisor as a pack; it loads none of them."""


def parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """The parser for ``argv``; only the command it names gets its arguments, so only that one is imported."""
    top = argparse.ArgumentParser(
        prog="advisor", description="Rule-and-search advisor for the hardware efficiency of PyTorch model code."
    )
    top.add_argument("--version", action="version", version=f"advisor {version('nas-advisor')}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    named = next((a for a in argv if not a.startswith("-")), None)
    for name, text in COMMANDS.items():
        sub = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if name == named:
            _attach(sub, import_module(f".{name}", __package__))
    if named not in COMMANDS:
        _add_packs(commands, named)
    return top


def _add_packs(commands: Any, named: str | None) -> None:
    """The commands that packs offer; they are looked up only when none of ours was asked for."""
    from ..packs import commands as offered

    for name, entry in offered().items():
        if name in COMMANDS or " " in name:  # of two words: an action of one of ours
            continue
        text = PACKED.get(name) or (f"from {entry.dist.name}" if entry.dist else entry.value)
        sub = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if name == named:
            _attach(sub, entry.load())


def _attach(sub: argparse.ArgumentParser, command: Any) -> None:
    command.add_arguments(sub)
    sub.set_defaults(run=command.run)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program with ``argv`` (default: the process's arguments); returns its exit code."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    for stream in (sys.stdout, sys.stderr):
        # A terminal or pipe that is not UTF-8 gets question marks for bars rather than an exception.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        args = parser(arguments).parse_args(arguments)
        code: int = args.run(args)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader (`| head`) has gone; give the interpreter's exit nothing to flush into it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ERROR
    except KeyboardInterrupt:
        print("advisor: interrupted", file=sys.stderr)
        return 130
    except Exception as e:
        text = f"error: {e}" if isinstance(e, known_errors()) else _internal(e)
        print(f"advisor: {text}", file=sys.stderr)
        return ERROR


def _internal(error: Exception) -> str:
    """One line for an exception that nobody foresaw, with the place that a report of it needs."""
    said = " ".join(str(error).split())
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{last.filename}:{last.lineno} in {last.name}"
    return f"internal error: {type(error).__name__}: {said} ({where}); please report this line to the advisor's authors"
