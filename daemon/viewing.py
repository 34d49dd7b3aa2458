"""From the report on a file to its view: layers by source place, totals, findings. Runs in an analyst's process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from advisor.advice.carrier import MADE, TAKEN, carried, editable, step_of
from advisor.advice.literals import Lines, called, known_lines, located
from advisor.advice.surroundings import Text
from advisor.costs import Costs
from advisor.graph import Graph, Op, Span, Tensor
from advisor.limits import Limits
from advisor.numbers import Literal, Numbers
from advisor.report import FileReport, ModelReport
from advisor.reports.layers import Row, rows
from advisor.zeroshot import words

from .view import Instance, Model, Phase, Place, Totals, View, Width, digest


def view(
    report: FileReport,
    text: str,
    targets: Sequence[str],
    phase: Phase,
    lines: Lines = known_lines,
    limits: Mapping[str, Limits] | None = None,
) -> View:
    """The view of ``report``, which was made of ``text`` for ``targets`` (names, in the order of the settings) with
    these ``limits``.

    A layer stands at the call that created it and at the call that ran it, as far as they lie in the file. Of a chain
    of calls that created it, the innermost in this file counts, as it does for findings. What several models are made
    of has the instances of them all. ``lines`` gives the source of other files.
    """
    layers: _Layers = {}
    origins = _Origins(report.file, text, lines)
    for model in report.models:
        _enter(model, report.file, layers, origins)
    return View(
        path=report.file,
        content=digest(text),
        phase=phase,
        targets=list(targets),
        models=[_model(m) for m in report.models],
        places=[
            Place(*at, held.instances, list(held.origin), list(held.widths.values()))
            for at, held in sorted(layers.items(), key=_first)
        ],
        findings=[*report.findings, *(f for m in report.models for f in m.findings)],
        notes=[*report.notes, *(f"{m.name}: {note}" for m in report.models for note in m.notes)],
        limits=dict(limits or {}),
    )


@dataclass(slots=True)
class _Held:
    """The layers of a place, what leads to any of them, and their widths by number and place."""

    instances: list[Instance] = field(default_factory=list)
    origin: dict[Span, None] = field(default_factory=dict)
    widths: dict[tuple[int, Span], Width] = field(default_factory=dict)


_Layers = dict[tuple[Span, bool], _Held]
"""By place and whether it is a creation."""


class _Origins:
    """Where the widths of one file's layers come from, as advice about them is attributed."""

    def __init__(self, file: str, text: str, lines: Lines) -> None:
        self._file = file
        self._own = text.split("\n")
        self._lines = cache(lines)
        self._text = cache(lambda file: Text(self._read(file)))
        self._known: dict[tuple[int, tuple[Span, ...]], Width | None] = {}
        self._followed: dict[tuple[int, int, int], Width | None] = {}

    def widths(self, row: Row, chain: tuple[Span, ...], graph: Graph | None) -> list[Width]:
        """Those of what the layer gives and takes."""
        found: dict[int, Width] = {}
        for names, tensors in ((MADE, row.outputs), (TAKEN, row.inputs)):
            number = _channels(row.op, tensors[0]) if tensors else 0
            if number and number not in found:
                width = self._literal(row.op, graph, names, number) or self._width(number, chain)
                found.update({} if width is None else {number: width})
        return list(found.values())

    def _literal(self, op: Op, graph: Graph | None, names: Sequence[str], number: int) -> Width | None:
        """The number that carries a width, where the model's numbers were followed."""
        numbers = None if graph is None else graph.numbers
        if graph is None or numbers is None or (step := step_of(numbers, graph, op, names)) is None:
            return None
        key = (id(numbers), step, number)
        if key not in self._followed:
            self._followed[key] = self._written(numbers, step, number)
        return self._followed[key]

    def _written(self, numbers: Numbers, step: int, number: int) -> Width | None:
        found = carried(numbers, [step], number, self._file)
        if found is None or not editable(found.span, self._file):
            return None
        around = self._text(found.span.file).around(found.span)
        return Width(number, found.span, around.text, _how(numbers.literals[found.literal], around.position, number))

    def _width(self, number: int, chain: tuple[Span, ...]) -> Width | None:
        key = (number, chain)
        if key not in self._known:
            self._known[key] = self._found(number, [s for s in chain if editable(s, self._file)])
        return self._known[key]

    def _found(self, number: int, chain: Sequence[Span]) -> Width | None:
        """What the innermost call writes that writes the number; else the outermost decides."""
        for span in chain:
            if places := located(span, number, self._read):
                return Width(number, places[0], called(span, self._read))
        return Width(number, chain[-1], "") if chain else None

    def _read(self, file: str) -> Sequence[str]:
        return self._own if file == self._file else self._lines(file)


