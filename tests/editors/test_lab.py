"""What tests in editors ask for before they drive one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from . import lab
from .packed import sources


@pytest.fixture
def packed(monkeypatch, tmp_path) -> Path:
    """A file of an extension that was packed of it as it is."""
    source = tmp_path / "vscode" / "src" / "extension.ts"
    editors = tmp_path / "editors"
    for folder in (source.parent, editors / "done"):
        folder.mkdir(parents=True)
    source.write_text("one")
    (editors / "nas-advisor.vsix").touch()
    (editors / "done" / "extension").write_text(json.dumps([sources(tmp_path / "vscode")]))
    monkeypatch.setattr(lab, "EDITORS", editors)
    monkeypatch.setattr(lab, "EXTENSION", tmp_path / "vscode")
    return source


def test_an_extension_of_other_sources_is_not_tested(packed):
    assert lab.require("vsix").vsix.exists()
    (packed.parents[1] / "dist").mkdir()
    (packed.parents[1] / "dist" / "extension.js").touch()  # made of the sources
    assert lab.require("vsix").vsix.exists()
    packed.write_text("another")
    with pytest.raises(pytest.fail.Exception, match="run `make editors`"):
        lab.require("vsix")


def test_an_extension_of_which_nothing_is_known_is_not_tested(packed):
    (lab.EDITORS / "done" / "extension").unlink()
    with pytest.raises(pytest.fail.Exception, match="run `make editors`"):
        lab.require("vsix")


@pytest.mark.parametrize("required", [True, False])
def test_what_is_missing_is_named(monkeypatch, packed, required):
    monkeypatch.setenv("ADVISOR_EDITORS", "required" if required else "")
    (lab.EDITORS / "nas-advisor.vsix").unlink()
    ended = pytest.fail.Exception if required else pytest.skip.Exception
    with pytest.raises(ended, match="not installed: vsix; run `make editors`"):
        lab.require("vsix")
