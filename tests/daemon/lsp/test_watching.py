from __future__ import annotations

from .client import PULL, PUSH, FakeLanes, editing
from .views import view

TEXT = "import torch\n"
DYNAMIC = {
    "didChangeWatchedFiles": {"dynamicRegistration": True},
    "didChangeConfiguration": {"dynamicRegistration": True},
}


async def test_asks_to_be_told_where_the_client_can(tmp_path):
    async with editing() as editor:
        await editor.initialize(tmp_path, {"workspace": DYNAMIC})
        (asked,) = [params for name, params in editor.asked if name == "client/registerCapability"]
        globs = [w["globPattern"] for w in asked["registrations"][0]["registerOptions"]["watchers"]]
        assert globs == ["**/*.py", "**/*.ipynb", "**/*.toml"]
        assert asked["registrations"][1]["method"] == "workspace/didChangeConfiguration"
    async with editing() as editor:
        await editor.initialize(tmp_path, {})
        assert not editor.asked


async def test_a_changed_file_has_open_documents_analysed_anew(tmp_path):
    path = tmp_path / "net.py"
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(tmp_path, PUSH, trusted=True)
        editor.open(path.as_uri(), TEXT)
        (await lanes.next(0)).answer(view(str(path), TEXT).to_plain())
        await editor.settled()
        editor.notify("workspace/didChangeWatchedFiles", changes=[{"uri": "file:///x/blocks.py", "type": 2}])
        await lanes.next(1)
        opened = editor.session.documents.of(path.as_uri())
        assert opened and not opened.stale  # most changes concern nobody


async def test_changed_settings_files_make_what_is_known_outdated(tmp_path):
    path = tmp_path / "net.py"
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(tmp_path, PULL, trusted=True)
        editor.open(path.as_uri(), TEXT)
        (await lanes.next(0)).answer(view(str(path), TEXT).to_plain())
        await editor.settled()
        changes = [{"uri": (tmp_path / "pyproject.toml").as_uri(), "type": 2}]
        editor.notify("workspace/didChangeWatchedFiles", changes=changes)
        await lanes.next(1)
        opened = editor.session.documents.of(path.as_uri())
        assert opened and opened.stale
        assert "workspace/diagnostic/refresh" in [name for name, _ in editor.asked]


async def test_saved_and_unsaved_texts(tmp_path):
    """Analysts get the texts that differ from the disk, and no others."""
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    for path in (one, two):
        path.write_text(TEXT)
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(tmp_path, PUSH, trusted=True)
        editor.open(one.as_uri(), TEXT)
        assert editor.session.documents.buffers() == {}
        editor.edit(one.as_uri(), 2, {"text": TEXT + "x = 1\n"})
        await editor.settled()
        assert editor.session.documents.buffers() == {str(one): TEXT + "x = 1\n"}
        one.write_text(TEXT + "x = 1\n")
        editor.notify("textDocument/didSave", textDocument={"uri": one.as_uri()})
        await editor.settled()
        assert editor.session.documents.buffers() == {}
        one.write_text(TEXT + "x = 2\n")  # somebody else writes it
        editor.notify("workspace/didChangeWatchedFiles", changes=[{"uri": one.as_uri(), "type": 2}])
        await editor.settled()
        assert editor.session.documents.buffers() == {str(one): TEXT + "x = 1\n"}
        editor.open(two.as_uri(), TEXT + "restored\n")  # an editor that kept unsaved text from last time
        await editor.settled()
        assert str(two) in editor.session.documents.buffers()


async def test_workspace_folders_come_and_go(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    async with editing() as editor:
        await editor.initialize(one, {})
        assert editor.session.roots() == [one]
        folder = {"uri": two.as_uri(), "name": "two"}
        editor.notify("workspace/didChangeWorkspaceFolders", event={"added": [folder], "removed": []})
        await editor.settled()
        assert editor.session.roots() == [one, two]
        removed = {"added": [], "removed": [{"uri": one.as_uri(), "name": "one"}]}
        editor.notify("workspace/didChangeWorkspaceFolders", event=removed)
        await editor.settled()
        assert editor.session.roots() == [two] and editor.session.root_of(two / "a.py") == two


async def test_what_was_just_saved_here_is_known_already(tmp_path):
    path = tmp_path / "net.py"
    path.write_text(TEXT)
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(tmp_path, PUSH, trusted=True)
        editor.open(path.as_uri(), TEXT)
        (await lanes.next(0)).answer(view(str(path), TEXT).to_plain())
        editor.notify("textDocument/didSave", textDocument={"uri": path.as_uri()})
        editor.notify("workspace/didChangeWatchedFiles", changes=[{"uri": path.as_uri(), "type": 2}])
        await editor.settled()
        assert lanes.count() == 1


async def test_a_document_opened_with_unsaved_text_concerns_the_others(tmp_path):
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    for path in (one, two):
        path.write_text(TEXT)
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(tmp_path, PUSH, trusted=True)
        editor.open(one.as_uri(), TEXT)
        (await lanes.next(0)).answer(view(str(one), TEXT).to_plain())
        await editor.settled()
        editor.open(two.as_uri(), TEXT + "restored\n")
        follower = next(c for c in [await lanes.next(1), await lanes.next(2)] if c.params["path"] == str(one))
        assert follower.params["buffers"] == {str(two): TEXT + "restored\n"}
