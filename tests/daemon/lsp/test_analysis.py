from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from advisor.daemon.lanes import AnalystError
from advisor.daemon.lsp import analysis, pace
from advisor.daemon.view import View

from .client import PUSH, FakeLanes, change, editing
from .views import finding, view

TEXT = "import torch.nn as nn\n\nclass Net:\n    a = nn.Conv2d(3, 17)\n"
CONV = "nn.Conv2d(3, 17)"
PUBLISH = "textDocument/publishDiagnostics"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "net.py"
    path.write_text(TEXT)
    return path


def static(path: Path, text: str, *findings):
    return view(str(path), text, phase="static", findings=findings).to_plain()


def traced(path: Path, text: str, *findings, places=(CONV,)):
    return view(str(path), text, places=places, models=("Net",), findings=findings).to_plain()


def codes(published) -> list[str]:
    return [d["code"] for d in published["diagnostics"]]


async def opened_traced(editor, lanes: FakeLanes, file: Path, *findings) -> None:
    """Open the file and answer with its trace, which is shown."""
    await editor.initialize(file.parent, PUSH, trusted=True)
    editor.open(file.as_uri(), TEXT)
    (await lanes.next(0)).answer(traced(file, TEXT, *findings))
    await editor.nth(PUBLISH, 0)


async def test_static_findings_come_first_and_traced_ones_join_them(file):
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(file.parent, PUSH, trusted=True)
        editor.open(file.as_uri(), TEXT)
        call = await lanes.next(0)
        assert call.lane == "front" and call.params["text"] == TEXT and call.params["run"] is True
        early = finding(str(file), TEXT, "class", "TRC906")
        call.static(static(file, TEXT, early))
        assert codes(await editor.nth(PUBLISH, 0)) == ["TRC906"]
        call.answer(traced(file, TEXT, early, finding(str(file), TEXT, CONV)))
        published = await editor.nth(PUBLISH, 1)
        assert codes(published) == ["TRC906", "CHN101"] and published["version"] == 1
        opened = editor.session.documents.of(file.as_uri())
        assert opened and not opened.stale and opened.view and len(opened.view.places) == 1


async def test_an_edit_ends_the_analysis_and_its_result_is_never_used(file):
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(file.parent, PUSH, trusted=True)
        editor.open(file.as_uri(), TEXT)
        first = await lanes.next(0)
        editor.edit(file.as_uri(), 2, change((3, 21), (3, 23), "18"))
        second = await lanes.next(1)
        assert first.cancelled
        first.static(static(file, TEXT, finding(str(file), TEXT, "class", "OLD")))  # was on its way
        new = TEXT.replace("17", "18")
        assert second.params["text"] == new
        second.answer(traced(file, new, places=()))
        published = await editor.nth(PUBLISH, 0)
        assert published["version"] == 2 and codes(published) == []


async def test_what_editors_draw_is_answered_once_the_typing_has_settled(file, monkeypatch):
    monkeypatch.setattr(pace, "SHORTEST", 0.5)
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await opened_traced(editor, lanes, file)
        document = {"textDocument": {"uri": file.as_uri()}}
        everything = {"start": {"line": 0, "character": 0}, "end": {"line": 9, "character": 0}}
        editor.edit(file.as_uri(), 2, change((3, 21), (3, 23), "18"))
        _, hints = editor.begin("textDocument/inlayHint", {**document, "range": everything})
        _, lenses = editor.begin("textDocument/codeLens", document)
        await editor.settled()
        assert not hints.done() and not lenses.done()
        assert len(await hints) == 1 and len(await lenses) == 1


async def test_a_text_that_is_slow_to_read_is_not_read_at_every_key(file, monkeypatch):
    monkeypatch.setattr(analysis, "SLOW_READ", -1.0)
    monkeypatch.setattr(pace, "SHORTEST", 0.2)
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(file.parent, PUSH, trusted=True)
        editor.open(file.as_uri(), TEXT)
        (await lanes.next(0)).answer(traced(file, TEXT))
        await editor.settled()
        for version, digit in enumerate("89", start=2):  # 18, 19
            editor.edit(file.as_uri(), version, change((3, 22), (3, 23), digit))
        call = await lanes.next(1)
        assert call.params["text"] == TEXT.replace("17", "19")  # 18 was never read
        assert call.params["settle"] == 0  # waited already
        call.answer(traced(file, TEXT.replace("17", "19"), places=()))


