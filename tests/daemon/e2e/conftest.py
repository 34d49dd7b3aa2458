"""Editors on a real language server, by both ways: a server of their own, and the daemon that all share."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lsprotocol import types
from pytest_lsp import ClientServerConfig

from advisor.client.address import find, holder

from ..hubs import kill, until
from .editor import PULLING, PUSHED, Editor, capabilities

COMMAND = [sys.executable, "-m", "advisor", "lsp"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What goes beyond the capabilities of an editor fails: pytest-lsp only warns."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("error::pytest_lsp.checks.LspSpecificationWarning"))


class Home:
    """Folders that daemons of these tests find instead of the person's."""

    def __init__(self) -> None:
        self.top = Path(tempfile.mkdtemp(prefix="advisor-", dir="/tmp"))  # short: a socket's path has a limit
        self.environment = dict(os.environ)
        for variable in ("RUNTIME_DIR", "CACHE_HOME", "CONFIG_HOME"):
            folder = self.top / variable.split("_")[0].lower()
            folder.mkdir(mode=0o700)
            self.environment[f"XDG_{variable}"] = str(folder)

    @property
    def settings(self) -> Path:
        """The user's own settings."""
        folder = self.top / "config" / "nas-advisor"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / "config.toml"

    def advisor(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "advisor", *arguments], env=self.environment, capture_output=True, text=True, cwd="/"
        )

    def hub(self) -> int | None:
        """The daemon's process."""
        return holder(find(self.environment))

    def leave(self) -> None:
        self.advisor("daemon", "stop")
        kill(find(self.environment))
        shutil.rmtree(self.top, ignore_errors=True)


class Editors:
    """Starts editors. Those with a server of their own are used again: each costs an import of torch."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._kept: dict[bool, Editor] = {}

    async def start(
        self,
        way: str,
        *roots: Path,
        able: types.ClientCapabilities,
        trusted: bool | None = True,
        settings: Any = None,
    ) -> Editor:
        """An editor that has just been started, on a server of its own (``standalone``) or on the ``hub``."""
        command = [*COMMAND, "--standalone"] if way == "standalone" else COMMAND
        config = ClientServerConfig(command, client_factory=Editor, server_env=self.home.environment)
        editor = await config.start()
        assert isinstance(editor, Editor)
        await editor.begin(roots, able, trusted, settings)
        return editor

    @contextlib.asynccontextmanager
    async def at(self, way: str, root: Path, *, pulling: bool) -> AsyncIterator[Editor]:
        """A trusted editor in a folder."""
        able = capabilities(PULLING if pulling else PUSHED)
        editor = self._kept.get(pulling) if way == "standalone" else None
        if editor is None:
            editor = await self.start(way, root, able=able)
        else:
            editor.enter(root)
        if way == "standalone":
            self._kept[pulling] = editor
        try:
            yield editor
            quiet(editor)
        finally:
            editor.answer = None
            editor.configure(None)
            editor.enter()
            if way != "standalone":
                await end(editor)

    async def close(self) -> None:
        await asyncio.gather(*map(end, self._kept.values()))


async def end(editor: Editor) -> None:
    """Leave politely."""
    await editor.shutdown_session()
    await editor.stop()


def quiet(editor: Editor) -> None:
    """Nothing popped up, nothing went wrong, and nothing was shown of a text after a later one."""
    assert editor.messages == []
    assert [m.message for m in editor.log_messages if m.type == types.MessageType.Error] == []
    assert editor.error is None
    shown: dict[str, int] = {}
    for published in editor.published:
        if published.version is not None:
            assert published.version >= shown.get(published.uri, 0), published
            shown[published.uri] = published.version


@pytest.fixture(scope="session")
def home() -> Iterator[Home]:
    home = Home()
    yield home
    pid = home.hub()
    home.leave()
    until(lambda: pid is None or not Path(f"/proc/{pid}").exists())


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def editors(home) -> AsyncIterator[Editors]:
    editors = Editors(home)
    yield editors
    await editors.close()


@pytest.fixture(params=["standalone", "hub"])
def way(request) -> str:
    return request.param


@pytest_asyncio.fixture(loop_scope="session")
async def editor(editors, way, tmp_path) -> AsyncIterator[Editor]:
    """An editor in ``tmp_path`` that asks for diagnostics."""
    async with editors.at(way, tmp_path, pulling=True) as editor:
        yield editor


@pytest_asyncio.fixture(loop_scope="session")
async def pushed(editors, way, tmp_path) -> AsyncIterator[Editor]:
    """An editor in ``tmp_path`` that takes diagnostics as they come."""
    async with editors.at(way, tmp_path, pulling=False) as editor:
        yield editor


@pytest_asyncio.fixture(loop_scope="session")
async def start(editors) -> AsyncIterator[Any]:
    """Starts editors as :meth:`Editors.start` does; they end with the test."""
    started: list[Editor] = []

    async def begin(*args: Any, **keywords: Any) -> Editor:
        started.append(await editors.start(*args, **keywords))
        return started[-1]

    yield begin
    for editor in started:
        if not editor.stopped:
            await end(editor)
        quiet(editor)
