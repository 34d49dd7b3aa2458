"""Texts that are nowhere but in the editor: unsaved, imported, never saved, in cells, in any encoding."""

from __future__ import annotations

import pytest
from lsprotocol import types

from .cells import NOTEBOOK, Cells
from .editor import PULLING, capabilities, uri_of
from .models import NET, NUMBER, WIDE

pytestmark = pytest.mark.asyncio(loop_scope="session")

IMPORTS = NET.replace("from torch import nn", "from torch import nn\nfrom widths import WIDTH").replace("65", "WIDTH")


async def test_the_unsaved_text_counts(editor, tmp_path):
    path = tmp_path / "net.py"
    path.write_text(NET.replace("65", "64"))
    editor.open(path, NET)
    await editor.findings(path, "CHN101")
    editor.close(path)
    editor.open(path)
    assert await editor.findings(path) == []


async def test_several_changes_at_once_and_whole_texts(pushed, tmp_path):
    path = tmp_path / "net.py"
    path.write_text(NET)
    pushed.open(path)
    await pushed.findings(path, "CHN101")
    first, second = pushed.range(path, "65"), pushed.range(path, "(65")
    pushed.change(
        path,
        NET.replace("65", "64"),
        types.TextDocumentContentChangePartial(range=first, text="64"),
        types.TextDocumentContentChangePartial(range=second, text="(64"),
    )
    assert await pushed.findings(path) == []
    later = f"# moved down\n{NET}"
    pushed.change(path, later, types.TextDocumentContentChangeWholeDocument(later))
    (found,) = await pushed.findings(path, "CHN101")
    assert pushed.marked(path, found.range) == NUMBER


async def test_the_unsaved_text_of_an_imported_file_counts(editor, tmp_path):
    path, widths = tmp_path / "net.py", tmp_path / "widths.py"
    path.write_text(IMPORTS)
    widths.write_text("WIDTH = 64\n")
    editor.open(path)
    hints = await editor.until(lambda: editor.hints(path))
    assert any(h.startswith("→ 64×") for h in hints.values()) and not any(h.startswith("→ 65×") for h in hints.values())
    editor.open(widths)
    editor.edit(widths, "64", "65")
    await editor.findings(path, "CHN101")
    assert any(h.startswith("→ 65×") for h in (await editor.hints(path)).values())
    editor.close(widths)
    assert await editor.findings(path) == [], "what is on disk counts again"
    widths.write_text("WIDTH = 65\n")
    editor.changed_on_disk(widths)
    await editor.findings(path, "CHN101")


async def test_a_text_that_was_never_saved(pushed, tmp_path):
    uri = "untitled:Untitled-1"
    pushed.text_document_did_open(types.DidOpenTextDocumentParams(types.TextDocumentItem(uri, "python", 1, NET)))
    found = await pushed.until(lambda: [p for p in pushed.published if p.uri == uri and p.diagnostics])
    assert [d.code for d in found[-1].diagnostics] == ["CHN101"]
    assert list(tmp_path.iterdir()) == []
    pushed.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri)))


async def test_a_folder_that_is_reached_by_a_link(editor, tmp_path):
    """Workers name files by their real paths, the editor by the link: what it shows goes to the uris that it has."""
    there, link = tmp_path / "there", tmp_path / "link"
    there.mkdir()
    link.symlink_to(there)
    path, closed = link / "net.py", link / "closed.py"
    path.write_text(IMPORTS)
    closed.write_text(NET)
    (link / "widths.py").write_text("WIDTH = 64\n")
    (link / "pyproject.toml").write_text("[tool.advisor]\n")
    editor.enter(link)
    editor.open(path)
    assert len(await editor.until(lambda: editor.hints(path))) == 3
    editor.open(link / "widths.py", "WIDTH = 65\n")
    (found,) = await editor.findings(path, "CHN101")
    assert editor.marked(path, found.range) == WIDE.replace("65", "WIDTH")
    reports = (await editor.workspace_diagnostic_async(types.WorkspaceDiagnosticParams([]))).items
    assert {r.uri for r in reports} == {uri_of(link / name) for name in ("net.py", "closed.py", "widths.py")}
    action = (await editor.actions(path, found))["Ignore CHN101 in net.py (pyproject.toml)"]
    assert action.edit.document_changes[0].text_document.uri == uri_of(link / "pyproject.toml")


