"""Requests that are under way while something happens: a file that is not done before the test wants, and a script
that waits."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import psutil

from advisor.reports import render
from tests.daemon.hubs import SECONDS, until

from .conftest import Project, busy
from .processes import below

NAME = "held"
GATE = """
import ctypes, os, time

ctypes.CDLL(None).prctl(15, b"{name}")  # the process's name: from outside it can be seen that the file's code runs
while os.path.exists({gate!r}):
    time.sleep(0.01)
"""


class Held:
    """A model file whose import lasts until :meth:`open`, so that something can happen meanwhile."""

    def __init__(self, project: Project) -> None:
        self.gate = project.write("gate", "")
        self.path = project.net(before=GATE.format(name=NAME, gate=str(self.gate)))

    def open(self) -> None:
        self.gate.unlink()

    def analyst(self) -> int:
        """The analyst that is at it, once the file's code runs."""
        until(lambda: busy(self.path))
        pid = busy(self.path)
        assert pid
        until(lambda: job(pid))
        return pid


def job(analyst: int) -> psutil.Process | None:
    """The process in which the file's code runs."""
    return next((process for process in below(analyst) if name_of(process) == NAME), None)


def name_of(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


class Asking:
    """An audit that is under way in another thread."""

    def __init__(self, client: Any, path: Path) -> None:
        self._report: Any = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._ask, args=(client, path), daemon=True)
        self._thread.start()

    def _ask(self, client: Any, path: Path) -> None:
        try:
            self._report = client.audit(path)
        except Exception as e:  # raised by result()
            self._error = e

    def result(self) -> str:
        """The report as JSON."""
        self._thread.join(3 * SECONDS)
        assert not self._thread.is_alive()
        if self._error is not None:
            raise self._error
        return render(self._report, "json")
