from __future__ import annotations

from pathlib import Path

import pytest

from advisor.findings import Related
from advisor.graph import Span

from .client import NEVER, PULL, PUSH, FakeLanes, change, editing
from .views import finding, view

TEXT = "import torch.nn as nn\n\nclass Net:\n    s = '😀é'; a = nn.Conv2d(3, 17)\n"
CONV = "nn.Conv2d(3, 17)"
PUBLISH = "textDocument/publishDiagnostics"
DIAGNOSTIC_REFRESH = "workspace/diagnostic/refresh"
ABLE = {
    "relatedInformation": True,
    "tagSupport": {"valueSet": [1, 2]},
    "codeDescriptionSupport": True,
    "dataSupport": True,
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "net.py"
    path.write_text(TEXT)
    return path


def traced(path: Path, *findings, text: str = TEXT):
    return view(str(path), text, places=(CONV,), models=("Net",), findings=findings).to_plain()


def pull(editor, path: Path, previous: str | None = None):
    params = {"textDocument": {"uri": path.as_uri()}}
    return editor.ask("textDocument/diagnostic", params | ({"previousResultId": previous} if previous else {}))


@pytest.mark.parametrize(("encoding", "before"), [("utf-8", 22), ("utf-16", 19), ("utf-32", 18)])
async def test_ranges_are_in_the_clients_units(file, encoding, before):
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(file.parent, {**PUSH, "general": {"positionEncodings": [encoding]}}, trusted=True)
        editor.open(file.as_uri(), TEXT)
        (await lanes.next(0)).answer(traced(file, finding(str(file), TEXT, CONV)))
        (shown,) = (await editor.nth(PUBLISH, 0))["diagnostics"]
        assert shown["range"] == {
            "start": {"line": 3, "character": before},
            "end": {"line": 3, "character": before + len(CONV)},
        }
        # and edits come in them: before the call, behind the astral character
        editor.edit(file.as_uri(), 2, change((3, before), (3, before + 2), "mm"))
        assert (await lanes.next(1)).params["text"] == TEXT.replace("nn.Conv", "mm.Conv")


async def test_a_client_that_pulls_is_never_pushed_to(file):
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(file.parent, PULL, trusted=True)
        editor.open(file.as_uri(), TEXT)
        call = await lanes.next(0)
        asked = pull(editor, file)
        call.static(view(str(file), TEXT, phase="static").to_plain())
        first = await asked  # the source was read: what it gives is told, and the trace is not waited for
        assert first["kind"] == "full" and first["items"] == []
        call.answer(traced(file, finding(str(file), TEXT, CONV)))
        await editor.until(lambda: DIAGNOSTIC_REFRESH in [name for name, _ in editor.asked])
        second = await pull(editor, file, first["resultId"])
        assert [d["code"] for d in second["items"]] == ["CHN101"]
        third = await pull(editor, file, second["resultId"])
        assert third == {"kind": "unchanged", "resultId": second["resultId"]}
        assert not editor.of(PUBLISH)


async def test_no_refresh_where_nothing_that_was_told_changes(file):
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(file.parent, PULL, trusted=True)
        editor.open(file.as_uri(), TEXT)
        call = await lanes.next(0)
        call.static(view(str(file), TEXT, phase="static").to_plain())
        await pull(editor, file)
        call.answer(traced(file))
        await editor.settled()
        assert not editor.asked


async def test_a_client_that_cannot_be_asked_again_waits_for_the_trace(file):
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(file.parent, {"textDocument": {"diagnostic": {}}}, trusted=True)
        editor.open(file.as_uri(), TEXT)
        call = await lanes.next(0)
        _, asked = editor.begin("textDocument/diagnostic", {"textDocument": {"uri": file.as_uri()}})
        call.static(view(str(file), TEXT, phase="static").to_plain())
        await editor.settled()
        assert not asked.done()
        call.answer(traced(file, finding(str(file), TEXT, CONV)))
        assert [d["code"] for d in (await asked)["items"]] == ["CHN101"]


async def test_one_refresh_at_a_time_is_on_its_way(file):
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(file.parent, PULL, trusted=True)
        editor.replies[DIAGNOSTIC_REFRESH] = NEVER
        for _ in range(5):
            editor.session.refresh()
        await editor.settled()
        assert [name for name, _ in editor.asked] == [DIAGNOSTIC_REFRESH]


async def test_what_a_client_understands_is_told(file, tmp_path):
    other = tmp_path / "blocks.py"
    other.write_text("# é\nx = 'é'; width = 17\n")
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(tmp_path, {"textDocument": {"publishDiagnostics": ABLE}}, trusted=True)
        editor.open(file.as_uri(), TEXT)
        related = (Related(Span(str(other), 2, 10, 2, 15), "the width"),)
        unused = finding(str(file), TEXT, "class", "SUP002")
        call = await lanes.next(0)
        call.answer(traced(file, finding(str(file), TEXT, CONV, target="cpu-x86", related=list(related)), unused))
        odd, faded = (await editor.nth(PUBLISH, 0))["diagnostics"]
        assert odd["relatedInformation"][0]["location"]["uri"] == other.as_uri()
        assert odd["relatedInformation"][0]["location"]["range"]["start"] == {"line": 1, "character": 9}
        assert odd["codeDescription"]["href"].startswith("file:") and "CHN101" in odd["codeDescription"]["href"]
        assert odd["data"]["code"] == "CHN101" and odd["data"]["target"] == "cpu-x86" and odd["data"]["fingerprint"]
        assert "tags" not in odd and faded["tags"] == [1]
        assert odd["source"] == "advisor" and odd["severity"] == 2


async def test_a_client_that_understands_nothing_gets_the_bare_diagnostic(file):
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(file.parent, {}, trusted=True)
        editor.open(file.as_uri(), TEXT)
        (await lanes.next(0)).answer(traced(file, finding(str(file), TEXT, CONV)))
        (shown,) = (await editor.nth(PUBLISH, 0))["diagnostics"]
        assert set(shown) == {"range", "message", "severity", "code", "source"}


async def test_a_finding_in_another_file_stands_at_its_models_name(file, tmp_path):
    other = tmp_path / "blocks.py"
    other.write_text("x = 1\n")
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(tmp_path, PUSH, trusted=True)
        editor.open(file.as_uri(), TEXT)
        (await lanes.next(0)).answer(traced(file, finding(str(other), "x = 1\n", "x")))
        published = await editor.nth(PUBLISH, 0)
        (shown,) = published["diagnostics"]
        assert published["uri"] == file.as_uri() and shown["range"]["start"] == {"line": 2, "character": 6}
        assert shown["relatedInformation"][0]["location"]["uri"] == other.as_uri()


async def test_pulling_what_is_not_open_gives_nothing(file):
    async with editing() as editor:
        await editor.initialize(file.parent, PULL)
        assert await pull(editor, file) == {"kind": "full", "items": []}
