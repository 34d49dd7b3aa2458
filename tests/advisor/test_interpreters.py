"""Which interpreter runs a file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from advisor.interpreters import activated, choose


def environment_at(folder: Path) -> Path:
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    return python


def test_asked_for_wins_even_if_missing(tmp_path: Path) -> None:
    active = environment_at(tmp_path / "active")
    choice = choose(tmp_path / "net.py", {"VIRTUAL_ENV": str(active.parent.parent)}, tmp_path / "nowhere")
    assert (choice.path, choice.why) == (tmp_path / "nowhere", "asked for")


def test_active_environment_before_the_projects(tmp_path: Path) -> None:
    active = environment_at(tmp_path / "active")
    environment_at(tmp_path / "project" / ".venv")
    file = tmp_path / "project" / "net.py"
    assert choose(file, {"VIRTUAL_ENV": str(tmp_path / "active")}).path == active
    conda = choose(file, {"CONDA_PREFIX": str(tmp_path / "active")})
    assert conda.path == active
    assert "CONDA_PREFIX" in conda.why


def test_an_environment_that_is_gone_is_passed_over(tmp_path: Path) -> None:
    near = environment_at(tmp_path / "project" / "venv")
    choice = choose(tmp_path / "project" / "net.py", {"VIRTUAL_ENV": str(tmp_path / "gone")})
    assert choice.path == near


def test_nearest_up_the_tree_and_not_resolved(tmp_path: Path) -> None:
    environment_at(tmp_path / ".venv")
    near = environment_at(tmp_path / "project" / ".venv")
    deep = tmp_path / "project" / "models" / "vision"
    deep.mkdir(parents=True)
    choice = choose(deep / "net.py", {})
    assert choice.path == near
    assert choice.path.is_symlink()
    assert str(tmp_path / "project") in choice.why
    assert choose(tmp_path / "project", {}).path == near


def test_otherwise_the_advisors_own(tmp_path: Path) -> None:
    assert choose(tmp_path / "net.py", {}).path == Path(sys.executable)


@pytest.mark.parametrize(("made", "variable"), [("pyvenv.cfg", "VIRTUAL_ENV"), ("conda-meta/history", "CONDA_PREFIX")])
def test_an_activated_environment_is_as_in_a_terminal(tmp_path: Path, made: str, variable: str) -> None:
    python = environment_at(tmp_path / "env").rename(tmp_path / "env" / "bin" / "python3")
    mark = tmp_path / "env" / made
    mark.parent.mkdir(exist_ok=True)
    mark.touch()
    terminal = {"VIRTUAL_ENV": "/old", "CONDA_PREFIX": "/base", "PYTHONHOME": "/home", "PATH": "/usr/bin", "LANG": "C"}
    path = f"{python.parent}:/usr/bin"
    assert activated(terminal, python) == {variable: str(tmp_path / "env"), "PATH": path, "LANG": "C"}
    assert activated({}, python)["PATH"] == str(python.parent)
    environment_at(tmp_path / "project" / ".venv")
    choice = choose(tmp_path / "project" / "net.py", activated(terminal, python))
    assert choice.path == python and variable in choice.why
    assert choose(tmp_path / "net.py", activated(terminal, python), tmp_path / "asked").path == tmp_path / "asked"
