"""What holds for all tests: none speaks to the daemon that a developer may have running, nor reads or fills their
caches, settings and predictors; and Ctrl-C means what it does at a terminal."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# A shell that runs the tests in its background has them ignore it, and every process that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _folders_of_our_own() -> Iterator[None]:
    top = Path(tempfile.mkdtemp(prefix="advisor-tests-"))  # short: the path of a socket may have 107 bytes
    variables = ("XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
    before = {name: os.environ.get(name) for name in variables}
    for name in variables:
        folder = top / name.split("_")[1].lower()
        folder.mkdir(mode=0o700)
        os.environ[name] = str(folder)
    yield
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
    shutil.rmtree(top, ignore_errors=True)
