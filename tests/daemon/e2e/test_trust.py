"""Nothing of a workspace runs before it is trusted, and it cannot trust itself."""

from __future__ import annotations

import sys

import pytest

from .editor import PULLING, capabilities
from .models import NET

pytestmark = pytest.mark.asyncio(loop_scope="session")

ABLE = capabilities(PULLING)


@pytest.fixture
def net(tmp_path):
    """A model in a workspace whose interpreter leaves a mark when it is started, and that does what it can to be
    trusted."""
    path = tmp_path / "net.py"
    path.write_text(NET)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ntouch "{tmp_path}/started"\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (tmp_path / "pyproject.toml").write_text('[tool.advisor]\npython = "python"\n')
    for folder in (tmp_path, tmp_path / "nas-advisor", tmp_path / ".config" / "nas-advisor"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.toml").write_text(f'trusted = ["{tmp_path}"]\n')
    return path


async def _read_only(editor, net) -> None:
    """The model is shown as its source says, and nothing was started."""
    editor.open(net)
    lenses = await editor.until(lambda: editor.lenses(net))
    assert "static only: not trusted · how to allow it" in lenses
    assert "read from the source only" in await editor.hover(net, "Net(nn.Module)")
    await editor.findings(net)
    assert await editor.hints(net) == {}
    assert not net.with_name("started").exists()


async def test_untrusted_nothing_runs_until_the_editor_says_so(start, way, net):
    settings = {"trusted": True, "python": str(net.with_name("python"))}
    editor = await start(way, net.parent, able=ABLE, trusted=None, settings=settings)
    await _read_only(editor, net)
    told = [m.message for m in editor.log_messages]
    assert any("is not trusted" in m and "trusted = [...]" in m for m in told)
    assert any("cannot grant trust" in m for m in told)
    for wrong in ("true", 1, None):
        editor.trust(wrong)
    editor.edit(net, "65, 3", "66, 3")
    editor.edit(net, "(65", "(66")
    await _read_only_still(editor, net)

    editor.trust(True)
    await editor.findings(net, "CHN101")
    assert net.with_name("started").exists()
    assert len(await editor.hints(net)) == 3


async def _read_only_still(editor, net) -> None:
    assert await editor.findings(net) == []
    await editor.until(
        lambda: editor.lenses(net), lambda lenses: "static only: not trusted · how to allow it" in lenses
    )
    assert not net.with_name("started").exists()


async def test_the_persons_own_settings_grant_it(start, way, home, net):
    home.settings.write_text(f'trusted = ["{net.parent}"]\n')
    try:
        editor = await start(way, net.parent, able=ABLE, trusted=None)
        editor.open(net)
        await editor.findings(net, "CHN101")
        assert net.with_name("started").exists()
    finally:
        home.settings.unlink()


async def test_an_editor_that_says_no_is_heard_before_the_persons_settings(start, home, net):
    home.settings.write_text(f'trusted = ["{net.parent}"]\n')
    try:
        await _read_only(await start("hub", net.parent, able=ABLE, trusted=False), net)
    finally:
        home.settings.unlink()


async def test_settings_that_lie_in_the_workspace_do_not_count(start, home, net):
    home.settings.write_text(f'trusted = ["{home.top}"]\n')
    file = home.top / "net.py"
    file.write_text(NET)
    try:
        editor = await start("hub", home.top, able=ABLE, trusted=None)
        editor.open(file)
        await editor.until(lambda: editor.lenses(file))
        assert "static only: not trusted · how to allow it" in await editor.lenses(file)
        assert any("cannot grant trust to itself" in m.message for m in editor.log_messages)
    finally:
        home.settings.unlink()
        file.unlink()


async def test_the_editors_yes_is_for_its_folders_alone(start, tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "net.py").write_text(NET)
    editor = await start("hub", inside, able=ABLE, trusted=True)
    for folder in (inside, outside):
        editor.open(folder / "net.py")
    await editor.findings(inside / "net.py", "CHN101")
    await editor.findings(outside / "net.py")
    assert any("not trusted" in title for title in await editor.lenses(outside / "net.py"))
    assert not any("not trusted" in title for title in await editor.lenses(inside / "net.py"))
