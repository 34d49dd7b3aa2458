"""All fixes of a document at once: what is applied, what is waited for, and what is said of the rest."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from advisor.daemon.lsp import fixing
from advisor.daemon.remote import AnalystError
from advisor.fixes.edits import Edit
from advisor.fixes.fix import Fix, digest
from advisor.graph import Span

from .client import PULL, Editor, Error, FakeLanes, change, editing
from .views import finding, view

TEXT = "class Net:\n    a = nn.Conv2d(3, 17)\n    b = nn.Conv2d(17, 33)\n"
ABLE: dict[str, Any] = {
    **PULL,
    "workspace": {**PULL["workspace"], "applyEdit": True, "workspaceEdit": {"documentChanges": True}},
}
PREVIEWS = {
    **ABLE,
    "workspace": {
        **ABLE["workspace"],
        "workspaceEdit": {"documentChanges": True, "changeAnnotationSupport": {"groupsOnLabel": True}},
    },
}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fixing, "WAIT", 0.0)


class Desk:
    """An editor with a traced file that has two findings, and analysts that look for their fixes."""

    def __init__(self, file: Path, editor: Editor, lanes: FakeLanes) -> None:
        self.file, self.editor, self.lanes = file, editor, lanes
        self.uri = file.as_uri()
        self.findings = [
            finding(str(file), TEXT, words, code, move={"kind": words})
            for words, code in (("17)", "CHN101"), ("33)", "CHN102"))
        ]

    async def start(self, able: dict[str, Any] = ABLE, trusted: bool = True) -> None:
        self.file.write_text(TEXT)
        self.lanes.answers["warm"] = lambda _: {}
        self.editor.replies["workspace/applyEdit"] = {"applied": True}
        await self.editor.initialize(self.file.parent, able, trusted=trusted)
        self.editor.open(self.uri, TEXT)

    async def traced(self) -> None:
        found = view(str(self.file), TEXT, models=("Net",), findings=tuple(self.findings))
        (await self.lanes.next(0)).answer(found.to_plain())

    def fix(self, words: str, new: str, applicability: Any = "safe", gain: float = 1.0) -> dict[str, Any]:
        return Fix(
            f"Set {words} to {new}", applicability, self._edits(words, new), {}, gain, base=self._base()
        ).to_plain()

    def _edits(self, words: str, new: str) -> tuple[Edit, ...]:
        row = next(i for i, line in enumerate(TEXT.split("\n")) if words in line)
        at = TEXT.split("\n")[row].index(words)
        return (Edit(Span(str(self.file), row + 1, at + 1, row + 1, at + 1 + len(words)), new),)

    def _base(self) -> dict[str, str]:
        return {str(self.file): digest(TEXT)}

    def group(self, name: str, applicability: Any = "safe") -> dict[str, Any]:
        edits = (*self._edits("17)", "16)"), *self._edits("33)", "32)"))
        both = Fix("saves 2 us", applicability, edits, {}, 2.0, base=self._base())
        return {"name": name, "count": 2, "fix": both.to_plain()}

    async def found(self, *fixes: dict[str, Any], groups: tuple[dict[str, Any], ...] = ()) -> None:
        """The search ends with these."""
        call = await self.lanes.next(0, "fixes")
        for about, fix in zip(self.findings, fixes, strict=False):
            call.on_event({"event": "fix", "of": about.fingerprint(), "fix": fix})
        call.done.set_result({"groups": list(groups)})

    def begin(self, **flags: bool) -> asyncio.Future[Any]:
        about = {"uri": self.uri, **flags}
        return self.editor.begin("workspace/executeCommand", {"command": "advisor.fixAll", "arguments": [about]})[1]

    async def run(self, **flags: bool) -> Any:
        return await asyncio.wait_for(self.begin(**flags), 30)

    def edits(self) -> list[dict[str, Any]]:
        """The edits that the editor was asked to make, of one request."""
        (params,) = [params for method, params in self.editor.asked if method == "workspace/applyEdit"]
        return [e for change in params["edit"]["documentChanges"] for e in change["edits"]]


async def test_all_safe_fixes_are_one_edit(tmp_path: Path) -> None:
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        desk = Desk(tmp_path / "net.py", editor, lanes)
        await desk.start()
        await desk.traced()
        await desk.found(desk.fix("17)", "16)"), desk.fix("33)", "32)"), groups=(desk.group("safe"),))
        assert await desk.run() == {"applied": True, "count": 2, "note": ""}
        assert [e["newText"] for e in desk.edits()] == ["16)", "32)"]
        assert not any("annotationId" in e for e in desk.edits())
        assert lanes.count("fixes") == 1


async def test_the_search_that_runs_is_waited_for_and_no_other_is_started(tmp_path: Path) -> None:
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        desk = Desk(tmp_path / "net.py", editor, lanes)
        await desk.start()
        waiting = desk.begin()
        await editor.settled()
        assert not waiting.done() and not lanes.count("fixes"), "it is not even traced"
        await desk.traced()
        await lanes.next(0, "fixes")
        await editor.settled()
        assert not waiting.done()
        await desk.found(desk.fix("17)", "16)"))
        assert (await asyncio.wait_for(waiting, 30))["count"] == 1
        assert lanes.count("fixes") == 1


async def test_what_has_to_be_trained_is_left_alone_unless_it_is_asked_for(tmp_path: Path) -> None:
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        desk = Desk(tmp_path / "net.py", editor, lanes)
        await desk.start()
        await desk.traced()
        both = desk.fix("17)", "16)"), desk.fix("33)", "32)", "unsafe", 5.0)
        await desk.found(*both, groups=(desk.group("all", "unsafe"),))
        result = await desk.run()
        assert (result["applied"], result["count"]) == (True, 1)
        assert result["note"] == "after 1 other fix the network has to be trained"
        assert [e["newText"] for e in desk.edits()] == ["16)"]
        editor.asked.clear()
        assert await desk.run(unsafe=True) == {"applied": True, "count": 2, "note": ""}
        assert [e["newText"] for e in desk.edits()] == ["16)", "32)"]


async def test_of_fixes_that_do_not_go_together_the_best_is_applied_and_the_rest_is_told(tmp_path: Path) -> None:
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        desk = Desk(tmp_path / "net.py", editor, lanes)
        await desk.start()
        await desk.traced()
        await desk.found(desk.fix("17)", "16)", gain=1.0), desk.fix("33)", "32)", gain=3.0))
        result = await desk.run()
        assert (result["count"], result["note"]) == (1, "1 fix more may go once these are in: ask again")
        assert [e["newText"] for e in desk.edits()] == ["32)"]


async def test_a_preview_marks_every_edit_for_confirmation(tmp_path: Path) -> None:
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        desk = Desk(tmp_path / "net.py", editor, lanes)
        await desk.start(PREVIEWS)
        editor.replies["workspace/applyEdit"] = {"applied": False}  # the person looks at it and says no
        await desk.traced()
        await desk.found(desk.fix("17)", "16)"), desk.fix("33)", "32)"), groups=(desk.group("safe"),))
        result = await desk.run(preview=True)
        assert (result["applied"], result["count"]) == (False, 2)
        params = next(params for method, params in editor.asked if method == "workspace/applyEdit")
        ((name, annotation),) = params["edit"]["changeAnnotations"].items()
        assert annotation["needsConfirmation"] and annotation["label"] == "Apply 2 fixes of the advisor"
        assert [e["annotationId"] for e in desk.edits()] == [name, name]


async def test_nothing_to_fix_is_no_error_and_asks_for_no_edit(tmp_path: Path) -> None:
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        desk = Desk(tmp_path / "net.py", editor, lanes)
        await desk.start()
        await desk.traced()
        await desk.found()
        assert await desk.run() == {"applied": False, "count": 0, "note": "no finding has a fix"}
        assert not [method for method, _ in editor.asked if method == "workspace/applyEdit"]


async def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        desk = Desk(tmp_path / "net.py", editor, lanes)
        await desk.start()
        await desk.traced()
        with pytest.raises(Error, match=r"-32803.*cannot show edits before"):
            await desk.run(preview=True)
        for wrong in ({"uri": desk.uri, "unsafe": 1}, {"uri": desk.uri, "preview": None}, desk.uri):
            with pytest.raises(Error, match=r"-32602.*expected"):
                await editor.ask("workspace/executeCommand", {"command": "advisor.fixAll", "arguments": [wrong]})
        waiting = desk.begin()
        await lanes.next(0, "fixes")
        editor.edit(desk.uri, 2, change((0, 0), (0, 0), "# \n"))
        with pytest.raises(Error, match=r"-32803.*edited meanwhile"):
            await asyncio.wait_for(waiting, 30)
        editor.notify("advisor/trust", trusted=False)
        with pytest.raises(Error, match=r"-32803.*trust it first"):
            await desk.run()


async def test_a_search_that_failed_says_so(tmp_path: Path) -> None:
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        desk = Desk(tmp_path / "net.py", editor, lanes)
        await desk.start()
        await desk.traced()
        (await lanes.next(0, "fixes")).done.set_exception(AnalystError("lost", "the process died", ""))
        with pytest.raises(Error, match=r"-32803.*came to nothing: the process died"):
            await desk.run()


async def test_one_fix_is_applied_and_shown_first_where_the_network_has_to_be_trained(tmp_path: Path) -> None:
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        desk = Desk(tmp_path / "net.py", editor, lanes)
        await desk.start(PREVIEWS)
        await desk.traced()
        await desk.found(desk.fix("17)", "16)"), desk.fix("33)", "32)", "unsafe"))

        async def apply(finding: Any) -> Any:
            editor.asked.clear()
            about = {"uri": desk.uri, "finding": finding}
            return await editor.ask("workspace/executeCommand", {"command": "advisor.applyFix", "arguments": [about]})

        assert await apply(desk.findings[0].fingerprint()) == {"applied": True, "note": ""}
        assert [(e["newText"], "annotationId" in e) for e in desk.edits()] == [("16)", False)]
        assert (await apply(desk.findings[1].fingerprint()))["applied"]
        assert [(e["newText"], "annotationId" in e) for e in desk.edits()] == [("32)", True)]
        assert await apply("no such one") == {"applied": False, "note": "the finding is gone, or proposes no change"}
        with pytest.raises(Error, match=r"-32602.*expected"):
            await apply(7)


async def test_an_action_that_is_no_fix_is_resolved_to_itself_in_silence(tmp_path: Path) -> None:
    async with editing(FakeLanes()) as editor:
        await editor.initialize(tmp_path, ABLE)
        action = {
            "title": "Explain CHN101",
            "kind": "quickfix",
            "command": {"title": "x", "command": "advisor.explain"},
        }
        assert await editor.ask("codeAction/resolve", action) == action
        assert not editor.of("window/showMessage")


async def test_the_same_edit_for_two_targets_is_one_action_that_names_both(tmp_path: Path) -> None:
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        desk = Desk(tmp_path / "net.py", editor, lanes)
        desk.findings = [
            finding(str(desk.file), TEXT, "17)", move={"kind": "x"}, target=target) for target in ("cpu-x86", "npu-64")
        ]
        await desk.start(
            {**ABLE, "textDocument": {**ABLE["textDocument"], "publishDiagnostics": {"dataSupport": True}}}
        )
        await desk.traced()
        one, two = desk.fix("17)", "16)", "unsafe", 1.0), desk.fix("17)", "16)", "unsafe", 2.0)
        one["title"], two["title"] = "Set width 17 → 16: saves 1 us (5 %)", "Set width 17 → 16: saves 2 us (9 %)"
        both = {"name": "CHN101", "count": 2, "fix": two}
        await desk.found(one, two, groups=(both,))
        await editor.settled()
        document = {"textDocument": {"uri": desk.uri}}
        shown = (await editor.ask("textDocument/diagnostic", document))["items"]
        asked = {**document, "range": shown[0]["range"], "context": {"diagnostics": shown}}
        offered = [a for a in await editor.ask("textDocument/codeAction", asked) if "width" in a["title"]]
        assert [a["title"] for a in offered] == [
            "Set width 17 → 16: saves 1 us (5 %) on cpu-x86, 2 us (9 %) on npu-64 (has to be trained)"
        ]
        assert len(offered[0]["diagnostics"]) == 2
        made = await desk.run(unsafe=True)
        assert (made["applied"], made["note"]) == (True, "")
