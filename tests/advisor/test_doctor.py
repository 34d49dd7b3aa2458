"""What a bug report needs: all of it is there, what is wrong is said, and nothing that is nobody's business."""

from __future__ import annotations

import json
import os
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from advisor import packs
from advisor.doctor import examine
from advisor.reports.checkup import render
from advisor.version import VERSION


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A person with a home of their own, secrets, and no daemon."""
    home = tmp_path / "home" / "me"
    (home / ".cache").mkdir(parents=True)
    (home / "run").mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(home))
    others = {name: os.environ[name] for name in ("PATH", "VIRTUAL_ENV") if name in os.environ}
    return {**others, "HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run"), "API_TOKEN": "hunter2"}


@pytest.fixture
def project(environment: dict[str, str]) -> Path:
    folder = Path(environment["HOME"]) / "project"
    folder.mkdir()
    return folder


def settings(folder: Path, text: str) -> None:
    (folder / "pyproject.toml").write_text(f"[tool.advisor]\n{text}\n", encoding="utf-8")


def test_everything_that_an_audit_rests_on_is_looked_at(project: Path, environment: dict[str, str]) -> None:
    import torch

    settings(project, 'targets = ["npu-64"]\nlatency-budget = "2 ms"')
    found = examine(project, environment)
    assert found["problems"] == []
    assert found["advisor"]["version"] == VERSION and found["advisor"]["platform"]
    assert (found["interpreter"]["traced"], found["interpreter"]["torch"]) == ("yes", torch.__version__)
    assert "resource-limits" in found["interpreter"]["containment"]
    assert found["settings"]["set"] == {"targets": ["npu-64"], "latency-budget": 2000.0}
    assert [t["name"] for t in found["targets"]["used"]] == ["npu-64"] and found["targets"]["known"] > 5
    assert {p["group"] for p in found["packs"]} >= {packs.RULES, packs.ESTIMATORS}
    assert {d["name"]: d["version"] for d in found["dependencies"]}["torch"] == torch.__version__
    assert found["daemon"]["running"] is False
    assert found["cache"]["writable"] and found["cache"]["traces"] == 0


def test_no_secret_and_no_home_is_told(project: Path, environment: dict[str, str]) -> None:
    settings(project, '[[tool.advisor.models]]\npath = "a.py"\nname = "Net"\nkwargs = { key = "swordfish" }')
    found = examine(project, environment, run=False)
    text = json.dumps(found) + render(found)
    assert "hunter2" not in text and "swordfish" not in text
    assert environment["HOME"] not in text
    assert found["settings"]["file"] == "~/project/pyproject.toml"
    assert found["settings"]["set"] == {"models": "1 entries"}


def test_an_interpreter_that_cannot_run_is_a_problem(project: Path, environment: dict[str, str]) -> None:
    settings(project, 'python = "no/python"')
    found = examine(project, environment)
    (problem,) = found["problems"]
    assert problem.startswith("cannot run ~/project/no/python") and "--python" in problem
    assert (found["interpreter"]["traced"], found["interpreter"]["torch"]) == ("no", None)


def test_nothing_is_started_where_nothing_may_run(project: Path, environment: dict[str, str], tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    python = project / "python"
    python.write_text(f"#!/bin/sh\ntouch {mark}\n")
    python.chmod(0o755)
    settings(project, 'python = "python"')
    assert examine(project, environment, run=False)["interpreter"]["traced"] == "not tried: not trusted"
    assert not mark.exists()


def test_settings_that_are_wrong_are_said_once_and_the_rest_is_looked_at(
    project: Path, environment: dict[str, str]
) -> None:
    settings(project, 'targets = ["npu-65"]')
    (problem,) = examine(project, environment, run=False)["problems"]
    assert "no target named 'npu-65'" in problem and "npu-64" in problem and "pyproject.toml" in problem
    settings(project, "jobs = true")
    found = examine(project, environment, {"min-gain": 2}, project, run=False)
    (problem,) = found["problems"]
    assert "jobs" in problem and found["packs"]


def test_a_pack_that_cannot_be_loaded_is_named(
    project: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = EntryPoint("mine", "no_such_module:PACK", packs.ESTIMATORS)
    known = packs.announced

    def announced(group: str) -> list[EntryPoint]:
        return [*known(group), *([broken] if group == packs.ESTIMATORS else [])]

    monkeypatch.setattr(packs, "announced", announced)
    found = examine(project, environment, run=False)
    (problem,) = found["problems"]
    assert "advisor.estimators pack 'mine' (no_such_module:PACK) cannot be loaded: ModuleNotFoundError" in problem
    assert "no_such_module" in render(found)


def test_a_cache_that_cannot_be_written_is_a_problem(
    project: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: ".cache" not in str(path) and access(path, mode))
    found = examine(project, environment, run=False)
    assert any("no trace is kept" in problem for problem in found["problems"])
    assert "cannot be written" in render(found)


def test_the_page_begins_with_the_problems(project: Path, environment: dict[str, str]) -> None:
    found = examine(project, environment, run=False)
    assert render(found).startswith("# advisor doctor\n\nNo problems found.\n\n## Advisor\n")
    text = render({**found, "problems": ["it is broken; mend it"]})
    assert text.startswith("# advisor doctor\n\n- **it is broken; mend it**\n")
