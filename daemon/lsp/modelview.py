"""The request ``advisor/modelView``: one model layer by layer, with its costs on one target or two, for an editor that
draws it; and what a finding's fix would make of it.

docs/editors.md says what is asked and answered; :mod:`.picture` makes the answer. A newer request about the same
document ends an older one, which fails with ``ServerCancelled``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from advisor.words import suggestion

from ..layered import Layered
from ..remote import AnalystError
from ..view import Model
from . import fixing, picture, targets
from .picture import Json, Shown
from .requests import RequestFailed, document, failed

if TYPE_CHECKING:
    from .analysis import Analysis
    from .documents import Opened
    from .session import Session

METHOD = "advisor/modelView"


class Superseded(JsonRpcException):
    """A request that a newer one took the place of."""

    CODE = lsp.LSPErrorCodes.ServerCancelled
    MESSAGE = "a newer request about this document took its place"


@dataclass(frozen=True)
class Asked:
    """The parameters of a request, but for the document."""

    model: str | None = None
    target: str | None = None
    compare: str | None = None
    fix: str | None = None

    @classmethod
    def of(cls, params: Any) -> Asked:
        """Raises JsonRpcInvalidParams."""
        given = params if isinstance(params, Mapping) else {}
        values = {name: given.get(name) for name in cls.__dataclass_fields__}
        for name, value in values.items():
            if value is not None and (not isinstance(value, str) or not value):
                raise JsonRpcInvalidParams(f"{METHOD}: {name}: expected a text, got {value!r}")
        return cls(**values)


class ModelViews:
    """Answers for one client. ``good`` has for documents that were asked about the last text that was traced: what is
    shown while the present one cannot be."""

    def __init__(self, session: Session, analysis: Analysis) -> None:
        self._session = session
        self._analysis = analysis
        self._running: dict[str, asyncio.Task[Json]] = {}
        self._good: WeakKeyDictionary[Opened, tuple[str, ...]] = WeakKeyDictionary()

    async def answer(self, params: Any) -> Json:
        """The answer; what was asked about the same document before ends. Raises JsonRpcException."""
        asked = Asked.of(params)
        opened = document(self._session, METHOD, params.get("uri") if isinstance(params, Mapping) else None)
        task = asyncio.ensure_future(self._answer(opened, asked))
        before, self._running[opened.uri] = self._running.get(opened.uri), task
        if before is not None:
            before.cancel()
        try:
            return await task
        except asyncio.CancelledError:
            if self._running.get(opened.uri) is not task:
                raise Superseded() from None
            raise
        finally:
            if self._running.get(opened.uri) is task:
                del self._running[opened.uri]

    async def _answer(self, opened: Opened, asked: Asked) -> Json:
        await self._settled(opened)
        if opened.state == "known" and not opened.stale:
            self._good[opened] = opened.lines
        model = _model(opened, asked.model)
        lines = self._good.get(opened)
        if model is None or model.rung == "static" or lines is None or not self._session.trusts(opened.path):
            return picture.without(self._session, opened, model)
        shown = await self._asked(opened, model, asked, lines)
        if not shown.layered.now.layers:
            return picture.without(self._session, opened, model)
        return picture.of(self._session, opened, model, shown)

    async def _settled(self, opened: Opened) -> None:
        """Wait until nothing newer is on its way."""
        while True:
            generation = opened.generation
            await self._analysis.reached(opened, traced=True)
            if self._session.documents.of(opened.uri) is not opened:
                raise RequestFailed(f"{opened.path.name} was closed")
            if opened.generation != generation:
                continue
            if opened.state != "running":
                return
            self._analysis.now(opened)  # others are before it, and somebody waits for this one

    async def _asked(self, opened: Opened, model: Model, asked: Asked, lines: tuple[str, ...]) -> Shown:
        """What an analyst says of the model in the text of ``lines``. Raises RequestFailed."""
        findings = {f.fingerprint(): f for f in picture.findings(opened, model.name)}
        about = findings.get(asked.fix or "")
        fixes = fixing.known(opened)
        fix = None if about is None or fixes is None else fixes.of(about)
        params = {
            **self._session.params(opened.path),
            "text": "".join(lines),
            "model": model.name,
            "target": await self._setting(opened, asked.target),
            "compare": await self._setting(opened, asked.compare),
            "findings": {name: finding.layers for name, finding in findings.items()},
            "move": fix.move if fix is not None else about.move if about is not None else None,
        }
        try:
            found = await self._session.lanes.call("model", params, lane="front", first=True)
        except AnalystError as e:
            raise failed(e) from e
        return Shown(Layered.from_plain(found), lines, about, fix)

    async def _setting(self, opened: Opened, name: str | None) -> str | None:
        """What a setting calls a target that a client knows by name: one that is not in use may be a file's."""
        if name is None or (opened.view is not None and name in opened.view.targets):
            return name
        known = await targets.known(self._session, opened.path)
        return next((target.setting for target in known if target.name == name), name)


def register(session: Session) -> None:
    """Answer for model views."""
    views = ModelViews(session, session.analysis)

    @session.feature(METHOD)
    async def model_view(params: Any) -> Json:
        return await views.answer(params)


def _model(opened: Opened, name: str | None) -> Model | None:
    """The model of that name, or the first that has layers; None where the document has none that is known. Raises
    JsonRpcInvalidParams for one that it has not."""
    models = opened.view.models if opened.view is not None else []
    if name is None:
        traced = (m for m in models if m.totals and m.rung != "static")
        return next(traced, models[0] if models else None)
    found = next((m for m in models if m.name == name), None)
    if found is None and models:
        hint = suggestion(name, [m.name for m in models])
        raise JsonRpcInvalidParams(f"{METHOD}: {opened.path.name} has no model {name}{hint}")
    return found
