"""Findings of files that are not open: as they come, with progress, once, and until it is given up."""

from __future__ import annotations

from collections import Counter

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcRequestCancelled

from .editor import uri_of
from .models import NET

pytestmark = pytest.mark.asyncio(loop_scope="session")

ENDLESS = NET.replace("from torch", "import time\n\ntime.sleep(500)\nfrom torch")


@pytest.fixture
def nets(tmp_path):
    """A file with a finding, one without, one that cannot be parsed, and one that is no model."""
    (tmp_path / "deep").mkdir()
    texts = {
        "deep/wide.py": NET,
        "fine.py": NET.replace("65", "64"),
        "broken.py": NET + "class Net(:\n",
        "deep/other.py": "x = 1\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return {name: tmp_path / name for name in texts}


async def _asked(editor, previous=None, partial=None, token=None):
    ids = [types.PreviousResultId(uri, value) for uri, value in (previous or {}).items()]
    return await editor.workspace_diagnostic_async(
        types.WorkspaceDiagnosticParams(ids, partial_result_token=partial, work_done_token=token)
    )


async def test_all_files_are_reported_as_they_come_with_progress(editor, nets):
    result = await _asked(editor, partial="some", token="how far")
    assert list(result.items) == [], "all came before"
    parts = [item for value in editor.values.pop("some") for item in value["items"]]
    found = {item["uri"]: [d["code"] for d in item["items"]] for item in parts}
    assert len(parts) == len(found) == 4
    assert found[uri_of(nets["deep/wide.py"])] == ["CHN101"]
    assert found[uri_of(nets["fine.py"])] == found[uri_of(nets["deep/other.py"])] == []
    assert found[uri_of(nets["broken.py"])] == ["TRC901"]
    begin, *reports, end = editor.values.pop("how far")
    assert (begin["kind"], begin["title"], begin["cancellable"]) == ("begin", "Advisor: workspace", True)
    assert end["kind"] == "end" and {r["kind"] for r in reports} == {"report"}
    assert Counter(r["message"] for r in reports) == Counter(path.name for path in nets.values())
    assert all(0 <= r["percentage"] <= 100 for r in reports)


async def test_only_what_changed_is_said_again(editor, nets):
    first = {r.uri: r for r in (await _asked(editor)).items}
    assert all(isinstance(r, types.WorkspaceFullDocumentDiagnosticReport) for r in first.values())
    previous = {uri: report.result_id for uri, report in first.items()}
    again = (await _asked(editor, previous)).items
    assert len(again) == 4
    assert all(isinstance(r, types.WorkspaceUnchangedDocumentDiagnosticReport) for r in again)

    nets["fine.py"].write_text(NET)
    nets["broken.py"].unlink()
    editor.changed_on_disk(nets["fine.py"], nets["broken.py"])
    news = {r.uri: r for r in (await _asked(editor, previous)).items}
    full = {uri: r for uri, r in news.items() if isinstance(r, types.WorkspaceFullDocumentDiagnosticReport)}
    assert set(full) == {uri_of(nets["fine.py"]), uri_of(nets["broken.py"])}
    assert [d.code for d in full[uri_of(nets["fine.py"])].items] == ["CHN101"]
    assert not full[uri_of(nets["broken.py"])].items, "it is gone, and so is what was said of it"


async def test_an_open_file_is_reported_as_it_is_in_the_editor(editor, nets):
    editor.open(nets["fine.py"])
    assert await editor.findings(nets["fine.py"]) == []
    editor.edit(nets["fine.py"], "Conv2d(32, 64", "Conv2d(32, 65")
    editor.edit(nets["fine.py"], "Conv2d(64", "Conv2d(65")
    await editor.findings(nets["fine.py"], "CHN101")
    reports = {r.uri: r for r in (await _asked(editor)).items}
    shown = reports[uri_of(nets["fine.py"])]
    assert ([d.code for d in shown.items], shown.version) == (["CHN101"], editor.versions[nets["fine.py"]])
    editor.configure({"workspaceDiagnostics": {"enabled": False}})
    await editor.until(
        lambda: _asked(editor), lambda report: [r.uri for r in report.items] == [uri_of(nets["fine.py"])]
    )


async def test_it_can_be_given_up_and_others_go_on(editor, nets):
    (nets["fine.py"].parent / "pyproject.toml").write_text("[tool.advisor]\ntime-limit = 600\n")
    for n in range(4):
        (nets["fine.py"].parent / f"endless{n}.py").write_text(ENDLESS)
    params = types.WorkspaceDiagnosticParams([], work_done_token="slow")
    number, answer = editor.ask(types.WORKSPACE_DIAGNOSTIC, params)
    await editor.until(lambda: any("endless" in (v.get("message") or "") for v in editor.values.get("slow", ())))
    editor.open(nets["deep/wide.py"])
    await editor.findings(nets["deep/wide.py"], "CHN101")
    assert not answer.done(), "the open file waits for no other"
    editor.cancel(number)
    with pytest.raises(JsonRpcRequestCancelled):
        await answer
    await editor.until(lambda: editor.values["slow"][-1]["kind"] == "end")

    params = types.WorkspaceDiagnosticParams([], work_done_token="slow too")
    _, answer = editor.ask(types.WORKSPACE_DIAGNOSTIC, params)
    await editor.until(lambda: any("endless" in (v.get("message") or "") for v in editor.values.get("slow too", ())))
    editor.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams("slow too"))
    with pytest.raises(JsonRpcRequestCancelled):
        await answer
