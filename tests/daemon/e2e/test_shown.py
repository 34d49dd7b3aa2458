"""What stands in and above the text: hints, hovers and lenses, on a real model and a small one."""

from __future__ import annotations

import re

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from .editor import stale
from .models import NET, mobilenet

pytestmark = pytest.mark.asyncio(loop_scope="session")

STEM, WIDE, HEAD = 9, 10, 11  # lines of NET


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.py"
    path.write_text(NET)
    return path


@pytest.fixture
def real(tmp_path):
    path = tmp_path / "mobilenetv2.py"
    path.write_text(mobilenet())
    (tmp_path / "pyproject.toml").write_text('[tool.advisor]\ntargets = ["ethos-u85-2048", "cpu-x86"]\n')
    return path


async def test_hints_say_what_comes_out_and_what_it_takes(editor, net):
    editor.open(net)
    hints = await editor.until(lambda: editor.hints(net))
    assert list(hints) == [STEM, WIDE, HEAD]
    assert hints[STEM].startswith("→ 32×224×224 · ") and hints[WIDE].startswith("→ 65×224×224 · ")
    assert re.fullmatch(r"→ 64×224×224 · [\d.]+ ms", hints[HEAD])
    (end, *_) = await editor.inlay(net)
    assert editor.position(editor.texts[net], editor.texts[net].index("\n        self.wide")) == end.position


async def test_a_hint_shows_what_is_chosen_and_a_switch_takes_all_away(editor, net):
    editor.open(net)
    await editor.until(lambda: editor.hints(net))
    for show, pattern in (
        (["params"], r"18\.\d+ k params"),
        (["memory"], r"[\d.]+ MiB live"),
        (["latency", "shape"], r"[\d.]+ ms · → 65×224×224"),
        (["shape", "params", "latency", "memory"], r"→ 65×224×224 · 18\.\d+ k params · [\d.]+ ms · [\d.]+ MiB live"),
    ):
        asked = editor.refreshed[types.WORKSPACE_INLAY_HINT_REFRESH]
        editor.configure({"inlayHints": {"show": show}})
        await editor.until(lambda n=asked: editor.refreshed[types.WORKSPACE_INLAY_HINT_REFRESH] > n)
        hints = await editor.until(lambda: editor.hints(net), lambda h: WIDE in h and "~" not in h[WIDE])
        assert re.fullmatch(pattern, hints[WIDE]), show
    editor.configure({"inlayHints.enabled": False})
    await editor.until(lambda: editor.hints(net), lambda hints: not hints)
    editor.configure({"inlayHints": {"enabled": True}})
    assert len(await editor.until(lambda: editor.hints(net))) == 3


async def test_a_hint_resolves_to_the_table_of_its_layer(editor, net):
    editor.open(net)
    await editor.until(lambda: editor.hints(net))
    hint = (await editor.inlay(net))[1]
    assert hint.tooltip is None
    resolved = await editor.inlay_hint_resolve_async(hint)
    assert "`wide`" in resolved.tooltip.value and "32×224×224 → 65×224×224" in resolved.tooltip.value


async def test_only_the_hints_of_the_range_that_is_asked_for(editor, net):
    editor.open(net)
    await editor.until(lambda: editor.hints(net))
    line = types.Range(types.Position(WIDE - 1, 0), types.Position(WIDE, 0))
    params = types.InlayHintParams(types.TextDocumentIdentifier(net.as_uri()), line)
    (hint,) = await editor.text_document_inlay_hint_async(params)
    assert hint.position.line == WIDE - 1


