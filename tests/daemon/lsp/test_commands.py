"""Commands: what they do, and clear errors for what they cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from advisor.packs import pages as installed
from advisor.rulepages import page

from .client import PULL, Editor, Error, FakeLanes
from .reports import MIXED, NET, opened, shown

OPENS: dict[str, Any] = {**PULL, "window": {"showDocument": {"support": True}, "showMessage": {}}}
TARGETS: dict[str, Any] = {
    "targets": [
        {"name": name, "dtype": "int8", "description": f"the {name}", "setting": name}
        for name in ("cpu-x86", "ethos-u55-128", "ethos-u85-1024")
    ],
    "chosen": ["cpu-x86"],
}


async def run(editor: Editor, command: str, *arguments: Any) -> Any:
    return await editor.ask("workspace/executeCommand", {"command": command, "arguments": list(arguments)})


def shows(editor: Editor) -> list[str]:
    """The files that the editor was asked to open."""
    return [params["uri"] for method, params in editor.asked if method == "window/showDocument"]


async def test_all_are_announced() -> None:
    async with shown() as (editor, _):
        known = editor.session.wire.fm.commands
        for name in (
            "switchTarget",
            "retrace",
            "showModelTable",
            "showFindings",
            "explain",
            "tellInputs",
            "howToTrust",
        ):
            assert f"advisor.{name}" in known


async def test_explain_opens_the_page() -> None:
    async with shown(OPENS) as (editor, _):
        editor.replies["window/showDocument"] = {"success": True}
        result = await run(editor, "advisor.explain", "CHN101")
        text = page(next(p for p in installed() if p.code == "CHN101"))
        assert (result["markdown"], result["shown"]) == (text, True)
        assert Path(shows(editor)[0].removeprefix("file://")).read_text(encoding="utf-8") == text


async def test_what_is_not_trusted_is_explained() -> None:
    async with shown(OPENS) as (editor, uri):
        editor.replies["window/showDocument"] = {"success": True}
        assert "This is trusted" in (await run(editor, "advisor.howToTrust", {"uri": uri}))["markdown"]
        editor.notify("advisor/trust", trusted=False)
        result = await run(editor, "advisor.howToTrust", {"uri": uri})
        assert "is not trusted" in result["markdown"] and "config.toml" in result["markdown"] and result["shown"]
        with pytest.raises(Error, match="not an open Python document"):
            await run(editor, "advisor.howToTrust", {"uri": "file:///nowhere.py"})


async def test_a_client_that_opens_nothing_gets_the_text() -> None:
    async with shown() as (editor, uri):
        assert (await run(editor, "advisor.explain", "CHN101"))["shown"] is False
        assert "`body.0.0`" in (await run(editor, "advisor.showModelTable", {"uri": uri}))["markdown"]
        assert not shows(editor)


async def test_a_models_table_has_every_layer_costliest_first_and_its_findings() -> None:
    async with shown(OPENS) as (editor, uri):
        editor.replies["window/showDocument"] = {"success": True}
        text = (await run(editor, "advisor.showModelTable", {"uri": uri, "model": "Net"}))["markdown"]
        rows = [line for line in text.splitlines() if line.startswith("| `")]
        layers = [row.split("`")[1] for row in rows if "→" in row]
        assert len(layers) == 9
        assert set(layers[:2]) == {"body.0.0", "body.2.0"}
        assert "(100.0 %)" in text, "no layer is missing"
        assert "# Net" in text
        assert "Needy" not in text
        assert "[CHN101](file:" in text
        assert Path(shows(editor)[0].removeprefix("file://")).read_text(encoding="utf-8") == text


async def test_findings_are_listed_with_their_lines_each_reason_once() -> None:
    async with shown(OPENS, MIXED) as (editor, uri):
        editor.replies["window/showDocument"] = {}  # no reply that the protocol knows
        result = await run(editor, "advisor.showFindings", {"uri": uri, "model": "Net"})
        assert result["shown"] is False
        text = result["markdown"]
        view = opened(MIXED).view
        assert view is not None and text.startswith(f"# Net: {view.models[0].findings} findings\n")
        assert text.count(f"[line 7]({uri}#L7)") == 5
        assert "60 wasted parameters (×2)" in text
        assert text.count("> The array pads every layer") == 1


async def test_retrace_analyses_again_without_waiting() -> None:
    lanes = FakeLanes()
    async with shown(lanes=lanes) as (editor, uri):
        before = lanes.count()
        await run(editor, "advisor.retrace", uri)
        call = await lanes.next(before)
        assert call.params["path"] == str(opened().path)
        assert call.params["settle"] == 0


async def test_switch_target_costs_open_documents_for_another() -> None:
    lanes = FakeLanes()
    lanes.answers["targets"] = lambda _: TARGETS
    async with shown(lanes=lanes) as (editor, _):
        before = lanes.count()
        assert await run(editor, "advisor.switchTarget", "ethos-u55-128") == {"target": "ethos-u55-128"}
        call = await lanes.next(before)
        assert call.params["overrides"]["targets"] == ["ethos-u55-128"]
        with pytest.raises(Error, match=r"no target 'ethos-u55'.*ethos-u55-128"):
            await run(editor, "advisor.switchTarget", "ethos-u55")
        assert not editor.of("window/showMessage")


async def test_switch_target_to_a_file() -> None:
    lanes = FakeLanes()
    lanes.answers["targets"] = lambda _: TARGETS
    file = opened().path.with_name("mine.toml")
    file.write_text("")
    async with shown(lanes=lanes) as (editor, _):
        assert await run(editor, "advisor.switchTarget", "mine.toml") == {"target": str(file)}
    file.unlink()


async def test_without_a_name_the_person_is_asked() -> None:
    lanes = FakeLanes()
    lanes.answers["targets"] = lambda _: TARGETS
    async with shown(OPENS, lanes=lanes) as (editor, _):
        editor.replies["window/showMessageRequest"] = lambda params: params["actions"][-1]
        assert await run(editor, "advisor.switchTarget") == {"target": "ethos-u55-128"}
        asked = next(params for method, params in editor.asked if method == "window/showMessageRequest")
        assert [a["title"] for a in asked["actions"]] == ["cpu-x86", "ethos-u85-1024", "ethos-u55-128"]
        editor.replies["window/showMessageRequest"] = None
        assert await run(editor, "advisor.switchTarget") == {"target": None}
    again = FakeLanes()
    again.answers["targets"] = lambda _: TARGETS
    async with shown(lanes=again) as (editor, _):
        with pytest.raises(Error, match=r"-32602.*one of cpu-x86, ethos-u55-128"):
            await run(editor, "advisor.switchTarget")


async def test_tell_inputs_writes_the_comment() -> None:
    able = {**PULL, "workspace": {**PULL["workspace"], "applyEdit": True}}
    async with shown(able) as (editor, uri):
        editor.replies["workspace/applyEdit"] = {"applied": True}
        assert await run(editor, "advisor.tellInputs", {"uri": uri, "model": "Needy"}) == {"applied": True}
        edit = next(params["edit"] for method, params in editor.asked if method == "workspace/applyEdit")
        (one,) = edit["changes"][uri]
        assert one["newText"].startswith("# advisor: kwargs={'width': None")
        assert one["range"]["start"] == {"line": NET.splitlines().index("class Needy(nn.Module):"), "character": 0}
    async with shown() as (editor, uri):
        with pytest.raises(Error, match=r"-32803.*code action"):
            await run(editor, "advisor.tellInputs", {"uri": uri, "model": "Needy"})


@pytest.mark.parametrize(
    ("method", "command", "arguments", "said"),
    [
        ("workspace/applyEdit", "tellInputs", [{"uri": "URI", "model": "Needy"}], "did not apply.*code action"),
        ("window/showMessageRequest", "switchTarget", [], "did not ask.*name it"),
    ],
)
async def test_an_editor_that_fails_is_named_and_is_no_error_of_ours(caplog, method, command, arguments, said) -> None:
    able = {**OPENS, "workspace": {**PULL["workspace"], "applyEdit": True}}
    lanes = FakeLanes()
    lanes.answers["targets"] = lambda _: TARGETS
    async with shown(able, lanes=lanes) as (editor, uri):
        editor.replies[method] = Error({"code": -32603, "message": "the editor's own failure"})
        given = [{**a, "uri": uri} for a in arguments]
        with pytest.raises(Error, match=rf"-32803.*{said}") as failed:
            await run(editor, f"advisor.{command}", *given)
        assert "the editor's own failure" in str(failed.value)
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(
    ("command", "arguments", "said"),
    [
        ("explain", [], "give one such as CHN101"),
        ("explain", ["CHN11"], "CHN101"),
        ("explain", [7], "expected a code"),
        ("explain", ["CHN101", "CHN102"], "expected a code"),
        ("retrace", ["file:///no/such.py"], "not an open Python document"),
        ("retrace", [{}], "expected the URI"),
        ("showModelTable", [], "expected"),
        ("showModelTable", ["Net"], "expected"),
        ("showModelTable", [{"uri": 3}], "not an open Python document"),
        ("showModelTable", [{"uri": "URI", "model": "Nett"}], "has no model Nett.*Net"),
        ("showFindings", [{"uri": "URI", "model": 7}], "expected"),
        ("tellInputs", [{"uri": "URI"}], "several models"),
        ("switchTarget", [["cpu-x86"]], "expected a target"),
    ],
)
async def test_wrong_arguments_are_errors_of_the_request(command: str, arguments: list[Any], said: str) -> None:
    lanes = FakeLanes()
    lanes.answers["targets"] = lambda _: TARGETS
    async with shown(OPENS, lanes=lanes) as (editor, uri):
        given = [{**a, "uri": uri} if isinstance(a, dict) and a.get("uri") == "URI" else a for a in arguments]
        with pytest.raises(Error, match=f"-32602.*{said}"):
            await run(editor, f"advisor.{command}", *given)
        assert not editor.of("window/showMessage")
        assert not editor.of("window/logMessage")


async def test_targets_are_listed_with_the_one_in_use() -> None:
    lanes = FakeLanes()
    mine = {"name": "mine", "dtype": "int8", "description": "my board", "setting": "/boards/mine.toml"}
    lanes.answers["targets"] = lambda _: {**TARGETS, "targets": [*TARGETS["targets"], mine]}
    async with shown(lanes=lanes) as (editor, uri):
        found = (await editor.ask("advisor/targets", {}))["targets"]
        assert [t["name"] for t in found] == ["cpu-x86", "ethos-u55-128", "ethos-u85-1024", "mine"]
        assert [t["name"] for t in found if t["active"]] == ["cpu-x86"]
        assert set(found[0]) == {"name", "dtype", "description", "active"}
        assert await run(editor, "advisor.switchTarget", "mine") == {"target": "/boards/mine.toml"}
        found = (await editor.ask("advisor/targets", {"uri": uri}))["targets"]
        assert [t["name"] for t in found if t["active"]] == ["mine"]
        asked = (await lanes.next(2, "targets")).params
        assert asked["path"] == str(opened().path) and "targets" not in asked["overrides"]
        with pytest.raises(Error, match=r"-32602.*not an open Python document"):
            await editor.ask("advisor/targets", {"uri": "file:///nowhere.py"})


async def test_every_command_and_what_goes_beyond_the_protocol_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "editors.md").read_text(encoding="utf-8")
    async with shown() as (editor, _):
        for name in editor.session.wire.fm.commands:
            assert f"| `{name}` |" in text
        for name in editor.session.wire.fm.features:
            assert not name.startswith("advisor/") or f"**`{name}`**" in text
