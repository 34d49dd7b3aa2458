"""Verification: edited texts are traced again, and the graph that comes of them is held against the predicted one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..equivalence import equivalent
from ..findings import Finding
from ..graph import Graph
from ..recent import Recent
from ..report import FileReport, ModelReport
from ..session import Cancelled, Session
from ..texts import Texts
from ..troubles import OF_FILES
from .edits import Edit, apply, by_file, merged
from .proposal import Sources

SHOWN = 3
"""Differences that a message names."""

KEPT = 200_000
"""Operations of traced graphs that are kept, of all edits together: some 2 kB each, not half a gigabyte in all."""

_UNREACHED = ("OutOfTime", "not reached")
"""Kinds of failures that other models of the same run are to blame for: they had the time."""


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


@dataclass(frozen=True, slots=True)
class _Traced:
    """What edits make of a model, or why there is none; ``troubles`` are those of the whole file. ``weight``: the
    operations that it adds to what is kept, one at least."""

    model: ModelReport | str
    troubles: tuple[str, ...]
    weight: int = 1


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
        self._fragile: set[str] = set()
        """Models that edits have lost: the first to be looked at when others are tried."""
        self._kept: Recent[tuple[frozenset[Edit], str], _Traced] = Recent(KEPT, lambda traced: traced.weight)

    def differences(self, model: ModelReport, edits: Iterable[Edit], expected: Graph) -> tuple[str, ...]:
        """How what the edited texts make of ``model`` differs from ``expected``; empty where it is the same. Raises
        :class:`advisor.session.Cancelled` and what :meth:`advisor.session.Session.trace` does."""
        edits = merged(edits)
        found = self.traced(model.name, edits)
        if isinstance(found, str):
            return (found,)
        if found.graph is None or found.status != "ok":
            return (f"it cannot be traced any more: {self._failure(found, edits)}",)
        if _source(found) != _source(model):
            return (f"it was built in another way: {found.construct} against {model.construct}",)
        return tuple(equivalent(expected, found.graph)) or self._trouble(model.name, edits)

    def prepare(self, models: Iterable[ModelReport], edits: Iterable[Edit]) -> None:
        """Find out what the edits make of several models, which in one run takes a fraction of a run for each. Raises
        as :meth:`differences`."""
        edits = merged(edits)
        self._trace(edits, [m.name for m in models if not self.known(m, edits)])

    def lost(self, models: Sequence[ModelReport], edits: Iterable[Edit]) -> str:
        """Which of ``models``, all of which can be traced, the edited texts have lost, and how; empty where they lost
        none. Raises as :meth:`differences`."""
        edits = merged(edits)
        fragile = [m for m in models if m.name in self._fragile]
        others = [m for m in models if m.name not in self._fragile]
        return next(filter(None, (self._lost(some, edits) for some in (fragile, *_batches(others)))), "")

    def _lost(self, models: Sequence[ModelReport], edits: tuple[Edit, ...]) -> str:
        self.prepare(models, edits)
        for model in models:
            traced = self._of(model.name, edits)
            found = traced.model
            if isinstance(found, str):
                self._fragile.add(model.name)
                return f"with it {model.name} is lost: {found}"
            if found.graph is None or found.status != "ok":
                self._fragile.add(model.name)
                return f"with it {model.name} cannot be traced any more: {self._failure(found, edits)}"
            if (
                model.graph is not None
                and _source(found) == _source(model)
                and not equivalent(model.graph, found.graph)
            ):
                # One graph for all edits that leave it as it is.
                self._kept.put((frozenset(edits), model.name), _Traced(model, traced.troubles))
        return ""

    def graph(self, model: ModelReport, edits: Iterable[Edit]) -> Graph | None:
        """What the edited texts make of ``model``; None where it cannot be traced, or the file suffers otherwise."""
        edits = merged(edits)
        found = self.traced(model.name, edits)
        if isinstance(found, str) or found.status != "ok" or self._trouble(model.name, edits):
            return None
        return found.graph

    def known(self, model: ModelReport, edits: Iterable[Edit]) -> bool:
        """Whether it is known already what the edits make of the model."""
        return self._kept.get((frozenset(edits), model.name)) is not None

    def traced(self, name: str, edits: Iterable[Edit]) -> ModelReport | str:
        """The model called ``name`` under the edits, or why there is none."""
        return self._of(name, merged(edits)).model

    def scoped(self, name: str) -> Graph | None:
        """The model's graph as it is, with what was in scope where its modules were built; None where it cannot be
        had."""
        report = self.session.trace(self.path, self.sources.texts, [name], scopes=True, stopped=self.stopped)
        if report is None:
            raise Cancelled
        return next((m.graph for m in report.models if m.name == name and m.status == "ok"), None)

    def _of(self, name: str, edits: tuple[Edit, ...]) -> _Traced:
        key = frozenset(edits), name
        found = self._kept.get(key)
        if found is None:
            self._trace(edits, [name])
            found = self._kept.get(key)
            assert found is not None  # the newest is always kept
        return found

    def _trace(self, edits: tuple[Edit, ...], names: Sequence[str]) -> None:
        """Find out what the edits make of models: in one run, and in others for those that it has no time for."""
        while names:
            report = self._run(edits, names)
            known = {m.name: m for m in report.models}
            late = [name for name in names if name in known and _late(known[name])]
            said = "; ".join(f.message for f in report.findings) or "it is no model of the file any more"
            troubles = tuple(f.message for f in report.findings if f.code in OF_FILES)
            for name in names:
                model = known.get(name, said)
                size = 0 if isinstance(model, str) or model.graph is None else len(model.graph.ops)
                self._kept.put((frozenset(edits), name), _Traced(model, troubles, 1 + size))
            names = late if len(late) < len(names) else ()

    def _failure(self, model: ModelReport, edits: tuple[Edit, ...]) -> str:
        """Why a model cannot be traced under the edits."""
        troubles = self._of(model.name, edits).troubles
        if troubles:
            return troubles[0]
        return f"{model.failure.kind}: {model.failure.message}" if model.failure else model.status

    def _trouble(self, name: str, edits: tuple[Edit, ...]) -> tuple[str, ...]:
        """What goes wrong with the file under the edits and does not without them. A model can be had all the same:
        what an import that raises has left is used without the rest."""
        troubles = self._of(name, edits).troubles
        if not troubles or not edits:
            return ()
        before = self._of(name, ()).troubles
        return tuple(said for said in troubles if said not in before)

    def _run(self, edits: tuple[Edit, ...], names: Collection[str]) -> FileReport:
        buffers = dict(self.sources.texts.buffers)
        for file, theirs in by_file(edits).items():
            buffers[Path(file)] = apply(self.sources.text(file), theirs)
        self.runs += 1
        report = self.session.trace(self.path, Texts(buffers), names, stopped=self.stopped)
        if report is None:
            raise Cancelled
        return report


def _batches(models: Sequence[ModelReport]) -> Iterator[list[ModelReport]]:
    """Models for one run each: few enough that what comes of them is kept, and that what is lost is soon known."""
    batch: list[ModelReport] = []
    room = KEPT // 4
    for model in models:
        size = 0 if model.graph is None else len(model.graph.ops)
        if batch and size > room:
            yield batch
            batch, room = [], KEPT // 4
        batch.append(model)
        room -= size
    if batch:
        yield batch


def _late(model: ModelReport) -> bool:
    """Whether a run ended before it came to the model."""
    return model.failure is not None and model.failure.kind in _UNREACHED


def _source(model: ModelReport) -> str:
    """What kind of call the model was built by."""
    return model.construct.rpartition("  # ")[2].partition(",")[0] if "  # " in model.construct else ""
