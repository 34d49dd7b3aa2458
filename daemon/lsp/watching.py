"""Files and folders that change behind the editor's back."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from .analysis import Analysis
from .configuration import fetch, untrusted
from .documents import differs
from .session import Session

WATCHED = ("**/*.py", "**/*.ipynb", "**/*.toml")
"""Sources, notebooks; settings and targets, which are TOML files of any name."""


async def watch(session: Session) -> None:
    """Ask the client to tell of changed files and settings, where it can be asked."""
    registrations: list[types.Registration] = []
    if session.can("workspace.did_change_watched_files.dynamic_registration"):
        options = types.DidChangeWatchedFilesRegistrationOptions([types.FileSystemWatcher(glob) for glob in WATCHED])
        method = types.WORKSPACE_DID_CHANGE_WATCHED_FILES
        registrations.append(types.Registration(str(uuid.uuid4()), method, options))
    if session.can("workspace.did_change_configuration.dynamic_registration"):
        method = types.WORKSPACE_DID_CHANGE_CONFIGURATION
        registrations.append(types.Registration(str(uuid.uuid4()), method, {"section": "advisor"}))
    if not registrations:
        return
    try:
        await session.client_register_capability_async(types.RegistrationParams(registrations))
    except JsonRpcException as e:
        session.log.warning("the client does not watch files: %s", e)


def register(session: Session, analysis: Analysis, outdated: Callable[[], None]) -> None:
    """Handle changes of files and workspace folders. ``outdated`` hears that results about files that are not open
    hold no longer."""

    @session.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def files(params: types.DidChangeWatchedFilesParams) -> None:
        settings = news = False
        for event in params.changes:
            settings = settings or event.uri.endswith(".toml")
            opened = session.documents.of(event.uri)
            if opened is not None:
                opened.unsaved = differs(opened.path, opened.text)
            news = news or opened is None or opened.unsaved  # what was just saved here is known already
        outdated()
        if not news:
            return
        analysis.again(session.documents, outdated=settings)
        if settings:
            session.refresh()

    @session.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    async def folders(params: types.DidChangeWorkspaceFoldersParams) -> None:
        gone = [folder.uri for folder in params.event.removed]
        session.log.info("workspace folders now: %s; gone: %s", session.roots(), gone)
        untrusted(session, session.roots())
        await fetch(session)
        outdated()
        analysis.again(session.documents, outdated=True)
        session.refresh()
