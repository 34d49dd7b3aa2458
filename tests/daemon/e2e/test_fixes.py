"""Fixes as people meet them: offered once they are verified, applied, undone."""

from __future__ import annotations

import pytest
from lsprotocol import types

from .editor import PULLING, capabilities
from .models import NET

pytestmark = pytest.mark.asyncio(loop_scope="session")

TWO = '''\
"""A layer that is too wide by one, as another file says."""

from torch import nn

from widths import LAST


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, padding=1)
        self.wide = nn.Conv2d(32, LAST, 3, padding=1)
        self.head = nn.Conv2d(LAST, 64, 3, padding=1)

    def forward(self, x):
        return self.head(self.wide(self.stem(x).relu()).relu())
'''


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.py"
    path.write_text(NET)
    return path


async def test_a_fix_is_offered_once_it_is_verified_and_mends_the_finding(editor, net):
    editor.open(net)
    (found,) = await editor.findings(net, "CHN101")
    action = await editor.action(net, found, "Set width 65 → 64")
    assert action.kind == types.CodeActionKind.QuickFix
    assert "saves" in action.title and "has to be trained" in action.title
    editor.apply(action.edit)
    assert editor.texts[net] == NET.replace("65", "64")
    assert await editor.findings(net) == []


async def test_a_fix_undone_brings_the_finding_and_the_fix_back(editor, net):
    editor.open(net)
    (found,) = await editor.findings(net, "CHN101")
    editor.apply((await editor.action(net, found, "Set width")).edit)
    assert await editor.findings(net) == []
    editor.change(net, NET, types.TextDocumentContentChangeWholeDocument(text=NET))
    (found,) = await editor.findings(net, "CHN101")
    assert (await editor.action(net, found, "Set width 65 → 64")).edit is not None


async def test_a_fix_edits_the_file_that_holds_the_number(editor, tmp_path):
    net, widths = tmp_path / "net.py", tmp_path / "widths.py"
    net.write_text(TWO)
    widths.write_text("LAST = 65  # channels\n")
    editor.open(net)
    (found,) = await editor.findings(net, "CHN101")
    assert "LAST" in editor.marked(net, found.range)
    editor.apply((await editor.action(net, found, "Set width 65 → 64")).edit)
    assert editor.texts[net] == TWO
    assert widths.read_text() == "LAST = 64  # channels\n"
    assert await editor.findings(net) == []


async def test_nothing_is_offered_in_a_text_that_went_on(editor, net):
    editor.open(net)
    (found,) = await editor.findings(net, "CHN101")
    await editor.action(net, found, "Set width")
    editor.edit(net, '"""A net', '"""The net')
    assert not [title for title in await editor.actions(net, found) if title.startswith("Set width")]
    (found,) = await editor.findings(net, "CHN101")
    assert (await editor.action(net, found, "Set width")).edit is not None


async def test_an_edit_of_two_open_documents_is_of_their_versions(editor, tmp_path):
    net, widths = tmp_path / "net.py", tmp_path / "widths.py"
    net.write_text(TWO)
    widths.write_text("LAST = 65  # channels\n")
    editor.open(widths)
    editor.edit(widths, "# channels", "# of the last layer")
    editor.open(net)
    (found,) = await editor.findings(net, "CHN101")
    edit = (await editor.action(net, found, "Set width 65 → 64")).edit
    assert [change.text_document.version for change in edit.document_changes] == [editor.versions[widths]]
    editor.apply(edit)
    assert editor.texts[widths] == "LAST = 64  # of the last layer\n"


async def test_an_action_that_was_offered_before_another_file_changed_edits_nothing_and_says_so(editor, tmp_path):
    net, widths = tmp_path / "net.py", tmp_path / "widths.py"
    net.write_text(TWO)
    widths.write_text("LAST = 65  # channels\n")
    editor.open(net)
    (found,) = await editor.findings(net, "CHN101")
    await editor.action(net, found, "Set width 65 → 64")
    (action,) = [a for title, a in (await editor.actions(net, found)).items() if title.startswith("Set width")]
    widths.write_text("# of the layers\nLAST = 65\n")
    action.edit = None  # as an editor has it that asks for the edit when a person chooses the action
    assert (await editor.code_action_resolve_async(action)).edit is None
    await editor.until(lambda: editor.messages)
    (told,) = editor.messages
    assert "was not applied: a file that it edits changed since" in told.message
    editor.messages.clear()


async def test_an_editor_that_asks_for_no_edits_later_gets_them_at_once(pushed, net):
    pushed.open(net)
    (found,) = await pushed.findings(net, "CHN101")
    offered = await pushed.until(lambda: pushed.actions(net, found), lambda all: any("Set width" in t for t in all))
    (action,) = [action for title, action in offered.items() if title.startswith("Set width")]
    assert action.data is None
    pushed.apply(action.edit)
    assert pushed.texts[net] == NET.replace("65", "64")


async def test_an_editor_that_can_show_edits_first_is_asked_to_where_a_model_must_be_trained(start, way, net):
    wanted = {"documentChanges": True, "changeAnnotationSupport": {}}
    able = {**PULLING, "workspace": {**PULLING["workspace"], "workspaceEdit": wanted}}
    editor = await start(way, net.parent, able=capabilities(able))
    editor.open(net)
    (found,) = await editor.findings(net, "CHN101")
    edit = (await editor.action(net, found, "Set width")).edit
    ((name, annotation),) = edit.change_annotations.items()
    assert annotation.needs_confirmation and annotation.label.startswith("Set width 65 → 64")
    changed = [one for change in edit.document_changes for one in change.edits]
    assert {one.annotation_id for one in changed} == {name}
