"""``advisor schema``: the JSON Schemas that the package ships."""

from __future__ import annotations

import argparse
import json

from .errors import CLEAN


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", choices=("report", "settings"), help="report: the JSON format; settings: [tool.advisor]"
    )


def run(args: argparse.Namespace) -> int:
    if args.name == "report":
        from ..reports.json_report import schema
    else:
        from ..settings import json_schema as schema
    print(json.dumps(schema(), indent=2))
    return CLEAN
