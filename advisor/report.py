"""What an audit returns: plain data that every output format renders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .costs import Costs
from .findings import Finding
from .graph import Graph, Span


@dataclass(slots=True)
class Failure:
    """Why a model is ``partial`` or ``failed``: what raised, and where in user code."""

    kind: str
    message: str
    span: Span | None = None


@dataclass(slots=True)
class ModelReport:
    """One model: how it was built, what it computes, what that costs per target, and what to change.

    ``status`` is ``ok``, ``partial`` or ``failed``; ``rung`` says how the graph was obtained: on one of the worker's
    rungs (:data:`advisor.worker.trace.tracer.RUNGS`, best first) or ``static``, read off the source.
    ``construct`` is the call as an expression with where it came from (``MobileNetV2(num_classes=10)  # call site,
    train.py:12``); ``input`` likewise (``(1, 3, 224, 224) float32  # literal, line 80``). ``together_us`` is, per
    target, what all compatible findings save when applied at once.
    """

    name: str
    file: str
    kind: str
    span: Span
    status: str
    rung: str | None = None
    construct: str = ""
    input: str = ""
    graph: Graph | None = None
    costs: dict[str, Costs] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    together_us: dict[str, float] = field(default_factory=dict)
    failure: Failure | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class FileReport:
    """One audited file. ``findings`` are those of no single model (syntax, import, suppressions)."""

    file: str
    models: list[ModelReport] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """The result of :func:`advisor.audit`. ``root`` is the folder that relative paths start from."""

    root: str
    targets: tuple[str, ...]
    files: list[FileReport] = field(default_factory=list)

    @property
    def models(self) -> list[ModelReport]:
        return [m for f in self.files for m in f.models]

    def findings(self) -> Iterator[Finding]:
        """Every finding, file by file."""
        for f in self.files:
            yield from f.findings
            for m in f.models:
                yield from m.findings

    def __str__(self) -> str:
        """The report as ``advisor audit`` prints it, without colours."""
        from .reports.console import render

        return render(self)

    def _repr_html_(self) -> str:
        """The report for a notebook."""
        from .reports.html import render

        return render(self)