_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


def _how(literal: Literal, position: int, width: int) -> str:
    """Which item of its row a literal is, and how the width comes of it."""
    which = f"{_ORDINALS[position - 1]} item" if 0 < position <= len(_ORDINALS) else ""
    if literal.value == width:
        return which
    value = f"{literal.value:g}"
    times, rest = divmod(width, literal.value) if literal.value > 0 else (0, 1)
    return f"{which or value} × {times:g}" if times > 1 and not rest else f"worked out from its {value}"


def _channels(op: Op, tensor: Tensor) -> int:
    """The width of a convolution's or linear layer's activation; 0 for another's."""
    if op.op == "linear":
        return tensor.shape[-1]
    spatial = len(op.attrs["kernel"]) if op.op == "conv" else len(tensor.shape)
    return tensor.shape[-spatial - 1] if spatial < len(tensor.shape) else 0


def _first(item: tuple[tuple[Span, bool], object]) -> tuple[Span, bool]:
    return item[0]


def _enter(model: ModelReport, file: str, layers: _Layers, origins: _Origins) -> None:
    """Enter the layers of one model."""
    modules = {} if model.graph is None else model.graph.modules
    bounds = {target: _bounds(costs) for target, costs in model.costs.items()}
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
        within = {target: known[op.key] for target, known in bounds.items() if op.key in known}
        instance = _instance(row, model.name, within)
        for at in places:
            held = layers.setdefault(at, _Held())
            held.instances.append(instance)
            held.origin.update((s, None) for s in chain if s != at[0])
        if here is not None:
            widths = layers[here, True].widths
            widths.update(((w.number, w.span), w) for w in origins.widths(row, chain, model.graph))


def _bounds(costs: Costs) -> dict[int, list[float]]:
    """Op key → the bounds of its kernel's latency, in parts of it."""
    return {
        key: [kernel.low_us / kernel.latency_us, kernel.high_us / kernel.latency_us]
        for kernel in costs.kernels
        if kernel.low_us is not None and kernel.high_us is not None and kernel.latency_us
        for key in kernel.ops
    }


def _instance(row: Row, model: str, within: dict[str, list[float]]) -> Instance:
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
        within=within,
    )


def totals(costs: Costs, together_us: float | None = None) -> Totals:
    """What a model costs in all; ``together_us`` is what its findings save at once."""
    return Totals(
        label=costs.label,
        latency_us=costs.latency_us,
        macs=costs.macs,
        params=costs.params,
        weights_bytes=costs.weights_bytes,
        peak_bytes=costs.peak.bytes,
        uncounted=len(costs.uncounted),
        together_us=together_us,
        low_us=costs.low_us,
        high_us=costs.high_us,
        doubtful=sum(k.outside or k.simulated for k in costs.kernels),
    )


def _model(model: ModelReport) -> Model:
    facts = None if model.graph is None else model.graph.facts
    return Model(
        name=model.name,
        span=model.span,
        status=model.status,
        rung=model.rung,
        construct=model.construct,
        input=model.input,
        totals={target: totals(costs, model.together_us.get(target)) for target, costs in model.costs.items()},
        findings=len(model.findings),
        scores=[] if facts is None else words.lines(facts),
        scored="" if facts is None else facts.input,
    )
