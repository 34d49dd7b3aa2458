"""What a session can do, put together: the parts know each other from here only."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from . import actions, commands, configuration, hints, hover, lenses, modelview, pages, syncing, targets, watching
from .analysis import Analysis
from .diagnostics import SOURCE, Diagnostics
from .documents import Documents, Opened
from .session import Session
from .status import Status
from .texts import ENCODINGS, Codec
from .workspace import WorkspaceDiagnostics


def register(session: Session) -> None:
    """Register every feature with a new session."""
    diagnostics = Diagnostics(session)
    workspace = WorkspaceDiagnostics(session)
    session.analysis = analysis = Analysis(session, _Audience(diagnostics, Status(session)))
    _life(session, analysis)
    syncing.register(session, analysis, diagnostics)
    configuration.register(session, analysis)
    watching.register(session, analysis, workspace.outdated)
    for feature in (actions, commands, hints, hover, lenses, modelview, targets):
        feature.register(session)

    @session.feature(
        types.TEXT_DOCUMENT_DIAGNOSTIC,
        types.DiagnosticOptions(inter_file_dependencies=True, workspace_diagnostics=True, identifier=SOURCE),
    )
    async def pull(params: types.DocumentDiagnosticParams) -> Any:
        return await diagnostics.pull(analysis, params)

    @session.feature(types.WORKSPACE_DIAGNOSTIC)
    async def pull_workspace(params: types.WorkspaceDiagnosticParams) -> Any:
        return await workspace.report(params)


class _Audience:
    """What hears of the analyses: the diagnostics, and the status bar."""

    def __init__(self, diagnostics: Diagnostics, status: Status) -> None:
        self.begun, self.fixed = status.begun, status.fixed
        self._diagnostics, self._status = diagnostics, status

    def changed(self, opened: Opened, traced: bool) -> None:
        self._diagnostics.changed(opened, traced)
        self._status.changed(opened, traced)


def _life(session: Session, analysis: Analysis) -> None:
    """The beginning and end of a session, and its commands."""

    @session.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        _begin(session, params)

    @session.feature(types.INITIALIZED)
    async def initialized(_params: Any) -> None:
        session.spawn(asyncio.to_thread(pages.prepare))
        configuration.untrusted(session, session.roots())
        news = await configuration.fetch(session)
        late = session.ready.is_set()
        session.ready.set()
        if news and late:
            analysis.again(session.documents, outdated=True)
        await watching.watch(session)

    @session.feature(types.SHUTDOWN)
    def shutdown(_params: Any) -> None:
        session.wire.shut_down()

    @session.feature(types.EXIT)
    def exit_(_params: Any) -> None:
        session.ended = True

    @session.feature(types.WORKSPACE_EXECUTE_COMMAND)
    async def execute(params: types.ExecuteCommandParams) -> Any:
        handler = session.wire.fm.commands.get(params.command)
        if handler is None:
            raise JsonRpcInvalidParams(f"there is no command {params.command!r}")
        told = [params.work_done_token] if params.command in commands.LONG else []
        return await handler(*told, *(params.arguments or []))


def _begin(session: Session, params: types.InitializeParams) -> None:
    """Take from ``initialize`` what holds for the whole session."""
    encoding = str(getattr(session.workspace.position_encoding, "value", session.workspace.position_encoding))
    session.documents = Documents(Codec(next(known for known in ENCODINGS if known == encoding)), session.made_up)
    options = params.initialization_options
    options = options if isinstance(options, Mapping) else {}
    told = options.get("trusted")
    session.trust.told = told if isinstance(told, bool) else None
    configuration.take(session, options.get("settings"))
    if not session.can("workspace.configuration"):
        session.ready.set()
