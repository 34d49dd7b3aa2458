"""What tests in real editors share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import truth
from .codeserver import CodeServer
from .driving import Driver
from .lab import ROOT, WORKSPACE, Lab, require

ARTIFACTS = ROOT / "build" / "editors"
"""What is looked at when a test failed: logs, results and screenshots of the last run."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--editor-shots", action="store_true", help="take the pictures of editors in docs/images/editors")
    parser.addoption("--typing-table", type=Path, metavar="FILE", help="hold how smooth typing is, and write it there")


@pytest.fixture(scope="session")
def lab() -> Lab:
    """All editors; the test is skipped without them, or fails (:func:`require`)."""
    return require()


@pytest.fixture(scope="session")
def code_server(lab) -> Iterator[CodeServer]:
    """VS Code, served to any number of windows."""
    shutil.rmtree(ARTIFACTS, ignore_errors=True)
    ARTIFACTS.mkdir(parents=True)
    server = CodeServer(lab, ARTIFACTS)
    yield server
    server.close()


@pytest.fixture(scope="session")
def vscode(lab, code_server) -> Driver:
    """Windows on that server."""
    return Driver(lab, code_server)


@pytest.fixture(scope="session")
def facts(tmp_path_factory) -> dict[str, str]:
    """What is true of the workspace's model."""
    folder = tmp_path_factory.mktemp("truth") / "net"
    shutil.copytree(WORKSPACE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return truth.facts(folder)
