"""What changes under a running request: settings of the workspace, settings of the editor, the daemon's own folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import psutil

import advisor
from advisor.client.address import find, holder
from advisor.reports import render
from tests.daemon.hubs import until

from .conftest import AT_ONCE, TARGET, Fresh, Project, audited, status_seconds
from .editor import Editor, answer, found
from .held import Asking, Held
from .processes import alive

OTHER = f'[tool.advisor]\ntargets = ["{TARGET}"]\nselect = ["TRC"]\n'
"""Settings by which a sound model has no findings."""


def test_the_workspaces_settings_and_an_editor(project: Project, fresh: Fresh, idle: float):
    held = Held(project)
    settings = project.folder / "pyproject.toml"
    with Editor(project.folder, trusted=True) as editor:
        editor.open(held.path, held.path.read_text())
        pulled = editor.pull(held.path)
        held.analyst()
        settings.write_text(OTHER)
        editor.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": settings.as_uri(), "type": 2}]})
        assert status_seconds() < AT_ONCE * idle
        held.open()
        answer(pulled)  # about the old settings or the new
        until(lambda: editor.findings(held.path) == [])
        project.limit(30)
        editor.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": settings.as_uri(), "type": 2}]})
        wanted = fresh.findings(held.path)
        assert wanted
        until(lambda: editor.findings(held.path) == wanted)
        assert editor.logged() == []


def test_the_workspaces_settings_and_a_script(project: Project, fresh: Fresh):
    held = Held(project)
    with advisor.connect() as client:
        asking = Asking(client, held.path)
        held.analyst()
        (project.folder / "pyproject.toml").write_text(OTHER)
        held.open()
        after = fresh.json(held.path)
        project.limit(30)
        before = fresh.json(held.path)
        (project.folder / "pyproject.toml").write_text(OTHER)
        assert asking.result() in (before, after), "half of the one, half of the other"
        assert render(client.audit(held.path), "json") == after != before


def test_settings_that_cannot_be_read(project: Project, fresh: Fresh):
    """Said once, where the person looks; and over when they can be read again."""
    held = Held(project)
    settings = project.folder / "pyproject.toml"
    changed = {"changes": [{"uri": settings.as_uri(), "type": 2}]}
    with Editor(project.folder, trusted=True) as editor:
        editor.open(held.path, held.path.read_text())
        held.analyst()
        settings.write_text("[tool.advisor\n")
        editor.notify("workspace/didChangeWatchedFiles", changed)
        held.open()
        until(lambda: ("config", 1) in editor.findings(held.path))
        assert len(editor.logged()) == 1
        project.limit(30)
        editor.notify("workspace/didChangeWatchedFiles", changed)
        wanted = fresh.findings(held.path)
        until(lambda: editor.findings(held.path) == wanted)


def test_the_editors_settings(project: Project, fresh: Fresh):
    held = Held(project)
    with Editor(project.folder, trusted=True) as editor:
        editor.open(held.path, held.path.read_text())
        pulled = editor.pull(held.path)
        held.analyst()
        editor.section = {"select": ["TRC"]}
        editor.notify("workspace/didChangeConfiguration", {"settings": None})
        held.open()
        assert found(answer(pulled)) in ([], fresh.findings(held.path))
        until(lambda: editor.findings(held.path) == [])
        editor.section = {}
        editor.notify("workspace/didChangeConfiguration", {"settings": None})
        until(lambda: editor.findings(held.path) == fresh.findings(held.path) != [])
        assert editor.logged() == []


def test_the_daemons_folder_is_deleted(project: Project, fresh: Fresh):
    """Its clients stay; who comes then meets another daemon; and the old one leaves with its last client."""
    held = Held(project)
    with Editor(project.folder, trusted=True) as editor:
        editor.open(held.path, held.path.read_text())
        pulled = editor.pull(held.path)
        held.analyst()
        old = psutil.Process(holder(find()) or os.getpid())
        shutil.rmtree(find().folder)
        held.open()
        assert found(answer(pulled)) == fresh.findings(held.path)
        path: Path = project.net("other.py")
        assert audited(path) == fresh.json(path)
        assert holder(find()) not in (None, old.pid)
        editor.change(held.path, path.read_text())
        assert [code for code, _ in editor.findings(held.path)] == [code for code, _ in fresh.findings(path)]
        assert alive(old)
        code, said = editor.end()
        assert (code, said) == (0, "")
    until(lambda: not alive(old))