async def test_a_result_of_another_text_is_not_used(file):
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(file.parent, PUSH, trusted=True)
        editor.open(file.as_uri(), TEXT)
        (await lanes.next(0)).answer(traced(file, TEXT + "\n", finding(str(file), TEXT, CONV)))
        await editor.settled()
        assert not editor.of(PUBLISH)


def scored(path: Path, text: str) -> dict[str, Any]:
    plain = View.from_plain(traced(path, text, finding(str(path), text, CONV, "ZST701")))
    plain.models[0].scores = [("NASWOT", "206.3")]
    return plain.to_plain()


async def opened_unscored(editor, lanes: FakeLanes, file: Path) -> None:
    """Open the file and answer with a view that has no scores yet."""
    await editor.initialize(file.parent, PUSH, trusted=True)
    editor.open(file.as_uri(), TEXT)
    (await lanes.next(0)).done.set_result({"view": traced(file, TEXT), "unscored": True})


async def test_scores_join_a_view_when_they_are_ready_and_nobody_waits_for_them(file, monkeypatch):
    monkeypatch.setattr(analysis, "UNSCORED", 0.0)
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await opened_unscored(editor, lanes, file)
        assert codes(await editor.nth(PUBLISH, 0)) == []
        call = await lanes.next(0, "score")
        assert call.lane == "back" and call.params["text"] == TEXT
        opened = editor.session.documents.of(file.as_uri())
        assert opened and opened.state == "known" and not opened.view.models[0].scores
        call.answer(scored(file, TEXT))
        assert codes(await editor.nth(PUBLISH, 1)) == ["ZST701"]
        assert opened.view.models[0].scores == [("NASWOT", "206.3")]


async def test_an_edit_ends_the_scoring_and_what_is_scored_is_not_scored_again(file, monkeypatch):
    monkeypatch.setattr(analysis, "UNSCORED", 0.0)
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await opened_unscored(editor, lanes, file)
        call = await lanes.next(0, "score")
        editor.edit(file.as_uri(), 2, change((0, 0), (0, 0), "# new\n"))
        again = await lanes.next(1)
        assert call.cancelled
        again.done.set_result({"view": scored(file, "# new\n" + TEXT), "unscored": False})
        await editor.settled()
        assert lanes.count("score") == 1


async def test_scores_that_come_to_nothing_cost_nothing(file, monkeypatch):
    monkeypatch.setattr(analysis, "UNSCORED", 0.0)
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(file.parent, PUSH, trusted=True)
        editor.open(file.as_uri(), TEXT)
        shown = traced(file, TEXT, finding(str(file), TEXT, CONV))
        (await lanes.next(0)).done.set_result({"view": shown, "unscored": True})
        (await lanes.next(0, "score")).done.set_exception(AnalystError("lost", "it died", ""))
        await editor.settled()
        opened = editor.session.documents.of(file.as_uri())
        assert opened and opened.state == "known" and [f.code for f in opened.view.findings] == ["CHN101"]


async def test_known_findings_move_with_the_text_and_are_marked(file):
    lanes = FakeLanes()
    able = {"textDocument": {"publishDiagnostics": {"dataSupport": True}}}
    async with editing(lanes) as editor:
        await editor.initialize(file.parent, able, trusted=True)
        editor.open(file.as_uri(), TEXT)
        (await lanes.next(0)).answer(traced(file, TEXT, finding(str(file), TEXT, CONV)))
        await editor.nth(PUBLISH, 0)
        editor.edit(file.as_uri(), 2, change((0, 0), (0, 0), "# new\n"))
        call = await lanes.next(1)
        opened = editor.session.documents.of(file.as_uri())
        assert opened and opened.stale and opened.view and opened.view.places[0].span.line == 5
        call.static(static(file, "# new\n" + TEXT, finding(str(file), "# new\n" + TEXT, "class", "TRC906")))
        published = await editor.nth(PUBLISH, 1)
        assert codes(published) == ["TRC906", "CHN101"]
        assert [d["data"].get("stale", False) for d in published["diagnostics"]] == [False, True]
        assert published["diagnostics"][1]["range"]["start"]["line"] == 4
        call.answer(traced(file, "# new\n" + TEXT, finding(str(file), "# new\n" + TEXT, CONV)))
        (again,) = (await editor.nth(PUBLISH, 2))["diagnostics"]
        assert "stale" not in again["data"]


