"""The open file comes first, while the workspace keeps every core busy; and the workspace can be stopped."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from advisor.client.aio import AsyncClient, connect_async
from advisor.daemon.abreast import CORES
from tests.daemon.hubs import home

from .conftest import COMMAND
from .editor import PULLING, Editor, capabilities

FILES = 50
_NET = """

class Net{n}(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, WIDTH, 3, padding=1),
            *[nn.Conv2d(WIDTH, WIDTH, {kernel}, padding="same") for _ in range(12)],
        )

    def forward(self, x):
        return self.layers(x)
"""


def nets(many: int, width: int) -> str:
    """A file with some models; no two of its models, and no two such files, are alike."""
    text = f"from torch import nn\n\nWIDTH = {width}\n"
    return text + "".join(_NET.replace("{n}", str(n)).replace("{kernel}", str(2 * n + 1)) for n in range(many))


class Watch:
    """Looks at the back lane until it is stopped: how many of its analysts were busy at once, at most."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self.most = 0

    async def busy(self) -> int:
        back = (await self._client.status())["lanes"]["back"]
        now = sum(a["state"] == "busy" for a in back["analysts"])
        self.most = max(self.most, now)
        return now + back["waiting"]

    async def look(self) -> None:
        while True:
            await self.busy()
            await asyncio.sleep(0.02)


def reported(editor: Editor, token: str) -> int:
    """Files of the workspace that have been reported so far."""
    return len(editor.values.get(token, ()))


async def retraced(editor: Editor, path: Path, layers: int) -> Any:
    """Wait until the hints of a file are those of its present text."""

    def good(hints: dict[int, str]) -> bool:
        return len(hints) == layers and not any("~" in label for label in hints.values())

    return await editor.until(lambda: editor.hints(path), good)


async def test_an_edit_comes_before_the_workspace_which_can_be_stopped(monkeypatch, tmp_path) -> None:
    for n in range(FILES):
        (tmp_path / f"net_{n}.py").write_text(nets(2, 16 + n))
    opened = tmp_path / "opened.py"
    opened.write_text(nets(8, 8))
    with home(monkeypatch):
        editor = Editor()
        await editor.start_io(*COMMAND)
        client = await connect_async()
        try:
            await editor.begin([tmp_path], capabilities(PULLING), True)
            editor.open(opened)
            await retraced(editor, opened, 16)
            await _fair(editor, client, opened)
        finally:
            await client.close()
            await editor.shutdown_session()
            await editor.stop()


async def _fair(editor: Editor, client: AsyncClient, opened: Path) -> None:
    watch = Watch(client)
    looking = asyncio.ensure_future(watch.look())
    params = types.WorkspaceDiagnosticParams([], partial_result_token="workspace")
    number, answer = editor.ask(types.WORKSPACE_DIAGNOSTIC, params)
    await editor.until(lambda: reported(editor, "workspace") >= 3)  # one is the open file itself

    began, before = time.monotonic(), reported(editor, "workspace")
    editor.edit(opened, "WIDTH = 8\n", "WIDTH = 12\n")
    await retraced(editor, opened, 16)
    took, after = time.monotonic() - began, reported(editor, "workspace")
    assert after < FILES / 2, "the edit's result is there before half of the workspace"
    assert not answer.done()
    await editor.until(lambda: reported(editor, "workspace") >= after + 3)
    each = (time.monotonic() - began) / (reported(editor, "workspace") - before)

    editor.cancel(number)
    stopped = time.monotonic()
    with pytest.raises(JsonRpcException):
        await answer
    looking.cancel()
    while await watch.busy():
        await asyncio.sleep(0.005)
    last = reported(editor, "workspace")
    assert last < FILES and time.monotonic() - stopped < 5 * each, "what runs is ended, and nothing else begun"
    assert watch.most == min(FILES, CORES), "every core was at work"
    assert took < FILES / 2 * each
    await asyncio.sleep(2 * each)
    assert reported(editor, "workspace") == last
