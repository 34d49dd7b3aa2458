"""What a status bar shows of a document: how its analysis stands, and each model's figures on the first target.

The notification ``advisor/status`` goes to clients that declare ``experimental: {"advisor": {"status": true}}``, for
each open document whenever what it says is another than last time. All that happens in one turn of the loop is one.
Its ``revision`` grows with every trace and whenever more fixes are known: what was asked about a model may be out of
date then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet

from advisor.limits import NO_LIMITS, Level, judge

from ..view import Model, View
from . import words
from .protocol import CONVERTER

if TYPE_CHECKING:
    from .documents import Opened
    from .session import Session

STATUS = "advisor/status"
FAILED = "TRC901"
"""The code of a file that could not be imported: none of its models was run."""


class Status:
    """Tells one client how its documents stand."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._told: WeakKeyDictionary[Opened, dict[str, Any]] = WeakKeyDictionary()
        self._due: set[str] = set()
        self._begun: WeakSet[Opened] = WeakSet()
        self._revisions: WeakKeyDictionary[Opened, int] = WeakKeyDictionary()

    def begun(self, opened: Opened) -> None:
        """An analysis of a document begins, or is due: nothing has come of it so far."""
        self._begun.add(opened)
        self._news(opened)

    def changed(self, opened: Opened, traced: bool) -> None:
        """Something has come of it: it was read, or ``traced``."""
        self._begun.discard(opened)
        self._revisions[opened] = self._revisions.get(opened, 0) + traced
        self._news(opened)

    def fixed(self, opened: Opened) -> None:
        """More fixes are known."""
        self._revisions[opened] = self._revisions.get(opened, 0) + 1
        self._news(opened)

    def _news(self, opened: Opened) -> None:
        if opened.uri not in self._due and wanted(self._session):
            self._due.add(opened.uri)
            self._session.spawn(self._tell(opened.uri))

    async def _tell(self, uri: str) -> None:
        self._due.discard(uri)
        opened = self._session.documents.of(uri)
        if opened is None:
            return  # closed meanwhile: nothing is said of it any more
        now = status(opened, self._session.trusts(opened.path), read=opened not in self._begun)
        now["revision"] = self._revisions.get(opened, 0)
        if self._told.get(opened) != now:
            self._told[opened] = now
            self._session.protocol.notify(STATUS, now)


def wanted(session: Session) -> bool:
    """Whether the client wants to hear it."""
    experimental = session.can("experimental")
    ours = experimental.get("advisor") if isinstance(experimental, Mapping) else None
    return isinstance(ours, Mapping) and ours.get("status") is True


def status(opened: Opened, trusted: bool, read: bool = True) -> dict[str, Any]:
    """The notification's parameters; ``read``: the analysis that runs has got beyond reading the source."""
    view = opened.view
    targets = list(view.targets) if view is not None else []
    return {
        "uri": opened.uri,
        "state": _state(opened, trusted, read),
        "trusted": trusted,
        "stale": opened.stale,
        "target": targets[0] if targets else None,
        "targets": targets,
        "models": [_model(model, view, opened) for model in view.models] if view is not None else [],
    }


def state(session: Session, opened: Opened) -> str:
    """``waiting`` for a run, or for the typing to settle; ``tracing``; how the last one ended: ``traced``, ``static``
    where nothing may be run, ``failed``, ``cancelled`` by the person."""
    return _state(opened, session.trusts(opened.path))


def _state(opened: Opened, trusted: bool, read: bool = True) -> str:
    if opened.state == "running":
        return "tracing" if trusted and read else "waiting"
    if opened.state in ("cancelled", "failed"):
        return opened.state
    unimported = opened.view is not None and any(f.code == FAILED for f in opened.view.findings)
    if opened.state == "broken" or unimported:
        return "failed"
    return "traced" if trusted else "static"


def _model(model: Model, view: View, opened: Opened) -> dict[str, Any]:
    """One model on the first target; what is not known is null."""
    target = view.targets[0] if view.targets else ""
    total = model.totals.get(target)
    whole = model.status == "ok" and model.rung != "static"
    known = total is not None and words.costed(total)
    level: Level = "unknown"
    text = why = ""
    if total is not None and known:
        mark, part = "~" if opened.stale else "", "" if whole else "up to there: "
        text = f"{mark}{part}{words.brief(total)}"
        limits = view.limits.get(target, NO_LIMITS)
        level, why = judge(limits, total.latency_us, total.peak_bytes, total.uncounted, whole)
    where = opened.locate(model.span) if opened.owns(model.span) else None
    return {
        "name": model.name,
        "range": CONVERTER.unstructure(where.range) if where is not None and where.uri == opened.uri else None,
        "status": model.status,
        "label": total.label if total is not None and known else "",
        "latencyUs": total.latency_us if total is not None and known else None,
        "lowUs": total.low_us if total is not None else None,
        "highUs": total.high_us if total is not None else None,
        "peakBytes": total.peak_bytes if total is not None and known else None,
        "params": total.params if total is not None else None,
        "macs": total.macs if total is not None and known else None,
        "uncounted": total.uncounted if total is not None else None,
        "findings": model.findings,
        "level": level,
        "text": text,
        "why": why,
    }
