"""The packed extension in a real VS Code, asked through VS Code's own interfaces, on the real server."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from . import truth
from .driving import Result

LIAR = Path(__file__).with_name("liar.py")
RUNS = "\n\nwith open({ran!r}, 'w'):\n    pass\n"
"""What a model file says that leaves a trace when it is imported."""


@pytest.fixture(scope="module")
def facts(tmp_path_factory) -> dict[str, str]:
    from .lab import WORKSPACE

    folder = tmp_path_factory.mktemp("truth") / "net"
    shutil.copytree(WORKSPACE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return truth.facts(folder)


def failed(results: Sequence[Result]) -> str:
    """The errors of those that failed."""
    return "\n\n".join(f"{result.name}: {result.error}" for result in results if result.error)


def test_what_is_shown_what_is_done_and_what_changes(vscode, code_server, facts):
    results = vscode.inside("everything", code_server.project("everything"), facts)
    assert not failed(results), f"{failed(results)}\n\nsee {code_server.artifacts / 'everything'}"
    assert len(results) > 15
