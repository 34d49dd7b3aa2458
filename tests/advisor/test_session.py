"""A session: what it tells when, what ends it, and that it sees what changes from one request to the next."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from advisor import session
from advisor.discovery.project import Project
from advisor.discovery.request import discover
from advisor.discovery.static import static_graph
from advisor.plan import Plans
from advisor.report import FileReport, ModelReport
from advisor.session import Cancelled, Session, Shared
from advisor.texts import Texts
from advisor.tracing import Run
from advisor.workers import Outcome, WorkerError

OVERRIDES = {"targets": ["npu-64"]}


def test_an_exception_of_ours_is_a_finding_on_its_file_and_the_next_is_audited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = session.discover

    def fragile(path: Path, *args: Any, **kwargs: Any) -> Any:
        if path.name == "a.py":
            raise KeyError("lost\n\x1b[31m")
        return whole(path, *args, **kwargs)

    monkeypatch.setattr(session, "discover", fragile)
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text("x = 1\n")
    with Session(Plans(OVERRIDES)) as opened:
        reports = [opened.file(tmp_path / name) for name in ("a.py", "b.py")]
    (finding,) = reports[0].findings if reports[0] else []
    assert (finding.code, finding.span.file, finding.span.line) == ("TRC904", str(tmp_path / "a.py"), 1)
    assert "session.py:" in finding.message and "KeyError" in finding.message
    assert finding.message.isprintable()
    assert reports[1] is not None and reports[1].findings == []


# ---- before, during and without a run


NET = """
from torch import nn


class {name}(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, {width}, 3)

    def forward(self, x):
        return self.conv(x)
