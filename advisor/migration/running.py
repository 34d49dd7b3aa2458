"""Migrating a checkpoint file: both models are built in the worker, and what it sends is written here."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..discovery.project import Project, root
from ..discovery.request import discover
from ..graph import Graph
from ..interpreters import choose
from ..plan import Plans
from ..report import ModelReport
from ..session import Session
from ..worker import sameness
from ..workers import Event
from .errors import MigrateError
from .outcome import Outcome, outcome
from .planner import plan
from .sources import Source

LARGEST = 1e-5
"""The largest difference, relative to the largest output, that rounding makes where a migration is exact."""
_LONGER = 10
"""How many of a file's time limits a migration may take: weights are drawn, read, run and written."""


@dataclass(frozen=True)
class Migration:
    """``outcomes`` by where their state dicts are in the checkpoint. ``difference`` is the largest between the outputs
    of both models for the same seeded inputs, ``largest`` the largest output; None, and ``unchecked`` why, where they
    cannot be compared. ``dropped`` are parts of the checkpoint that are left out, ``extra`` entries that the old model
    does not have."""

    outcomes: dict[str, Outcome]
    difference: float | None
    largest: float | None
    unchecked: str
    dropped: list[str]
    extra: list[str]
    bytes: int


def migrate(checkpoint: Path, old: Source, new: Source, output: Path, settings: Mapping[str, Any]) -> Migration:
    """Write ``checkpoint``, which is one of ``old``'s model, as one of ``new``'s to ``output``. That is replaced as a
    whole or not touched. Raises :class:`MigrateError` and what a session raises."""
    with Session(Plans({**settings, "select": []})) as session:
        before, after = _Side(session, old), _Side(session, new)
        found = plan(before.graph, after.graph)
        told = before.ask({"checkpoint": str(checkpoint), "plan": None, "names": [], "inputs": None, "expected": None})
        asked = {
            "checkpoint": str(checkpoint),
            "plan": found.to_plain(),
            "names": told["names"],
            "inputs": told["inputs"],
            "expected": told["outputs"],
        }
        with _Pieces(output) as pieces:
            said = after.ask(asked, pieces.take)
            outcomes = {s["at"]: outcome(found, s["errors"], s["kept"], s["dropped"]) for s in said["states"]}
            difference, largest = said["difference"], said["largest"]
            if difference is not None and all(o.exact for o in outcomes.values()) and difference > LARGEST * largest:
                raise MigrateError(
                    f"the outputs differ by {difference:.2g} (largest {largest:.2g}) though every layer should be "
                    "exact; nothing was written, please report this to the advisor's authors"
                )
            size = pieces.keep()
        unchecked = "" if difference is not None else told["why"] or said["why"] or "they have other shapes"
        extra = sorted({name for state in told["states"] for name in state["extra"]})
        return Migration(outcomes, difference, largest, unchecked, said["dropped"], extra, size)


