"""One client's session: its documents, settings and trust, and the features that are registered for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from lsprotocol import types
from pygls import uris
from pygls.capabilities import get_capability
from pygls.exceptions import JsonRpcException, JsonRpcInternalError
from pygls.lsp.server import LanguageServer

from advisor.interpreters import activated
from advisor.version import VERSION

from ..trust import Trust
from .documents import SCHEMES, Documents, Opened, file_of
from .protocol import CONVERTER, FramingError, Reader, Wire, messages
from .settings import EditorSettings
from .texts import Codec

if TYPE_CHECKING:
    from .analysis import Analysis

NAME = "nas-advisor"
_WAITING = 8 << 20
"""Bytes that may wait for a client that does not read, before no more is read from it."""
_ANSWERS = 2.0
"""Seconds that the first analysis waits for the client's settings."""


class Caller(Protocol):
    """What a session needs of :class:`advisor.daemon.lanes.Lanes`."""

    async def call(
        self,
        method: str,
        params: dict[str, Any],
        *,
        lane: Any,
        on_event: Callable[[dict[str, Any]], None] | None = None,
        first: bool = False,
    ) -> Any: ...

    def busy(self, lane: Any) -> bool: ...


class Session(LanguageServer):
    """One connection. ``environment`` and ``cwd`` are the client's, not the daemon's. ``chosen`` are engine settings
    that the person chose for this session alone: they win over all others. ``on_close`` is called when the session
    ends, ``on_distrust`` when trust is taken back and what runs must end."""

    analysis: Analysis

    def __init__(self, lanes: Caller, hello: Mapping[str, Any], log: logging.Logger) -> None:
        super().__init__(
            NAME,
            VERSION,
            notebook_document_sync=types.NotebookDocumentSyncOptions(
                notebook_selector=[
                    types.NotebookDocumentFilterWithCells(
                        notebook=types.NotebookDocumentFilterNotebookType("jupyter-notebook", scheme=scheme),
                        cells=[types.NotebookCellLanguage(language="python")],
                    )
                    for scheme in SCHEMES
                ]
            ),
            protocol_cls=Wire,
            converter_factory=lambda: CONVERTER,
        )
        self.wire = cast(Wire, self.protocol)
        self.lanes = lanes
        self.log = log
        self.environment: dict[str, str] = dict(hello.get("environment") or {})
        self.cwd = Path(hello.get("cwd") or "/")
        self.trust = Trust(self.roots, lambda message: self.say(message, types.MessageType.Warning))
        self.documents = Documents(Codec("utf-16"), self.made_up)
        self.settings_by_root: dict[Path, EditorSettings] = {}
        self.chosen: dict[str, Any] = {}
        self.on_close: list[Callable[[], Awaitable[None]]] = []
        self.on_distrust: list[Callable[[], object]] = []
        self.ended = False
        self._reporting = False
        self.ready = asyncio.Event()
        self._refreshing: dict[str, bool] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    # ---- what is asked of a session

    @property
    def settings(self) -> EditorSettings:
        """The first root's settings; :meth:`settings_of` gives those of a file."""
        return self.settings_of(next(iter(self.roots()), self.cwd))

    def settings_of(self, path: Path) -> EditorSettings:
        """The editor's settings for the workspace folder that ``path`` lies in."""
        return self.settings_by_root.get(self.root_of(path)) or EditorSettings()

    def roots(self) -> list[Path]:
        """The workspace's folders; none before the client has said them, or when there is no workspace."""
        return list(self.folders())

    def folders(self) -> dict[Path, str]:
        """The roots with the uris that the client has for them: it may name one by a link."""
        if self.wire._workspace is None:
            return {}
        workspace = self.workspace
        folders = [f.uri for f in workspace.folders.values()] or [workspace.root_uri or ""]
        return {path: uri for uri in folders if (path := file_of(uri)) is not None}

    def uri(self, path: Path) -> str:
        """The uri by which the client knows a file."""
        if (opened := self.documents.by_path(path)) is not None:
            return opened.uri
        root = self.root_of(path)
        if path.is_relative_to(root) and (given := uris.to_fs_path(self.folders().get(root, ""))):
            path = Path(given) / path.relative_to(root)
        return uris.from_fs_path(str(path)) or path.as_uri()

    def root_of(self, path: Path) -> Path:
        """The innermost workspace folder around ``path``; the first for what lies in none."""
        roots = self.roots()
        around = [root for root in roots if path.is_relative_to(root)]
        return max(around, key=lambda root: len(root.parts)) if around else next(iter(roots), self.cwd)

    def trusts(self, path: Path) -> bool:
        """Whether the code around ``path`` may run."""
        return self.trust.of(path)

    def params(self, path: Path) -> dict[str, Any]:
        """The parameters that every method of an analyst takes, for one file or folder."""
        trusted, settings, environment = self.trusts(path), self.settings_of(path), self.environment
        overrides = {**settings.overrides, **self.chosen}
        if not trusted:
            overrides.pop("python", None)
        elif settings.active is not None:
            environment = activated(environment, settings.active)
        return {
            "path": str(path),
            "buffers": {p: text for p, text in self.documents.buffers().items() if p != str(path)},
            "overrides": overrides,
            "origin": "the editor's settings",
            "cwd": str(self.root_of(path)),
            "environment": environment,
            "run": trusted,
        }

    def can(self, capability: str) -> Any:
        """What the client says of a capability (``text_document.diagnostic``); None before it has said anything."""
        if self.wire._workspace is None:
            return None
        return get_capability(self.client_capabilities, capability, None)  # type: ignore[arg-type]

    def say(self, message: str, kind: types.MessageType = types.MessageType.Info) -> None:
        """Tell the person in the client's log, and in ours."""
        self.log.info("to the client: %s", message)
        if self.wire.writer is not None:
            self.window_log_message(types.LogMessageParams(type=kind, message=message))

    def spawn(self, work: Any) -> asyncio.Task[Any]:
        """Run a coroutine beside the messages; it ends with the session, and its failure is logged."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._spawned)
        return task

    def _spawned(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.report_server_error(error, JsonRpcException)  # type: ignore[arg-type]

    def refresh(self, *, diagnostics: bool = True, hints: bool = True) -> None:
        """Ask the client to ask again, where it can; one question of a kind at a time is on its way."""
        if diagnostics and self.can("workspace.diagnostics.refresh_support"):
            self._refresh(types.WORKSPACE_DIAGNOSTIC_REFRESH)
        if hints and self.can("workspace.inlay_hint.refresh_support"):
            self._refresh(types.WORKSPACE_INLAY_HINT_REFRESH)
        if hints and self.can("workspace.code_lens.refresh_support"):
            self._refresh(types.WORKSPACE_CODE_LENS_REFRESH)

    def _refresh(self, method: str) -> None:
        if method in self._refreshing:
            self._refreshing[method] = True
            return
        self._refreshing[method] = False
        self.spawn(self._ask_again(method))

    async def _ask_again(self, method: str) -> None:
        try:
            while True:
                self._refreshing[method] = False
                await self.wire.send_request_async(method, None)
                if not self._refreshing[method]:
                    return
        except JsonRpcException as e:
            self.log.warning("%s: the client refused: %s", method, e)
        finally:
            del self._refreshing[method]

    def switch_target(self, name: str) -> None:
        """Cost everything for another target, in this session alone."""
        self.chosen["targets"] = [name]
        self.analysis.again(self.documents, outdated=True)
        self.refresh()

    def retrace(self, opened: Opened | None = None) -> None:
        """Analyse a document anew without waiting, or all of them."""
        if opened is not None:
            self.analysis.now(opened)
        else:
            self.analysis.again(self.documents)

    async def configured(self) -> None:
        """Wait until the client has said its settings; one that does not answer is not waited for long."""
        if not self.ready.is_set():
            try:
                await asyncio.wait_for(self.ready.wait(), _ANSWERS)
            except asyncio.TimeoutError:
                self.ready.set()  # what comes later is taken as a change

    # ---- the connection

    async def serve(self, reader: Reader, writer: Any) -> None:
        """Serve the client until it says ``exit`` or ends; then everything that was started for it ends too.

        ``writer`` needs ``write`` and ``close``; one with ``drain`` and a transport slows a client that does not read.
        """
        self.wire.set_writer(writer)
        if (transport := getattr(writer, "transport", None)) is not None:
            transport.set_write_buffer_limits(high=_WAITING)
        drain = getattr(writer, "drain", None)
        try:
            async for body in messages(reader):
                self.wire.receive(body)
                if self.ended:
                    break
                await asyncio.sleep(0)  # a handler starts before the next message changes the text under it
                if drain is not None:
                    await drain()
        except FramingError as e:
            self.log.warning("the client's bytes cannot be understood: %s; its session ends", e)
        except (ConnectionError, asyncio.IncompleteReadError) as e:
            self.log.info("the client is gone: %r", e)
        finally:
            await self.close()
            writer.close()

    async def close(self) -> None:
        """End what was started for this client. May be called twice."""
        running = [t for t in self._tasks if t is not asyncio.current_task()]
        running += [f for f in self.wire._request_futures.values() if isinstance(f, asyncio.Task)]
        for task in running:
            task.cancel()
        for end in self.on_close:
            await end()
        self.on_close.clear()
        await asyncio.gather(*running, return_exceptions=True)
        self.wire._request_futures.clear()
        self.wire._result_types.clear()

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Into the logs, the client's and ours; never a message box. What a request was refused for was its answer."""
        if isinstance(error, JsonRpcException) and not isinstance(error, JsonRpcInternalError):
            return self.log.info("refused: %s", error)
        self.log.error("%s: %s", getattr(source, "__name__", source), error, exc_info=error)
        if self.wire.writer is None or isinstance(error, ConnectionError) or self._reporting:
            return None
        self._reporting = True  # what cannot be sent is an error too, and must not be reported by sending
        try:
            self.window_log_message(types.LogMessageParams(types.MessageType.Error, f"{type(error).__name__}: {error}"))
        finally:
            self._reporting = False
        return None

    def made_up(self, uri: str) -> Path:
        """A path for a document that has none: in the first root, so that it imports what its neighbours do."""
        plain = "".join(c if c.isprintable() and c != "/" else "_" for c in uri.rpartition(":")[2].strip("/"))
        name = plain or "untitled"
        return next(iter(self.roots()), self.cwd) / (name if name.endswith((".py", ".ipynb")) else f"{name}.py")


def new_session(lanes: Caller, hello: Mapping[str, Any], log: logging.Logger) -> Session:
    """A session with all features, ready for ``await session.serve(reader, writer)``.

    ``hello`` is the handshake: ``environment`` and ``cwd`` are the client's.
    """
    from . import features  # they import this module

    session = Session(lanes, hello, log)
    features.register(session)
    return session
