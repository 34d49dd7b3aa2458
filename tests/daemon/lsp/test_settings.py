from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from advisor.config import settings as engine_settings
from advisor.daemon.lsp.settings import camel, markdown, own, read, schema

from .client import NEVER, PUSH, FakeLanes, editing
from .views import view

ROOT = Path("/x")
TEXT = "import torch\n"


def test_nested_and_flat_keys_say_the_same():
    nested = read({"inlayHints": {"enabled": False, "show": ["params"]}, "minGain": 2.5}, ROOT)
    assert nested == read({"inlayHints.enabled": False, "inlayHints.show": ["params"], "min-gain": 2.5}, ROOT)
    assert not nested.inlay_hints and nested.inlay_show == ("params",)
    assert nested.overrides == {"min-gain": 2.5} and not nested.problems


def test_null_is_not_set_and_nothing_is_the_default():
    assert read({"minGain": None, "codeLens": {"enabled": None}}, ROOT) == read(None, ROOT) == read({}, ROOT)


def test_a_wrong_value_is_named_and_the_rest_holds():
    found = read({"codeLens": {"enabled": "yes"}, "minGain": 200, "targets": ["cpu-x86"], "inlayHint": 1}, ROOT)
    assert found.code_lens and found.overrides == {"targets": ["cpu-x86"]}
    lens, gain, unknown = found.problems
    assert "advisor.codeLens.enabled" in lens and "true or false" in lens
    assert "advisor.minGain" in gain and "0 to 100" in gain
    assert "advisor.inlayHint" in unknown and "did you mean" in unknown
    assert read(7, ROOT).problems
    wrong = read({"activeInterpreter": 3}, ROOT)
    assert wrong.active is None and "advisor.activeInterpreter" in wrong.problems[0]


def test_trust_cannot_be_granted_here():
    found = read({"trusted": True}, ROOT)
    assert not found.overrides and "cannot grant trust" in found.problems[0]


def test_paths_start_from_the_workspace_folder():
    found = read({"python": ".venv/bin/python", "targetDirs": ["hw"]}, ROOT)
    assert found.overrides == {"python": "/x/.venv/bin/python", "target-dirs": ["/x/hw"]}


def test_the_schema_lists_every_setting_and_accepts_the_defaults():
    described = schema()
    Draft202012Validator.check_schema(described)
    keys = {f"advisor.{f.metadata['key']}" for f in own()} | {f"advisor.{camel(key)}" for key, _ in engine_settings()}
    assert set(described["properties"]) == keys
    defaults = {key: value["default"] for key, value in described["properties"].items()}
    Draft202012Validator(described).validate(defaults)
    assert not Draft202012Validator(described).is_valid({"advisor.inlayHints.show": ["colour"]})
    bare = {key.removeprefix("advisor."): value for key, value in defaults.items()}
    assert read(bare, ROOT) == read({}, ROOT)


def test_the_page_is_the_one_that_is_committed():
    page = Path(__file__).parents[3] / "docs" / "editor-settings.md"
    assert page.read_text() == markdown(), "python -m advisor.daemon.lsp.settings > docs/editor-settings.md"


@pytest.fixture
def asked() -> dict:
    return {**PUSH, "workspace": {"configuration": True}}


async def test_each_root_has_settings_of_its_own(tmp_path, asked):
    roots = [tmp_path / "one", tmp_path / "two"]
    lanes = FakeLanes()
    async with editing(lanes) as editor:

        def answer(params):
            return [{"minGain": 5.0 if item["scopeUri"].endswith("one") else 7.0} for item in params["items"]]

        editor.replies["workspace/configuration"] = answer
        folders = [{"uri": root.as_uri(), "name": root.name} for root in roots]
        await editor.ask(
            "initialize",
            {"capabilities": asked, "workspaceFolders": folders, "initializationOptions": {"trusted": True}},
        )
        editor.open((roots[1] / "a.py").as_uri(), TEXT)
        await editor.settled()
        assert not lanes.calls  # the first analysis waits for the settings
        editor.notify("initialized")
        assert (await lanes.next(0)).params["overrides"] == {"min-gain": 7.0}
        assert lanes.calls[0].params["origin"] == "the editor's settings"
        editor.open((roots[0] / "a.py").as_uri(), TEXT)
        assert (await lanes.next(1)).params["overrides"] == {"min-gain": 5.0}


