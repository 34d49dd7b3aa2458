"""What the hub knows of a file: its findings and its layers by source place, without graphs.

A view is made of a :class:`advisor.report.FileReport` in an analyst's process, travels to the hub as plain data and is
all that diagnostics, hints, hovers, lenses and actions read. Lines and columns are :class:`advisor.graph.Span`'s: from
1, in code points, ends exclusive. Latencies are µs, sizes bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, Literal

from advisor.findings import Finding, Related
from advisor.graph import Span
from advisor.limits import Limits, MemoryLimit

Phase = Literal["static", "traced"]


def digest(text: str) -> str:
    """Names a text."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


@dataclass(slots=True)
class Instance:
    """One executed layer. ``latency_us`` by target; None is an op that the target's cost model does not count.

    ``output`` is the first output's shape, ``inputs`` are the activations'. ``within`` are by target the bounds of a
    predicted latency (90 %) in parts of it; targets that say nothing of them are missing.
    """

    model: str
    path: str
    label: str
    inputs: list[list[int]]
    output: list[int]
    dtype: str
    params: int
    macs: int | None
    live_bytes: int | None
    latency_us: dict[str, float | None]
    within: dict[str, list[float]] = field(default_factory=dict)


@dataclass(slots=True)
class Width:
    """How many channels or features layers of a place take or give: ``span`` is the number in the source, ``call`` the
    text of what it is written in, ``how`` it is found there and becomes the width (``third item × 6``), empty where
    that is plain. Where no number is known, ``call`` is empty and ``span`` the call that decides it."""

    number: int
    span: Span
    call: str
    how: str = ""


@dataclass(slots=True)
class Place:
    """A source place with all layers that are created there (``created``) or called there.

    ``origin`` leads from the place outwards through user code to where its numbers come from (the module's creation
    chain); spans of other files included. ``widths`` are those of layers created here.
    """

    span: Span
    created: bool
    instances: list[Instance] = field(default_factory=list)
    origin: list[Span] = field(default_factory=list)
    widths: list[Width] = field(default_factory=list)


@dataclass(slots=True)
class Totals:
    """A model's costs on one target. ``label`` says what kind of number it is; ``uncounted`` how many ops it lacks.

    ``low_us`` and ``high_us`` are the latency's 90 % interval, where it has one. ``doubtful`` is how many kernels left
    the training range of the prediction, or were left to the simulated model."""

    label: str
    latency_us: float
    macs: int
    params: int
    weights_bytes: int
    peak_bytes: int
    uncounted: int
    together_us: float | None = None
    low_us: float | None = None
    high_us: float | None = None
    doubtful: int = 0


@dataclass(slots=True)
class Model:
    """One model of the file; ``span`` is its name in the source. ``status`` and ``rung`` are the report's.

    ``scores`` are what the zero-shot proxies say of it, name and text, for inputs of the shape ``scored``; empty where
    it has none, or not yet."""

    name: str
    span: Span
    status: str
    rung: str | None
    construct: str
    input: str
    totals: dict[str, Totals]
    findings: int
    scores: list[tuple[str, str]] = field(default_factory=list)
    scored: str = ""


@dataclass(slots=True)
class View:
    """One file as last analysed. ``content`` is the digest of the text it was made of (:func:`daemon.view.digest`).

    ``limits`` are by target what a model of the file may take there."""

    path: str
    content: str
    phase: Phase
    targets: list[str]
    models: list[Model] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    limits: dict[str, Limits] = field(default_factory=dict)

    def to_plain(self) -> dict[str, Any]:
        """As msgpack-able values. Files' names and instances stand there once and go by their numbers elsewhere; what
        else there is stands in the order of the fields."""
        files: dict[str, int] = {}
        numbers: dict[int, int] = {}
        instances: list[tuple[Any, ...]] = []

        def span(s: Span) -> tuple[int, ...]:
            file, line, column, end_line, end_column = s
            return files.setdefault(file, len(files)), line, column, end_line, end_column

        def number(instance: Instance) -> int:
            key = id(instance)
            if key not in numbers:
                numbers[key] = len(instances)
                instances.append(_instance(instance))
            return numbers[key]

        plain = {
            "path": self.path,
            "content": self.content,
            "phase": self.phase,
            "targets": self.targets,
            "models": [
                (
                    m.name,
                    span(m.span),
                    m.status,
                    m.rung,
                    m.construct,
                    m.input,
                    {name: _totals(t) for name, t in m.totals.items()},
                    m.findings,
                    m.scores,
                    m.scored,
                )
                for m in self.models
            ],
            "places": [
                (
                    span(p.span),
                    p.created,
                    [number(i) for i in p.instances],
                    [span(s) for s in p.origin],
                    [(w.number, span(w.span), w.call, w.how) for w in p.widths],
                )
                for p in self.places
            ],
            "findings": [
                (f.code, f.message, span(f.span), *_finding(f), [(span(r.span), r.message) for r in f.related])
                for f in self.findings
            ],
            "notes": self.notes,
            "limits": self.limits,
        }
        return {**plain, "instances": instances, "files": list(files)}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> View:
        """The inverse of :meth:`to_plain`, after msgpack made lists of tuples."""
        files = plain["files"]
        instances = [Instance(*i) for i in plain["instances"]]

        def span(s: list[int]) -> Span:
            file, line, column, end_line, end_column = s
            return Span(files[file], line, column, end_line, end_column)

        return cls(
            plain["path"],
            plain["content"],
            plain["phase"],
            plain["targets"],
            [
                Model(
                    name,
                    span(at),
                    status,
                    rung,
                    construct,
                    given,
                    {target: Totals(*t) for target, t in totals.items()},
                    findings,
                    [(proxy, text) for proxy, text in scores],
                    scored,
                )
                for name, at, status, rung, construct, given, totals, findings, scores, scored in plain["models"]
            ],
            [
                Place(
                    span(at),
                    created,
                    [instances[i] for i in held],
                    [span(s) for s in origin],
                    [Width(number, span(s), *said) for number, s, *said in widths],
                )
                for at, created, held, origin, widths in plain["places"]
            ],
            [
                Finding(
                    code,
                    message,
                    span(at),
                    **dict(zip(_FINDING, rest, strict=True)),
                    related=[Related(span(s), said) for s, said in related],
                )
                for code, message, at, *rest, related in plain["findings"]
            ],
            plain["notes"],
            {
                target: Limits(latency, tuple(MemoryLimit(*limit) for limit in memory))
                for target, (latency, memory) in plain["limits"].items()
            },
        )


_FINDING = tuple(f.name for f in fields(Finding) if f.name not in ("code", "message", "span", "related"))
_finding = attrgetter(*_FINDING)
_instance = attrgetter(*(f.name for f in fields(Instance)))
_totals = attrgetter(*(f.name for f in fields(Totals)))
