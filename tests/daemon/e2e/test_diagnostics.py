"""Findings in an editor: pushed to one that takes them as they come, pulled by one that asks."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types
from pygls import uris

from .editor import stale, uri_of, value_of
from .models import NET, NUMBER, mobilenet

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.py"
    path.write_text(NET)
    return path


async def test_findings_are_pushed_with_their_version(pushed, net):
    pushed.open(net)
    (found,) = await pushed.findings(net, "CHN101")
    assert pushed.marked(net, found.range) == NUMBER
    assert found.message.startswith("65 channels suit cpu-x86 badly") and "64 saves" in found.message
    assert (found.source, found.severity) == ("advisor", types.DiagnosticSeverity.Warning)
    assert value_of(found.data, "model") == "Net" and value_of(found.data, "target") == "cpu-x86"

    pushed.edit(net, "65, 3", "64, 3")
    pushed.edit(net, "(65", "(64")
    assert await pushed.findings(net) == []
    assert pushed.last(net).version == pushed.versions[net] == 3
    pushed.close(net)
    await pushed.until(lambda: pushed.last(net).version is None)
    assert not pushed.last(net).diagnostics


async def test_a_code_links_to_its_rule(pushed, net):
    pushed.open(net)
    (found,) = await pushed.findings(net, "CHN101")
    page = Path(uris.to_fs_path(found.code_description.href))
    assert "CHN101" in page.read_text().splitlines()[0]


async def test_pulled_again_only_when_there_is_news(editor, net):
    editor.open(net)
    (found,) = await editor.findings(net, "CHN101")
    assert editor.marked(net, found.range) == NUMBER
    report = await editor.pull(net)
    again = await editor.pull(net, report.result_id)
    assert isinstance(again, types.RelatedUnchangedDocumentDiagnosticReport) and again.result_id == report.result_id

    editor.edit(net, "65, 3", "72, 3")
    editor.edit(net, "(65", "(72")
    assert await editor.findings(net) == []
    changed = await editor.pull(net, report.result_id)
    assert not changed.items and changed.result_id != report.result_id
    assert editor.published == [], "one that asks is not pushed to"


async def test_a_real_model_with_related_places(pushed, tmp_path):
    path = tmp_path / "mobilenetv2.py"
    path.write_text(mobilenet())
    (tmp_path / "pyproject.toml").write_text('[tool.advisor]\ntargets = ["ethos-u85-2048"]\n')
    pushed.open(path)
    found = {d.code: d for d in await pushed.findings(path, "IBN201", "CHN102", "MEM401")}
    assert "fusing the 1×1 expansion and the depthwise 3×3 convolution" in found["IBN201"].message
    assert found["MEM401"].severity == types.DiagnosticSeverity.Information
    assert pushed.marked(path, found["CHN102"].range).startswith("nn.Conv2d(hidden_dim, oup"), "rounded by a library"
    related = [r for d in found.values() for r in d.related_information or ()]
    assert all(r.message for r in related)
    own = [r for r in related if r.location.uri == uri_of(path)]
    assert own and all("(" in pushed.marked(path, r.location.range) for r in own), "calls that lead to the layer"
    library = [r for r in related if r.location.uri.endswith("torchvision/ops/misc.py")]
    assert library and all(r.location.range.start.line > 0 for r in library), "places in other files are found, too"


async def test_a_comment_that_does_nothing_is_faded(editor, tmp_path):
    path = tmp_path / "net.py"
    path.write_text(NET.replace("(3, 32, 3, padding=1)", "(3, 32, 3, padding=1)  # advisor: ignore[MEM401]"))
    editor.open(path)
    found = {d.code: d for d in await editor.findings(path, "CHN101", "SUP002")}
    assert found["SUP002"].tags == (types.DiagnosticTag.Unnecessary,)
    assert found["CHN101"].tags is None


async def test_a_finding_moves_with_the_text_and_says_that_it_is_of_an_earlier_one(editor, net):
    editor.open(net)
    await editor.findings(net, "CHN101")
    editor.edit(net, "from torch import nn\n", "import time\nfrom torch import nn\n\ntime.sleep(1)\n")
    (found,) = (await editor.pull(net)).items
    assert stale(found) and editor.marked(net, found.range) == NUMBER
    (found,) = await editor.findings(net, "CHN101")
    assert editor.marked(net, found.range) == NUMBER
