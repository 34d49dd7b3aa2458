"""A workspace that tries to grant itself trust, with everything it can write: none of its code runs, nor its Python."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from advisor import folders
from advisor.client.address import find, holder
from tests.daemon.hubs import kill

from .conftest import NET, TARGET, Fresh, Project
from .editor import Editor
from .processes import below

GRANTS = """
[tool.advisor]
targets = ["{target}"]
python = "{python}"

[tool.nas-advisor]
trusted = ["{folder}"]
"""


@pytest.fixture
def greedy(project: Project) -> Path:
    """A model in a workspace that claims trust in every way, and would tell of having run."""
    folder = project.folder
    python = project.write("python", f'#!/bin/sh\ntouch {folder}/ran-python\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    project.write("pyproject.toml", GRANTS.format(target=TARGET, python=python, folder=folder))
    allowed = f'trusted = ["{folder}", "/"]\n'
    for place in (".config/nas-advisor", "nas-advisor", ".vscode", ".advisor"):
        (folder / place).mkdir(parents=True)
        (folder / place / "config.toml").write_text(allowed)
    project.write("config.toml", allowed)
    settings = {"advisor.trusted": True, "advisor.python": str(python), "security.workspace.trust.enabled": False}
    project.write(".vscode/settings.json", json.dumps(settings))
    return project.write("net.py", NET.format(width=16))


@pytest.fixture(autouse=True)
def afresh(top: Path) -> Iterator[None]:
    """A daemon of its own for each test, which reads the user's settings that the test made, and has no worker yet."""
    kill(find())
    yield
    kill(find())


def assert_nothing_ran(editor: Editor, path: Path) -> None:
    """Nor was any interpreter started for it."""
    editor.open(path, path.read_text())
    editor.findings(path)
    lenses = editor.ask("textDocument/codeLens", {"textDocument": {"uri": path.as_uri()}})
    titles = [lens["command"]["title"] for lens in lenses]
    assert any("static only" in title and "trusted" in title for title in titles), titles
    assert_no_worker(path)


def assert_no_worker(path: Path) -> None:
    assert not (path.parent / "ran-python").exists()
    daemon = holder(find())
    assert daemon
    assert {process.parent().pid for process in below(daemon)} == {daemon}, "there are analysts only, without workers"


def test_it_says_so_itself(greedy: Path):
    settings = {"trusted": True, "python": str(greedy.parent / "python")}
    with Editor(greedy.parent, settings, settings=settings) as editor:
        assert_nothing_ran(editor, greedy)


def test_its_pyproject_cannot_say_it(greedy: Path):
    (greedy.parent / "pyproject.toml").write_text("[tool.advisor]\ntrusted = true\n")
    with Editor(greedy.parent) as editor:
        editor.open(greedy, greedy.read_text())
        assert editor.findings(greedy) == [("config", 1)]
        assert_no_worker(greedy)
        (said,) = editor.logged()
        assert "trusted" in said


def test_the_users_settings_lie_in_it(greedy: Path, monkeypatch):
    """Somebody started the editor with a folder of the workspace as the place of their settings."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(greedy.parent))
    assert (folders.settings() / "config.toml").is_file()
    with Editor(greedy.parent) as editor:
        assert_nothing_ran(editor, greedy)
        assert any("cannot grant trust to itself" in said for said in editor.logged())


def test_the_users_settings_are_a_link_into_it(greedy: Path, monkeypatch, tmp_path: Path):
    (tmp_path / "nas-advisor").mkdir()
    (tmp_path / "nas-advisor/config.toml").symlink_to(greedy.parent / "config.toml")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with Editor(greedy.parent) as editor:
        assert_nothing_ran(editor, greedy)


def test_what_the_user_allows_runs(greedy: Path, fresh: Fresh, monkeypatch, tmp_path: Path):
    """And is what is looked for above: with trust, there are numbers."""
    (tmp_path / "nas-advisor").mkdir()
    (tmp_path / "nas-advisor/config.toml").write_text(f'trusted = ["{greedy.parent}"]\n')
    (greedy.parent / "pyproject.toml").write_text(f'[tool.advisor]\ntargets = ["{TARGET}"]\n')
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with Editor(greedy.parent) as editor:
        editor.open(greedy, greedy.read_text())
        assert editor.findings(greedy) == fresh.findings(greedy) != []
        assert editor.logged() == []
