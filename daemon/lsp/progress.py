"""Progress of work that takes longer than a moment, with a way to stop it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from .session import Session

PATIENCE = 1.0
"""Seconds before something is shown."""


class Progress:
    """What the client shows of one piece of work; nothing before it has begun."""

    def __init__(self, session: Session, title: str) -> None:
        self._session = session
        self._title = title
        self._last: tuple[str, int | None] = ("", None)
        self._token: types.ProgressToken | None = None
        self.stopped = False  # by the person

    def report(self, message: str, percentage: int | None = None) -> None:
        """What is being done now. Told where the percentage is another: one may stand for hundreds of files."""
        same = percentage is not None and percentage == self._last[1]
        self._last = (message, percentage)
        if self._token is not None and not same:
            value = types.WorkDoneProgressReport(message=message, percentage=percentage, cancellable=True)
            self._session.work_done_progress.report(self._token, value)

    def begin(self, token: types.ProgressToken, work: asyncio.Future[Any]) -> None:
        """Show it; a client that stops it cancels ``work``."""
        message, percentage = self._last
        value = types.WorkDoneProgressBegin(
            title=self._title, message=message or None, percentage=percentage, cancellable=True
        )
        progress = self._session.work_done_progress
        progress.begin(token, value)

        def stop(_: Any) -> None:
            self.stopped = True
            work.cancel()

        progress.tokens[token].add_done_callback(stop)
        self._token = token

    def end(self) -> None:
        """Take it away. The token is forgotten: pygls would keep it for ever."""
        if self._token is not None:
            self._session.work_done_progress.end(self._token, types.WorkDoneProgressEnd())
            self._session.work_done_progress.tokens.pop(self._token, None)
            self._token = None


@asynccontextmanager
async def progress(session: Session, title: str, token: types.ProgressToken | None = None) -> AsyncIterator[Progress]:
    """Show the work of the current task: at once with the client's own ``token``, else after :data:`PATIENCE` where
    the client can show it."""
    work = asyncio.current_task()
    assert work is not None  # an async context is entered by a task
    shown = Progress(session, title)
    later: asyncio.Task[Any] | None = None
    if token is not None:
        shown.begin(token, work)
    elif session.can("window.work_done_progress"):
        later = session.spawn(_later(session, shown, work))
    try:
        yield shown
    finally:
        if later is not None:
            later.cancel()
        shown.end()


async def _later(session: Session, shown: Progress, work: asyncio.Future[Any]) -> None:
    await asyncio.sleep(PATIENCE)
    token = str(uuid.uuid4())
    try:
        await session.work_done_progress.create_async(token)
    except JsonRpcException as e:
        session.log.info("the client shows no progress: %s", e)
        return
    finally:
        session.work_done_progress.tokens.pop(token, None)
    shown.begin(token, work)
