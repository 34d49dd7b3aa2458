"""The audit of a workspace: all of its files, in one report, which can be stopped."""

from __future__ import annotations

import asyncio
from pathlib import Path
from threading import Event
from typing import Any

import pytest

import advisor
from advisor import record
from advisor.daemon.jobs import Jobs
from advisor.daemon.remote import AnalystError

from .client import PULL, Editor, Error, FakeLanes, editing

OPENS: dict[str, Any] = {**PULL, "window": {"showDocument": {"support": True}, "workDoneProgress": True}}
AUDIT = {"command": "advisor.auditWorkspace", "arguments": []}
NET = """\
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 17, 3)

    def forward(self, x):
        return self.a(x)
"""


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    found = [tmp_path / name for name in ("a.py", "b.py", "sub/c.py")]
    for path in found:
        path.parent.mkdir(exist_ok=True)
        path.write_text(NET)
    return found


def lanes_of(files: list[Path], jobs: int = 0) -> FakeLanes:
    """Analysts that list, and that render as real ones do."""
    analyst = Jobs(None)
    lanes = FakeLanes()
    found = {"files": [str(f) for f in files], "root": "", "targets": ["cpu-x86"], "jobs": jobs}
    lanes.answers["planned"] = lambda _: found
    lanes.answers["render"] = lambda params: analyst.perform("render", params, lambda _: None, Event())["result"]
    return lanes


def audited(file: str) -> dict[str, Any]:
    return {"report": record.pack(advisor.audit(file, target="cpu-x86").files[0])}


def begin(editor: Editor, **more: Any) -> tuple[int, asyncio.Future[Any]]:
    return editor.begin("workspace/executeCommand", {**AUDIT, **more})


async def test_every_file_is_in_the_report_that_is_opened(files: list[Path]) -> None:
    lanes = lanes_of(files)
    record_of = await asyncio.to_thread(audited, str(files[0]))
    lanes.answers["audit"] = lambda _: record_of
    async with editing(lanes) as editor:
        editor.replies["window/showDocument"] = {"success": True}
        await editor.initialize(files[0].parent, OPENS, trusted=True)
        result = await asyncio.wait_for(begin(editor)[1], 60)
        assert (result["files"], result["models"], result["shown"]) == (3, 3, True)
        assert result["findings"] == result["markdown"].count("\n- [line ")
        assert result["markdown"].startswith("# Audit of ")
        (shown,) = [params["uri"] for method, params in editor.asked if method == "window/showDocument"]
        assert Path(shown.removeprefix("file://")).read_text(encoding="utf-8") == result["markdown"]
        jobs = [c for c in lanes.calls if c.method == "audit"]
        assert sorted(c.params["path"] for c in jobs) == sorted(map(str, files))
        assert {c.lane for c in lanes.calls} == {"back"} and all(c.params["run"] for c in jobs)


async def test_a_file_that_cannot_be_audited_costs_itself_only(files: list[Path]) -> None:
    lanes = lanes_of(files)
    record_of = await asyncio.to_thread(audited, str(files[0]))
    async with editing(lanes) as editor:
        await editor.initialize(files[0].parent, PULL, trusted=True)
        _, answer = begin(editor)
        for index in range(3):
            call = await lanes.next(index, "audit")
            if call.params["path"].endswith("b.py"):
                call.done.set_exception(AnalystError("lost", "the process died", "try again"))
            else:
                call.done.set_result(record_of)
        result = await asyncio.wait_for(answer, 60)
        assert (result["files"], result["models"], result["shown"]) == (3, 2, False)
        assert "## 1 file not audited" in result["markdown"]
        assert f"- [b.py]({files[1].as_uri()}): the process died: try again" in result["markdown"]


async def test_the_person_sees_how_far_it_is_and_can_stop_it(files: list[Path]) -> None:
    lanes = lanes_of(files)
    record_of = await asyncio.to_thread(audited, str(files[0]))
    async with editing(lanes) as editor:
        await editor.initialize(files[0].parent, OPENS, trusted=True)
        _, answer = begin(editor, workDoneToken="mine")
        (await lanes.next(0, "audit")).done.set_result(record_of)
        await lanes.next(1, "audit")
        told = [p["value"] for p in editor.of("$/progress") if p["token"] == "mine"]
        assert told[0]["kind"] == "begin" and told[0]["cancellable"]
        assert any(value.get("percentage") for value in told)
        editor.notify("window/workDoneProgress/cancel", token="mine")
        with pytest.raises(Error, match="-32800"):
            await asyncio.wait_for(answer, 60)
        await editor.until(lambda: all(c.done.done() or c.cancelled for c in lanes.calls))
        assert not lanes.count("render")


async def test_as_many_files_at_the_same_time_as_the_setting_jobs_says(files: list[Path]) -> None:
    lanes = lanes_of(files, jobs=1)
    record_of = await asyncio.to_thread(audited, str(files[0]))
    async with editing(lanes) as editor:
        await editor.initialize(files[0].parent, PULL, trusted=True)
        _, answer = begin(editor)
        for index in range(3):
            call = await lanes.next(index, "audit")
            await asyncio.sleep(0.05)  # a second one would have come by then
            assert lanes.count("audit") == index + 1
            call.done.set_result(record_of)
        assert (await asyncio.wait_for(answer, 60))["files"] == 3


async def test_it_ends_when_trust_is_taken_back(files: list[Path]) -> None:
    lanes = lanes_of(files)
    async with editing(lanes) as editor:
        await editor.initialize(files[0].parent, PULL, trusted=True)
        _, answer = begin(editor)
        call = await lanes.next(0, "audit")
        editor.notify("advisor/trust", trusted=False)
        with pytest.raises(Error, match=r"-32803.*no longer trusted"):
            await asyncio.wait_for(answer, 60)
        assert call.cancelled
        lanes.answers["audit"] = lambda params: {"report": b""} if params["run"] else _refuse()
        assert "3 files not audited" in (await asyncio.wait_for(begin(editor)[1], 60))["markdown"]


def _refuse() -> Any:
    raise AnalystError("engine", "not run", "")


async def test_settings_that_are_wrong_and_no_folder_are_errors_of_the_request(tmp_path: Path) -> None:
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(tmp_path, PULL, trusted=True)
        _, answer = begin(editor)
        (await lanes.next(0, "planned")).done.set_exception(AnalystError("config", "pyproject.toml: jobs: no", ""))
        with pytest.raises(Error, match=r"-32803.*pyproject.toml: jobs: no"):
            await asyncio.wait_for(answer, 60)
    async with editing(FakeLanes()) as editor:
        await editor.initialize(None, PULL, trusted=True)
        with pytest.raises(Error, match=r"-32803.*no folder is open"):
            await asyncio.wait_for(begin(editor)[1], 60)
