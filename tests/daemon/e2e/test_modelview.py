"""What an editor that draws a model is told: layers with costs, places and findings, and the model after a fix."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

import advisor
from advisor.costs import Costs

from .cells import Cells
from .editor import PULLING, Editor, capabilities, uri_of
from .models import NET, NUMBER, WIDE, mobilenet

pytestmark = pytest.mark.asyncio(loop_scope="session")

TWICE = NET.replace("from torch import nn", "import torch\nfrom torch import nn").replace(
    "return self.head(self.wide(self.stem(x).relu()).relu())",
    "return torch.special.erfcx(self.head(self.wide(self.stem(x).relu()).relu()))",
)
"""With an op at its end that no cost model knows."""


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.py"
    path.write_text(NET)
    return path


async def view(editor: Editor, path: Path, **asked: str) -> dict[str, Any]:
    return await editor.ask("advisor/modelView", {"uri": uri_of(path), **asked})[1]


def sums(layers: list[dict[str, Any]], target: str) -> float:
    return sum(layer["latencyUs"][target] or 0.0 for layer in layers)


def marked(editor: Editor, path: Path, where: dict[str, Any]) -> str:
    """The text at a ``source``."""
    assert where["uri"] == uri_of(path)
    ends = [types.Position(where["range"][end]["line"], where["range"][end]["character"]) for end in ("start", "end")]
    return editor.marked(path, types.Range(*ends))


def place_of(found: dict[str, Any], layer: dict[str, Any]) -> dict[str, Any]:
    """Where a layer of an answer is written."""
    return found["sources"][layer["source"]]


def previewed(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The layers of an answer's preview, in full."""
    told = (found["layers"][layer] if isinstance(layer, int) else layer for layer in found["preview"]["layers"])
    return [without_place(layer) | {"id": number} for number, layer in enumerate(told)]


def without_place(layer: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in layer.items() if key != "source"}


def told(total: dict[str, Any], costs: Costs) -> None:
    """Sums are those of an audit's costs."""
    assert total["latencyUs"] == pytest.approx(costs.latency_us)
    assert (total["label"], total["uncounted"]) == (costs.label, len(costs.uncounted))
    sizes = costs.peak.bytes, costs.weights_bytes, costs.params, costs.macs
    assert (total["peakBytes"], total["weightsBytes"], total["params"], total["macs"]) == sizes


async def test_layers_have_costs_and_places_and_sum_up_to_the_model(editor, net):
    editor.open(net)
    found = await view(editor, net)
    assert (found["model"], found["models"]) == ("Net", [{"name": "Net", "status": "ok"}])
    assert (found["state"], found["stale"], found["note"], found["preview"]) == ("traced", False, "", None)
    assert (found["target"], found["compare"], found["targets"]) == ("cpu-x86", None, ["cpu-x86"])
    layers = found["layers"]
    assert [layer["id"] for layer in layers] == list(range(5))
    assert [layer["path"] for layer in layers] == ["stem", "", "wide", "", "head"]
    wide = layers[2]
    assert (wide["label"], wide["inputs"], wide["output"]) == ("conv 3×3", "32×224×224", "65×224×224")
    assert wide["params"] == 32 * 65 * 9 + 65 and wide["macs"] == 32 * 65 * 9 * 224 * 224
    assert marked(editor, net, place_of(found, wide)) == WIDE
    (audited,) = advisor.audit(net, target="cpu-x86").models
    total = found["totals"]["cpu-x86"]
    told(total, audited.costs["cpu-x86"])
    assert sums(layers, "cpu-x86") == pytest.approx(total["latencyUs"], abs=1e-3)
    assert layers[found["peakAt"]]["liveBytes"] == max(layer["liveBytes"] for layer in layers) == total["peakBytes"]


async def test_two_targets_are_compared_that_the_settings_need_not_name(editor, tmp_path):
    path = tmp_path / "mobile.py"
    path.write_text(mobilenet())
    editor.open(path)
    found = await view(editor, path, target="ethos-u85-1024", compare="ethos-u55-128")
    assert (found["target"], found["compare"], found["targets"]) == ("ethos-u85-1024", "ethos-u55-128", ["cpu-x86"])
    (audited,) = advisor.audit(path, target=["ethos-u85-1024", "ethos-u55-128"]).models
    for target in ("ethos-u85-1024", "ethos-u55-128"):
        total = found["totals"][target]
        told(total, audited.costs[target])
        assert total["lowUs"] < total["latencyUs"] < total["highUs"]
        assert sums(found["layers"], target) == pytest.approx(total["latencyUs"], abs=0.05)
    assert sum(layer["params"] for layer in found["layers"]) == total["params"]
    assert (found["memoryLimit"], found["memoryWhat"]) == (393_216, "target")
    with pytest.raises(JsonRpcException, match="no target named 'ethos-u55-182'"):
        await view(editor, path, compare="ethos-u55-182")


