"""Emacs itself with eglot, set up as docs/editors.md says, without a screen: findings and a quick fix."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import hubs

from . import liar
from .lab import ROOT, WORKSPACE, require

SCRIPT = Path(__file__).with_name("emacs") / "flow.el"
SECONDS = 240


Session = Callable[..., dict[str, Any]]


@pytest.fixture
def session(monkeypatch, tmp_path) -> Session:
    """Runs the steps in Emacs, with the program ``advisor`` that is in a folder, and returns what it noted."""
    emacs = require("emacs").emacs
    project = tmp_path / "project"
    shutil.copytree(WORKSPACE, project)
    report, snippet = tmp_path / "report.json", tmp_path / "snippet.el"
    snippet.write_text("\n".join(_snippets()))

    def run(programs: Path) -> dict[str, Any]:
        with hubs.home(monkeypatch) as home:
            (home / "config" / "nas-advisor").mkdir()
            (home / "config" / "nas-advisor" / "config.toml").write_text(f'trusted = ["{tmp_path}"]\n')
            environment = {
                **os.environ,
                "HOME": str(tmp_path),  # Emacs keeps files of its own there
                "LANG": "C.UTF-8",
                "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
                "VIRTUAL_ENV": sys.prefix,
                "OMP_NUM_THREADS": "1",
                "ADVISOR_FILE": str(project / "net.py"),
                "ADVISOR_REPORT": str(report),
                "ADVISOR_SNIPPET": str(snippet),
            }
            command = [emacs, "-q", "--batch", "-l", SCRIPT]
            done = subprocess.run(
                command, env=environment, cwd=project, capture_output=True, text=True, timeout=SECONDS
            )
        assert report.exists(), done.stderr
        seen = json.loads(report.read_text())
        assert ("problem" in seen) == (done.returncode != 0), (seen, done.stderr)
        return seen

    return run


def test_findings_are_shown_and_fixed(session):
    seen = session(Path(sys.executable).parent)
    assert "problem" not in seen, seen
    text = (WORKSPACE / "net.py").read_text()
    for check in (_finding, _hover, _fix):
        check(seen, text)
    assert seen["after"] and not any("CHN101" in found[2] for found in seen["after"])


def test_a_server_that_answers_wrongly_is_found_out(session, tmp_path):
    program = tmp_path / "lying" / "advisor"
    program.parent.mkdir()
    lying = liar.write(tmp_path / "python", sys.executable)
    program.write_text(f'#!/bin/sh\nexec "{lying}" -m advisor "$@"\n')
    program.chmod(0o755)
    seen = session(program.parent)
    assert "The fix wrote another width" in seen["problem"]
    assert any("79 channels" in found[2] for found in seen["findings"])
    text = (WORKSPACE / "net.py").read_text()
    for check in (_finding, _hover, _fix):
        with pytest.raises(AssertionError):
            check(seen, text)


def _finding(seen: dict[str, Any], text: str) -> None:
    line = next(number for number, line in enumerate(text.splitlines(), 1) if "68" in line)
    shown = [found for found in seen["findings"] if "68 channels" in found[2]]
    assert {(found[0], found[1]) for found in shown} == {(line, text.splitlines()[line - 1].index("68"))}
    assert len(shown) == 1 and "CHN101" in shown[0][2]
    assert "ethos-u85-1024" in shown[0][2]  # the documentation's setting; pyproject.toml names another target, too


def _hover(seen: dict[str, Any], text: str) -> None:
    del text
    assert "misaligned-channels" in seen["hover"] and "68 channels" in seen["hover"]


def _fix(seen: dict[str, Any], text: str) -> None:
    assert seen["chosen"].startswith("Set width 68 → 64: saves ") and "Ignore CHN101 here" in seen["titles"]
    assert seen["fixed"] == text.replace("68", "64")


def _snippets() -> list[str]:
    """What docs/editors.md tells to put into ``init.el``."""
    found = re.findall(r"```elisp\n(.*?)```", (ROOT / "docs" / "editors.md").read_text(encoding="utf-8"), re.DOTALL)
    assert any("eglot-server-programs" in block for block in found)
    return found
