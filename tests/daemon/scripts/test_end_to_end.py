"""Scripts and a real daemon: the same reports as without one, whatever happens to it; and the page's example runs."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import advisor
from advisor.client.errors import DaemonError
from advisor.reports import render

PAGE = Path(__file__).parents[3] / "docs" / "protocol.md"

NET = """
import torch
from torch import nn
from blocks import Block


class Net(nn.Module):
    def __init__(self, width=60):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.block = Block(width)
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        return self.head(self.block(self.stem(x)).mean((2, 3)))
"""
BLOCKS = """
from torch import nn


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(width, 2 * width, 3, padding=1)
        self.act = nn.Hardswish()
        self.back = nn.Conv2d(2 * width, width, 1)  # advisor: ignore[OPS501] -- measured

    def forward(self, x):
        return x + self.back(self.act(self.conv(x)))
"""
ENDLESS = NET.replace("from blocks", "from nets.blocks") + "\n\nimport time\n\ntime.sleep(50)\n"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A project with models, one that cannot be read, settings of its own, and one without any."""
    top = tmp_path_factory.mktemp("workspace")
    (top / "nets").mkdir()
    (top / "nets/net.py").write_text(NET, encoding="utf-8")
    (top / "nets/blocks.py").write_text(BLOCKS, encoding="utf-8")
    (top / "nets/broken.py").write_text("class Net(:\n", encoding="utf-8")
    (top / "nets/pyproject.toml").write_text('[tool.advisor]\ntargets = ["npu-64"]\n', encoding="utf-8")
    (top / "größe.py").write_text(NET.replace("from blocks", "from nets.blocks"), encoding="utf-8")
    (top / "endless").mkdir()
    (top / "endless/mine.toml").write_text('name = "mine"\ninherits = "npu-64"\n', encoding="utf-8")
    (top / "endless/net.py").write_text(ENDLESS, encoding="utf-8")
    (top / "endless/pyproject.toml").write_text("[tool.advisor]\ntime-limit = 55\n", encoding="utf-8")
    return top


@pytest.fixture(scope="module")
def daemon():
    """A real daemon in the tests' own folders, and what it answers when it is asked how it is."""
    with advisor.connect() as client:
        yield client
        client.stop()
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            advisor.connect(start=False).close()
        except DaemonError:
            return
        time.sleep(0.05)
    raise AssertionError("the daemon was stopped and still answers")


def program(*argv: str, cwd: Path) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "advisor", *argv]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, encoding="utf-8")
    return done.returncode, done.stdout, done.stderr


def in_process(monkeypatch, folder: Path, *paths: str, **settings) -> str:
    """The report as JSON without the daemon."""
    monkeypatch.chdir(folder)
    from advisor.engine import audit_paths

    return render(audit_paths([Path(p) for p in paths], settings), "json")


def analysts(client) -> list[dict]:
    """Those that work for scripts."""
    return client.status()["lanes"]["back"]["analysts"]


def busy(client) -> bool:
    """Whether a file is being audited."""
    return any(a["state"] == "busy" and a["method"] == "audit" for a in analysts(client))


def jobs(client) -> int:
    """How many have been done."""
    return sum(a["served"] for a in analysts(client))


def until(condition) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("folder", "paths", "options", "settings"),
    [
        (".", ("nets", "größe.py"), (), {}),
        (".", ("größe.py", "./endless/../nets"), ("--target", "cpu-x86"), {"targets": ["cpu-x86"]}),
        ("nets", ("net.py",), ("--select", "CHN,TRC", "--min-gain", "0"), {"select": ["CHN", "TRC"], "min_gain": 0.0}),
        ("endless", ("../nets",), ("--jobs", "1", "--target", "mine.toml"), {"jobs": 1, "targets": ["mine.toml"]}),
    ],
)
def test_the_report_is_the_same_byte_for_byte(daemon, workspace, monkeypatch, folder, paths, options, settings):
    before = jobs(daemon)
    code, out, err = program("audit", *paths, *options, "--output-format", "json", cwd=workspace / folder)
    assert jobs(daemon) > before + 1, "the daemon was not asked"
    assert (out, err) == (in_process(monkeypatch, workspace / folder, *paths, **settings), "")
    assert code == ('"code"' in out)
    again = render(daemon.audit(paths, **settings), "json")  # out of the daemon's caches
    assert again == out


def test_wrong_settings_and_paths_are_said_as_without_a_daemon(daemon, workspace):
    code, out, err = program("audit", "no/such.py", cwd=workspace)
    assert (code, out) == (2, "")
    assert err.startswith("advisor: error: no such file or folder: no/such.py;")
    assert program("audit", "nets", "--target", "npu-46", cwd=workspace)[2].count("npu-64") == 1


def test_queries_answer_in_json(daemon, workspace, monkeypatch):
    code, out, _ = program("query", "audit", "nets", "--json", cwd=workspace)
    assert (code, out) == (1, in_process(monkeypatch, workspace, "nets"))
    assert '"npu-64"' in program("query", "estimate", "nets/net.py::Net", "--json", cwd=workspace)[1]
    assert '"stem"' in program("query", "show", "nets/net.py::Net", "--json", cwd=workspace)[1]
    assert [m["name"] for m in daemon.models(workspace / "nets/net.py")] == ["Net"]
    assert "npu-64" in [t["name"] for t in daemon.targets()]
    assert "CHN101" in [r["code"] for r in daemon.rules()]
    assert daemon.explain("chn101").startswith("# ")


def test_ctrl_c_cancels_what_the_daemon_does(daemon, workspace):
    command = [sys.executable, "-m", "advisor", "audit", "endless"]
    client = subprocess.Popen(command, cwd=workspace, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(lambda: busy(daemon) or client.poll() is not None)
    client.send_signal(signal.SIGINT)
    assert client.communicate(timeout=30) == (b"", b"advisor: interrupted\n")
    assert client.returncode == 130
    until(lambda: not busy(daemon))


async def test_the_async_client_cancels_with_its_task(daemon, workspace):
    async with await advisor.connect_async() as client:
        task = asyncio.ensure_future(client.estimate(workspace / "endless/net.py"))
        while not busy(daemon):
            await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(until, lambda: not busy(daemon))
        (net,) = await client.estimate(workspace / "nets/net.py", "Net")
        assert net.costs["npu-64"].latency_us > 0


def test_the_pages_example_runs(daemon, workspace):
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    command = [sys.executable, "-c", example, "nets"]
    done = subprocess.run(command, cwd=workspace, capture_output=True, text=True, timeout=120, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("daemon ")
    assert lines[1] == "0 of 3"
    assert re.fullmatch(r"Net [0-9.]+ µs", lines[-1])


def test_an_audit_survives_the_daemons_death(tmp_path_factory, monkeypatch, tmp_path):
    """Killed in mid-audit: the audit is done in the client's process, and nothing is lost or said."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
    (tmp_path / "net.py").write_text("import time\n\ntime.sleep(2)\n" + NET, encoding="utf-8")
    (tmp_path / "blocks.py").write_text(BLOCKS, encoding="utf-8")
    with advisor.connect() as client:
        command = [sys.executable, "-m", "advisor", "audit", "net.py", "--output-format", "json"]
        audit = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        until(lambda: busy(client) or audit.poll() is not None)
        os.kill(client.status()["pid"], signal.SIGKILL)
        out, err = audit.communicate(timeout=120)
    assert (out.decode(), err) == (in_process(monkeypatch, tmp_path, "net.py"), b"")