async def test_changed_settings_are_used_at_once_and_wrong_ones_said_once(tmp_path, asked):
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        editor.replies["workspace/configuration"] = [{"minGain": "much"}]
        await editor.initialize(tmp_path, asked, trusted=True)
        editor.open((tmp_path / "a.py").as_uri(), TEXT)
        assert (await lanes.next(0)).params["overrides"] == {}
        editor.replies["workspace/configuration"] = [{"minGain": "much", "targets": ["ethos-u85-1024"]}]
        editor.notify("workspace/didChangeConfiguration", settings=None)
        assert (await lanes.next(1)).params["overrides"] == {"targets": ["ethos-u85-1024"]}
        assert sum("advisor.minGain" in m["message"] for m in editor.of("window/logMessage")) == 1
        editor.notify("workspace/didChangeConfiguration", settings=None)
        await editor.settled()
        assert lanes.count() == 2  # the same settings: nothing to do


async def test_a_client_that_cannot_be_asked_sends_them(tmp_path):
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(tmp_path, PUSH, trusted=True, settings={"minGain": 3.0})
        editor.open((tmp_path / "a.py").as_uri(), TEXT)
        assert (await lanes.next(0)).params["overrides"] == {"min-gain": 3.0}
        editor.notify("workspace/didChangeConfiguration", settings={"advisor": {"minGain": 4.0}})
        assert (await lanes.next(1)).params["overrides"] == {"min-gain": 4.0}


async def test_an_interpreter_from_the_settings_needs_trust(tmp_path, asked):
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        editor.replies["workspace/configuration"] = [{"python": "evil", "minGain": 3.0}]
        await editor.initialize(tmp_path, asked)
        editor.open((tmp_path / "a.py").as_uri(), TEXT)
        assert (await lanes.next(0)).params["overrides"] == {"min-gain": 3.0}


async def test_the_active_environment_is_no_setting_and_needs_trust(tmp_path, asked):
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        editor.replies["workspace/configuration"] = [{"activeInterpreter": "env/bin/python", "python": "mine"}]
        await editor.initialize(tmp_path, asked)
        editor.open((tmp_path / "a.py").as_uri(), TEXT)
        untrusted = (await lanes.next(0)).params
        assert untrusted["environment"] == editor.session.environment and untrusted["overrides"] == {}
        editor.notify("advisor/trust", trusted=True)
        call = await lanes.next(1)
        assert call.params["environment"]["VIRTUAL_ENV"] == str(tmp_path / "env")
        assert call.params["overrides"] == {"python": str(tmp_path / "mine")}
        call.answer(view(str(tmp_path / "a.py"), TEXT).to_plain())
        editor.replies["workspace/configuration"] = [{"activeInterpreter": "other/bin/python"}]
        editor.notify("workspace/didChangeConfiguration", settings=None)
        changed = (await lanes.next(2)).params
        assert changed["environment"]["VIRTUAL_ENV"] == str(tmp_path / "other") and changed["overrides"] == {}


async def test_a_chosen_target_wins(tmp_path):
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(tmp_path, PUSH, trusted=True, settings={"targets": ["cpu-x86"]})
        editor.open((tmp_path / "a.py").as_uri(), TEXT)
        await lanes.next(0)
        editor.session.switch_target("ethos-u85-1024")
        assert (await lanes.next(1)).params["overrides"] == {"targets": ["ethos-u85-1024"]}


async def test_a_client_that_does_not_answer_is_not_waited_for_long(tmp_path, asked, monkeypatch):
    monkeypatch.setattr("advisor.daemon.lsp.session._ANSWERS", 0.0)
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        editor.replies["workspace/configuration"] = NEVER
        await editor.initialize(tmp_path, asked, trusted=True)
        editor.open((tmp_path / "a.py").as_uri(), TEXT)
        assert (await lanes.next(0)).params["overrides"] == {}
