"""``advisor audit`` on the hostile files: to the end, one finding each, nothing left behind."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

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


CONNECTS = """
import socket

socket.create_connection(("127.0.0.1", {port}), timeout=5).send(b"hush")
"""
NO_FILES = ("pipe.py", "device.py", "loop.py", "dangling.py")
_SET_CHILD_SUBREAPER = 36


@contextmanager
def adopting() -> Iterator[set[int]]:
    """In here processes whose parents have gone become children of this one; yields those it had before."""
    prctl = ctypes.CDLL(None).prctl
    prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield _children()
    finally:
        prctl(_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def _children() -> set[int]:
    """The children of this process, by any command line and in any session."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has just ended
        if parent == os.getpid():
            found.add(int(folder.name))
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are counted in /proc")
def test_every_file_has_one_finding_and_nothing_is_left(tmp_path: Path) -> None:
    project, scratch, home = tmp_path / "project", tmp_path / "scratch", tmp_path / "home"
    shutil.copytree(FILES, project)
    (project / "huge.py").write_text(MODEL + "\n".join(f"value_{i} = {i}" for i in range(50_000)))
    (project / "pyproject.toml").write_text(CONFIG)
    os.mkfifo(project / "pipe.py")
    for name, link in {"device.py": "/dev/zero", "loop.py": "loop.py", "dangling.py": "nowhere.py"}.items():
        (project / name).symlink_to(link)
    scratch.mkdir()
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id_rsa").write_text("hush")
    before = _snapshot(project)
    report = tmp_path / "report.json"

    environment = {**os.environ, "TMPDIR": str(scratch), "HOME": str(home), "HF_TOKEN": "hush-hush"}
    command = [sys.executable, "-m", "advisor", "audit", str(project), "--output-format", "json", "-o", str(report)]
    with adopting() as children, socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        (project / "connects.py").write_text(CONNECTS.format(port=server.getsockname()[1]) + MODEL)
        ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
        assert _children() - children == set()
        with pytest.raises(TimeoutError):
            server.accept()
        (project / "connects.py").unlink()

    assert ended.returncode == 1, ended.stderr
    text = report.read_text()
    assert "hush" not in text
    findings = {Path(file["file"]).name: _findings(file) for file in json.loads(text)["files"]}
    assert set(findings) == {"connects.py", *(path.name for path in project.glob("*.py"))}
    assert {name: findings[name][0][0] for name in NO_FILES} == dict.fromkeys(NO_FILES, "TRC901")
    assert [code for code, _ in findings.pop("connects.py")] == ["OPS503", "TRC901"]  # the rest was used without it
    assert {name: found for name, found in findings.items() if len(found) != 1} == {}
    assert _snapshot(project) == before
    assert list(scratch.iterdir()) == []


def _snapshot(folder: Path) -> dict[Path, tuple[bytes, int]]:
    """Contents and modes; of what is no regular file only that it is there."""
    return {p: (p.read_bytes() if p.is_file() else b"", p.lstat().st_mode) for p in folder.rglob("*")}


def _findings(file: dict) -> list[tuple[str, str]]:
    everywhere = [*file["findings"], *(found for model in file["models"] for found in model["findings"])]
    return sorted((found["code"], found["message"]) for found in everywhere)
