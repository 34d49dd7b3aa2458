"""Started in a folder that is not to be trusted, no program of ours imports anything from it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from advisor.client.program import daemon
from tests.daemon.hubs import SECONDS, home

PROGRAM = [str(Path(sys.executable).with_name("advisor"))]
MODULE = [sys.executable, "-m", "advisor"]
SHADOWED = ("__future__", "json", "socket", "msgpack", "pygls", "asyncio", "argparse", "subprocess")
COMMANDS = (
    ["lsp"],
    ["lsp", "--standalone"],
    ["daemon", "start"],
    ["query", "targets"],
    ["audit", "plain.py"],
    ["query", "audit", "plain.py"],
)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch) -> Iterator[Path]:
    """A folder whose modules leave a file ``ran`` behind when they are imported."""
    for name in (*SHADOWED, "advisor"):
        (tmp_path / f"{name}.py").write_text(
            f"open({str(tmp_path / 'ran')!r}, 'a').write('{name} ')\nraise SystemExit(9)"
        )
    (tmp_path / "plain.py").write_text("x = 1\n")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with home(monkeypatch):
        yield tmp_path


def ran(workspace: Path) -> str:
    file = workspace / "ran"
    return file.read_text() if file.exists() else ""


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("program", [PROGRAM, MODULE], ids=["advisor", "python -m advisor"])
def test_nothing_of_the_folder_that_a_command_is_started_in_is_imported(program, arguments, workspace):
    if program is MODULE:
        (workspace / "advisor.py").unlink()  # that one Python looks for itself, before any of us is asked
    done = subprocess.run(
        [*program, *arguments], cwd=workspace, stdin=subprocess.DEVNULL, capture_output=True, timeout=60
    )
    assert ran(workspace) == ""
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("process", ["hub", "stdio", "analyst"])
def test_nothing_of_the_folder_that_a_process_is_started_in_is_imported(process, workspace):
    arguments = ["--idle", "0"] if process == "hub" else []
    done = subprocess.run(
        daemon(process, *arguments), cwd=workspace, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS
    )
    assert ran(workspace) == ""
    assert done.returncode == 0, done.stderr.decode()


def test_a_process_finds_the_advisor_where_this_python_finds_it_by_its_variables(workspace):
    """Only the working folder is left out, not what a person put on the path."""
    package = workspace / "elsewhere" / "advisor" / "daemon"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").touch()
    (package / "__main__.py").write_text("def main(arguments): print(arguments); return 0")
    variables = {**os.environ, "PYTHONPATH": str(workspace / "elsewhere")}
    done = subprocess.run(daemon("hub", "--x"), cwd=workspace, env=variables, capture_output=True, timeout=SECONDS)
    assert done.stdout.decode().strip() == "['hub', '--x']", done.stderr.decode()
