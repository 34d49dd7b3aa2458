"""Settings from the editor and from the project, several folders, and targets: what changes is shown anew by itself."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from lsprotocol import types

from .editor import PULLING, PUSHED, capabilities, uri_of, value_of
from .models import NET

pytestmark = pytest.mark.asyncio(loop_scope="session")

DEVICE = '[tool.advisor]\ntargets = ["ethos-u85-2048"]\n'


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.py"
    path.write_text(NET)
    return path


async def _targets(editor, path) -> list[str]:
    return [title.partition(":")[0] for title in await editor.lenses(path) if " params (" in title]


async def test_a_changed_pyproject_is_followed(editor, net):
    editor.open(net)
    (found,) = await editor.findings(net, "CHN101")
    assert "cpu-x86" in found.message
    before = dict(editor.refreshed)
    settings = net.with_name("pyproject.toml")
    settings.write_text(DEVICE)
    editor.changed_on_disk(settings)
    wide, memory = await editor.findings(net, "CHN101", "MEM401")
    assert "ethos-u85-2048" in wide.message and "sram of 512 KiB" in memory.message
    for method in (types.WORKSPACE_INLAY_HINT_REFRESH, types.WORKSPACE_CODE_LENS_REFRESH):
        await editor.until(lambda method=method: editor.refreshed[method] > before.get(method, 0))
    settings.write_text(DEVICE + 'ignore = ["CHN"]\n')
    editor.changed_on_disk(settings)
    await editor.findings(net, "MEM401")


async def test_it_is_pushed_too(pushed, net):
    pushed.open(net)
    await pushed.findings(net, "CHN101")
    settings = net.with_name("pyproject.toml")
    settings.write_text(DEVICE)
    pushed.changed_on_disk(settings)
    await pushed.findings(net, "CHN101", "MEM401")


async def test_a_broken_pyproject_is_said_in_a_sentence_and_mended(editor, net):
    settings = net.with_name("pyproject.toml")
    settings.write_text('[tool.advisor]\ntargets = ["ethos-u85-2049"]\n')
    editor.open(net)
    report = await editor.until(lambda: editor.pull(net), lambda report: report.items)
    (trouble,) = report.items
    assert "ethos-u85-2049" in trouble.message and trouble.severity == types.DiagnosticSeverity.Information
    settings.write_text(DEVICE)
    editor.changed_on_disk(settings)
    await editor.findings(net, "CHN101", "MEM401")


async def test_the_editors_settings_win_and_what_is_wrong_in_them_is_logged(editor, net):
    net.with_name("pyproject.toml").write_text(DEVICE)
    editor.configure({"targets": ["cpu-x86"], "minGain": 5.5, "inlayHints": {"show": "all"}, "minGian": 1})
    editor.open(net)
    await editor.until(lambda: _targets(editor, net), lambda found: found == ["cpu-x86"])
    await editor.findings(net)  # its one finding saves 4.9 %
    told = [m.message for m in editor.log_messages]
    assert any("advisor.inlayHints.show: expected a list of shape, latency" in m for m in told)
    assert any("advisor.minGian: no such setting; did you mean 'minGain'?" in m for m in told)
    editor.configure({})
    await editor.findings(net, "CHN101", "MEM401")
    assert {r.method for r in editor.registered} == {
        types.WORKSPACE_DID_CHANGE_WATCHED_FILES,
        types.WORKSPACE_DID_CHANGE_CONFIGURATION,
    }


def _noting(python: Path) -> Path:
    """This process's interpreter, which leaves a mark beside it when it is started."""
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text(f'#!/bin/sh\ntouch "{python}.started"\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return python.with_name(f"{python.name}.started")


async def test_the_active_environment_stands_back_behind_the_projects_interpreter(editor, net):
    active, named = net.with_name("env") / "bin" / "python", net.with_name("mine")
    started = [_noting(active), _noting(named)]
    settings = net.with_name("pyproject.toml")
    settings.write_text('[tool.advisor]\npython = "mine"\n')
    editor.configure({"activeInterpreter": str(active)})
    editor.open(net)
    await editor.findings(net, "CHN101")
    assert [mark.exists() for mark in started] == [False, True]
    settings.write_text(DEVICE)
    editor.changed_on_disk(settings)
    await editor.findings(net, "CHN101", "MEM401")
    assert [mark.exists() for mark in started] == [True, True]


async def test_each_folder_has_its_own(editor, tmp_path):
    paths = [tmp_path / name / "net.py" for name in ("device", "host", "editors")]
    for path in paths:
        path.parent.mkdir()
        path.write_text(NET)
    device, host, editors = paths
    device.with_name("pyproject.toml").write_text(DEVICE)
    editor.enter(*(path.parent for path in paths))
    editor.set_configuration({"targets": ["npu-64"]}, section="advisor", scope_uri=uri_of(editors.parent))
    editor.configure(None)
    for path in paths:
        editor.open(path)
    await editor.findings(device, "CHN101", "MEM401")
    await editor.findings(host, "CHN101")
    for path, target in ((device, "ethos-u85-2048"), (host, "cpu-x86"), (editors, "npu-64")):
        await editor.until(lambda path=path: _targets(editor, path), lambda found, target=target: found == [target])


@pytest.mark.parametrize(
    ("through", "able"), [("standalone", PULLING), ("hub", PULLING), ("hub", PUSHED)], ids=["own", "hub", "pushed"]
)
async def test_another_target_by_command(start, through, able, net):
    """Its choice holds as long as the editor runs, so that it needs one of its own."""
    editor = await start(through, net.parent, able=capabilities(able))
    editor.open(net)
    await editor.findings(net, "CHN101")
    result = await editor.execute("advisor.switchTarget", "ethos-u85-2048")
    assert value_of(result, "target") == "ethos-u85-2048"
    await editor.findings(net, "CHN101", "MEM401")
    assert await _targets(editor, net) == ["ethos-u85-2048"]

    editor.answer = "ethos-u65-512"
    (found, *_) = (d for d in (await editor.findings(net, "CHN101", "MEM401")) if d.code == "CHN101")
    (title,) = [t for t in await editor.actions(net, found) if t.startswith("Switch target")]
    assert title == "Switch target (now ethos-u85-2048)"
    assert value_of(await editor.execute("advisor.switchTarget"), "target") == "ethos-u65-512"
    offered = [a.title for a in editor.asked[-1].actions]
    assert offered[0] == "ethos-u85-2048" and "ethos-u55-128" in offered
    await editor.until(lambda: _targets(editor, net), lambda found: found == ["ethos-u65-512"])
    editor.answer = None
    assert value_of(await editor.execute("advisor.switchTarget"), "target") is None, "none was chosen"


async def _told(editor, path, scored: bool) -> types.Diagnostic:
    """The document's one finding as soon as the client is asked to look at it again and it has scores, or has none."""
    while True:
        asked = editor.refreshed[types.WORKSPACE_DIAGNOSTIC_REFRESH]
        found = (await editor.pull(path)).items
        if len(found) == 1 and scored == ("at initialisation expressivity" in found[0].message):
            return found[0]
        await editor.asked_again(asked, found)


async def test_scores_arrive_by_themselves_where_they_are_wanted_and_stay_known(editor, net):
    editor.configure({"zeroShot": True})
    editor.open(net)
    (plain,) = await editor.findings(net, "CHN101")
    scored = await _told(editor, net, True)
    assert scored.message.startswith(plain.message.partition(" [")[0])
    assert "NASWOT" in scored.message
    assert any(title.startswith("at initialisation: NASWOT") for title in await editor.lenses(net))
    assert "without data, for inputs (16, 3, " in await editor.hover(net, "Net(nn.Module)")
    editor.edit(net, "too wide by one", "wider than it needs to be")
    await _told(editor, net, True)
    editor.configure({})
    await _told(editor, net, False)
