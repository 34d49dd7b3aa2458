from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .client import PULL, Error, FakeLanes, editing
from .views import finding, view

TEXT = "class Net:\n    a = nn.Conv2d(3, 17)\n"


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    found = [tmp_path / f"m{i}.py" for i in range(6)]
    for path in found:
        path.write_text(TEXT)
    return found


def lanes_of(files: list[Path]) -> FakeLanes:
    lanes = FakeLanes()
    lanes.answers["planned"] = lambda _: {"files": [str(f) for f in files], "root": "", "targets": [], "jobs": 0}
    return lanes


def analysed(params: dict[str, Any]) -> dict[str, Any]:
    return {"view": view(params["path"], TEXT, findings=(finding(params["path"], TEXT, "nn.Conv2d"),)).to_plain()}


def ask(editor, previous: list[dict[str, str]] | None = None, **tokens: Any):
    return editor.ask("workspace/diagnostic", {"previousResultIds": previous or [], **tokens})


async def test_all_files_are_reported_from_the_back_lane_and_only_once(files):
    lanes = lanes_of(files)
    lanes.answers["analyse"] = analysed
    async with editing(lanes) as editor:
        result = await editor.initialize(files[0].parent, PULL, trusted=True)
        assert result["capabilities"]["diagnosticProvider"]["workspaceDiagnostics"] is True
        first = (await ask(editor))["items"]
        assert {r["uri"] for r in first} == {f.as_uri() for f in files}
        assert all(r["kind"] == "full" and r["items"][0]["code"] == "CHN101" for r in first)
        assert {c.lane for c in lanes.calls} == {"back"} and lanes.count() == 6
        again = (await ask(editor, [{"uri": r["uri"], "value": r["resultId"]} for r in first]))["items"]
        assert {r["kind"] for r in again} == {"unchanged"} and lanes.count() == 6
        files[2].write_text("# longer\n" + TEXT)
        lanes.answers["analyse"] = lambda p: {"view": view(p["path"], "# longer\n" + TEXT).to_plain()}
        changed = (await ask(editor, [{"uri": r["uri"], "value": r["resultId"]} for r in first]))["items"]
        assert [r["uri"] for r in changed if r["kind"] == "full"] == [files[2].as_uri()] and lanes.count() == 7


async def test_progress_of_many_files_is_told_in_percent(tmp_path):
    paths = [tmp_path / f"net{i}.py" for i in range(400)]
    for path in paths:
        path.write_text(TEXT)
    lanes = lanes_of(paths)
    lanes.answers["analyse"] = analysed
    async with editing(lanes) as editor:
        await editor.initialize(tmp_path, PULL, trusted=True)
        await ask(editor, workDoneToken="t")
        told = [p["value"] for p in editor.of("$/progress") if p["value"]["kind"] == "report"]
        assert len(told) == len({v["percentage"] for v in told}) == 100


async def test_a_changed_file_elsewhere_has_all_of_them_analysed_anew(files):
    lanes = lanes_of(files)
    lanes.answers["analyse"] = analysed
    async with editing(lanes) as editor:
        await editor.initialize(files[0].parent, PULL, trusted=True)
        await ask(editor)
        editor.notify("workspace/didChangeWatchedFiles", changes=[{"uri": files[0].as_uri(), "type": 2}])
        await ask(editor)
        assert lanes.count() == 12


async def test_reports_come_as_they_are_known_with_progress(files):
    lanes = lanes_of(files)
    async with editing(lanes) as editor:
        await editor.initialize(files[0].parent, PULL, trusted=True)
        params = {"previousResultIds": [], "partialResultToken": "p", "workDoneToken": "w"}
        _, answer = editor.begin("workspace/diagnostic", params)
        call = await lanes.next(0)
        call.done.set_result(analysed(call.params))
        await editor.until(lambda: [p for p in editor.of("$/progress") if p["token"] == "p"])
        assert not answer.done()
        for index in range(1, 6):
            call = await lanes.next(index)
            call.done.set_result(analysed(call.params))
        assert (await answer)["items"] == []
        partial = [p["value"]["items"][0]["uri"] for p in editor.of("$/progress") if p["token"] == "p"]
        assert sorted(partial) == [f.as_uri() for f in files]
        kinds = [p["value"]["kind"] for p in editor.of("$/progress") if p["token"] == "w"]
        assert kinds[0] == "begin" and kinds[-1] == "end" and not editor.session.work_done_progress.tokens


@pytest.mark.parametrize("way", ["request", "progress"])
async def test_it_can_be_cancelled(files, way):
    lanes = lanes_of(files)
    async with editing(lanes) as editor:
        await editor.initialize(files[0].parent, PULL, trusted=True)
        number, answer = editor.begin("workspace/diagnostic", {"previousResultIds": [], "workDoneToken": "w"})
        call = await lanes.next(0)
        if way == "request":
            editor.notify("$/cancelRequest", id=number)
        else:
            editor.notify("window/workDoneProgress/cancel", token="w")
        with pytest.raises(Error, match="-32800"):
            await answer
        await editor.settled()
        assert call.cancelled and all(c.cancelled for c in lanes.calls if c.method == "analyse")
        assert not editor.session.wire._request_futures


async def test_open_documents_are_reported_as_they_are_known(files):
    lanes = lanes_of(files[:1])
    async with editing(lanes) as editor:
        await editor.initialize(files[0].parent, PULL, trusted=True)
        editor.open(files[0].as_uri(), "\n" + TEXT, version=7)
        found = finding(str(files[0]), "\n" + TEXT, "nn.Conv2d")
        (await lanes.next(0)).answer(view(str(files[0]), "\n" + TEXT, findings=(found,)).to_plain())
        await editor.settled()
        (report,) = (await ask(editor))["items"]
        assert report["version"] == 7 and report["items"][0]["range"]["start"]["line"] == 2
        assert lanes.count() == 1


async def test_what_is_gone_is_cleared(files):
    lanes = lanes_of([])
    async with editing(lanes) as editor:
        await editor.initialize(files[0].parent, PULL, trusted=True)
        (report,) = (await ask(editor, [{"uri": "file:///x/gone.py", "value": "1"}]))["items"]
        assert report["uri"] == "file:///x/gone.py" and report["items"] == [] and report["kind"] == "full"


async def test_it_can_be_switched_off(files):
    lanes = lanes_of(files)
    async with editing(lanes) as editor:
        await editor.initialize(
            files[0].parent, PULL, trusted=True, settings={"workspaceDiagnostics": {"enabled": False}}
        )
        assert (await ask(editor))["items"] == [] and not lanes.calls
