"""One home for the daemons of these tests, what a fresh audit says, and the look around after each test."""

from __future__ import annotations

import itertools
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

import advisor
from advisor.client.dial import dial
from advisor.daemon.viewing import view
from advisor.engine import planned
from advisor.plan import Plans
from advisor.report import FileReport, Report
from advisor.reports import render
from advisor.session import Session
from tests.daemon.hubs import SECONDS, ask, home

from .processes import adopting, crowded, litter, strays

TARGET = "npu-64"
CONFIG = f'[tool.advisor]\ntargets = ["{TARGET}"]\nmemory-limit = "512 MiB"\ntime-limit = '
NET = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, {width}, 3)
        self.norm = nn.BatchNorm2d({width})
        self.head = nn.Conv2d({width}, 7, 1)

    def forward(self, x):
        return self.head(self.norm(self.stem(x)))
"""
AT_ONCE = 30.0
"""So many times as long as of an idle daemon a question for its status may take, on a machine that is busy."""

SENT = pytest.StashKey[dict[str, int]]()
"""How many malformed frames each test sent."""

settings.register_profile("faults", max_examples=2_000)  # of five tests each: `make verify-faults`

_widths = itertools.count(17)


TABLE = """# Faults

Written by `make verify-faults`: `tests/daemon/faults/` as in every run of the tests, with more malformed frames, made
up by Hypothesis. All went to one daemon, which afterwards answered as a fresh audit does.

| malformed | sent |
|---|---|
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--faults-table", type=Path, help="write how many malformed frames were sent to this Markdown file"
    )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the table, unless something failed."""
    file, sent = session.config.getoption("--faults-table"), session.config.stash.get(SENT, {})
    if file is None or session.testsfailed or not sent:
        return
    counts = {
        **{name.removeprefix("test_").replace("_", " "): n for name, n in sent.items()},
        "all": sum(sent.values()),
    }
    file.write_text(TABLE + "".join(f"| {name} | {n:,} |\n" for name, n in counts.items()), encoding="utf-8")


class Fresh:
    """What an audit of its own, without daemon and cache, says of a file."""

    def __init__(self) -> None:
        self._plans = Plans()
        self._session = Session(self._plans)
        self._session.warm(Path.cwd() / "any.py")  # its worker is there before anybody counts processes

    def close(self) -> None:
        self._session.close()

    def report(self, path: Path) -> FileReport:
        found = self._session.file(path)
        assert found is not None
        return found

    def findings(self, path: Path) -> list[tuple[str, int]]:
        """Code and line of each finding, in order."""
        shown = view(self.report(path), path.read_text(), [TARGET], "traced")
        return sorted((f.code, f.span.line) for f in shown.findings)

    def json(self, path: Path) -> str:
        """The report on a file or folder."""
        plan = planned([path])
        return render(Report(plan.root, plan.targets, [self.report(file) for file in plan.files]), "json")


@dataclass
class Project:
    """A folder with settings, and files of models that nobody has seen before."""

    folder: Path

    def limit(self, seconds: int) -> None:
        """How long one file's code may take."""
        self.write("pyproject.toml", f"{CONFIG}{seconds}\n")

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def net(self, name: str = "net.py", before: str = "") -> Path:
        """A sound model, of a width that no other has: no cache can know it."""
        return self.write(name, before + NET.format(width=next(_widths)))


@pytest.fixture(scope="package")
def top() -> Iterator[Path]:
    """The daemons' home; all that they start has its temporary files in ``tmp`` of it."""
    with pytest.MonkeyPatch.context() as patch, home(patch) as folder, adopting():
        (folder / "tmp").mkdir()
        patch.setenv("TMPDIR", str(folder / "tmp"))
        yield folder


@pytest.fixture(scope="package")
def fresh(top: Path) -> Iterator[Fresh]:
    made = Fresh()
    yield made
    made.close()


@pytest.fixture
def project(top: Path) -> Iterator[Project]:
    folder = top / "project"
    folder.mkdir()
    made = Project(folder)
    made.limit(30)
    yield made
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def nothing_left(top: Path, fresh: Fresh) -> Iterator[None]:
    """After each test, whatever it did: no process, no temporary folder more than before."""
    before, lying = strays(), litter(top / "tmp")
    yield
    gone(lambda: strays(before))
    gone(crowded)
    gone(lambda: litter(top / "tmp") - lying)


def gone(left: Callable[[], Any]) -> None:
    """Wait until nothing is left."""
    end = time.monotonic() + SECONDS
    while found := left():
        assert time.monotonic() < end, f"left behind: {found}"
        time.sleep(0.02)


@pytest.fixture(scope="package")
def idle(top: Path) -> float:
    """Seconds that the status of an idle daemon takes."""
    with dial("script"):
        time.sleep(0.2)
    return status_seconds()


def status_seconds() -> float:
    """Seconds that a new client waits for the daemon's status, in the middle of several tries."""
    took = []
    for _ in range(7):
        began = time.monotonic()
        with dial("script", start=False) as stream:
            ask(stream, "status")
        took.append(time.monotonic() - began)
    return statistics.median(took)


def busy(path: Path) -> int | None:
    """The analyst that works on a file now, by its process; None when none does."""
    with dial("script", start=False) as stream:
        lanes = ask(stream, "status")["lanes"]
    found = (a["pid"] for lane in lanes.values() for a in lane["analysts"] if a["path"] == str(path))
    return next(found, None)


def runs() -> tuple[int, int]:
    """How many files' code the daemon's analysts did not have to run, and how many they ran."""
    with dial("script", start=False) as stream:
        analysts = [a for lane in ask(stream, "status")["lanes"].values() for a in lane["analysts"]]
    return sum(a["cached"] for a in analysts), sum(a["run"] for a in analysts)


def audited(path: Path) -> str:
    """What a new script is answered about a file or folder."""
    with advisor.connect() as client:
        return render(client.audit(path), "json")