"""


class Replayed:
    """Stands in for the worker: what it "ran" and the events that it answers with."""

    def __init__(self, *events: dict[str, Any]) -> None:
        self.events = events
        self.requests: list[Mapping[str, Any]] = []
        self.given: list[tuple[Path, Mapping[str, str], Texts, Path]] = []

    def running(self, run: Run, interpreter: Path, environment: Mapping[str, str], texts: Texts, path: Path) -> Run:
        self.given.append((interpreter, environment, texts, path))

        def replay(request: Mapping[str, Any], on_event: Callable[[dict[str, Any]], None]) -> Outcome:
            self.requests.append(request)
            for event in self.events:
                on_event(event)
            return Outcome("1", "ok", self.events)

        return replay


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "net.py"
    path.write_text(NET.format(name="Net", width=8))
    return path


def traced(net: Path) -> dict[str, Any]:
    """The event of a model that was traced."""
    found = discover(net, Project(net.parent))
    assert found.source is not None
    graph = static_graph(found.source, found.candidates[0])
    assert graph is not None
    return {"event": "model", "name": "Net", "status": "ok", "rung": "fx-meta", "graph": graph.to_plain()}


def test_what_the_source_says_comes_before_anything_is_run(net: Path) -> None:
    net.write_text(
        "# advisor: ignore\nx = 1  # advisor: ignore[ZZZ1]\n# advisor: args=3\n" + net.read_text().lstrip("\n")
    )
    (net.parent / "pyproject.toml").write_text(
        '[[tool.advisor.models]]\npath = "net.py"\nname = "Nett"\ninput = [1, 3, 8, 8]\n'
    )
    replayed, order = Replayed(), []

    def static(report: FileReport) -> None:
        order.append("static")
        (model,) = report.models
        assert (model.name, model.span.line, model.status, model.graph) == ("Net", 7, "partial", None)
        assert sorted(f.code for f in report.findings) == ["SUP001", "SUP002", "TRC906", "TRC906"]

    def settle() -> None:
        order.append("settle")
        assert replayed.requests == []

    with Session(Plans(OVERRIDES), traces=replayed) as opened:
        assert opened.file(net, static=static, settle=settle) is not None
    assert (order, len(replayed.requests)) == (["static", "settle"], 1)


def test_a_file_that_does_not_parse_is_told_at_once_and_not_run(net: Path) -> None:
    net.write_text("class Net(:\n")
    replayed, seen = Replayed(), []
    with Session(Plans(OVERRIDES), traces=replayed) as opened:
        report = opened.file(net, static=lambda early: seen.append([f.code for f in early.findings]))
    assert seen == [["TRC901"]]
    assert report is not None
    assert [f.code for f in report.findings] == ["TRC901"]
    assert replayed.requests == []


def test_each_model_is_told_with_its_costs_as_it_comes(net: Path) -> None:
    told: list[tuple[str, list[str]]] = []
    with Session(Plans(OVERRIDES), traces=Replayed(traced(net))) as opened:
        opened.file(net, tell=lambda model: told.append((model.name, list(model.costs))))
    assert told == [("Net", ["npu-64"])]


def test_one_who_waits_may_cancel_before_anything_runs(net: Path) -> None:
    replayed, cancelled = Replayed(), threading.Event()

    def changed_again() -> None:
        raise Cancelled

    with Session(Plans(OVERRIDES), traces=replayed) as opened:
        assert opened.file(net, settle=changed_again) is None
        assert opened.file(net, settle=cancelled.set, cancelled=cancelled) is None
        assert replayed.requests == []
        assert opened.file(net) is not None


@pytest.mark.parametrize("function", ["static", "settle", "tell"])
def test_what_a_callers_function_raises_reaches_the_caller(net: Path, function: str) -> None:
    def fails(*_: object) -> None:
        raise LookupError("mine")

    given: dict[str, Any] = {function: fails}
    with Session(Plans(OVERRIDES), traces=Replayed(traced(net))) as opened, pytest.raises(LookupError, match="mine"):
        opened.file(net, **given)


def test_untrusted_code_is_not_run_nor_is_an_interpreter_looked_for(net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("an interpreter was looked for")

    monkeypatch.setattr(session, "choose", refuse)
    replayed = Replayed()
    with Session(Plans(OVERRIDES), traces=replayed) as opened:
        report = opened.file(net, run=False)
        assert (opened.shared.pool.workers, replayed.given) == ([], [])
    assert report is not None
    (model,) = report.models
    assert (model.rung, model.status, model.findings, report.findings) == ("static", "partial", [], [])
    assert model.graph is not None
    assert [op.op for op in model.graph.ops] == ["conv"]
    (note,) = report.notes
    assert "nothing of this file was run" in note
    assert "config.toml" in note


def test_a_file_without_models_needs_no_trust(tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text("x = 1\n")
    with Session(Plans(OVERRIDES)) as opened:
        report = opened.file(tmp_path / "plain.py", run=False)
    assert report == FileReport(str(tmp_path / "plain.py"))


# ---- what changes between requests


def test_unsaved_text_is_what_is_audited_and_what_others_build(net: Path) -> None:
    use = net.parent / "use.py"
    net.write_text(NET.format(name="Net", width=8).replace("(self)", "(self, width)", 1))
    texts = Texts({net: net.read_text() + "\n\nclass New(Net): ...\n", use: "from net import Net\nNet(24)\n"})
    replayed = Replayed()
    with Session(Plans(OVERRIDES), traces=replayed) as opened:
        opened.file(net, texts)
        opened.file(net)
    names, attempts = zip(
        *(
            ([c["name"] for c in r["candidates"]], [a["args"] for c in r["candidates"] for a in c["attempts"]])
            for r in replayed.requests
        ),
        strict=True,
    )
    assert set(names[0]) == {"Net", "New"}
    assert ["24"] in attempts[0]
    assert (names[1], ["24"] in attempts[1]) == (["Net"], False)
    assert [r["buffers"] for r in replayed.requests] == [{str(p): t for p, t in texts.buffers.items()}, {}]


def test_only_unsaved_python_that_the_file_may_come_to_goes_to_the_worker(net: Path) -> None:
    near, far, named = net.parent / "sub" / "near.py", Path("/elsewhere/far.py"), Path("/elsewhere/named.py")
    net.write_text("from lib import named\n" + net.read_text())
    buffers = {net: net.read_text(), near: "a", far: "b", named: "c", net.parent / "notes.md": "d"}
    replayed = Replayed()
    with Session(Plans(OVERRIDES), traces=replayed) as opened:
        opened.file(net, Texts(buffers))
    assert replayed.requests[0]["buffers"] == {str(near): "a", str(named): "c"}  # net.py itself is as it is saved


def test_settings_are_those_of_the_moment(net: Path) -> None:
    settings = net.parent / "pyproject.toml"
    targets = []
    with Session(Plans(), traces=Replayed(traced(net))) as opened:
        for text in (None, 'targets = ["npu-64"]', 'targets = ["nvidia-gpu-fp16"]', None):
            if text is None:
                settings.unlink(missing_ok=True)
            else:
                settings.write_text(f"[tool.advisor]\n{text}\n")
            report = opened.file(net)
            assert report is not None
            targets += list(report.models[0].costs)
    assert targets == ["cpu-x86", "npu-64", "nvidia-gpu-fp16", "cpu-x86"]


def test_the_environment_of_the_session_decides_who_runs_the_code(net: Path) -> None:
    other = net.parent / "env" / "bin" / "python"
    other.parent.mkdir(parents=True)
    other.write_text("#!/bin/sh\necho not a python >&2\n")
    other.chmod(0o755)
    environment = {"VIRTUAL_ENV": str(other.parents[1])}
    replayed = Replayed()
    with Session(Plans(OVERRIDES), environment=environment, traces=replayed) as opened:
        opened.file(net)
    assert [given[:2] for given in replayed.given] == [(other, environment)]
    with Session(Plans(OVERRIDES), environment=environment) as opened, pytest.raises(WorkerError, match="not a python"):
        opened.warm(net)


def test_a_request_that_hangs_ends_alone_when_it_is_cancelled_and_sessions_share_its_worker(net: Path) -> None:
    hangs = net.parent / "hangs.py"
    hangs.write_text("while True:\n    pass\n" + net.read_text())
    cancelled, shared = threading.Event(), Shared()
    python = {"python": sys.executable, "time_limit": 60.0}
    try:
        first = Session(Plans({**OVERRIDES, **python}), shared=shared)
        first.warm(net)
        (worker,) = shared.pool.workers
        started = time.monotonic()
        later = threading.Timer(0.3, cancelled.set)
        assert first.file(hangs, settle=later.start, cancelled=cancelled) is None
        assert time.monotonic() - started < 50.0  # its own limit is 60
        pid = worker.pid
        second = Session(Plans({"targets": ["cpu-x86"], **python}), shared=shared)
        report = second.file(net)
        first.close()
        assert report is not None
        assert [(m.name, m.status, list(m.costs)) for m in report.models] == [("Net", "ok", ["cpu-x86"])]
        assert (shared.pool.workers, worker.pid) == ([worker], pid)
    finally:
        shared.close()
    assert worker.pid is None


def _widths(model: ModelReport) -> list[int]:
    assert model.graph is not None
    return [shape[0] for op in model.graph.ops if (shape := model.graph.weight_shape(op)) is not None]


def test_code_that_runs_sees_unsaved_text_and_a_notebooks_cells(net: Path) -> None:
    blocks = net.parent / "blocks.py"
    blocks.write_text("WIDTH = 8\n")
    net.write_text("from blocks import WIDTH\n" + NET.format(name="Net", width="WIDTH"))
    book = net.parent / "book.ipynb"
    source = "%matplotlib inline\n" + NET.format(name="Cell", width=60) + "\nnet = Cell()"
    book.write_text(json.dumps({"cells": [{"cell_type": "code", "source": source}]}))
    typed = NET.format(name="Typed", width=24)

    with Session(Plans({**OVERRIDES, "python": sys.executable})) as opened:
        seen = [
            [(m.name, m.status, _widths(m)) for m in report.models]
            for report in (
                opened.file(net),
                opened.file(net, Texts({blocks: "WIDTH = 16\n"})),
                opened.file(net, Texts({net: typed})),
                opened.file(net.parent / "unwritten.py", Texts({net.parent / "unwritten.py": typed})),
                opened.file(net),
                opened.file(book),
                opened.file(book, Texts({book: typed})),
            )
            if report is not None
        ]
    assert seen == [
        [("Net", "ok", [8])],
        [("Net", "ok", [16])],
        [("Typed", "ok", [24])],
        [("Typed", "ok", [24])],
        [("Net", "ok", [8])],
        [("net", "ok", [60])],
        [("Typed", "ok", [24])],
    ]


def test_advice_stands_on_the_numbers_of_unsaved_text(net: Path) -> None:
    """The number that the advice is about is written in a helper that the disk knows nothing of."""
    blocks = net.parent / "blocks.py"
    blocks.write_text("")
    net.write_text(
        "from torch import nn\nfrom blocks import conv\n\n\nclass Net(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.stem = nn.Conv2d(3, 64, 3)\n        self.conv = conv()\n"
        "        self.last = nn.Conv2d(68, 64, 3)\n\n    def forward(self, x):\n"
        "        return self.last(self.conv(self.stem(x)))\n"
    )
    unsaved = "from torch import nn\n\n\ndef conv():\n    return nn.Conv2d(64, 68, 3)\n"
    with Session(Plans({**OVERRIDES, "python": sys.executable, "select": ["CHN101"]})) as opened:
        report = opened.file(net, Texts({blocks: unsaved}))
        ignored = unsaved.replace("68, 3)", "68, 3)  # advisor: ignore[CHN101]")
        silenced = opened.file(net, Texts({blocks: ignored}))
    assert report is not None
    assert silenced is not None
    assert [(f.span.file, f.span.line) for f in report.models[0].findings] == [(str(blocks), 5)]
    assert silenced.models[0].findings == []
