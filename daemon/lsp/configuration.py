"""The client's settings and its word about trust, at the start and whenever they change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from .analysis import Analysis
from .session import Session
from .settings import SECTION, EditorSettings, read

TRUST = "advisor/trust"
"""The notification by which a client says that its workspace is trusted, or is not: ``{"trusted": true}``."""


def take(session: Session, given: Any) -> bool:
    """Use settings that hold for all roots. Whether that changes anything."""
    return _replace(session, {root: read(given, root) for root in session.roots() or [session.cwd]})


async def fetch(session: Session) -> bool:
    """Ask the client for the settings of each root. Whether they are others than before; a client that cannot be
    asked keeps those it sent."""
    if not session.can("workspace.configuration"):
        return False
    folders = session.folders() or {session.cwd: session.cwd.as_uri()}
    wanted = [types.ConfigurationItem(scope_uri=uri, section=SECTION) for uri in folders.values()]
    try:
        answers = await session.workspace_configuration_async(types.ConfigurationParams(wanted))
    except JsonRpcException as e:
        session.log.warning("the client does not tell its settings: %s", e)
        return False
    found = dict(zip(folders, answers or (), strict=False))
    return _replace(session, {root: read(found.get(root), root) for root in folders})


def _replace(session: Session, new: dict[Any, EditorSettings]) -> bool:
    old = session.settings_by_root
    said = {problem for settings in old.values() for problem in settings.problems}
    for problem in dict.fromkeys(p for settings in new.values() for p in settings.problems):
        if problem not in said:
            session.say(problem, types.MessageType.Warning)
    session.settings_by_root = new
    return new != old


def register(session: Session, analysis: Analysis) -> None:
    """Handle changes of settings and of trust."""

    def anew() -> None:
        analysis.again(session.documents, outdated=True)
        session.refresh()

    @session.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    async def changed(params: types.DidChangeConfigurationParams) -> None:
        """Newer clients send nothing and want to be asked."""
        sent = params.settings.get(SECTION) if isinstance(params.settings, Mapping) else None
        if session.can("workspace.configuration"):
            news = await fetch(session)
        else:
            news = take(session, sent)
        if news:
            anew()

    @session.feature(TRUST)
    def trust(params: Any) -> None:
        told = params.get("trusted") if isinstance(params, Mapping) else None
        if not isinstance(told, bool):
            session.say(f'{TRUST}: expected {{"trusted": true or false}}, got {params!r}', types.MessageType.Warning)
        elif told != session.trust.told:
            if told:
                session.trust.told = True
            else:
                session.trust.take_back()
                analysis.stop()
                for end in [*session.on_distrust]:
                    end()
                untrusted(session, [*session.roots(), *(opened.path for opened in session.documents)])
            anew()


def untrusted(session: Session, paths: Iterable[Path]) -> None:
    """Say, once for each folder, what files and folders without trust get, and how to allow more."""
    for path in paths:
        if (hint := session.trust.unsaid(path)) is not None:
            session.say(hint)
