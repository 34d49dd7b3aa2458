"""The packed extension in a real VS Code, asked through VS Code's own interfaces, on the real server."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from . import liar, stubs
from .driving import Result


def check(results: Sequence[Result], count: int) -> None:
    """All of ``count`` tests passed."""
    errors = [f"{result.name}: {result.error}" for result in results if result.error]
    assert not errors, "\n\n".join([*errors, "see build/editors"])
    assert len(results) == count, [result.name for result in results]


def test_what_is_shown_what_is_done_and_what_changes(vscode, code_server, facts):
    check(vscode.inside("everything", code_server.project("everything"), facts), 20)


def test_nothing_runs_before_the_person_trusts_the_workspace(vscode, code_server, facts, tmp_path):
    ran = tmp_path / "ran"
    folder = code_server.project("trust", {"advisor.python": "python"})
    stubs.noting(folder / "python", ran)
    check(vscode.inside("trust", folder, {**facts, "ran": str(ran)}, asks_for_trust=True), 2)


def test_a_missing_advisor_is_offered_and_installed(vscode, code_server, facts, tmp_path):
    python = stubs.without_advisor(tmp_path / "environment")
    folder = code_server.project("missing", {"advisor.server.interpreter": str(python)})
    check(vscode.inside("missing", folder, facts), 2)


def test_a_server_that_answers_wrongly_fails_these_tests(vscode, code_server, facts, tmp_path):
    python = liar.write(tmp_path / "python", sys.executable)
    folder = code_server.project("lies", {"advisor.server.interpreter": str(python)})
    results = vscode.inside("lies", folder, facts)
    kept, *lied = results
    assert not kept.error, kept
    assert len(lied) == 6 and all(result.error for result in lied), [(r.name, r.error[:200]) for r in results]
    assert not [result for result in lied if "waited in vain" in result.error], "the answers did not come at all"
