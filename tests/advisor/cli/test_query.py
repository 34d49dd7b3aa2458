"""``advisor query``, and ``advisor audit`` beside a daemon that runs; lanes with answers of a test stand in for it."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from advisor import engine
from advisor.cli import main
from advisor.client import dial
from advisor.client.errors import DaemonError
from advisor.daemon.remote import AnalystError
from advisor.reports import render
from tests.advisor.client.auditing import auditing
from tests.advisor.reports.samples import report
from tests.daemon.scripts.serving import Lanes, served

STATUS = {
    "pid": 7,
    "version": "0.1",
    "seconds": 1.0,
    "resident": 1 << 20,
    "socket": "/run/s",
    "log": "/log",
    "clients": [],
    "lanes": {},
}


@pytest.fixture
def sample(tmp_path):
    return report(tmp_path, "npu-64", "cpu-x86")


class Daemon:
    """What is dialled: the lanes to be served, or the error to be raised; keeps whether it was to be started."""

    def __init__(self, stack: ExitStack) -> None:
        self.lanes: Lanes | None = None
        self.started: list[bool] = []
        self._stack = stack

    def dial(self, kind: str, *, start: bool = True):
        assert kind == "script"
        self.started.append(start)
        if self.lanes is None:
            raise DaemonError("no daemon is running", remedy="start one")
        return self._stack.enter_context(served(self.lanes, lambda: STATUS))


@pytest.fixture
def daemon(monkeypatch):
    with ExitStack() as stack:
        daemon = Daemon(stack)
        monkeypatch.setattr(dial, "dial", daemon.dial)
        yield daemon


def asked(argv: list[str], capsys) -> tuple[int, str]:
    code = main(["query", *argv])
    return code, capsys.readouterr().out


# ---- query


def test_an_audit_is_printed_in_every_format(daemon, sample, tmp_path, capsys):
    daemon.lanes = auditing(sample)
    assert asked(["audit", "nets", "--json"], capsys) == (1, render(sample, "json"))
    assert asked(["audit", "nets"], capsys) == (1, render(sample, "console"))
    file = tmp_path / "r.sarif"
    assert asked(["audit", "nets", "--output-format", "sarif", "-o", str(file)], capsys) == (1, "")
    assert file.read_text(encoding="utf-8") == render(sample, "sarif")
    assert daemon.started == [True] * 3


def test_an_estimate_is_a_table_or_json(daemon, sample, capsys):
    daemon.lanes = auditing(sample)
    code, out = asked(["estimate", "net.py"], capsys)
    assert code == 0
    header, *rows = out.splitlines()
    assert header.split()[:4] == ["model", "target", "latency", "label"]
    assert [row.split()[:2] for row in rows[:4]] == [[m, t] for m in ("Net", "odd") for t in ("npu-64", "cpu-x86")]
    assert "simulated" in rows[0]
    assert "1 op" in rows[2]  # what no figure holds is said
    assert rows[4].startswith("Broken")
    assert "missing <cfg>" in rows[4]
    code, out = asked(["estimate", "net.py::Net", "--json", "--target", "npu-64"], capsys)
    (net,) = json.loads(out)
    costs = sample.models[0].costs["npu-64"]
    assert code == 0
    assert net["name"] == "Net"
    assert (net["totals"]["npu-64"]["latency_us"], net["totals"]["npu-64"]["label"]) == (costs.latency_us, "simulated")
    assert daemon.lanes.params("planned")[1]["overrides"]["targets"] == ["npu-64"]


def test_layers_are_a_table_or_json(daemon, sample, capsys):
    daemon.lanes = auditing(sample)
    code, table = asked(["show", "net.py::Net"], capsys)
    assert code == 0
    assert "weights Σ" in table
    code, out = asked(["show", "net.py::Net", "--json", "--sort", "params"], capsys)
    (net,) = json.loads(out)
    params = [row["params"] for row in net["layers"]]
    assert code == 0
    assert params == sorted(params, reverse=True)
    assert sum(params) == sample.models[0].costs["npu-64"].params
    assert set(net["layers"][0]["latency_us_by_target"]) == {"npu-64", "cpu-x86"}
    _, out = asked(["show", "net.py::Net", "--json", "--depth", "1"], capsys)
    assert 1 < len(json.loads(out)[0]["layers"]) < len(params)


@pytest.mark.parametrize("question", ["estimate", "show"])
def test_models_that_could_not_be_traced_exit_with_1(daemon, sample, question, capsys):
    daemon.lanes = auditing(sample)
    assert asked([question, "net.py::Broken"], capsys)[0] == 1


@pytest.mark.parametrize(
    ("argv", "words", "document"),
    [
        (["models", "net.py"], "Net", [{"name": "Net", "kind": "class", "line": 4, "root": True}]),
        (["targets"], "an NPU", [{"name": "npu-64", "dtype": "int8", "description": "an NPU"}]),
        (["rules"], "channels", [{"code": "CHN101", "name": "odd", "summary": "channels"}]),
        (["explain", "CHN101"], "# CHN101", {"markdown": "# CHN101"}),
        (["status"], "advisor 0.1, process 7", STATUS),
    ],
)
def test_what_is_listed(daemon, argv, words, document, capsys):
    daemon.lanes = Lanes(
        models=lambda p: {"models": document},
        targets=lambda p: {"targets": document},
        rules=lambda p: {"rules": document},
        explain=lambda p: {"markdown": f"# {p['code']}"},
    )
    code, out = asked(argv, capsys)
    assert code == 0
    assert words in out
    code, out = asked([*argv, "--json"], capsys)
    assert code == 0
    assert json.loads(out) == document
    assert set(daemon.started) == {argv != ["status"]}  # asking how it is starts none


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["status"], "no daemon is running; start one"),
        (["show", "net.py", "--depth", "0"], "--depth 0"),
        (["audit", "nets", "--json", "--output-format", "sarif"], "--json"),
    ],
)
def test_an_error_is_one_line_and_exits_with_2(daemon, argv, words, capsys):
    assert main(["query", *argv]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert words in err
    assert err.startswith("advisor: error: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["estimate", "net.py::Nett"], "no model Nett in net.py; models found there: Net, odd, Broken"),
        (["audit", "net.py", "--min-gain", "900"], "min-gain"),
        (["explain", "CHN109"], "did you mean CHN101?; read the page"),
    ],
)
def test_what_the_daemon_refuses_is_one_line_too(daemon, sample, argv, words, capsys):
    def unknown(params):
        raise AnalystError("params", "did you mean CHN101?", "read the page")

    daemon.lanes = auditing(sample)
    daemon.lanes.answers["explain"] = unknown
    assert main(["query", *argv]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1


# ---- audit


@pytest.fixture
def here(monkeypatch, sample):
    """The engine in this process: gives the sample and keeps what it was asked."""
    calls = []

    def audit_paths(paths, overrides=None, progress=None, cancelled=None, *, fixes=False):
        calls.append((list(paths), dict(overrides)))
        return sample

    monkeypatch.setattr(engine, "audit_paths", audit_paths)
    return calls


def test_an_audit_uses_a_daemon_that_runs_and_starts_none(daemon, here, sample, capsys):
    daemon.lanes = auditing(sample)
    assert main(["audit", "nets", "--output-format", "json", "--min-gain", "2"]) == 1
    assert capsys.readouterr().out == render(sample, "json")
    assert not here
    assert daemon.started == [False]
    assert daemon.lanes.params("planned")[0]["overrides"] == {"min-gain": 2.0}


def refuses(code):
    def fails(params):
        raise AnalystError(code, "no", "")

    return Lanes(planned=fails)


def forgets(params):
    return {"files": ["a.py"], "root": "/", "targets": [], "jobs": 0}


@pytest.mark.parametrize(
    "lanes",
    [
        None,
        *map(refuses, ["config", "target", "engine", "worker", "lost", "internal", "cancelled"]),
        Lanes(planned=lambda p: {}),
        Lanes(planned=forgets, audit=lambda p: {"report": b"no record"}),
    ],
)
def test_an_audit_that_the_daemon_fails_is_done_here(daemon, here, sample, lanes, capsys):
    daemon.lanes = lanes
    assert main(["audit", "nets", "--output-format", "json", "--target", "npu-64"]) == 1
    assert capsys.readouterr().out == render(sample, "json")
    assert [(paths, overrides["targets"]) for paths, overrides in here] == [([Path("nets")], ["npu-64"])]
