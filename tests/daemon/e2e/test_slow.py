"""Models that take their time: progress that can be stopped, and nothing shown that is not of the present text."""

from __future__ import annotations

import pytest
from lsprotocol import types

from .editor import stale, uri_of
from .models import NET

pytestmark = pytest.mark.asyncio(loop_scope="session")


def slow(seconds: float) -> str:
    text = NET.replace("from torch", "import time\n\nfrom torch")
    return text.replace("        return", f"        time.sleep({seconds})\n        return")


@pytest.fixture
def net(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.advisor]\ntime-limit = 600\n")
    return tmp_path / "slow.py"


async def test_what_takes_long_has_progress_and_can_be_stopped(editor, net):
    net.write_text(slow(500))
    editor.values.clear()
    editor.open(net)
    values = await editor.until(lambda: next(iter(editor.values.values()), None))
    (token,) = editor.values
    assert (values[0]["kind"], values[0]["title"], values[0]["cancellable"]) == ("begin", "Advisor: slow.py", True)
    editor.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams(token))
    await editor.until(lambda: editor.values[token][-1]["kind"] == "end")
    editor.edit(net, "time.sleep(500)", "pass")
    await editor.findings(net, "CHN101")


async def test_an_edit_takes_the_place_of_what_runs(pushed, net):
    net.write_text(slow(500))
    pushed.open(net)
    await pushed.until(lambda: pushed.last(net))
    pushed.edit(net, "(32, 65", "(32, 64")
    pushed.edit(net, "(65", "(64")
    pushed.edit(net, "time.sleep(500)", "pass")
    await pushed.findings(net)
    hints = await pushed.until(lambda: pushed.hints(net))
    assert any(text.startswith("→ 64×224") for text in hints.values())
    shown = [d for p in pushed.published if p.uri == uri_of(net) for d in p.diagnostics]
    assert "CHN101" not in [d.code for d in shown], "nobody waited for the first text's trace"


async def test_no_result_is_shown_of_a_text_that_is_gone(pushed, net):
    """Each edit comes while the text before it is being traced: what is published names the width of its version."""
    net.write_text(slow(0.3).replace("\n\n\nclass", "\n\nWIDTH = 65\n\n\nclass").replace("65, ", "WIDTH, "))
    pushed.open(net)
    await pushed.findings(net, "CHN101")
    widths = {pushed.versions[net]: 65}
    for width in (66, 67, 73, 74, 81):
        count = len(pushed.published)
        pushed.edit(net, f"WIDTH = {widths[pushed.versions[net]]}", f"WIDTH = {width}")
        widths[pushed.versions[net]] = width
        await pushed.until(lambda n=count: len(pushed.published) > n)
    await pushed.findings(net, "CHN101")
    said = [
        (published.version, found.message.partition(" ")[0])
        for published in pushed.published
        if published.uri == uri_of(net)
        for found in published.diagnostics
        if found.code == "CHN101" and not stale(found)
    ]
    assert said[0][1] == "65" and said[-1][1] == "81"
    assert all(width == str(widths[version]) for version, width in said)
