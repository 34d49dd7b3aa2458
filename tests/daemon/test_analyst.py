"""An analyst as a process: what it is asked, what it answers, and how it ends."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

import advisor
from advisor import record
from advisor.daemon.view import View, digest
from advisor.frames import Decoder, Message, encode
from advisor.reports import render

MODEL = """import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 60, 3)

    def forward(self, x):
        return self.conv(x)
"""
HANGING = "while True: pass\n" + MODEL
HERE = {"python": sys.executable}


class Process:
    """An analyst and its pipes."""

    def __init__(self, *arguments: str, start: Sequence[str] = ("-m", "advisor.daemon", "analyst")) -> None:
        command = [sys.executable, *start, *arguments]
        self.popen = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/"
        )
        self._decoder = Decoder()
        self._messages: list[Message] = []
        self._number = 0
        assert self.read()["event"] == "ready"

    def write(self, message: Message) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.write(encode(message))
        self.popen.stdin.flush()

    def read(self, seconds: float = 60.0) -> Message:
        assert self.popen.stdout is not None
        while not self._messages:
            assert select.select([self.popen.stdout], [], [], seconds)[0], "the analyst said nothing"
            data = os.read(self.popen.stdout.fileno(), 1 << 20)
            assert data, "the analyst ended"
            self._messages += self._decoder.feed(data)
        return self._messages.pop(0)

    def ask(self, method: str, **params: Any) -> int:
        self._number += 1
        self.write({"id": self._number, "method": method, "params": params})
        return self._number

    def call(self, method: str, **params: Any) -> tuple[list[Message], Message]:
        """The events of a job, and its end."""
        number, events = self.ask(method, **params), []
        while True:
            message = self.read()
            assert message["id"] == number
            if "event" not in message:
                return events, message
            events.append(message)

    def end(self) -> int:
        """Close its stdin; its exit code."""
        assert self.popen.stdin is not None and self.popen.stdout is not None and self.popen.stderr is not None
        self.popen.stdin.close()
        code = self.popen.wait(20)
        self.popen.stdout.close()
        self.popen.stderr.close()
        return code


@pytest.fixture(scope="module")
def analyst(tmp_path_factory) -> Iterator[Process]:
    process = Process("--cache", str(tmp_path_factory.mktemp("cache")))
    yield process
    assert process.end() == 0


@pytest.fixture
def model(tmp_path) -> Path:
    path = tmp_path / "model.py"
    path.write_text(MODEL)
    return path


def error(end: Message) -> tuple[str, str]:
    return end["error"]["code"], end["error"]["message"]


def test_a_file_is_shown_unrun_at_once_and_then_traced(analyst, model):
    events, end = analyst.call("analyse", path=str(model), overrides=HERE, run=True, settle=0)
    assert [e["event"] for e in events] == ["static", "model"]
    static, traced = View.from_plain(events[0]["view"]), View.from_plain(end["result"]["view"])
    assert (static.phase, static.content) == ("static", digest(MODEL))
    assert [m.name for m in static.models] == ["Net"]
    assert events[1]["name"] == "Net"
    assert (traced.phase, traced.content, traced.path) == ("traced", digest(MODEL), str(model))
    assert [(p.span.line, p.created) for p in traced.places] == [(7, True), (10, False)]
    assert traced.models[0].totals["cpu-x86"].params == 60 * 3 * 9 + 60


def test_a_file_can_be_read_only(analyst, tmp_path):
    path, mark = tmp_path / "marks.py", tmp_path / "ran"
    path.write_text(f"open({str(mark)!r}, 'w')\n{MODEL}# advisor: args\n")
    events, end = analyst.call("read", path=str(path), overrides=HERE, run=True)
    assert end["result"] == {} and [e["event"] for e in events] == ["static"]
    view = View.from_plain(events[0]["view"])
    assert (view.phase, [f.code for f in view.findings], [m.name for m in view.models]) == (
        "static",
        ["TRC906"],
        ["Net"],
    )
    assert not mark.exists()


def test_scores_are_a_job_of_their_own_and_come_with_the_trace_once_they_are_known(analyst, model):
    wanted = {"path": str(model), "overrides": {**HERE, "zero-shot": True}, "run": True}
    _, end = analyst.call("analyse", **wanted)
    assert end["result"]["unscored"] and View.from_plain(end["result"]["view"]).models[0].scores == []
    _, end = analyst.call("score", **wanted)
    (scored,) = View.from_plain(end["result"]["view"]).models
    names = [name for name, _ in scored.scores]
    assert "MeCo" in names and "FLOPs" in names and scored.scored.startswith("(16, 3, ")
    _, end = analyst.call("analyse", **wanted)
    assert not end["result"]["unscored"] and View.from_plain(end["result"]["view"]).models == [scored]
    _, end = analyst.call("analyse", path=str(model), overrides=HERE, run=True)
    assert not end["result"]["unscored"] and View.from_plain(end["result"]["view"]).models[0].scores == []
    _, end = analyst.call("analyse", **{**wanted, "run": False})
    assert not end["result"]["unscored"]


def test_the_unsaved_text_counts(analyst, model):
    text = MODEL.replace("60", "30")
    _, end = analyst.call("analyse", path=str(model), text=text, overrides=HERE, run=True)
    view = View.from_plain(end["result"]["view"])
    assert view.content == digest(text)
    assert view.models[0].totals["cpu-x86"].params == 30 * 3 * 9 + 30


def test_unsaved_texts_of_other_files_count(analyst, tmp_path, model):
    (tmp_path / "sizes.py").write_text("WIDTH = 8\n")
    model.write_text("from sizes import WIDTH\n" + MODEL.replace("60", "WIDTH"))
    buffers = {str(tmp_path / "sizes.py"): "WIDTH = 16\n"}
    for given, width in (({}, 8), (buffers, 16)):
        _, end = analyst.call("analyse", path=str(model), buffers=given, overrides=HERE, run=True)
        assert View.from_plain(end["result"]["view"]).models[0].totals["cpu-x86"].params == width * 28


def test_nothing_runs_unless_it_was_said(tmp_path):
    path = tmp_path / "model.py"
    path.write_text(MODEL)
    process = Process()
    try:
        for params in ({}, {"run": False}, {"run": "yes"}, {"run": 1}):
            process.call("warm", path=str(path), **params)
            _, end = process.call("analyse", path=str(path), **params)
            assert View.from_plain(end["result"]["view"]).models[0].rung == "static"
        assert not psutil.Process(process.popen.pid).children()
        process.call("warm", path=str(path), overrides=HERE, run=True)
        deadline = time.monotonic() + 30
        while not psutil.Process(process.popen.pid).children():
            assert time.monotonic() < deadline, "no worker was started"
            time.sleep(0.01)
    finally:
        assert process.end() == 0


def test_an_audit_is_what_the_library_says(analyst, model):
    _, end = analyst.call("audit", path=str(model), overrides={**HERE, "targets": ["npu-64"]}, run=True)
    blob = end["result"]["report"]
    expected = advisor.audit(model, target="npu-64", **HERE)
    assert record.pack(record.unpack(blob)) == record.pack(expected.files[0])
    _, end = analyst.call("render", records=[blob], root=expected.root, targets=["npu-64"])
    assert end["result"]["document"] == render(expected, "json").encode()


def test_what_is_planned_is_what_the_command_line_would_audit(analyst, model):
    _, end = analyst.call("planned", paths=[str(model.parent)], overrides={}, cwd=str(model.parent))
    assert end["result"] == {"files": [str(model)], "root": str(model.parent), "targets": ["cpu-x86"], "jobs": 0}


def test_models_are_listed_without_running(analyst, tmp_path):
    _, end = analyst.call("models", path=str(tmp_path / "none.py"), text=HANGING)
    assert end["result"] == {"models": [{"name": "Net", "kind": "class", "line": 5, "root": True}]}


def test_what_there_is_to_know(analyst):
    _, end = analyst.call("targets", cwd="/", overrides={})
    (npu,) = [t for t in end["result"]["targets"] if t["name"] == "npu-64"]
    assert npu["description"] and npu["dtype"]
    _, end = analyst.call("rules")
    (rule,) = [r for r in end["result"]["rules"] if r["code"] == "CHN101"]
    _, end = analyst.call("explain", code=rule["name"].upper())
    assert end["result"]["code"] == "CHN101" and rule["summary"] in end["result"]["markdown"]


@pytest.mark.parametrize(
    ("method", "params", "code", "words"),
    [
        ("nonsense", {}, "params", "no method 'nonsense'"),
        (3, {}, "params", "no method 3"),
        ("audit", {}, "params", "audit: path: expected a text, got None"),
        ("audit", {"path": "net.py"}, "params", "path: expected an absolute path, got 'net.py'"),
        ("audit", {"path": "/a\0b"}, "params", "path"),
        ("audit", {"path": "/a.py", "text": 3}, "params", "text: expected a text"),
        ("audit", {"path": "/a.py", "buffers": ["/a"]}, "params", "buffers: expected a table"),
        ("audit", {"path": "/a.py", "buffers": {"b.py": ""}}, "params", "buffers: expected an absolute path"),
        ("audit", {"path": "/a.py", "environment": {"HOME": 1}}, "params", "environment: expected a text, got 1"),
        ("analyse", {"path": "/a.py", "settle": -1}, "params", "settle: expected 0 to 60 seconds, got -1"),
        ("analyse", {"path": "/a.py", "settle": "soon"}, "params", "settle"),
        ("audit", {"path": "/a.py", "overrides": {"targets": ["npu-65"]}}, "target", "did you mean 'npu-64'?"),
        ("audit", {"path": "/a.py", "overrides": {"min_gain": "much"}}, "config", "min-gain"),
        ("audit", {"path": "/a.py", "overrides": {"select": ["XYZ"]}}, "config", "XYZ"),
        ("planned", {"paths": ["/nowhere/at/all"]}, "engine", "no such file or folder: /nowhere/at/all"),
        ("planned", {"paths": "/"}, "params", "paths: expected a list"),
        ("models", {"path": "/nowhere.py"}, "engine", "/nowhere.py:1: cannot read this"),
        ("models", {"path": "/a.py", "text": "class ("}, "engine", "/a.py:1: syntax error"),
        ("explain", {"code": "CHN1O1"}, "params", "did you mean 'CHN101'?"),
        ("render", {"records": [b"x"], "root": "/", "targets": []}, "params", "audit the file again"),
        ("render", {"records": ["x"], "root": "/", "targets": []}, "params", "records: expected a list of bytes"),
    ],
)
def test_mistakes_are_errors_that_name_what_is_wrong(analyst, method, params, code, words):
    _, end = analyst.call(method, **params)
    assert error(end)[0] == code
    assert words in error(end)[1]


def test_an_interpreter_that_does_not_exist_is_an_error_with_a_remedy(analyst, model):
    _, end = analyst.call("audit", path=str(model), overrides={"python": "/nowhere/python"}, run=True)
    assert error(end)[0] in ("worker", "config") and "/nowhere/python" in error(end)[1]
    assert end["error"]["remedy"] or "give" in error(end)[1]


def test_relative_paths_in_overrides_start_from_the_given_folder(analyst, model):
    (model.parent / "mine.toml").write_text('inherits = "npu-64"\nname = "mine"\n')
    params = {"path": str(model), "overrides": {"targets": ["mine.toml"]}, "run": False}
    _, end = analyst.call("audit", **params, cwd=str(model.parent))
    assert list(record.unpack(end["result"]["report"]).models[0].costs) == ["mine"]


@pytest.mark.parametrize("text", ["class (", "", "x = '\ud800'", MODEL + "\ud800", "\0", "(" * 5000])
def test_texts_that_are_no_python_are_analysed_too(analyst, text):
    _, end = analyst.call("analyse", path="/nowhere/net.py", text=text, overrides=HERE, run=True)
    assert View.from_plain(end["result"]["view"]).content == digest(text)


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.01)


def test_a_cancelled_job_ends_and_the_next_is_served(analyst, model):
    number = analyst.ask("analyse", path=str(model), text=HANGING, overrides=HERE, run=True)
    assert analyst.read()["event"] == "static"
    analyst.write({"cancel": number})
    end = analyst.read()
    assert (end["id"], end["error"]["code"]) == (number, "cancelled")
    analyst.write({"cancel": number})  # too late: nothing comes of it
    assert "result" in analyst.call("rules")[1]


def test_a_job_is_cancelled_while_it_lets_the_edit_settle(analyst, model):
    number = analyst.ask("analyse", path=str(model), overrides=HERE, run=True, settle=60)
    assert analyst.read()["event"] == "static"
    analyst.write({"cancel": number})
    assert analyst.read()["error"]["code"] == "cancelled"


def test_a_job_that_waits_its_turn_can_be_cancelled(analyst, model):
    first = analyst.ask("analyse", path=str(model), overrides=HERE, run=True, settle=60)
    second = analyst.ask("rules")
    analyst.write({"cancel": second})
    analyst.write({"cancel": first})
    ends: list[Message] = []
    while len(ends) < 2:  # the first may or may not have come to its event
        message = analyst.read()
        ends += [message] if "event" not in message else []
    assert [(e["id"], e["error"]["code"]) for e in ends] == [(first, "cancelled"), (second, "cancelled")]


def test_the_end_of_stdin_ends_a_job_and_all_processes(model):
    process = Process()
    process.ask("analyse", path=str(model), text=HANGING, overrides=HERE, run=True)
    assert process.read()["event"] == "static"
    root = psutil.Process(process.popen.pid)
    until(lambda: len(root.children(recursive=True)) >= 2)
    family = root.children(recursive=True)
    assert process.end() == 0
    assert not psutil.wait_procs(family, timeout=10)[1]


def test_bytes_that_are_no_message_end_it_with_a_word(capfd):
    process = Process()
    assert process.popen.stdin is not None and process.popen.stderr is not None
    process.popen.stdin.write(b"\0\0\0\1\xc1")
    process.popen.stdin.flush()
    assert process.popen.wait(20) == 1
    assert b"no message" in process.popen.stderr.read()


def test_nothing_that_is_printed_gets_into_the_answers():
    """As a rule pack may do while it is loaded."""
    script = (
        "import sys, os; from advisor.daemon import analyst, jobs\n"
        "quiet = jobs.Jobs.prepare\n"
        "jobs.Jobs.prepare = lambda self: (print('to stdout'), os.write(1, b'to fd 1\\n'), quiet(self))\n"
        "sys.exit(analyst.main([]))"
    )
    process = Process(start=("-c", script))
    assert process.call("rules")[1]["result"]
    assert process.popen.stdin is not None and process.popen.stderr is not None
    process.popen.stdin.close()
    said = process.popen.stderr.read()
    assert b"to stdout" in said and b"to fd 1" in said
    assert process.popen.wait(20) == 0


def test_the_module_names_the_processes_it_can_be():
    for arguments in ([], ["nonsense"]):
        done = subprocess.run([sys.executable, "-m", "advisor.daemon", *arguments], capture_output=True, cwd="/")
        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr.startswith(b"usage: ") and b"hub|stdio|analyst" in done.stderr