async def test_a_text_is_read_while_all_analysts_trace_and_the_edited_one_comes_first(file):
    lanes = FakeLanes()
    lanes.full.add("front")
    async with editing(lanes) as editor:
        await editor.initialize(file.parent, PUSH, trusted=True)
        editor.open(file.as_uri(), TEXT)
        read, waiting = await lanes.next(0, "read"), await lanes.next(0)
        assert (read.lane, waiting.lane, waiting.first) == ("read", "front", False)
        found = static(file, TEXT, finding(str(file), TEXT, "class", "TRC906"))
        read.static(found)
        assert codes(await editor.nth(PUBLISH, 0)) == ["TRC906"]
        waiting.static(found)  # the same, which is known
        editor.edit(file.as_uri(), 2, change((3, 21), (3, 23), "18"))
        assert (await lanes.next(1)).first
        assert waiting.cancelled and read.cancelled
        lanes.full.clear()
        editor.edit(file.as_uri(), 3, change((3, 21), (3, 23), "19"))
        await lanes.next(2)
        assert lanes.count("read") == 2 and len(editor.of(PUBLISH)) == 1


async def test_a_static_finding_that_is_gone_does_not_stay(file):
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(file.parent, PUSH, trusted=True)
        editor.open(file.as_uri(), TEXT)
        bad = finding(str(file), TEXT, "class", "TRC906")
        call = await lanes.next(0)
        call.static(static(file, TEXT, bad))
        call.answer(traced(file, TEXT, bad, finding(str(file), TEXT, CONV)))
        await editor.nth(PUBLISH, 1)
        editor.edit(file.as_uri(), 2, change((0, 0), (0, 0), "\n"))
        (await lanes.next(1)).static(static(file, "\n" + TEXT))
        assert codes(await editor.nth(PUBLISH, 2)) == ["CHN101"]


async def test_a_broken_text_keeps_the_last_good_hints_marked_and_moved(file):
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await opened_traced(editor, lanes, file)
        editor.edit(file.as_uri(), 2, change((0, 0), (0, 0), "def (\n"))
        broken = "def (\n" + TEXT
        syntax = finding(str(file), broken, "def (", "TRC901", severity="error")
        call = await lanes.next(1)
        call.static(static(file, broken, syntax))
        call.answer(view(str(file), broken, findings=(syntax,)).to_plain())
        assert codes(await editor.nth(PUBLISH, 2)) == ["TRC901"]
        opened = editor.session.documents.of(file.as_uri())
        assert opened and opened.view and opened.stale
        assert [p.span.line for p in opened.view.places] == [5] and opened.view.models
        assert opened.state == "broken"
        editor.edit(file.as_uri(), 3, change((0, 0), (1, 0), ""))
        (await lanes.next(2)).answer(traced(file, TEXT))
        assert codes(await editor.nth(PUBLISH, 3)) == [] and not opened.stale


async def test_findings_of_before_say_so_while_the_text_is_broken(file):
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(file.parent, PUSH, trusted=True)
        editor.open(file.as_uri(), TEXT)
        (await lanes.next(0)).answer(traced(file, TEXT, finding(str(file), TEXT, CONV)))

        def said(index: int) -> list[str]:
            return [d["message"] for d in editor.of(PUBLISH)[index]["diagnostics"]]

        await editor.nth(PUBLISH, 0)
        broken = "def (\n" + TEXT
        editor.edit(file.as_uri(), 2, change((0, 0), (0, 0), "def (\n"))
        call = await lanes.next(1)
        syntax = finding(str(file), broken, "def (", "TRC901", message="no Python")
        call.static(static(file, broken, syntax))
        await editor.nth(PUBLISH, 1)
        assert said(1) == ["no Python", "odd"], "a trace is on its way"
        call.answer(view(str(file), broken, findings=(syntax,)).to_plain())
        await editor.nth(PUBLISH, 2)
        assert said(2) == ["no Python", "odd (before the last edit)"]
        editor.edit(file.as_uri(), 3, change((0, 5), (0, 5), "("))
        (await lanes.next(2)).static(static(file, "def ((\n" + TEXT, syntax))
        await editor.nth(PUBLISH, 3)
        assert said(3) == said(2), "it does not come and go with each key"