async def test_other_languages_are_left_alone(editor, tmp_path):
    path = tmp_path / "net.txt"
    item = types.TextDocumentItem(uri_of(path), "plaintext", 1, NET)
    editor.text_document_did_open(types.DidOpenTextDocumentParams(item))
    assert not (await editor.pull(path)).items


@pytest.mark.parametrize(
    ("through", "encoding"),
    [("hub", "utf-8"), ("hub", "utf-16"), ("hub", "utf-32"), ("standalone", "utf-8")],
)
async def test_places_behind_astral_characters(start, tmp_path, through, encoding):
    path = tmp_path / "größe_😀.py"
    path.write_text(NET.replace("self.wide = ", 'self.name = "😀é😀"; self.wide = '), encoding="utf-8")
    editor = await start(through, tmp_path, able=capabilities(PULLING, encoding))
    assert editor.encoding == encoding
    editor.open(path)
    (found,) = await editor.findings(path, "CHN101")
    assert editor.marked(path, found.range) == NUMBER
    assert "CHN101" in await editor.hover(path, "nn.Conv2d(32, 65")
    assert "65 channels" not in await editor.hover(path, "self.name")
    ends = [editor.offset(editor.texts[path], hint.position) for hint in await editor.inlay(path)]
    assert editor.texts[path].index(WIDE) + len(WIDE) in ends

    editor.edit(path, "😀é😀", "é😀😀😀")
    (found,) = await editor.findings(path, "CHN101")
    assert editor.marked(path, found.range) == NUMBER
    editor.apply((await editor.actions(path, found))["Ignore CHN101 here"].edit)
    assert f'"é😀😀😀"; self.wide = {WIDE}  # advisor: ignore[CHN101]\n' in editor.texts[path]
    assert await editor.findings(path) == []


async def test_the_cells_of_a_notebook_are_one_module(editor, tmp_path):
    cells = Cells(editor, tmp_path / "nets.ipynb")
    (found,) = await editor.until(lambda: cells.shown(1))
    assert (found.code, found.range.start.line, found.range.start.character) == ("CHN101", 2, len("WIDTH = "))
    assert await cells.shown(2) == [] and await cells.shown(0) == []

    context = types.CodeActionContext([found])
    params = types.CodeActionParams(types.TextDocumentIdentifier(cells.uris[1]), found.range, context)
    actions = {a.title: a for a in await editor.text_document_code_action_async(params)}
    (change,) = actions["Ignore CHN101 here"].edit.document_changes
    assert change.text_document.uri == cells.uris[1] and change.edits[0].range.start.line == 2
    line = NOTEBOOK[2].splitlines().index("        self.wide = nn.Conv2d(32, WIDTH, 3, padding=1)")

    whole = types.Range(types.Position(0, 0), types.Position(99, 0))
    asked = types.InlayHintParams(types.TextDocumentIdentifier(cells.uris[2]), whole)
    hints = await editor.text_document_inlay_hint_async(asked)
    assert [h.position.line for h in hints] == [line - 1, line, line + 1] and hints[1].label.startswith("→ 65×")

    cells.edit(1, 2, "WIDTH = 64")
    await editor.until(lambda: cells.shown(1), lambda found: found == [])
    hints = await editor.until(
        lambda: editor.text_document_inlay_hint_async(asked), lambda hints: hints[1].label.startswith("→ 64×")
    )
    cells.close()
    assert not await editor.text_document_inlay_hint_async(asked)
