"""The packed extension in a real VS Code, asked through VS Code's own interfaces, on the real server."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

from . import liar, stubs
from .driving import Result
from .lab import ROOT

TARGETS = ROOT / "advisor" / "targets"


def check(results: Sequence[Result], count: int) -> None:
    """All of ``count`` tests passed."""
    errors = [f"{result.name}: {result.error}" for result in results if result.error]
    assert not errors, "\n\n".join([*errors, "see build/editors"])
    assert len(results) == count, [result.name for result in results]


def test_what_is_shown_what_is_done_and_what_changes(vscode, code_server, facts, tmp_path):
    told = {**facts, "other": str(stubs.environment(tmp_path / "other"))}
    check(vscode.inside("everything", code_server.project("everything"), told), 43)


SLOW = "import time\n\ntime.sleep(1)\n"
HUNGRY = "KEPT = b'x' * (700 << 20)\n"


def test_limits_and_what_is_audited_count_at_once(vscode, code_server, facts):
    folder = code_server.project("bounds")
    text = (folder / "net.py").read_text(encoding="utf-8")
    for name, more in {"other": "", "slow": SLOW, "hungry": HUNGRY}.items():
        (folder / f"{name}.py").write_text(text + more, encoding="utf-8")
    (folder / "own").mkdir()
    shutil.copy(TARGETS / "npu-64.toml", folder / "own" / "mine.toml")
    check(vscode.inside("bounds", folder, facts), 6)


def test_nothing_runs_before_the_person_trusts_the_workspace(vscode, code_server, facts, tmp_path):
    told = {"ran": str(tmp_path / "ran"), "served": str(tmp_path / "served")}
    settings = {"advisor.python": "python", "advisor.server.interpreter": "${workspaceFolder}/server"}
    folder = code_server.project("trust", settings)
    stubs.noting(folder / "python", tmp_path / "ran")
    stubs.noting(folder / "server", tmp_path / "served")
    check(vscode.inside("trust", folder, {**facts, **told}, asks_for_trust=True), 3)


def test_a_missing_advisor_is_offered_and_installed(vscode, code_server, facts, tmp_path):
    python = stubs.without_advisor(tmp_path / "environment")
    folder = code_server.project("missing", {"advisor.server.interpreter": str(python)})
    check(vscode.inside("missing", folder, facts), 2)


def test_the_python_extension_says_which_environment_is_active(vscode, code_server, facts, tmp_path):
    environments = {
        "first": stubs.environment(tmp_path / "first"),
        "second": stubs.environment(tmp_path / "second"),
        "bare": stubs.environment(tmp_path / "bare", virtual=False, advisor=False),
        "system": stubs.environment(tmp_path / "system", virtual=False),
    }
    settings = {"advisor.server.interpreter": "", "python.defaultInterpreterPath": str(environments["first"])}
    folder = code_server.project("python", settings)
    environments["fallback"] = stubs.environment(folder / ".venv")
    told = {**facts, **{name: str(python) for name, python in environments.items()}}
    check(vscode.inside("python", folder, told, python=True), 5)


def test_a_server_that_keeps_failing_is_given_up(vscode, code_server, facts, tmp_path):
    python = stubs.moody(tmp_path / "python")
    folder = code_server.project("failing", {"advisor.server.interpreter": str(python)})
    check(vscode.inside("failing", folder, {**facts, "python": str(python)}), 4)


def test_a_server_that_answers_wrongly_fails_these_tests(vscode, code_server, facts, tmp_path):
    python = liar.write(tmp_path / "python", sys.executable, "documents", "commands")
    folder = code_server.project("lies", {"advisor.server.interpreter": str(python)})
    results = vscode.inside("lies", folder, facts)
    kept, *lied = results
    assert not kept.error, kept
    assert len(lied) == 15 and all(result.error for result in lied), [(r.name, r.error[:200]) for r in results]
    assert not [result for result in lied if "waited in vain" in result.error], "the answers did not come at all"
