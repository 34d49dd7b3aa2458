"""Code actions, as an editor asks for them and applies them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from advisor.config import resolve
from advisor.daemon.remote import AnalystError
from advisor.discovery.directives import directives
from advisor.discovery.source import Source, read
from advisor.suppressions import silence

from .client import Editor, FakeLanes, change
from .reports import MIXED, NET, diagnostics, seen, shown

VERSIONED = {
    "workspace": {
        "workspaceEdit": {"documentChanges": True},
        "diagnostics": {"refreshSupport": True},
    },
    "textDocument": {"diagnostic": {}, "publishDiagnostics": {"dataSupport": True}},
}


@pytest.fixture
def project() -> Iterator[Path]:
    """A pyproject.toml without our table, beside the open file."""
    file = seen(NET)[0].with_name("pyproject.toml")
    file.write_bytes(b'[project]\r\nname = "x"\r\n')
    yield file
    file.unlink()


async def actions(editor: Editor, uri: str, about: list[dict[str, Any]], **context: Any) -> dict[str, dict[str, Any]]:
    """The actions for some diagnostics, by title."""
    asked = {"textDocument": {"uri": uri}, "range": about[0]["range"], "context": {"diagnostics": about, **context}}
    found = await editor.ask("textDocument/codeAction", asked) or []
    assert all(action["kind"] == "quickfix" for action in found)
    return {action["title"]: action for action in found}


def applied(text: str, edits: list[dict[str, Any]]) -> str:
    """``text`` after edits in UTF-16 units, none of which stands before another."""
    lines = text.split("\n")
    for edit in edits:
        place = edit["range"]["start"]
        assert edit["range"]["end"] == place, "only insertions"
        row = lines[place["line"]].encode("utf-16-le")
        at = 2 * place["character"]
        lines[place["line"]] = row[:at].decode("utf-16-le") + edit["newText"] + row[at:].decode("utf-16-le")
    return "\n".join(lines)


def remaining(text: str) -> list[tuple[str, int]]:
    """The real findings of the file that comments in ``text``, which moved no line, leave."""
    file, view = seen(NET)
    source = read(file, text)
    assert isinstance(source, Source)
    kept, _ = silence(view.findings, lambda _: directives(source).suppressions)
    return sorted((f.code, f.span.line) for f in kept)


async def test_ignore_here_silences_the_findings_of_that_code_there() -> None:
    async with shown(VERSIONED) as (editor, uri):
        about = (await diagnostics(editor, uri, "CHN101"))[-1:]
        assert about[0]["range"]["start"]["line"] == 14
        edit = (await actions(editor, uri, about))["Ignore CHN101 here"]["edit"]
        (one,) = edit["documentChanges"]
        assert one["textDocument"] == {"uri": uri, "version": 1}
        after = applied(NET, one["edits"])
        assert after.splitlines()[14].endswith("conv_bn(3, 60, 2)  # advisor: ignore[CHN101]")
        before = remaining(NET)
        assert remaining(after) == [f for f in before if f != ("CHN101", 15)] != before


async def test_the_edit_is_for_the_version_it_was_made_of() -> None:
    async with shown(VERSIONED) as (editor, uri):
        editor.edit(uri, 2, change((0, 0), (0, 0), "\n"))
        about = (await diagnostics(editor, uri, "CHN101"))[-1:]
        found = await actions(editor, uri, about)
        (one,) = found["Ignore CHN101 here"]["edit"]["documentChanges"]
        assert one["textDocument"]["version"] == 2
        assert one["edits"][0]["range"]["start"]["line"] == 15


async def test_several_diagnostics_of_a_line_share_an_action() -> None:
    async with shown(VERSIONED, MIXED) as (editor, uri):
        about = await diagnostics(editor, uri, "OPS503")
        assert len(about) == 3
        found = await actions(editor, uri, about)
        assert len(found["Ignore OPS503 here"]["diagnostics"]) == 3


async def test_clients_without_document_changes_get_plain_changes() -> None:
    async with shown() as (editor, uri):
        about = await diagnostics(editor, uri, "MEM401")
        assert list((await actions(editor, uri, about))["Ignore MEM401 here"]["edit"]) == ["changes"]


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("Ignore MEM401 in net.py (pyproject.toml)", "per_file_ignores"),
        ("Ignore MEM401 in the project (pyproject.toml)", "ignore"),
    ],
)
async def test_ignore_in_the_settings(project: Path, title: str, key: str) -> None:
    async with shown(VERSIONED) as (editor, uri):
        about = await diagnostics(editor, uri, "MEM401")
        (one,) = (await actions(editor, uri, about))[title]["edit"]["documentChanges"]
        assert one["textDocument"] == {"uri": project.as_uri(), "version": None}
        before = project.read_bytes()
        project.write_bytes(applied(before.decode(), one["edits"]).encode())
        assert project.read_bytes().startswith(before)
        assert b"\n" not in project.read_bytes().replace(b"\r\n", b"")
        expected: Any = ("MEM401",)
        assert getattr(resolve(project.with_name("net.py")), key) == (
            expected if key == "ignore" else {"net.py": expected}
        )
        assert title not in await actions(editor, uri, about), "it is ignored there already"


async def test_settings_of_the_editor_that_win_over_the_file_leave_no_action_for_it(project: Path) -> None:
    async with shown(VERSIONED, settings={"ignore": ["IBN"]}) as (editor, uri):
        found = await actions(editor, uri, await diagnostics(editor, uri, "MEM401"))
        assert "Ignore MEM401 in the project (pyproject.toml)" not in found
        assert "Ignore MEM401 in net.py (pyproject.toml)" in found


async def test_without_a_settings_file_or_with_a_broken_one_there_is_no_action_for_it(project: Path) -> None:
    project.write_text("[tool.advisor\n")
    async with shown(VERSIONED) as (editor, uri):
        about = await diagnostics(editor, uri, "MEM401")
        assert not [title for title in await actions(editor, uri, about) if "pyproject" in title]


async def test_a_settings_file_that_is_missing_is_made_by_clients_that_can() -> None:
    able = {**VERSIONED["workspace"], "workspaceEdit": {"documentChanges": True, "resourceOperations": ["create"]}}
    title = "Ignore MEM401 in the project (pyproject.toml)"
    async with shown(VERSIONED) as (editor, uri):
        assert title not in await actions(editor, uri, await diagnostics(editor, uri, "MEM401"))
    async with shown({**VERSIONED, "workspace": able}) as (editor, uri):
        found = await actions(editor, uri, await diagnostics(editor, uri, "MEM401"))
        made, edit = found[title]["edit"]["documentChanges"]
        file = seen(NET)[0].with_name("pyproject.toml")
        assert (made["kind"], made["uri"], made["options"]) == ("create", file.as_uri(), {"ignoreIfExists": True})
        assert edit["textDocument"]["uri"] == file.as_uri()
        assert applied("", edit["edits"]) == '[tool.advisor]\nignore = ["MEM401"]\n'


async def test_explain_and_switch_target_are_commands() -> None:
    async with shown({**VERSIONED, "window": {"showMessage": {}}}) as (editor, uri):
        found = await actions(editor, uri, await diagnostics(editor, uri, "CHN101"))
        explain = found["Explain CHN101: misaligned-channels"]["command"]
        assert (explain["command"], explain["arguments"]) == ("advisor.explain", ["CHN101"])
        switch = found["Switch target (now cpu-x86, ethos-u85-1024)"]["command"]
        assert switch["command"] == "advisor.switchTarget"


async def test_clients_that_cannot_ask_for_the_target_are_given_those_of_the_settings() -> None:
    async with shown(VERSIONED, settings={"targets": ["cpu-x86", "ethos-u55-128"]}) as (editor, uri):
        found = await actions(editor, uri, await diagnostics(editor, uri, "CHN101"))
        offered = {t: a["command"]["arguments"] for t, a in found.items() if t.startswith("Switch target")}
        assert offered == {
            "Switch target to cpu-x86": ["cpu-x86"],
            "Switch target to ethos-u55-128": ["ethos-u55-128"],
        }


async def test_a_model_that_could_not_be_built_can_be_told_about() -> None:
    async with shown(VERSIONED) as (editor, uri):
        found = await actions(editor, uri, await diagnostics(editor, uri, "TRC902"))
        (one,) = found["Tell the advisor args and inputs of Needy"]["edit"]["documentChanges"]
        after = applied(NET, one["edits"])
        said = "# advisor: kwargs={'width': None, 'groups': None} input=(1, 3, 224, 224)\nclass Needy"
        assert said in after


async def test_only_what_was_asked_for_and_only_ours() -> None:
    async with shown(VERSIONED) as (editor, uri):
        about = await diagnostics(editor, uri, "MEM401")
        assert not await actions(editor, uri, about, only=["refactor"])
        assert not await actions(editor, uri, about, only=["source.fixAll"])
        assert await actions(editor, uri, about, only=["quickfix"])
        assert await actions(editor, uri, about, triggerKind=2)
        assert not await actions(editor, uri, [{**about[0], "source": "another"}])
        assert not await actions(editor, "file:///not/open.py", about)


async def test_a_diagnostic_that_is_gone_can_only_be_explained() -> None:
    async with shown(VERSIONED) as (editor, uri):
        about = await diagnostics(editor, uri, "MEM401")
        gone = {**about[0], "data": {**about[0]["data"], "fingerprint": "0" * 32}}
        assert list(await actions(editor, uri, [gone])) == ["Explain MEM401: peak-memory", "Switch target to cpu-x86"]


async def test_edits_of_a_text_that_is_gone_meanwhile_are_not_offered() -> None:
    lanes = FakeLanes()
    async with shown(VERSIONED, lanes=lanes) as (editor, uri):
        about = await diagnostics(editor, uri, "MEM401")
        del lanes.answers["comments"]
        asked = asyncio.ensure_future(actions(editor, uri, about))
        call = await lanes.next(0, "comments")
        editor.edit(uri, 2, change((0, 0), (0, 0), "\n"))
        await editor.settled()
        call.done.set_result({"insertions": [[15, 1, "# a comment\n"]]})
        assert not await asked


async def test_comments_are_tried_where_nobody_waits_for_a_trace() -> None:
    lanes = FakeLanes()
    async with shown(VERSIONED, lanes=lanes) as (editor, uri):
        about = await diagnostics(editor, uri, "MEM401")
        await actions(editor, uri, about)
        lanes.full.add("front")
        await actions(editor, uri, about)
        assert [call.lane for call in lanes.calls if call.method == "comments"] == ["front", "read"]


async def test_without_an_analyst_the_other_actions_are_offered() -> None:
    lanes = FakeLanes()
    async with shown(VERSIONED, lanes=lanes) as (editor, uri):
        about = await diagnostics(editor, uri, "MEM401")
        del lanes.answers["comments"]
        asked = asyncio.ensure_future(actions(editor, uri, about))
        (await lanes.next(0, "comments")).done.set_exception(AnalystError("lost", "died"))
        assert list(await asked) == ["Explain MEM401: peak-memory", "Switch target to cpu-x86"]
