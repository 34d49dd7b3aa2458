"""Options that several commands share, and how they override the settings file."""

from __future__ import annotations

import argparse
from typing import Any


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


_OUTCOME = ("select", "ignore", "min_gain", "latency_budget", "memory_budget", "zero_shot")
OVERRIDES = ("targets", "python", "time_limit", "memory_limit", "jobs", *_OUTCOME)


def overrides(args: argparse.Namespace) -> dict[str, Any]:
    """The command's options as settings, None where not given."""
    return {name: getattr(args, name, None) for name in OVERRIDES}


def codes(text: str) -> list[str]:
    """``CHN101,IBN`` as a list, for argparse."""
    return [part.strip() for part in text.split(",") if part.strip()]