class _Side:
    """One of the two models."""

    def __init__(self, session: Session, source: Source) -> None:
        self._session = session
        self._source = source
        report = session.file(source.path, source.texts, score="no")
        models = [] if report is None else report.models
        self._model = _chosen(models, source)
        assert self._model.graph is not None
        self.graph: Graph = self._model.graph

    def ask(self, migration: Mapping[str, Any], piece: Callable[[Event], None] = lambda event: None) -> dict[str, Any]:
        """What the worker says of this model with a checkpoint's weights; ``piece`` gets each event."""
        path, texts, shared = self._source.path, self._source.texts, self._session.shared
        plan = self._session.plans.of(path)
        project = Project(root(path, texts), texts, shared.index)
        seconds = _LONGER * plan.config.time_limit
        limits = {"seconds": seconds, "memory_bytes": plan.config.memory_limit}
        request = discover(path, project, plan.configured(path), **limits).request
        assert request is not None  # its model was traced
        said: dict[str, Any] = {}

        def hear(event: Event) -> None:
            if event["event"] in ("migrated", "refused"):
                said.update(event)
            piece(event)

        asked = {**request, "job": "migrate", "migrate": {**migration, "model": self._model.name}}
        interpreter = choose(path, self._session.environment, plan.config.python).path
        ended = shared.pool.run(interpreter, self._session.environment, asked, hear, lambda: False)
        shown = f"{self._source.shown} ({self._model.name})"
        if said.get("event") == "refused":
            raise MigrateError(f"{shown}: {said['why']}")
        if ended.status != "ok" or not said:
            remedy = (
                "; raise --time-limit"
                if ended.status == "timeout"
                else "; raise --memory-limit"
                if ended.status == "memory"
                else ""
            )
            reason = ended.detail.strip().rpartition("\n")[2] or "it could not be built again"
            raise MigrateError(f"{shown}: the run ended ({ended.status}): {reason}{remedy}")
        if sameness.digest(said["graph"]) != sameness.digest(self.graph.to_plain()):
            raise MigrateError(
                f"{shown}: it was another network when it was built again; fix its arguments with a comment"
            )
        return said


def _chosen(models: list[ModelReport], source: Source) -> ModelReport:
    """The model that a source names, or its only one, traced whole."""
    named = [m for m in models if not source.name or m.name == source.name]
    if not named:
        known = ", ".join(m.name for m in models) or "none"
        raise MigrateError(f"no model {source.name} in {source.shown}; models found there: {known}".replace("  ", " "))
    whole = [m for m in named if m.graph is not None and m.status == "ok"]
    if (
        len({sameness.digest(m.graph.to_plain()) for m in whole if m.graph is not None}) > 1
    ):  # not a class and its factory
        names = ", ".join(m.name for m in named)
        raise MigrateError(f"{source.shown} has several models: {names}; name one as FILE::NAME")
    model = (whole or named)[0]
    if model.graph is None or model.status != "ok" or model.rung in ("hooks", "static"):
        why = f": {model.failure.kind}: {model.failure.message}" if model.failure is not None else ""
        raise MigrateError(f"{model.name} of {source.shown} could not be traced whole{why}")
    return model


class _Pieces:
    """A file that is put together of what the worker sends, and takes its name only once it is whole."""

    def __init__(self, output: Path) -> None:
        self._output = output
        self._digest = hashlib.sha256()
        self._size = 0
        self._written: dict[str, Any] = {}
        self._failed: OSError | None = None

    def __enter__(self) -> _Pieces:
        descriptor, name = tempfile.mkstemp(prefix=f".{self._output.name}.", dir=self._output.parent)
        self._file = os.fdopen(descriptor, "wb")
        self._path = Path(name)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        with suppress(FileNotFoundError):  # it has its name
            self._path.unlink()

    def take(self, event: Event) -> None:
        """Write a piece; it is taken out of the event, which is kept otherwise."""
        if event["event"] == "written":
            self._written = event
        if event["event"] != "piece" or self._failed is not None:
            return
        data = base64.b64decode(event.pop("data"))
        self._digest.update(data)
        self._size += len(data)
        try:
            self._file.write(data)
        except OSError as e:  # an exception now would cost the worker, which is in mid-request
            self._failed = e

    def keep(self) -> int:
        """Give the file its name; its size. Raises :class:`MigrateError` where it is not whole."""
        if self._failed is not None:
            raise MigrateError(f"cannot write {self._output}: {self._failed.strerror}")
        if self._written.get("sha256") != self._digest.hexdigest():
            raise MigrateError("the worker's checkpoint did not arrive whole; nothing was written, try again")
        mask = os.umask(0)
        os.umask(mask)
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._path.chmod(0o666 & ~mask)  # as any new file; a temporary one is private
            self._path.replace(self._output)
        except OSError as e:
            raise MigrateError(f"cannot write {self._output}: {e.strerror}") from e
        return self._size
