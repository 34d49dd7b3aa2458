from __future__ import annotations

from typing import Any

from .client import PUSH, FakeLanes, change, editing
from .views import finding, view

NOTEBOOK = "file:///x/net.ipynb"
PUBLISH = "textDocument/publishDiagnostics"
FIRST = "%pip install torch\nimport torch.nn as nn"
SECOND = "s = '😀'; net = nn.Conv2d(3, 17, 1)"
CONV = "nn.Conv2d(3, 17, 1)"


def cell(name: str) -> str:
    return f"vscode-notebook-cell:/x/net.ipynb#{name}"


def document(name: str, text: str) -> dict[str, Any]:
    return {"uri": cell(name), "languageId": "python", "version": 1, "text": text}


def opening(*cells: tuple[str, str]) -> dict[str, Any]:
    return {
        "notebookDocument": {
            "uri": NOTEBOOK,
            "notebookType": "jupyter-notebook",
            "version": 1,
            "cells": [{"kind": 2, "document": cell(name)} for name, _ in cells],
        },
        "cellTextDocuments": [document(name, text) for name, text in cells],
    }


def changing(version: int, **cells: Any) -> dict[str, Any]:
    return {"notebookDocument": {"uri": NOTEBOOK, "version": version}, "change": {"cells": cells}}


async def test_cells_are_one_module_and_results_go_back_to_their_cells():
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        result = await editor.initialize(None, {**PUSH, "notebookDocument": {"synchronization": {}}}, trusted=True)
        assert result["capabilities"]["notebookDocumentSync"]["notebookSelector"]
        editor.notify("notebookDocument/didOpen", **opening(("a", FIRST), ("b", SECOND)))
        call = await lanes.next(0)
        text = call.params["text"]
        assert call.params["path"] == "/x/net.ipynb" and text.splitlines()[1:] == ["import torch.nn as nn", SECOND]
        found = finding("/x/net.ipynb", text, CONV)
        plain = view("/x/net.ipynb", text, places=("torch.nn", CONV), findings=(found,)).to_plain()
        call.answer(plain)
        await editor.nth(PUBLISH, 1)
        published = {p["uri"]: p for p in editor.of(PUBLISH)}
        assert published[cell("a")]["diagnostics"] == [] and published[cell("b")]["version"] == 1
        (shown,) = published[cell("b")]["diagnostics"]
        assert shown["range"]["start"] == {"line": 0, "character": SECOND.index("nn.Conv2d") + 1}  # UTF-16
        opened = editor.session.documents.of(cell("b"))
        assert opened is editor.session.documents.of(NOTEBOOK) and opened is not None and opened.view is not None
        located = [opened.locate(place.span) for place in opened.view.places]
        assert [at and (at.uri, at.range.start.line) for at in located] == [(cell("a"), 1), (cell("b"), 0)]
        assert [at and opened.at(at.uri, at.range.start) for at in located] == [(2, 8), (3, 16)]


async def test_edits_of_a_cell_and_of_their_order():
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(None, {**PUSH, "notebookDocument": {"synchronization": {}}}, trusted=True)
        editor.notify("notebookDocument/didOpen", **opening(("a", FIRST), ("b", SECOND)))
        text = (call := await lanes.next(0)).params["text"]
        call.answer(view("/x/net.ipynb", text, places=(CONV,)).to_plain())
        await editor.nth(PUBLISH, 1)
        edits = [change((1, 0), (1, 0), "import os\n")]
        versioned = {"document": {"uri": cell("a"), "version": 2}, "changes": edits}
        editor.notify("notebookDocument/didChange", **changing(2, textContent=[versioned]))
        text = (await lanes.next(1)).params["text"]
        assert text.splitlines()[1:] == ["import os", "import torch.nn as nn", SECOND]
        opened = editor.session.documents.of(cell("b"))
        assert opened and opened.view and opened.stale
        location = opened.locate(opened.view.places[0].span)
        assert location and location.uri == cell("b") and location.range.start.line == 0
        structure = {
            "array": {"start": 0, "deleteCount": 1, "cells": [{"kind": 2, "document": cell("c")}]},
            "didOpen": [document("c", "import torch")],
            "didClose": [{"uri": cell("a")}],
        }
        editor.notify("notebookDocument/didChange", **changing(3, structure=structure))
        assert (await lanes.next(2)).params["text"].splitlines() == ["import torch", SECOND]
        assert editor.of(PUBLISH)[-1] == {"uri": cell("a"), "diagnostics": []}
        assert editor.session.documents.of(cell("a")) is None
        assert editor.session.documents.of(cell("c")) is opened


async def test_a_cell_that_is_no_code_counts_for_nothing():
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(None, {**PUSH, "notebookDocument": {"synchronization": {}}}, trusted=True)
        params = opening(("a", FIRST), ("b", "# prose"))
        params["notebookDocument"]["cells"][1]["kind"] = 1
        editor.notify("notebookDocument/didOpen", **params)
        assert "prose" not in (await lanes.next(0)).params["text"]


async def test_old_versions_of_a_notebook_are_left_alone():
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        result = await editor.initialize(None, {**PUSH, "notebookDocument": {"synchronization": {}}}, trusted=True)
        wanted = result["capabilities"]["notebookDocumentSync"]["notebookSelector"]
        assert {w["notebook"]["scheme"] for w in wanted} == {"file", "untitled"}
        old = opening(("old", SECOND))
        old["notebookDocument"]["uri"] = "git:/x/net.ipynb?%7B%22ref%22%3A%22HEAD%22%7D"
        editor.notify("notebookDocument/didOpen", **old)
        editor.notify("notebookDocument/didOpen", **opening(("a", FIRST)))
        assert "nn.Conv2d" not in (await lanes.next(0)).params["text"]
        await editor.settled()
        assert lanes.count() == 1
