"""``advisor audit`` on the hostile files: to the end, one finding each, nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

FILES = Path(__file__).parent / "files"
CONFIG = '[tool.advisor]\ntime-limit = 6\nmemory-limit = "512 MiB"\n'
MODEL = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(16, 16, 3)
        self.norm = nn.BatchNorm2d(16)

    def forward(self, x):
        return self.norm(self.conv(x))
"""


def test_every_file_has_one_finding_and_nothing_is_left(tmp_path: Path) -> None:
    project, scratch, home = tmp_path / "project", tmp_path / "scratch", tmp_path / "home"
    shutil.copytree(FILES, project)
    (project / "huge.py").write_text(MODEL + "\n".join(f"value_{i} = {i}" for i in range(50_000)))
    (project / "pyproject.toml").write_text(CONFIG)
    scratch.mkdir()
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id_rsa").write_text("hush")
    before = {path: (path.read_bytes(), path.stat().st_mode) for path in project.rglob("*")}
    report = tmp_path / "report.json"

    environment = {**os.environ, "TMPDIR": str(scratch), "HOME": str(home), "HF_TOKEN": "hush-hush"}
    command = [sys.executable, "-m", "advisor", "audit", str(project), "--output-format", "json", "-o", str(report)]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)

    assert ended.returncode == 1, ended.stderr
    text = report.read_text()
    assert "hush" not in text
    findings = {Path(file["file"]).name: _findings(file) for file in json.loads(text)["files"]}
    assert set(findings) == {path.name for path in project.glob("*.py")}
    assert {name: found for name, found in findings.items() if len(found) != 1} == {}
    assert {path: (path.read_bytes(), path.stat().st_mode) for path in project.rglob("*")} == before
    assert list(scratch.iterdir()) == []
    assert [p for p in Path("/proc").glob("[0-9]*") if str(scratch).encode() in _command_line(p)] == []


def _findings(file: dict) -> list[tuple[str, str]]:
    everywhere = [*file["findings"], *(found for model in file["models"] for found in model["findings"])]
    return sorted({(found["code"], found["message"]) for found in everywhere})


def _command_line(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""
