"""From the report on a file to its view: layers by source place, totals, findings. Runs in an analyst's process."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.graph import Span
from advisor.report import FileReport, ModelReport
from advisor.reports.layers import Row, rows

from .view import Instance, Model, Phase, Place, Totals, View, digest


def view(report: FileReport, text: str, targets: Sequence[str], phase: Phase) -> View:
    """The view of ``report``, which was made of ``text`` for ``targets`` (names, in the order of the settings).

    A layer stands at the call that created it and at the call that ran it, as far as they lie in the file. Of a chain
    of calls that created it, the innermost in this file counts, as it does for findings. What several models are made
    of has the instances of them all.
    """
    layers: _Layers = {}
    for model in report.models:
        _enter(model, report.file, layers)
    return View(
        path=report.file,
        content=digest(text),
        phase=phase,
        targets=list(targets),
        models=[_model(m) for m in report.models],
        places=[Place(*at, instances, list(origin)) for at, (instances, origin) in sorted(layers.items(), key=_first)],
        findings=[*report.findings, *(f for m in report.models for f in m.findings)],
        notes=[*report.notes, *(f"{m.name}: {note}" for m in report.models for note in m.notes)],
    )


_Layers = dict[tuple[Span, bool], tuple[list[Instance], dict[Span, None]]]
"""By place and whether it is a creation: the layers, and what leads to any of them."""


def _first(item: tuple[tuple[Span, bool], object]) -> tuple[Span, bool]:
    return item[0]


def _enter(model: ModelReport, file: str, layers: _Layers) -> None:
    """Enter the layers of one model."""
    modules = {} if model.graph is None else model.graph.modules
    for row in rows(model):
        op = row.op
        chain = modules[op.path].created if op.module and op.path in modules else ()
        places: list[tuple[Span, bool]] = []
        here = next((s for s in chain if s.file == file), None)
        if here is not None:
            places.append((here, True))
        if op.call is not None and op.call.file == file:
            places.append((op.call, False))
        if not places:
            continue
        instance = _instance(row, model.name)
        for at in places:
            instances, origin = layers.setdefault(at, ([], {}))
            instances.append(instance)
            origin.update((s, None) for s in chain if s != at[0])


def _instance(row: Row, model: str) -> Instance:
    first = row.outputs[0] if row.outputs else None
    return Instance(
        model=model,
        path=row.path,
        label=row.label,
        inputs=[list(t.shape) for t in row.inputs],
        output=[] if first is None else list(first.shape),
        dtype="" if first is None else first.dtype,
        params=row.params,
        macs=row.macs,
        live_bytes=row.live_bytes,
        latency_us=row.latency_us,
    )


def _model(model: ModelReport) -> Model:
    return Model(
        name=model.name,
        span=model.span,
        status=model.status,
        rung=model.rung,
        construct=model.construct,
        input=model.input,
        totals={
            target: Totals(
                label=costs.label,
                latency_us=costs.latency_us,
                macs=costs.macs,
                params=costs.params,
                weights_bytes=costs.weights_bytes,
                peak_bytes=costs.peak.bytes,
                uncounted=len(costs.uncounted),
                together_us=model.together_us.get(target),
            )
            for target, costs in model.costs.items()
        },
        findings=len(model.findings),
    )
