"""``advisor doctor`` as a person uses it."""

from __future__ import annotations

import json

import pytest

from advisor.cli import main


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    for name in ("RUNTIME_DIR", "CACHE_HOME", "CONFIG_HOME", "DATA_HOME"):
        (tmp_path / name).mkdir(mode=0o700)
        monkeypatch.setenv(f"XDG_{name}", str(tmp_path / name))


def test_it_prints_a_page_or_json_of_the_same(tmp_path, capsys):
    assert main(["doctor", str(tmp_path)]) == 0
    page = capsys.readouterr().out
    assert page.startswith("# advisor doctor\n\nNo problems found.")
    assert main(["doctor", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["problems"] == [] and found["interpreter"]["traced"] == "yes"
    for said in (found["advisor"]["version"], found["interpreter"]["torch"], found["cache"]["folder"]):
        assert said in page


def test_what_is_wrong_is_told_and_ends_with_one(tmp_path, capsys):
    (tmp_path / "pyproject.toml").write_text('[tool.advisor]\npython = "none"\n')
    assert main(["doctor", str(tmp_path)]) == 1
    assert "cannot run " in capsys.readouterr().out.partition("## Advisor")[0]
    assert main(["doctor", str(tmp_path / "nowhere")]) == 2
    assert "no such file or folder" in capsys.readouterr().err


def test_where_nothing_may_run_the_projects_interpreter_is_not_started(tmp_path, capsys):
    python, marker = tmp_path / "python", tmp_path / "started"
    python.write_text(f"#!/bin/sh\ntouch '{marker}'\nexit 1\n")
    python.chmod(0o755)
    (tmp_path / "pyproject.toml").write_text('[tool.advisor]\npython = "python"\n')
    assert main(["doctor", "--no-run", "--json", str(tmp_path)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["interpreter"]["traced"].startswith("not tried") and not marker.exists()
    assert main(["doctor", str(tmp_path)]) == 1 and marker.exists()
