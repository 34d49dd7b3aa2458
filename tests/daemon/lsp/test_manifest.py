from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from advisor.config import settings as engine_settings
from advisor.daemon.lsp.manifest import applied, main, properties, written
from advisor.daemon.lsp.settings import camel, read, schema
from advisor.toml import read_toml

PACKAGE = Path(__file__).parents[3] / "editor-ext" / "vscode" / "package.json"
CONTROLS = ("string", "boolean", "number", "integer", "array")
"""Types that VS Code's page of settings has a control for, alone or beside null."""


def test_the_package_has_the_settings_of_the_server():
    text = PACKAGE.read_text(encoding="utf-8")
    assert text == written(applied(json.loads(text))), f"python -m advisor.daemon.lsp.manifest {PACKAGE}"


def test_every_setting_is_there_and_the_extension_s_own_are_not_the_server_s():
    ours = set(properties()) - set(schema()["properties"])
    assert set(schema()["properties"]) <= set(properties())
    assert ours == {"advisor.server.interpreter", "advisor.trace.server"}
    for key in ours:
        assert read({key.removeprefix("advisor."): "x"}, Path("/x")).problems


@pytest.mark.parametrize(("key", "field"), list(engine_settings()), ids=[key for key, _ in engine_settings()])
def test_a_setting_takes_what_its_example_says(key, field, tmp_path):
    file = tmp_path / "example.toml"
    file.write_text(field.metadata["example"].replace("tool.advisor.", ""))
    described = properties()[f"advisor.{camel(key)}"]
    Draft202012Validator(described).validate(read_toml(file)[key])
    Draft202012Validator(described).validate(described["default"])
    assert not Draft202012Validator(described).is_valid({"no": {"such": "value"}})


def test_the_page_of_settings_has_controls_for_all_but_tables():
    tables = {"advisor.perFileIgnores"}
    for key, described in properties().items():
        types = described["type"] if isinstance(described["type"], list) else [described["type"]]
        if key not in tables:
            assert next(kind for kind in types if kind != "null") in CONTROLS, key
            assert "null" not in types or "enum" in described or types[0] in ("number", "integer"), key


def test_interpreters_are_not_taken_over_from_other_machines():
    for key in ("advisor.python", "advisor.server.interpreter"):
        assert properties()[key]["scope"] == "machine-overridable"
    limited = json.loads(PACKAGE.read_text())["capabilities"]["untrustedWorkspaces"]
    assert limited["supported"] == "limited"
    assert set(limited["restrictedConfigurations"]) == {"advisor.python", "advisor.server.interpreter"}


def test_a_file_keeps_what_else_it_says(tmp_path):
    file = tmp_path / "package.json"
    file.write_text('{"name": "x", "contributes": {"commands": [], "configuration": {"title": "T"}}}')
    assert main([str(file)]) == 0
    made = json.loads(file.read_text())
    assert made["name"] == "x" and made["contributes"]["commands"] == []
    assert made["contributes"]["configuration"]["title"] == "T"
    assert made["contributes"]["configuration"]["properties"] == properties()
