"""``advisor query``: what scripts ask of the daemon, which is started when none runs.

The answers are those of the commands of the same names; ``--json`` prints them for programs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import audit, show
from .errors import CLEAN, FINDINGS, UsageError
from .listing import print_table
from .options import add_engine_options, overrides

if TYPE_CHECKING:
    from ..client.connection import Client
    from ..report import ModelReport, Report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    questions = parser.add_subparsers(dest="question", metavar="QUESTION", required=True)

    def add(name: str, text: str, answer: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        sub = questions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        sub.add_argument("--json", action="store_true", help="print JSON")
        sub.set_defaults(answer=answer)
        return sub

    audit.add_arguments(add("audit", "report what the models of files and folders cost and what to change", _audit))
    estimate = add("estimate", "tell what each model of a file costs on each target", _estimate)
    layers = add("show", "list every layer of a file's models with its cost", _show)
    for sub in (estimate, layers):
        show.add_model_argument(sub)
        add_engine_options(sub)
    show.add_table_options(layers)
    models = add("models", "list what could be a model in a file, without running it", _models)
    models.add_argument("file", metavar="FILE", help="Python file")
    explain = add("explain", "print the page of a code", _explain)
    explain.add_argument("code", metavar="CODE", help="a code such as CHN101, or a rule's name")
    add("targets", "list the targets that models can be costed for", _targets)
    add("rules", "list the codes that can be reported", _rules)
    add("status", "tell what the daemon is and does; it is not started for that", _status)


def run(args: argparse.Namespace) -> int:
    """Exit codes as those of the commands of the same names."""
    answer: Callable[[argparse.Namespace], int] = args.answer
    return answer(args)


def _client(start: bool = True) -> Client:
    from ..client.connection import connect

    return connect(start=start)


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def _audit(args: argparse.Namespace) -> int:
    from .outputs import STDOUT, chosen
    from .progress import progress

    if args.json and args.outputs:
        raise UsageError("--json and --output-format: give one of them; --output-format json is the same")
    pairs = [("json", STDOUT)] if args.json else chosen(args.outputs)
    with progress() as advance, _client() as client:
        report = client.audit([Path(p) for p in args.paths], progress=advance, **overrides(args))
    return audit.finish(report, pairs)


# ---- models of a file


def _costed(args: argparse.Namespace) -> tuple[Report, list[ModelReport]]:
    """The report of the file without findings, and its models that were asked for."""
    from ..client import audits
    from .progress import progress

    file, _, name = args.model.partition("::")
    with progress() as advance, _client() as client:
        report = client.audit(Path(file), progress=advance, **audits.without_rules(overrides(args)))
    return report, audits.chosen(report, name or None, file)


def _estimate(args: argparse.Namespace) -> int:
    from ..reports import cells
    from ..reports.json_report import to_json

    report, models = _costed(args)
    if args.json:
        documents = [m for f in to_json(report)["files"] for m in f["models"]]
        wanted = {m.name for m in models}
        keys = ("name", "kind", "file", "line", "status", "failure", "construct", "input", "totals")
        _print_json([{key: d[key] for key in keys} for d in documents if d["name"] in wanted])
    else:
        rows = [
            (
                model.name,
                target,
                cells.UNKNOWN if costs.uncounted and not costs.latency_us else cells.time(costs.latency_us),
                costs.label,
                cells.count(costs.macs),
                cells.count(costs.params),
                cells.size(costs.weights_bytes),
                cells.size(costs.peak.bytes),
                cells.plural(len(costs.uncounted), "op") if costs.uncounted else "",
            )
            for model in models
            for target, costs in model.costs.items()
        ]
        header = ("model", "target", "latency", "label", "MACs", "params", "weights", "peak memory", "not counted")
        print_table(header, [*rows, *(_failed(m, len(header)) for m in models if not m.costs)])
    return _code(models)


def _failed(model: ModelReport, columns: int) -> tuple[str, ...]:
    reason = model.failure.message if model.failure is not None else "it could not be traced"
    return (model.name, *[""] * (columns - 2), f"{model.status}: {reason}")


def _show(args: argparse.Namespace) -> int:
    if args.depth is not None and args.depth < 1:
        raise UsageError(f"--depth {args.depth}: give a number of levels, at least 1")
    report, models = _costed(args)
    if args.json:
        _print_json([{"name": m.name, "layers": _layers(m, report, args)} for m in models])
    else:
        show.print_models(models, report, args.sort, args.depth)
    return _code(models)


def _layers(model: ModelReport, report: Report, args: argparse.Namespace) -> list[dict[str, Any]]:
    from ..client import audits
    from ..reports.layers import relative

    return [
        {
            "path": row.path,
            "label": row.label,
            "source": None
            if row.source is None
            else {"file": relative(row.source.file, report.root), "line": row.source.line, "column": row.source.column},
            "input": [{"shape": list(t.shape), "dtype": t.dtype} for t in row.inputs],
            "output": [{"shape": list(t.shape), "dtype": t.dtype} for t in row.outputs],
            "params": row.params,
            "macs": row.macs,
            "live_bytes": row.live_bytes,
            "latency_us_by_target": row.latency_us,
        }
        for row in show.ordered(audits.layers(model, args.depth), args.sort)
    ]


def _code(models: list[ModelReport]) -> int:
    return CLEAN if any(m.graph is not None for m in models) else FINDINGS


def _models(args: argparse.Namespace) -> int:
    with _client() as client:
        found = client.models(Path(args.file))
    if args.json:
        _print_json(found)
    else:
        print_table(("name", "kind", "line"), [(m["name"], m["kind"], str(m["line"])) for m in found])
    return CLEAN


# ---- what is known without a model


def _explain(args: argparse.Namespace) -> int:
    from .explain import print_page

    with _client() as client:
        markdown = client.explain(args.code)
    if args.json:
        _print_json({"markdown": markdown})
    else:
        print_page(markdown)
    return CLEAN


def _targets(args: argparse.Namespace) -> int:
    with _client() as client:
        return _listed(args, client.targets(), ("name", "dtype", "description"))


def _rules(args: argparse.Namespace) -> int:
    with _client() as client:
        return _listed(args, client.rules(), ("code", "name", "summary"))


def _listed(args: argparse.Namespace, found: list[dict[str, str]], columns: tuple[str, ...]) -> int:
    if args.json:
        _print_json(found)
    else:
        print_table(columns, [[entry[column] for column in columns] for entry in found])
    return CLEAN


def _status(args: argparse.Namespace) -> int:
    from .daemon import print_status

    with _client(start=False) as client:
        status = client.status()
    if args.json:
        _print_json(status)
    else:
        print_status(status)
    return CLEAN
