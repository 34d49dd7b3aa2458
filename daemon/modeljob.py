"""The job ``model``: one model of a file layer by layer, with its costs on one target or two, and what a move would
make of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from advisor.advice.compose import named
from advisor.costs import Costs
from advisor.engine import EngineError
from advisor.fixes.making import described
from advisor.fixes.prices import price_on
from advisor.graph import Graph, Span
from advisor.limits import MemoryLimit
from advisor.moves import MoveError, from_plain
from advisor.plan import Plan, cost
from advisor.report import FileReport, ModelReport
from advisor.reports.layers import Row, rows
from advisor.targets import Target

from .jobparams import Params
from .layered import Layer, Layered, Layers
from .viewing import totals

_DIGITS = 4
"""Decimals of a layer's µs: sums of thousands of layers are still right to a thousandth of a percent."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which model; on which target (None for the settings' first), next to which other; after which move (in its plain
    form). ``findings`` are the names of the layers that findings are about, by fingerprint."""

    model: str
    target: str | None = None
    compare: str | None = None
    move: Mapping[str, Any] | None = None
    findings: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, params: Params) -> Asked:
        """Raises :class:`.jobparams.ParamsError`."""
        return cls(
            params.text("model"),
            params.optional("target"),
            params.optional("compare"),
            params.table("move"),
            params.lists("findings"),
        )


def layered(plan: Plan, report: FileReport, asked: Asked, go_on: Callable[[], None]) -> Layered:
    """The model that is asked for, of a report without costs, which are entered; without layers where it was not
    traced. ``go_on`` is called before what takes long, and raises to end it.

    Raises :class:`advisor.engine.EngineError` for a model that the file has not, a target that it cannot be costed on
    and a move that does not apply; :class:`advisor.targets.TargetError` for a target that there is none of.
    """
    model = next((m for m in report.models if m.name == asked.model), None)
    if model is None:
        raise EngineError(f"{Path(report.file).name} has no model {asked.model}")
    used = [t.name for t in plan.targets]
    if model.graph is None or model.rung == "static":
        return Layered(model.name, used, [])
    targets = _costed(plan, model, model.graph, asked, go_on)
    now = rows(model)
    sites: dict[Span, int] = {}
    found = Layered(
        model.name,
        used,
        [t.name for t in targets],
        _layers(model, targets, now, sites),
        list(sites),
        _about(asked.findings, model.graph),
    )
    if targets:
        found.limit = _limit(plan, targets[0], model.costs[targets[0].name])
    if asked.move is not None:
        go_on()
        found.change, moved = _applied(model, model.graph, asked.move)
        after = _after(model, moved, targets, go_on)
        then = rows(after)
        found.then = _layers(after, targets, then)
        found.changed = _changed((model.graph, now), (moved, then))
        found.kept = _kept(found.now.layers, found.then.layers)
    return found


# ---- costs


def _costed(plan: Plan, model: ModelReport, graph: Graph, asked: Asked, go_on: Callable[[], None]) -> list[Target]:
    """Enter what the model costs on the target that is asked for, else on the settings' first that it can be costed on,
    and on the compared one. Gives these targets: none where nobody asked for one and there is none."""

    def on(target: Target) -> bool:
        go_on()
        if target.name not in model.costs:
            cost(model, graph, target)
        return target.name in model.costs

    names = [name for name in (asked.target, asked.compare) if name is not None]
    wanted = [plan.target(name) for name in names]
    lacking = next((t.name for t in wanted if not on(t)), None)
    if lacking is not None:
        raise EngineError(f"{model.name} cannot be costed on {lacking}: {model.notes[-1]}")
    first = next((t for t in plan.targets if on(t)), None) if asked.target is None else None
    targets = list(dict.fromkeys([first, *wanted] if first is not None else wanted))
    model.costs = {t.name: model.costs[t.name] for t in targets}  # rows show the memory of the first
    return targets


def _applied(model: ModelReport, graph: Graph, plain: Mapping[str, Any]) -> tuple[str, Graph]:
    """What a move does, in words, and the graph that it makes."""
    try:
        move = from_plain(plain)
        return described(move, graph), move.apply(graph)
    except MoveError as e:
        raise EngineError(f"the change cannot be made to {model.name} as it is now: {e}") from e


def _after(model: ModelReport, moved: Graph, targets: Sequence[Target], go_on: Callable[[], None]) -> ModelReport:
    """The model with the moved graph, costed on the targets."""
    costs: dict[str, Costs] = {}
    for target in targets:
        go_on()
        price = price_on(target, model, moved)
        assert price is not None  # its costs before are there
        costs[target.name] = price.after
    return replace(model, graph=moved, costs=costs)


def _limit(plan: Plan, target: Target, costs: Costs) -> tuple[int, str] | None:
    """The limit that the peak is over, else the one that it would be over first."""
    limits = plan.limits(target)
    least: MemoryLimit | None = min(limits.memory, key=lambda limit: limit.bytes, default=None)
    limit = limits.exceeded(costs.peak.bytes) or least
    return None if limit is None else (limit.bytes, limit.what)


# ---- layers


def _layers(
    model: ModelReport, targets: Sequence[Target], found: Sequence[Row], sites: dict[Span, int] | None = None
) -> Layers:
    """The rows with their sums; ``sites`` gets their places, where they are wanted."""
    names = [t.name for t in targets]
    peak = model.costs[names[0]].peak.op if names else None
    return Layers(
        {name: totals(model.costs[name]) for name in names},
        [_layer(row, names, sites) for row in found],
        None if peak is None or model.graph is None else model.graph.position.get(peak),
    )


def _layer(row: Row, targets: Sequence[str], sites: dict[Span, int] | None) -> Layer:
    latencies = (row.latency_us.get(name) for name in targets)
    return Layer(
        path=row.path,
        label=row.label,
        inputs=[list(t.shape) for t in row.inputs],
        output=list(row.outputs[0].shape) if row.outputs else [],
        params=row.params,
        macs=row.macs,
        live_bytes=row.live_bytes,
        latency_us=[None if us is None else round(us, _DIGITS) for us in latencies],
        site=None if sites is None or row.source is None else sites.setdefault(row.source, len(sites)),
    )


def _kept(before: Sequence[Layer], after: Sequence[Layer]) -> list[int | None]:
    """For each layer of ``after`` the number of one of ``before`` that differs from it in its place alone."""

    def said(layer: Layer) -> str:
        return repr(replace(layer, site=None))

    numbers = {said(layer): number for number, layer in enumerate(before)}
    return [numbers.get(said(layer)) for layer in after]


def _about(findings: Mapping[str, Sequence[str]], graph: Graph) -> dict[str, list[int]]:
    """Fingerprint → the layers that the finding names; one that runs several times is all of these."""
    numbers: dict[str, list[int]] = {}
    for number, op in enumerate(graph.ops):
        numbers.setdefault(named(op), []).append(number)
    return {of: sorted(n for name in names for n in numbers.get(name, ())) for of, names in findings.items()}


def _changed(before: tuple[Graph, Sequence[Row]], after: tuple[Graph, Sequence[Row]]) -> list[str]:
    """The paths at which other things run than before, in order of execution, those that are gone at the end."""
    was, now = _by_path(*before), _by_path(*after)
    return [path for path in dict.fromkeys((*now, *was)) if was.get(path) != now.get(path)]


def _by_path(graph: Graph, found: Sequence[Row]) -> dict[str, list[Any]]:
    """What runs at each path: the op, and the shapes and types of all that it reads and makes."""
    out: dict[str, list[Any]] = {}
    for row in found:
        weights = [(name, graph.tensors[t]) for name, t in row.op.weights.items()]
        out.setdefault(row.path, []).append((row.label, row.inputs, row.outputs, weights))
    return out
