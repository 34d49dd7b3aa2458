"""The report as JSON, in the form of ``report.schema.json`` (``advisor schema report``).

The first target is the report's primary one: ``layers[].latency_us`` is for it, ``latency_us_by_target`` for all.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from ..costs import Costs
from ..facts import Facts
from ..findings import Finding
from ..fixes.fix import Fix
from ..graph import Op, Span, Tensor
from ..report import Failure, FileReport, ModelReport, Report
from .fingerprints import Fingerprints
from .layers import Row, relative, rows

FORMAT_VERSION = 1


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) that every report satisfies."""
    return json.loads(files(__name__.rpartition(".")[0]).joinpath("report.schema.json").read_text(encoding="utf-8"))


def render(report: Report) -> str:
    """The report as indented JSON text."""
    return json.dumps(to_json(report), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def to_json(report: Report) -> dict[str, Any]:
    """The report as plain JSON values."""
    marks = Fingerprints(report)
    return {
        "version": FORMAT_VERSION,
        "advisor": version("nas-advisor"),
        "root": report.root,
        "targets": list(report.targets),
        "files": [_file(f, report, marks) for f in report.files],
    }


def _file(file: FileReport, report: Report, marks: Fingerprints) -> dict[str, Any]:
    return {
        "file": relative(file.file, report.root),
        "models": [_model(m, report, marks) for m in file.models],
        "findings": [_finding(f, report, marks) for f in file.findings],
        "notes": list(file.notes),
    }


def _model(model: ModelReport, report: Report, marks: Fingerprints) -> dict[str, Any]:
    primary = next(iter(model.costs), None)
    return {
        "name": model.name,
        "kind": model.kind,
        "file": relative(model.file, report.root),
        "line": model.span.line,
        "column": model.span.column,
        "status": model.status,
        "rung": model.rung,
        "construct": model.construct,
        "input": model.input,
        "failure": None if model.failure is None else _failure(model.failure, report),
        "notes": list(model.notes),
        "totals": {name: _totals(model, name, costs) for name, costs in model.costs.items()},
        "layers": [_layer(row, primary, report) for row in rows(model)],
        "findings": [_finding(f, report, marks) for f in model.findings],
        "zero_shot": None if model.graph is None or model.graph.facts is None else _facts(model.graph.facts),
    }


def _facts(facts: Facts) -> dict[str, Any]:
    return {
        "source": facts.source,
        "input": facts.input,
        "scores": {name: score._asdict() for name, score in facts.scores.items()},
        "why": facts.why,
    }


def _totals(model: ModelReport, target: str, costs: Costs) -> dict[str, Any]:
    graph = model.graph
    by_key = {} if graph is None else graph.by_key
    peak_op = None if costs.peak.op is None else by_key.get(costs.peak.op)
    return {
        "label": costs.label,
        "latency_us": costs.latency_us,
        "low_us": costs.low_us,
        "high_us": costs.high_us,
        "basis": costs.basis,
        "cycles": costs.cycles,
        "energy_uj": costs.energy_uj,
        "macs": costs.macs,
        "flops": costs.flops,
        "params": costs.params,
        "weights_bytes": costs.weights_bytes,
        "traffic_bytes": costs.traffic_bytes,
        "peak_activation_bytes": costs.peak.bytes,
        "peak_activation_at": None if peak_op is None else peak_op.path,
        "together_us": model.together_us.get(target),
        "uncounted": [_op(by_key[k]) for k in costs.uncounted if k in by_key],
        "outside": [_op(by_key[k.ops[0]]) for k in costs.kernels if k.outside and k.ops[0] in by_key],
        "simulated": [_op(by_key[k.ops[0]]) for k in costs.kernels if k.simulated and k.ops[0] in by_key],
    }


def _op(op: Op) -> dict[str, str]:
    return {"path": op.path, "op": op.op, "function": op.target}


def _layer(row: Row, primary: str | None, report: Report) -> dict[str, Any]:
    source = row.source
    return {
        "path": row.path,
        "op": row.op.op,
        "function": row.op.target,
        "source": None
        if source is None
        else {"file": relative(source.file, report.root), "line": source.line, "column": source.column},
        "input": [_tensor(t) for t in row.inputs],
        "output": [_tensor(t) for t in row.outputs],
        "params": row.params,
        "macs": row.macs,
        "latency_us": None if primary is None else row.latency_us[primary],
        "latency_us_by_target": row.latency_us,
    }


def _tensor(tensor: Tensor) -> dict[str, Any]:
    return {"shape": list(tensor.shape), "dtype": tensor.dtype}


def _finding(finding: Finding, report: Report, marks: Fingerprints) -> dict[str, Any]:
    return {
        "code": finding.code,
        "message": finding.message,
        "severity": finding.severity,
        **_place(finding.span, report),
        "model": finding.model,
        "target": finding.target,
        "gain_us": finding.gain_us,
        "gain_percent": finding.gain_percent,
        "gain_error_us": finding.gain_error_us,
        "label": finding.label,
        "move": finding.move,
        "alternatives": finding.alternatives,
        "layers": list(finding.layers),
        "related": [{**_place(r.span, report), "message": r.message} for r in finding.related],
        "fingerprint": marks.of(finding),
        "overlaps": marks.overlapped(finding),
        "trainability": finding.trainability,
        "fix": None if finding.fix is None else _fix(finding.fix, report),
        "unfixed": finding.unfixed,
    }


def _fix(fix: Fix, report: Report) -> dict[str, Any]:
    return {
        "title": fix.title,
        "applicability": fix.applicability,
        "edits": [{**_place(e.span, report), "text": e.text} for e in fix.edits],
        "move": fix.move,
        "gain_us": fix.gain_us,
        "gain_percent": fix.gain_percent,
        "gain_error_us": fix.gain_error_us,
        "label": fix.label,
        "note": fix.note,
    }


def _failure(failure: Failure, report: Report) -> dict[str, Any]:
    place = None if failure.span is None else _place(failure.span, report)
    return {"kind": failure.kind, "message": failure.message, "place": place}


def _place(span: Span, report: Report) -> dict[str, Any]:
    return {
        "file": relative(span.file, report.root),
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }
