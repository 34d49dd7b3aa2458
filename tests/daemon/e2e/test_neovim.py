"""Neovim itself, without a screen, opens a real model, and a person's steps in it have their effect."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .models import mobilenet

SCRIPT = Path(__file__).with_name("neovim.lua")
CODE = "CHN102"


@pytest.mark.skipif(shutil.which("nvim") is None, reason="there is no nvim: apt install neovim")
def test_a_finding_is_shown_explained_ignored_and_brought_back(home, tmp_path):
    file = tmp_path / "mobilenetv2.py"
    file.write_text(mobilenet())
    (tmp_path / "pyproject.toml").write_text('[tool.advisor]\ntargets = ["ethos-u85-2048"]\n')
    report = tmp_path / "report.json"
    environment = {
        **home.environment,
        "XDG_DATA_HOME": str(tmp_path / "data"),  # Neovim's own log and undo files
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "E2E_FILE": str(file),
        "E2E_REPORT": str(report),
        "E2E_PYTHON": sys.executable,
        "E2E_CODE": CODE,
    }
    command = ["nvim", "--headless", "-u", "NONE", "-i", "NONE", "-n", "-c", f"luafile {SCRIPT}"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=240)
    seen = json.loads(report.read_text())
    assert "problem" not in seen and done.returncode == 0, (seen, done.stderr)

    found = {d["code"]: d for d in seen["diagnostics"]}
    assert set(found) == {"IBN201", CODE, "MEM401"}
    line = found[CODE]["line"]
    text = mobilenet().splitlines()[line - 1]
    assert text[found[CODE]["column"] :].startswith("nn.Conv2d(hidden_dim, oup")
    assert "17 layers of mobilenet_v2" in seen["hover"] and CODE in seen["hover"]
    assert f"Ignore {CODE} here" in seen["actions"] and any(t.startswith(f"Explain {CODE}") for t in seen["actions"])
    changed = [
        new for new, old in zip(seen["edited"].splitlines(), mobilenet().splitlines(), strict=True) if new != old
    ]
    assert changed == [f"{text}  # advisor: ignore[{CODE}]"]
    assert {d["code"] for d in seen["after"]} == {"IBN201", "MEM401"}
    assert seen["undone"] and seen["back"]["line"] == line
    assert seen["popups"] == []