async def test_hover_of_a_layer_of_a_class_and_of_a_finding(editor, net):
    editor.open(net)
    await editor.findings(net, "CHN101")
    layer = await editor.hover(net, "self.stem")
    assert "**conv 3×3 in Net**" in layer or "conv 3×3" in layer
    assert "`stem`" in layer and "3×224×224 → 32×224×224" in layer and "cpu-x86 (simulated)" in layer

    model = await editor.hover(net, "Net(nn.Module)")
    assert "**Net** ok, traced by fx-meta" in model and "`(1, 3, 224, 224) float32" in model
    assert "All findings together on cpu-x86" in model and "simulated" in model

    finding = await editor.hover(net, "nn.Conv2d(32, 65")
    assert "CHN101" in finding and "65 channels suit cpu-x86 badly" in finding and "\n> " in finding
    assert await editor.hover(net, "A net with") == ""


async def test_hover_of_a_real_model_shows_all_instances_on_all_targets(editor, real):
    editor.open(real)
    await editor.until(lambda: editor.hints(real))
    text = await editor.hover(real, "nn.Conv2d(hidden_dim, oup")
    assert text.startswith("**17 layers of mobilenet_v2**")
    assert "ethos-u85-2048 (predicted)" in text and "cpu-x86 (simulated)" in text
    assert "`features.1.conv.1`" in text and "32×112×112 → 16×112×112" in text and "Σ of 17" in text
    assert re.search(r"\[line \d+\]\(file://", text), "where the widths come from"
    hints = await editor.hints(real)
    line = editor.range(real, "nn.Conv2d(hidden_dim, oup").start.line + 1
    assert re.fullmatch(r"×17 → 16–320×7–112×7–112 · Σ [\d.]+ ms", hints[line])


async def test_lenses_above_a_model(editor, real):
    editor.open(real)
    await editor.findings(real, "IBN201", "CHN102", "MEM401")
    lenses = await editor.lenses(real)
    (device,) = [t for t in lenses if t.startswith("ethos-u85-2048: ")]
    assert re.fullmatch(r"ethos-u85-2048: [\d.]+ ms ±\d+ % · 1\.436 MiB peak · 3\.5 M params \(predicted\)", device)
    (host,) = [t for t in lenses if t.startswith("cpu-x86: ")]
    assert "3.5 M params" in host
    (findings,) = [t for t in lenses if "findings" in t]
    assert findings.startswith("3 findings · together") and "on ethos-u85-2048" in findings
    assert {lenses[device].command, lenses[findings].command} == {"advisor.showModelTable", "advisor.showFindings"}

    editor.configure({"codeLens": {"enabled": False}})
    await editor.until(lambda: editor.lenses(real), lambda lenses: not lenses)


async def test_a_broken_edit_keeps_the_hints_moved_with_the_text_and_marked(editor, net):
    editor.open(net)
    before = await editor.until(lambda: editor.hints(net))
    editor.edit(net, "from torch import nn\n", "import os\nfrom torch import nn\n")
    editor.edit(net, "return self.head(", "return self.head((((")
    hints = await editor.until(lambda: editor.hints(net), lambda h: all("~" in t for t in h.values()))
    assert {line - 1: text.replace("~", "") for line, text in hints.items()} == before
    found = await editor.until(lambda: editor.pull(net), lambda r: any(d.code == "TRC901" for d in r.items))
    assert [stale(d) for d in found.items if d.code == "CHN101"] == [True]
    assert all("~" in text for text in (await editor.hints(net)).values()), "they stay marked once it is analysed"
    assert all(title.startswith("~") for title in await editor.lenses(net))
    assert "an analysis" in await editor.hover(net, "self.stem") or "last edits" in await editor.hover(net, "self.stem")
    editor.edit(net, "return self.head((((", "return self.head(")
    await editor.findings(net, "CHN101")
    hints = await editor.until(lambda: editor.hints(net), lambda h: not any("~" in t for t in h.values()))
    assert {line - 1: text for line, text in hints.items()} == before


async def test_a_file_that_is_not_open_has_nothing_to_show(editor, net):
    editor.texts[net] = NET
    assert await editor.hints(net) == {} and await editor.lenses(net) == {} and await editor.hover(net, "stem") == ""
    del editor.texts[net]
    with pytest.raises(JsonRpcException, match="not an open Python document"):
        await editor.execute("advisor.retrace", net.as_uri())
