"""``advisor estimate``: what a model costs on targets, kernel by kernel, without advice."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from advisor.cli.errors import CLEAN, FINDINGS, UsageError
from advisor.cli.options import add_engine_options, overrides
from advisor.cli.outputs import STDOUT, unwritable
from advisor.cli.progress import progress
from advisor.plan import Plans
from advisor.report import ModelReport, Report
from advisor.reports.layers import relative
from advisor.targets import Target

from ..measuring import Backend, Unmeasurable
from . import estimate_page, estimate_text
from .estimates import Estimate, of_costs, of_failure, of_measurement, to_json

FORMATS = ("console", "json", "html")
FORMAT_VERSION = 1

Found = Sequence[tuple[ModelReport, Sequence[Estimate]]]
Truth = Mapping[str, tuple[Target, Backend]]
"""Target name → the target, and the backend that measures on it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="FILE[::NAME]", help="Python file, and a class or factory in it")
    add_engine_options(parser)
    parser.add_argument(
        "--compare", action="store_true", help="the targets side by side, and the kernels that differ most"
    )
    parser.add_argument(
        "--measure",
        action="store_true",
        help="also ask the ground truth of each target: its vendor's compiler, or the device in this machine",
    )
    parser.add_argument(
        "--inferences-a-day",
        type=float,
        metavar="N",
        default=100.0,
        help="how often a user runs the model, for the energy of a million users; default 100",
    )
    parser.add_argument(
        "--output-format",
        choices=FORMATS,
        default="console",
        help="format of the estimates; default console. html: one page with plots",
    )
    parser.add_argument("-o", "--output-file", metavar="FILE", default=STDOUT, help="where they go; default '-'")


def run(args: argparse.Namespace) -> int:
    """Exit code 1 when no model could be costed."""
    if args.output_file != STDOUT and (wrong := unwritable(Path(args.output_file).absolute())):
        raise UsageError(f"-o {args.output_file}: {wrong}")
    report, models = costed(args.model, overrides(args))
    if not args.inferences_a_day > 0:
        raise UsageError(f"--inferences-a-day {args.inferences_a_day:g}: give a number above zero")
    if args.compare and not args.measure and len(report.targets) < 2:
        raise UsageError("--compare needs two targets at least; give --target twice or more")
    truth = _ground_truth(args.model, overrides(args)) if args.measure else {}
    found = [(model, _estimates(model, truth, args.inferences_a_day)) for model in models]
    if args.output_format == "json":
        text = json.dumps(_document(found, report), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    elif args.output_format == "html":
        text = estimate_page.render(found)
    elif args.output_file == STDOUT and sys.stdout.isatty():
        estimate_text.write(found, report, Console(), compare=args.compare or args.measure)
        text = ""
    else:
        text = estimate_text.render(found, report, compare=args.compare or args.measure)
    if args.output_file == STDOUT:
        sys.stdout.write(text)
    else:
        Path(args.output_file).write_text(text, encoding="utf-8")
    return CLEAN if any(estimates for _, estimates in found) else FINDINGS


def costed(model: str, settings: dict[str, Any]) -> tuple[Report, list[ModelReport]]:
    """The report of ``FILE[::NAME]`` without findings, and the models asked for. Raises
    :class:`advisor.engine.EngineError` where there are none."""
    from advisor.client import audits
    from advisor.engine import audit_paths

    file, _, name = model.partition("::")
    with progress() as advance:
        report = audit_paths([Path(file)], audits.without_rules(settings), advance)
    return report, audits.chosen(report, name or None, file)


def _ground_truth(model: str, settings: Mapping[str, Any]) -> Truth:
    """The backends of those targets that have one; raises :class:`UsageError` where none has."""
    from ..backends import backend_for

    out: Truth = {}
    for target in Plans(settings).of(Path(model.partition("::")[0])).targets:
        backend = backend_for(target)
        if backend is None:
            print(f"advisor: {target.name}: nothing installed here measures on it; predicted only", file=sys.stderr)
        else:
            out[target.name] = (target, backend)
    if not out:
        raise UsageError(
            "--measure: none of the targets has a ground truth here; install what it needs, "
            "for Ethos-U targets with `pip install 'nas-advisor[vela]'`"
        )
    return out


def _estimates(model: ModelReport, truth: Truth, daily: float) -> list[Estimate]:
    """Each target's prediction, followed by its ground truth where that was asked for."""
    graph = model.graph
    out = []
    for name, costs in model.costs.items():
        out.append(of_costs(costs, daily))
        if name in truth and graph is not None:
            target, backend = truth[name]
            try:
                measured = backend.measure(graph, target)
            except Unmeasurable as e:
                out.append(of_failure(name, backend.label, backend.source(target), e))
            else:
                out.append(of_measurement(measured, graph, target, costs))
    return out


def _document(found: Found, report: Report) -> dict[str, Any]:
    return {
        "version": FORMAT_VERSION,
        "advisor": version("nas-advisor"),
        "models": [_model(model, estimates, report) for model, estimates in found],
    }


def _model(model: ModelReport, estimates: Sequence[Estimate], report: Report) -> dict[str, Any]:
    graph, failure = model.graph, model.failure
    return {
        "name": model.name,
        "file": relative(model.file, report.root),
        "line": model.span.line,
        "status": model.status,
        "failure": None if failure is None else f"{failure.kind}: {failure.message}",
        "construct": model.construct,
        "input": model.input,
        "targets": [] if graph is None else [to_json(e, graph) for e in estimates],
    }