async def test_a_target_of_a_file_is_known_by_its_name(start, way, net):
    net.with_name("mine.toml").write_text('inherits = "npu-64"\nname = "our-npu"\n')
    net.with_name("pyproject.toml").write_text('[tool.advisor]\ntargets = ["mine.toml"]\n')
    editor = await start(way, net.parent, able=capabilities(PULLING))
    editor.open(net)
    assert (await view(editor, net))["target"] == "our-npu"
    await editor.execute("advisor.switchTarget", "cpu-x86")
    found = await view(editor, net, compare="our-npu")
    assert (found["target"], found["compare"], found["targets"]) == ("cpu-x86", "our-npu", ["cpu-x86"])
    assert found["totals"]["our-npu"]["latencyUs"] > 0


async def test_what_nobody_knows_is_null(editor, net):
    editor.open(net, TWICE)
    found = await view(editor, net, compare="ethos-u85-1024")
    odd = found["layers"][-1]
    assert odd["label"] == "special_erfcx" or "erfcx" in odd["label"]
    assert (odd["macs"], set(odd["latencyUs"].values())) == (None, {None})
    assert {total["uncounted"] for total in found["totals"].values()} == {1}
    assert all("uncounted" in total["text"] for total in found["totals"].values())
    assert found["memoryLimit"] is not None or found["memoryWhat"] == ""


async def test_findings_read_as_their_diagnostics_and_fixes(editor, net):
    editor.open(net)
    (shown,) = await editor.findings(net, "CHN101")
    (found,) = (await view(editor, net))["findings"]
    assert (found["code"], found["message"], found["target"]) == ("CHN101", shown.message, "cpu-x86")
    assert marked(editor, net, found["source"]) == NUMBER
    assert found["href"].endswith("CHN101.html") or "CHN101" in found["href"]
    layers = (await view(editor, net))["layers"]
    assert [layers[n]["path"] for n in found["layers"]] == ["wide"]
    action = await editor.action(net, shown, "Set width 65 → 64")
    (fixed,) = (await view(editor, net))["findings"]
    assert fixed["fix"]["title"] == action.title and fixed["unfixed"] == ""
    assert fixed["fix"]["applicability"] == "unsafe" and fixed["fix"]["gainUs"] > 0 and fixed["movable"]


async def test_a_preview_is_what_an_audit_of_the_fixed_source_says(editor, net):
    editor.open(net)
    (shown,) = await editor.findings(net, "CHN101")
    action = await editor.action(net, shown, "Set width 65 → 64")
    (finding,) = (await view(editor, net))["findings"]
    found = await view(editor, net, compare="ethos-u85-1024", fix=finding["id"])
    preview = found["preview"]
    assert (preview["fix"], preview["title"], preview["verified"]) == (finding["id"], action.title, True)
    assert preview["changed"] == ["", "wide", "head"], "the activation between them is the model's own"
    editor.apply(action.edit)
    assert await editor.findings(net) == []
    after = await view(editor, net, compare="ethos-u85-1024")
    assert (preview["totals"], preview["peakAt"]) == (after["totals"], after["peakAt"])
    assert previewed(found) == [without_place(layer) for layer in after["layers"]]
    net.write_text(editor.texts[net])
    (audited,) = advisor.audit(net, target=["cpu-x86", "ethos-u85-1024"]).models
    for target in ("cpu-x86", "ethos-u85-1024"):
        told(preview["totals"][target], audited.costs[target])
        assert preview["totals"][target]["latencyUs"] != found["totals"][target]["latencyUs"]
    assert (await view(editor, net, fix=finding["id"]))["preview"] is None, "the finding is gone"


