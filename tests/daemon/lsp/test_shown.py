"""What the editor shows, over the protocol: settings, abilities of the client, trust, notebooks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from advisor.daemon.viewing import view
from advisor.plan import Plans
from advisor.session import Session

from .client import PULL, Editor, FakeLanes, editing
from .reports import NET, shown
from .test_notebooks import cell, opening
from .views import finding
from .views import view as made_up

LAZY = {
    **PULL,
    "textDocument": {**PULL["textDocument"], "inlayHint": {"resolveSupport": {"properties": ["tooltip"]}}},
}
PLAIN = {**PULL, "textDocument": {**PULL["textDocument"], "hover": {"contentFormat": ["plaintext"]}}}
ALL = {"start": {"line": 0, "character": 0}, "end": {"line": 9_999, "character": 0}}


async def hints(editor: Editor, uri: str) -> list[dict[str, Any]]:
    return await editor.ask("textDocument/inlayHint", {"textDocument": {"uri": uri}, "range": ALL}) or []


async def titles(editor: Editor, uri: str) -> list[str]:
    lenses = await editor.ask("textDocument/codeLens", {"textDocument": {"uri": uri}}) or []
    return [lens["command"]["title"] for lens in lenses]


async def test_tooltips_come_when_asked_for() -> None:
    async with shown(LAZY) as (editor, uri):
        first = (await hints(editor, uri))[0]
        assert "tooltip" not in first
        full = await editor.ask("inlayHint/resolve", first)
        assert full["label"] == first["label"]
        assert "Σ of 3" in full["tooltip"]["value"]


async def test_tooltips_come_at_once_for_clients_that_never_ask() -> None:
    async with shown() as (editor, uri):
        assert all("simulated" in hint["tooltip"]["value"] for hint in await hints(editor, uri))


async def test_settings_choose_what_hints_show() -> None:
    async with shown(settings={"inlayHints": {"show": ["params"]}}) as (editor, uri):
        assert [h["label"] for h in await hints(editor, uri)] == [
            "×3 · Σ 68.8 k params",
            "×3 · Σ 368 params",
            "650 params",
        ]


async def test_the_master_switches() -> None:
    async with shown(settings={"inlayHints": {"enabled": False}, "codeLens": {"enabled": False}}) as (editor, uri):
        assert await hints(editor, uri) == []
        assert await titles(editor, uri) == []


@pytest.mark.parametrize(("capabilities", "kind"), [(PULL, "markdown"), (PLAIN, "plaintext")])
async def test_hovers_are_in_the_kind_of_text_that_the_client_takes(capabilities: dict[str, Any], kind: str) -> None:
    async with shown(capabilities) as (editor, uri):
        position = {"line": 16, "character": 25}
        found = await editor.ask("textDocument/hover", {"textDocument": {"uri": uri}, "position": position})
        assert found["contents"]["kind"] == kind
        assert ("**linear**" in found["contents"]["value"]) is (kind == "markdown")


async def test_documents_that_nobody_opened_have_nothing() -> None:
    async with shown() as (editor, _):
        other = "file:///not/open.py"
        assert await hints(editor, other) == []
        assert await titles(editor, other) == []
        position = {"textDocument": {"uri": other}, "position": {"line": 0, "character": 0}}
        assert await editor.ask("textDocument/hover", position) is None


async def test_without_trust_nothing_is_made_up(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(NET, encoding="utf-8")
    with Session(Plans({"targets": ["cpu-x86"]})) as session:
        report = session.file(file, run=False)
    assert report is not None
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(tmp_path, PULL, trusted=False, settings={"inlayHints": {"show": ["shape", "latency"]}})
        editor.open(file.as_uri(), NET)
        (await lanes.next(0)).answer(view(report, NET, ["cpu-x86"], "traced").to_plain())
        await editor.settled()
        assert await hints(editor, file.as_uri()) == []
        assert await titles(editor, file.as_uri()) == 2 * ["static only: not trusted · how to allow it"]
        result = await editor.ask(
            "workspace/executeCommand",
            {"command": "advisor.showModelTable", "arguments": [{"uri": file.as_uri(), "model": "Net"}]},
        )
        assert "trust the workspace" in result["markdown"]
        assert "| `cpu-x86` | ? | ? |" in result["markdown"]


async def test_a_cell_has_its_own_hints_and_edits() -> None:
    lanes = FakeLanes()
    first = "import torch.nn as nn\nclass Net(nn.Module): ..."
    second = "s = '😀'; net = nn.Conv2d(3, 17, 1)  # why"
    conv = "nn.Conv2d(3, 17, 1)"
    async with editing(lanes) as editor:
        await editor.initialize(None, {**PULL, "notebookDocument": {"synchronization": {}}}, trusted=True)
        editor.notify("notebookDocument/didOpen", **opening(("a", first), ("b", second)))
        call = await lanes.next(0)
        path, text = call.params["path"], call.params["text"]
        odd = finding(path, text, conv)
        call.answer(made_up(path, text, places=(conv,), models=("Net",), findings=(odd,)).to_plain())
        await editor.settled()
        assert await hints(editor, cell("a")) == []
        (hint,) = await hints(editor, cell("b"))
        assert hint["position"] == {"line": 0, "character": len(second) + 1}
        assert (await titles(editor, cell("a")))[0].startswith("cpu-x86: 10 us")
        assert await titles(editor, cell("b")) == []
        report = await editor.ask("textDocument/diagnostic", {"textDocument": {"uri": cell("b")}})
        context = {"diagnostics": report["items"]}
        asked = {"textDocument": {"uri": cell("b")}, "range": ALL, "context": context}
        actions = {a["title"]: a for a in await editor.ask("textDocument/codeAction", asked)}
        (edit,) = actions["Ignore CHN101 here"]["edit"]["changes"][cell("b")]
        assert edit["newText"] == "# advisor: ignore[CHN101]\n"
        assert edit["range"]["start"] == {"line": 0, "character": 0}
