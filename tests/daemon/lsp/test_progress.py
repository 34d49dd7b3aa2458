from __future__ import annotations

from pathlib import Path

import pytest

from .client import PUSH, FakeLanes, editing
from .views import view

TEXT = "import torch\n"
WINDOW = {"window": {"workDoneProgress": True}}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("advisor.daemon.lsp.progress.PATIENCE", 0.0)


async def test_long_work_is_shown_and_taken_away(tmp_path: Path):
    path = tmp_path / "net.py"
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(tmp_path, {**PUSH, **WINDOW}, trusted=True)
        editor.open(path.as_uri(), TEXT)
        call = await lanes.next(0)
        began = await editor.nth("$/progress", 0)
        assert "net.py" in began["value"]["title"] and began["value"]["cancellable"]
        call.on_event({"event": "model", "name": "Net"})
        assert (await editor.nth("$/progress", 1))["value"]["message"] == "Net"
        call.answer(view(str(path), TEXT).to_plain())
        assert (await editor.nth("$/progress", 2))["value"]["kind"] == "end"
        assert not editor.session.work_done_progress.tokens


async def test_the_person_can_stop_it(tmp_path: Path):
    path = tmp_path / "net.py"
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(tmp_path, {**PUSH, **WINDOW}, trusted=True)
        editor.open(path.as_uri(), TEXT)
        call = await lanes.next(0)
        token = (await editor.nth("$/progress", 0))["token"]
        editor.notify("window/workDoneProgress/cancel", token=token)
        await editor.settled()
        assert call.cancelled
        opened = editor.session.documents.of(path.as_uri())
        assert opened and opened.state == "cancelled"
        (said,) = (await editor.nth("textDocument/publishDiagnostics", 0))["diagnostics"]
        assert "was stopped" in said["message"] and said["severity"] == 3
        asked = {"textDocument": {"uri": path.as_uri()}, "range": said["range"], "context": {"diagnostics": [said]}}
        (action,) = await editor.ask("textDocument/codeAction", asked)
        assert action["title"] == "Trace again"
        command = action["command"]
        again = {"command": command["command"], "arguments": command["arguments"]}
        await editor.ask("workspace/executeCommand", again)
        (await lanes.next(1)).answer(view(str(path), TEXT).to_plain())
        assert (await editor.nth("textDocument/publishDiagnostics", 1))["diagnostics"] == []
        assert opened.state == "known"
        editor.edit(path.as_uri(), 2, {"text": TEXT + "\n"})
        await lanes.next(2)  # the next edit is analysed again


async def test_what_ends_otherwise_was_not_stopped_by_the_person(tmp_path: Path):
    path = tmp_path / "net.py"
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(tmp_path, {**PUSH, **WINDOW}, trusted=True)
        editor.open(path.as_uri(), TEXT)
        await editor.nth("$/progress", 0)
        editor.edit(path.as_uri(), 2, {"text": TEXT + "\n"})
        await lanes.next(1)
        opened = editor.session.documents.of(path.as_uri())
        assert opened and opened.state == "running" and opened.trouble is None


async def test_nothing_is_shown_to_a_client_that_cannot_show_it(tmp_path: Path):
    path = tmp_path / "net.py"
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(tmp_path, PUSH, trusted=True)
        editor.open(path.as_uri(), TEXT)
        await lanes.next(0)
        await editor.settled()
        assert not editor.of("$/progress") and not editor.asked
