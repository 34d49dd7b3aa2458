"""``kill -9`` of each of the daemon's processes in mid-request: at most that request fails, and it is said once."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

import advisor
from advisor.client.address import find, holder
from advisor.client.errors import DaemonError
from advisor.reports import render
from tests.daemon.hubs import SECONDS, until
from tests.daemon.hubs import kill as end

from .conftest import AT_ONCE, Fresh, Project, audited, busy, status_seconds
from .editor import Editor, Ended, answer, found
from .processes import alive, below

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


@pytest.fixture
def held(project: Project) -> Held:
    return Held(project)


def kill(name: str, analyst: int) -> None:
    """End the analyst itself, or of its worker the child in which the code runs, or its zygote."""
    child = job(analyst)
    zygote = child.parent() if child else None
    assert child and zygote
    os.kill({"child": child.pid, "zygote": zygote.pid, "analyst": analyst}[name], signal.SIGKILL)


@pytest.mark.parametrize("name", ["child", "zygote", "analyst"])
def test_an_editors_request(held: Held, fresh: Fresh, idle: float, name: str):
    daemon = holder(find())
    with Editor(held.path.parent, trusted=True) as editor:
        editor.open(held.path, held.path.read_text())
        pulled = editor.pull(held.path)
        kill(name, held.analyst())
        assert status_seconds() < AT_ONCE * idle
        if name == "analyst":  # another one does its job
            held.open()
            assert found(answer(pulled)) == fresh.findings(held.path)
        else:
            assert [code for code, _ in found(answer(pulled)) if code.startswith("TRC")] == ["TRC904"]
            held.open()
        text = held.path.read_text().replace("Net", "Other")
        held.path.write_text(text)
        editor.change(held.path, text)
        assert editor.findings(held.path) == fresh.findings(held.path) != []
        assert editor.logged() == []
    assert holder(find()) == daemon


@pytest.mark.parametrize("name", ["child", "zygote", "analyst"])
def test_a_scripts_request(held: Held, fresh: Fresh, idle: float, name: str):
    with advisor.connect() as client:
        asking = Asking(client, held.path)
        kill(name, held.analyst())
        assert status_seconds() < AT_ONCE * idle
        if name == "analyst":
            held.open()
            assert asking.result() == fresh.json(held.path)
        else:
            assert asking.result().count('"TRC904"') == 1
            held.open()
        assert render(client.audit(held.path), "json") == fresh.json(held.path)


def test_a_worker_that_is_starting(project: Project, fresh: Fresh):
    """No trace of the file is there yet: the diagnostic says so at its top, and goes with the next one."""
    path = project.net()
    end(find())  # a daemon that has no worker yet
    with Editor(path.parent, trusted=True) as editor:
        editor.open(path, path.read_text())
        pulled = editor.pull(path)
        until(lambda: below(busy(path) or 0))
        below(busy(path) or 0)[0].kill()
        assert found(answer(pulled))[0] == ("worker", 1)
        assert len(editor.logged()) == 1
        editor.change(path, path.read_text() + "\n")
        assert editor.findings(path) == fresh.findings(path)


def test_the_hub(held: Held, fresh: Fresh):
    editor = Editor(held.path.parent, trusted=True)
    client = advisor.connect()
    editor.open(held.path, held.path.read_text())
    pulled = editor.pull(held.path)
    asking = Asking(client, held.path)
    held.analyst()
    daemon = holder(find())
    assert daemon
    left = below(daemon)
    os.kill(daemon, signal.SIGKILL)
    with pytest.raises(Ended):
        answer(pulled)
    code, said = editor.end()
    assert (code, said.count("\n")) == (1, 1)
    assert said.startswith("advisor: error: the daemon ended;")
    with pytest.raises(DaemonError, match="closed the connection"):
        asking.result()
    client.close()
    until(lambda: not any(alive(process) for process in left))
    held.open()
    assert audited(held.path) == fresh.json(held.path)
    assert holder(find()) not in (None, daemon)
    with Editor(held.path.parent, trusted=True) as editor:
        editor.open(held.path, held.path.read_text())
        assert editor.findings(held.path) == fresh.findings(held.path)


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
