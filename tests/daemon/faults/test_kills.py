"""``kill -9`` of each of the daemon's processes in mid-request: at most that request fails, and it is said once."""

from __future__ import annotations

import os
import signal

import pytest

import advisor
from advisor.client.address import find, holder
from advisor.client.errors import DaemonError
from advisor.reports import render
from tests.daemon.hubs import kill as end
from tests.daemon.hubs import until

from .conftest import AT_ONCE, Fresh, Project, audited, busy, status_seconds
from .editor import Editor, Ended, answer, found
from .held import Asking, Held, job
from .processes import alive, below


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
    with Editor(held.path.parent, trusted=True) as editor:
        daemon = holder(find())
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
