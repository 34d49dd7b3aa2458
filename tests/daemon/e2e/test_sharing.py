"""Several editors on one daemon: each has its own settings and its own way to count, and none falls with another."""

from __future__ import annotations

import asyncio
import os
import signal

import psutil
import pytest

import advisor
from advisor.client.connection import Client

from .editor import PULLING, PUSHED, SECONDS, Editor, capabilities
from .models import NET

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def nets(tmp_path):
    paths = [tmp_path / name / "net.py" for name in ("one", "two")]
    for path in paths:
        path.parent.mkdir()
        path.write_text(NET.replace("too wide", "😀 wide"))
    return paths


@pytest.fixture
def status(home, monkeypatch):
    """What the editors' daemon says of itself."""
    for name, value in home.environment.items():
        if name.startswith("XDG_"):
            monkeypatch.setenv(name, value)

    def ask() -> dict:
        with advisor.connect() as client:
            assert isinstance(client, Client)
            return client.status()

    return lambda: asyncio.to_thread(ask)


def _forwarder(editor: Editor) -> int:
    assert editor._server is not None
    return editor._server.pid


async def test_each_has_its_own_settings_and_its_own_way_to_count(start, nets, status, home):
    able = [capabilities(PULLING, "utf-8"), capabilities(PUSHED, "utf-32")]
    folders = [path.parent for path in nets]
    one = await start("hub", *folders, able=able[0], settings={"targets": ["ethos-u85-2048"]})
    two = await start("hub", *folders, able=able[1])
    assert (one.encoding, two.encoding) == ("utf-8", "utf-32")
    for editor in (one, two):
        for path in nets:
            editor.open(path)
    for path in nets:
        await one.findings(path, "CHN101", "MEM401")
        await two.findings(path, "CHN101")
    said = await status()
    assert said["pid"] == home.hub()
    assert [c["roots"] for c in said["clients"] if c["kind"] == "lsp"] == [list(map(str, folders))] * 2

    two.edit(nets[0], "(32, 65", "(32, 64")
    two.edit(nets[0], "(65", "(64")
    await two.findings(nets[0])
    await one.findings(nets[0], "CHN101", "MEM401"), "an editor's unsaved text is its own"


async def test_one_vanishes_in_the_middle_and_the_other_goes_on(start, nets, status, home):
    rude, other = [await start("hub", path.parent, able=capabilities(PUSHED)) for path in nets]
    hub = home.hub()
    other.open(nets[1])
    await other.findings(nets[1], "CHN101")
    nets[0].with_name("pyproject.toml").write_text("[tool.advisor]\ntime-limit = 600\n")
    rude.open(nets[0], NET.replace("from torch", "import time\n\ntime.sleep(500)\nfrom torch"))
    await rude.until(lambda: rude.last(nets[0]))

    os.kill(_forwarder(rude), signal.SIGKILL)
    other.edit(nets[1], "(32, 65", "(32, 64")
    other.edit(nets[1], "(65", "(64")
    assert await other.findings(nets[1]) == []
    assert home.hub() == hub

    def lsp(said: dict) -> list:
        return [c for c in said["clients"] if c["kind"] == "lsp"]

    said = await other.until(status, lambda said: len(lsp(said)) == 1)
    assert lsp(said)[0]["roots"] == [str(nets[1].parent)]

    def busy(said: dict) -> list:
        return [a for lane in said["lanes"].values() for a in lane["analysts"] if a["state"] == "busy"]

    await other.until(status, lambda said: not busy(said))


async def test_a_server_of_its_own_that_is_killed_leaves_nothing_behind(start, nets):
    editor = await start("standalone", nets[0].parent, able=capabilities(PUSHED))
    editor.open(nets[0])
    await editor.findings(nets[0], "CHN101")
    server = psutil.Process(_forwarder(editor))
    started = server.children(recursive=True)
    assert len(started) > 2, "analysts and workers"
    server.kill()
    _, left = await asyncio.to_thread(psutil.wait_procs, started, SECONDS)
    assert left == []