async def test_without_trust_nothing_runs_and_the_person_is_told_once(file):
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(file.parent, PUSH)
        editor.open(file.as_uri(), TEXT)
        assert (await lanes.next(0)).params["run"] is False
        editor.notify("advisor/trust", trusted=True)
        assert (await lanes.next(1)).params["run"] is True
        told = [m["message"] for m in editor.of("window/logMessage") if "not trusted" in m["message"]]
        assert len(told) == 1 and "config.toml" in told[0]


async def test_a_failure_the_person_can_mend_stands_at_the_top_and_goes_with_it(file):
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(file.parent, PUSH, trusted=True)
        editor.open(file.as_uri(), TEXT)
        error = AnalystError("target", "unknown target 'x'", "see advisor targets")
        (await lanes.next(0)).done.set_exception(error)
        (shown,) = (await editor.nth(PUBLISH, 0))["diagnostics"]
        assert shown["severity"] == 3 and shown["range"]["start"] == {"line": 0, "character": 0}
        assert "unknown target 'x'" in shown["message"] and "see advisor targets" in shown["message"]
        editor.edit(file.as_uri(), 2, change((0, 0), (0, 0), "\n"))
        (await lanes.next(1)).done.set_exception(error)
        await editor.nth(PUBLISH, 1)
        assert sum("unknown target" in m["message"] for m in editor.of("window/logMessage")) == 1
        editor.edit(file.as_uri(), 3, change((0, 0), (1, 0), ""))
        (await lanes.next(2)).answer(traced(file, TEXT))
        assert codes(await editor.nth(PUBLISH, 2)) == []
        assert not editor.of("window/showMessage")


async def test_other_open_documents_follow_one_at_a_time_the_last_edited_first(tmp_path):
    lanes = FakeLanes()
    files = [tmp_path / f"{name}.py" for name in "abc"]
    for path in files:
        path.write_text(TEXT)
    async with editing(lanes) as editor:
        await editor.initialize(tmp_path, PUSH, trusted=True)
        for index, path in enumerate(files):
            editor.open(path.as_uri(), TEXT)
            (await lanes.next(index)).answer(traced(path, TEXT))
        await editor.nth(PUBLISH, 2)
        editor.edit(files[0].as_uri(), 2, change((0, 0), (0, 0), "\n"))
        edited = await lanes.next(3)
        assert edited.params["path"] == str(files[0])
        await editor.settled()
        assert lanes.count() == 4  # the others wait for it
        edited.answer(traced(files[0], "\n" + TEXT))
        follower = await lanes.next(4)
        assert follower.params["path"] == str(files[2])
        assert follower.params["buffers"] == {str(files[0]): "\n" + TEXT}
        await editor.settled()
        assert lanes.count() == 5
        follower.answer(traced(files[2], TEXT))
        (await lanes.next(5)).answer(traced(files[1], TEXT))
        await editor.settled()
        assert lanes.count() == 6  # their texts are what they were: nobody follows them


async def test_closing_ends_the_analysis_and_clears_what_is_shown(file):
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(file.parent, PUSH, trusted=True)
        editor.open(file.as_uri(), TEXT)
        call = await lanes.next(0)
        editor.notify("textDocument/didClose", textDocument={"uri": file.as_uri()})
        assert (await editor.nth(PUBLISH, 0))["diagnostics"] == []
        await editor.settled()
        assert call.cancelled


async def test_a_vanished_client_leaves_nothing_running(file):
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(file.parent, PUSH, trusted=True)
        editor.open(file.as_uri(), TEXT)
        call = await lanes.next(0)
        await editor.end()
        assert call.cancelled and editor.closed and not editor.session._tasks


async def test_documents_in_other_languages_and_from_other_places_are_left_alone(file):
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(file.parent, PUSH, trusted=True)
        editor.open("file:///x/notes.md", "# hello", language="markdown")
        editor.edit("file:///x/notes.md", 2, {"text": "bye"})
        editor.open("git:/x/net.py?ref=HEAD", TEXT)
        await editor.settled()
        assert not lanes.calls


async def test_an_untitled_document_is_analysed_under_a_path_in_the_first_root(tmp_path):
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(tmp_path, PUSH, trusted=True)
        editor.open("untitled:Untitled-1", TEXT)
        call = await lanes.next(0)
        path = Path(call.params["path"])
        assert path.parent == tmp_path and not path.exists()
        call.answer(traced(path, TEXT, finding(str(path), TEXT, CONV)))
        published = await editor.nth(PUBLISH, 0)
        assert published["uri"] == "untitled:Untitled-1" and codes(published) == ["CHN101"]