async def test_places_move_with_edits_and_a_broken_text_shows_the_last_good_one(editor, net):
    editor.open(net)
    before = await view(editor, net)
    assert not before["stale"]
    editor.edit(net, "from torch import nn", "# 😀\n\nfrom torch import nn\nimport (")
    broken = await view(editor, net, compare="ethos-u85-1024")
    assert (broken["state"], broken["stale"]) == ("failed", True)
    assert [layer["path"] for layer in broken["layers"]] == [layer["path"] for layer in before["layers"]]
    assert broken["totals"]["cpu-x86"]["latencyUs"] == before["totals"]["cpu-x86"]["latencyUs"]
    assert set(broken["totals"]) == {"cpu-x86", "ethos-u85-1024"}
    wide = broken["layers"][2]
    lines = [place_of(found, found["layers"][2])["range"]["start"]["line"] for found in (before, broken)]
    assert lines[1] == lines[0] + 3
    assert marked(editor, net, place_of(broken, wide)) == WIDE
    editor.edit(net, "\nimport (", "")
    after = await view(editor, net)
    assert (after["state"], after["stale"]) == ("traced", False)
    assert marked(editor, net, place_of(after, after["layers"][2])) == WIDE


async def test_a_text_that_was_never_good_says_why_there_are_no_layers(editor, net):
    editor.open(net, f"{NET}import (")
    found = await view(editor, net)
    assert (found["layers"], found["totals"], found["peakAt"]) == ([], {}, None)
    assert found["state"] == "failed" and found["note"]


@pytest.mark.parametrize(("way", "encoding"), [("standalone", "utf-8"), ("standalone", "utf-32")])
async def test_places_are_in_the_clients_units(start, way, encoding, net):
    editor = await start(way, net.parent, able=capabilities(PULLING, encoding))
    editor.open(net, NET.replace("self.wide = ", 'self.name = "😀é😀"; self.wide = '))
    found = await view(editor, net)
    assert editor.encoding == encoding
    assert marked(editor, net, place_of(found, found["layers"][2])) == WIDE


async def test_cells_of_a_notebook_have_the_places(editor, tmp_path):
    notebook = Cells(editor, tmp_path / "net.ipynb")
    found = await editor.ask("advisor/modelView", {"uri": notebook.uris[2]})[1]
    assert found["model"] == "Net" and found["uri"] == uri_of(notebook.path)
    assert {place_of(found, layer)["uri"] for layer in found["layers"]} == {notebook.uris[2]}
    (finding,) = found["findings"]
    assert finding["source"]["uri"] == notebook.uris[1], "the number stands in another cell"
    notebook.close()


async def test_nothing_runs_without_trust(start, way, net):
    python = net.with_name("python")
    python.write_text(f'#!/bin/sh\ntouch "{net.parent}/started"\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    net.with_name("pyproject.toml").write_text('[tool.advisor]\npython = "python"\n')
    editor = await start(way, net.parent, able=capabilities(PULLING), trusted=None)
    editor.open(net)
    found = await view(editor, net, compare="ethos-u85-1024")
    assert (found["state"], found["model"], found["layers"], found["totals"]) == ("static", "Net", [], {})
    assert "is not trusted" in found["note"] and "trusted = [...]" in found["note"]
    assert not net.with_name("started").exists()
    editor.trust(True)
    assert [layer["path"] for layer in (await view(editor, net))["layers"]] == ["stem", "", "wide", "", "head"]
    assert net.with_name("started").exists()


async def test_a_newer_request_ends_an_older_one(editor, net):
    editor.open(net, NET.replace("        return", "        import time; time.sleep(1)\n        return"))
    older = editor.ask("advisor/modelView", {"uri": uri_of(net)})[1]
    given_up, cancelled = editor.ask("advisor/modelView", {"uri": uri_of(net), "compare": "npu-64"})
    editor.cancel(given_up)
    newest = await view(editor, net)
    assert newest["layers"]
    first, second = await asyncio.gather(older, cancelled, return_exceptions=True)
    assert isinstance(first, JsonRpcException) and first.code == types.LSPErrorCodes.ServerCancelled
    assert "a newer request" in first.message
    assert isinstance(second, JsonRpcException) and second.code in (
        types.LSPErrorCodes.RequestCancelled,
        types.LSPErrorCodes.ServerCancelled,
    )


async def test_wrong_parameters_are_errors_that_say_so(editor, net):
    editor.open(net)
    assert (await view(editor, net, model="Net"))["model"] == "Net"
    wrong = {
        "is not an open Python document": {"uri": "file:///nowhere.py"},
        "target: expected a text, got 3": {"uri": uri_of(net), "target": 3},
        "has no model Nett.*Net": {"uri": uri_of(net), "model": "Nett"},
    }
    for message, params in wrong.items():
        with pytest.raises(JsonRpcException, match=message):
            await editor.ask("advisor/modelView", params)[1]
