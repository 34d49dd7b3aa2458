"""Libraries imported before the fork: once, only installed ones, and never at the cost of a result."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from advisor import workers
from advisor.workers import Outcome, Worker

from .audits import Auditor, candidate

JOB = """
import os, sys

def warm_up():
    global BORN
    BORN = os.urandom(8).hex()

def run(request, emit):
    imported = {name: getattr(sys.modules.get(name), "PID", None) for name in request["names"]}
    emit({"event": "seen", "imported": imported, "own": os.getpid(), "born": BORN})
"""
NET = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)

    def forward(self, x):
        return self.conv(x)
"""
LIBRARIES = {
    "goodlib": "import os\nPID = os.getpid()\n",
    "raising": "raise ValueError('no')\n",
    "ending": "import os\nos._exit(3)\n",
    "crashing": "import ctypes\nctypes.string_at(0)\n",
    "hanging": "import time\ntime.sleep(60)\n",
    "threading_on": "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("env") / "site-packages"
    for name, text in LIBRARIES.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(text)
    (folder / "goodlib" / "net.py").write_text(NET)
    (folder / "goodlib" / "__init__.py").write_text(LIBRARIES["goodlib"] + "from . import net\n")
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "sources.py").write_text("PID = 0\n")
    return folder


@pytest.fixture(scope="module")
def environment(site: Path, project: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{site}:{project}")
        yield


@pytest.fixture
def run(environment: None, tmp_path: Path) -> Iterator[Callable[..., Outcome]]:
    (tmp_path / "look.py").write_text(JOB)
    with Worker(Path(sys.executable), jobs={"look": tmp_path / "look.py"}) as worker:

        def ask(*names: str, **more: Any) -> Outcome:
            return worker.run({"job": "look", "names": names, "preload": list(names), **more})

        if "pid-namespace" not in ask().containment:
            pytest.skip("nothing is imported beforehand where the worker has no namespaces")
        yield ask


def test_a_library_is_imported_once_and_before_the_fork(run: Callable[..., Outcome]) -> None:
    first, second = run("goodlib").events[0], run("goodlib").events[0]
    assert first["imported"]["goodlib"] == second["imported"]["goodlib"] is not None
    assert first["imported"]["goodlib"] not in (first["own"], second["own"])


@pytest.mark.parametrize("name", ["raising", "ending", "crashing", "hanging", "threading_on"])
def test_a_library_that_cannot_be_imported_costs_one_restart(
    run: Callable[..., Outcome], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_PRELOAD_SECONDS", 3.0)
    before, first, second = run(), run("goodlib", name), run("goodlib", name)
    assert (first.status, second.status) == ("ok", "ok")
    assert [list(outcome.events[0]["imported"].values())[1] for outcome in (first, second)] == [None, None]
    assert first.events[0]["imported"]["goodlib"] is not None
    born = [outcome.events[0]["born"] for outcome in (before, first, second)]
    assert born[0] != born[1] == born[2]


def test_what_is_not_installed_is_not_imported(run: Callable[..., Outcome]) -> None:
    assert run("sources", "no_such_library").events[0]["imported"] == {"sources": None, "no_such_library": None}


def test_importing_beforehand_takes_nothing_from_the_memory_of_a_request(
    run: Callable[..., Outcome], site: Path
) -> None:
    (site / "largelib").mkdir()
    (site / "largelib" / "__init__.py").write_text("HELD = [bytes([i % 251]) * (1 << 20) for i in range(400)]\n")
    outcome = run("largelib", memory_bytes=256 << 20)
    assert outcome.status == "ok", outcome.detail


# ---- the audit of files with libraries imported beforehand


@pytest.fixture(scope="module")
def audits(environment: None) -> Iterator[Worker]:
    with Worker(Path(sys.executable)) as worker:
        yield worker


def test_a_file_of_the_library_itself_is_the_imported_module_and_has_its_sites(audits: Worker, site: Path) -> None:
    file = site / "goodlib" / "net.py"
    events = Auditor(audits, site).run(file, candidate("Net"), preload=["goodlib"])
    model = next(e for e in events if e["event"] == "model")
    assert (events[0]["how"], model["status"]) == ("package", "ok")
    (conv,) = [m for m in model["graph"]["modules"] if m[0] == "conv"]
    assert [model["graph"]["files"][s[0]] for s in conv[2]] == [str(file)]
    assert conv[2][0][1] == 1 + NET.splitlines().index("        self.conv = nn.Conv2d(3, 8, 3)")


def test_a_library_file_that_was_edited_since_is_imported_anew(audits: Worker, site: Path) -> None:
    file = site / "goodlib" / "net.py"
    auditor = Auditor(audits, site)
    auditor.run(file, candidate("Net"), preload=["goodlib"])
    time.sleep(0.01)  # a file system's clock
    file.write_text(NET.replace("(3, 8, 3)", "(3, 24, 3)"))
    events = auditor.run(file, candidate("Net"), preload=["goodlib"])
    file.write_text(NET)
    model = next(e for e in events if e["event"] == "model")
    assert [1, 24, 222, 222] in [tensor[1] for tensor in model["graph"]["tensors"]]


def test_the_numbers_of_a_librarys_own_files_are_followed(environment: None, site: Path, tmp_path: Path) -> None:
    with Worker(Path(sys.executable)) as worker:
        user = Auditor(worker, tmp_path)
        path = user.write("net.py", "import goodlib\nfrom goodlib.net import Net\n")
        [of_user] = [e for e in user.run(path, candidate("Net"), preload=["goodlib"]) if e["event"] == "model"]
        of_library = []
        for _ in range(2):
            events = Auditor(worker, site).run(site / "goodlib" / "net.py", candidate("Net"), preload=["goodlib"])
            of_library += [e for e in events if e["event"] == "model"]
    assert "numbers" not in of_user["graph"]
    for model in of_library:
        assert [value for *_, value, _ in model["graph"]["numbers"]["literals"]] == [3, 8, 3]


def test_a_project_with_a_module_of_that_name_gets_its_own(audits: Worker, tmp_path: Path) -> None:
    auditor = Auditor(audits, tmp_path)
    auditor.write("goodlib.py", "WIDTH = 40\n")
    file = auditor.write("net.py", "from goodlib import WIDTH\n" + NET.replace("(3, 8, 3)", "(3, WIDTH, 3)"))
    events = auditor.run(file, candidate("Net"), preload=["goodlib"])
    model = next(e for e in events if e["event"] == "model")
    assert [1, 40, 222, 222] in [tensor[1] for tensor in model["graph"]["tensors"]]
