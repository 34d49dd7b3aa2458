"""Verification: edited texts are traced again, and the graph that comes of them is held against the predicted one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ..equivalence import equivalent
from ..findings import Finding
from ..graph import Graph
from ..report import ModelReport
from ..session import Cancelled, Session
from ..texts import Texts
from .edits import Edit, apply, by_file, merged
from .proposal import Sources

SHOWN = 3
"""Differences that a message names."""


@dataclass(frozen=True, slots=True)
class Defect:
    """Edits that did not make of a model what was predicted: a fix that nobody is offered, and a fault of ours to look
    at. ``differences`` are the traced graph's against the predicted one's."""

    finding: Finding
    edits: tuple[Edit, ...]
    differences: tuple[str, ...]

    def __str__(self) -> str:
        more = f"; {len(self.differences) - SHOWN} more" if len(self.differences) > SHOWN else ""
        places = ", ".join(f"{e.span.file}:{e.span.line} {e.text!r}" for e in self.edits[:SHOWN])
        return f"{self.finding.code} on {self.finding.model}: {'; '.join(self.differences[:SHOWN])}{more} ({places})"


class Verifier:
    """Runs edited texts of the audited file at ``path`` through a session's worker; the same edits are run once.
    ``stopped`` is asked now and then whether the work is to end."""

    def __init__(
        self, session: Session, path: Path, sources: Sources, stopped: Callable[[], bool] = lambda: False
    ) -> None:
        self.session = session
        self.path = path
        self.sources = sources
        self.stopped = stopped
        self.runs = 0
        """How often the worker was asked."""
        self._traced: dict[tuple[frozenset[Edit], str], ModelReport | str] = {}

    def differences(self, model: ModelReport, edits: Iterable[Edit], expected: Graph) -> tuple[str, ...]:
        """How what the edited texts make of ``model`` differs from ``expected``; empty where it is the same. Raises
        :class:`advisor.session.Cancelled` and what :meth:`advisor.session.Session.trace` does."""
        found = self.traced(model.name, edits)
        if isinstance(found, str):
            return (found,)
        if found.graph is None or found.status != "ok":
            why = found.failure
            return (
                f"it cannot be traced any more: {why.kind}: {why.message}" if why else "it cannot be traced any more",
            )
        if _source(found) != _source(model):
            return (f"it was built in another way: {found.construct} against {model.construct}",)
        return tuple(equivalent(expected, found.graph))

    def graph(self, model: ModelReport, edits: Iterable[Edit]) -> Graph | None:
        """What the edited texts make of ``model``, as far as it can be traced."""
        found = self.traced(model.name, edits)
        return found.graph if isinstance(found, ModelReport) and found.status == "ok" else None

    def known(self, model: ModelReport, edits: Iterable[Edit]) -> bool:
        """Whether it is known already what the edits make of the model."""
        return (frozenset(edits), model.name) in self._traced

    def traced(self, name: str, edits: Iterable[Edit]) -> ModelReport | str:
        """The model called ``name`` under the edits, or why there is none."""
        ordered = merged(edits)
        key = frozenset(ordered), name
        if key not in self._traced:
            self._traced[key] = self._trace(ordered, name)
        return self._traced[key]

    def scoped(self, name: str) -> Graph | None:
        """The model's graph as it is, with what was in scope where its modules were built; None where it cannot be
        had."""
        report = self.session.trace(self.path, self.sources.texts, [name], scopes=True, stopped=self.stopped)
        if report is None:
            raise Cancelled
        return next((m.graph for m in report.models if m.name == name and m.status == "ok"), None)

    def _trace(self, edits: tuple[Edit, ...], name: str) -> ModelReport | str:
        buffers = dict(self.sources.texts.buffers)
        for file, theirs in by_file(edits).items():
            buffers[Path(file)] = apply(self.sources.text(file), theirs)
        self.runs += 1
        report = self.session.trace(self.path, Texts(buffers), [name], stopped=self.stopped)
        if report is None:
            raise Cancelled
        found = next((m for m in report.models if m.name == name), None)
        return found or "; ".join(f.message for f in report.findings) or "it is no model of the file any more"


def _source(model: ModelReport) -> str:
    """What kind of call the model was built by."""
    return model.construct.rpartition("  # ")[2].partition(",")[0] if "  # " in model.construct else ""
