"""The TypeScript of the extension and of its tests: strictly typed, and its unit tests pass. No editor is started."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from .lab import ROOT, VSCODE, require

EXTENSION = ROOT / "editor-ext" / "vscode"


@pytest.mark.parametrize(("folder", "script"), [(EXTENSION, "check"), (EXTENSION, "test"), (VSCODE, "check")])
def test_npm_script(folder: Path, script: str):
    node = require("node", "vsix", "tools").node
    environment = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ['PATH']}"}
    command = [node.with_name("npm"), "run", "--silent", script]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
