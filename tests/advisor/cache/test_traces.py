"""Runs answered from the cache, with a worker that is played."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from advisor.cache.traces import Traces
from advisor.texts import Texts
from advisor.workers import Event, Outcome

NET = """\
from torch import nn

from blocks import conv


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = conv(3)


def train():
    print("a")
"""


class Played:
    """A worker that reads what ``reads`` names and says where ``conv(3)`` stands."""

    def __init__(self, folder: Path) -> None:
        self.file, self.other = folder / "net.py", folder / "blocks.py"
        self.folder = folder
        self.runs = 0
        self.outcome: dict[str, Any] = {"status": "ok", "seconds": 0.1}
        self.model: dict[str, Any] = {}
        self.reads: dict[str, Any] = {
            "complete": True,
            "files": [str(self.file), str(self.other)],
            "folders": [str(folder)],
        }
        self.meanwhile: Callable[[], object] = lambda: None

    def __call__(self, request: Mapping[str, Any], on_event: Callable[[Event], None]) -> Outcome:
        self.runs += 1
        self.meanwhile()
        text = request["buffers"].get(str(self.file)) or self.file.read_text()
        lines = text.split("\n")
        line = next(n for n, said in enumerate(lines, 1) if "conv(3)" in said)
        column = lines[line - 1].index("conv") + 1
        span = [0, line, column, line, column + 7]
        graph = {"files": [str(self.file)], "modules": [["", "Net", []], ["first", "Conv2d", [span]]], "ops": []}
        candidate = request["candidates"][0]
        model = {
            **{"event": "model", "name": "Net", "kind": "class", "line": candidate["line"], "status": "ok"},
            **{"construct": {"source": "default", "where": candidate["attempts"][0]["where"], "shown": "Net()"}},
            **{"input": None, "graph": graph, "error": None, "notes": [], "covers": ["Net"], **self.model},
        }
        events: list[Event] = [{"event": "import", "error": None, "notes": [], "stubbed": []}]
        events += [{"event": "begin", "name": "Net"}, model, {"event": "reads", **self.reads}, {"event": "done"}]
        for event in events:
            on_event(event)
        return Outcome("1", events=tuple(events), **self.outcome)


@pytest.fixture
def played(tmp_path: Path) -> Played:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "net.py").write_text(NET)
    (folder / "blocks.py").write_text("def conv(n): ...\n")
    time.sleep(0.03)
    return Played(folder)


@pytest.fixture
def traces(tmp_path: Path) -> Traces:
    return Traces(tmp_path / "cache")


def ask(
    traces: Traces, played: Played, text: str | None = None, buffers: Mapping[Path, str] | None = None, **changes: Any
) -> tuple[list[Event], bool]:
    """The events without ``reads``, and whether they came from the cache."""
    if text is not None:
        buffers = {**(buffers or {}), played.file: text}
    buffers = buffers or {}
    said = (text or played.file.read_text()).split("\n")
    line = next(n for n, line in enumerate(said, 1) if line.startswith("class Net"))
    request = {
        **{"job": "audit", "file": str(played.file), "root": str(played.folder), "seconds": 20.0},
        **{"memory_bytes": 1 << 30, "preload": [], "hints": [], "buffers": {str(p): t for p, t in buffers.items()}},
        "candidates": [
            {
                **{"name": "Net", "kind": "class", "line": line, "end_line": line + 3, "root": True},
                **{"class": "Net", "required": [], "inputs": []},
                "attempts": [{"source": "default", "where": f"net.py:{line}", "args": [], "kwargs": {}, "setup": []}],
            }
        ],
        **changes,
    }
    events: list[Event] = []
    before = played.runs
    run = traces.running(played, Path(sys.executable), {"PATH": "/bin"}, Texts(buffers), played.file)
    outcome = run(request, events.append)
    assert list(outcome.events) == events
    return [e for e in events if e["event"] != "reads"], played.runs == before


def fresh(played: Played, *args: Any, **kwargs: Any) -> list[Event]:
    return ask(Traces(None), played, *args, **kwargs)[0]


def test_a_second_run_is_answered_from_memory_and_after_a_restart_from_the_disk(
    traces: Traces, played: Played, tmp_path: Path
) -> None:
    first, hit = ask(traces, played)
    assert not hit
    assert ask(traces, played) == (first, True)
    assert (traces.hits, traces.misses) == (1, 1)
    again = Traces(tmp_path / "cache")
    assert ask(again, played) == (first, True)
    assert (again.hits, again.misses) == (1, 0)


def test_an_edit_that_does_not_matter_moves_the_spans(traces: Traces, played: Played) -> None:
    ask(traces, played)
    text = "# a comment\n\n" + NET.replace("self.first = ", "self.first  =  ").replace('"a"', '"b"')
    events, hit = ask(traces, played, text)
    assert hit
    assert events == fresh(played, text)
    assert events[2]["line"] == 8
    assert events[2]["construct"]["where"] == "net.py:8"


@pytest.mark.parametrize("words", ["at line 3", "net.py", "<object at 0x7f>", "3:4"])
def test_words_that_may_name_lines_hold_for_the_same_lines_only(traces: Traces, played: Played, words: str) -> None:
    played.model = {"status": "failed", "error": {"type": "E", "message": words, "file": None, "line": None}}
    ask(traces, played)
    assert ask(traces, played)[1]
    assert ask(traces, played, NET + "# the end\n")[1]
    assert not ask(traces, played, "# the beginning\n" + NET)[1]


def test_the_line_of_an_error_moves(traces: Traces, played: Played) -> None:
    error = {"type": "E", "message": "no", "file": str(played.file), "line": 9, "told": "net.py:6"}
    played.model = {"status": "failed", "error": error}
    ask(traces, played)
    events, hit = ask(traces, played, "\n" + NET)
    assert hit
    assert events[2]["error"] == {**error, "line": 10, "told": "net.py:7"}


def test_an_edit_of_what_it_imports_is_a_miss_until_it_is_undone(traces: Traces, played: Played) -> None:
    ask(traces, played)
    other = {played.other: "def conv(n): return n\n"}
    assert not ask(traces, played, buffers=other)[1]
    assert ask(traces, played, buffers=other)[1]
    assert ask(traces, played)[1]
    played.other.write_text("def conv(n): raise\n")
    assert not ask(traces, played)[1]


def test_a_file_that_appears_is_a_miss(traces: Traces, played: Played) -> None:
    ask(traces, played)
    (played.folder / "notes.txt").write_text("no module")
    assert ask(traces, played)[1]
    assert not ask(traces, played, buffers={played.folder / "unsaved.py": ""})[1]
    (played.folder / "torch.py").write_text("")
    assert not ask(traces, played)[1]


def test_what_was_not_there_and_is_now_is_a_miss(traces: Traces, played: Played) -> None:
    played.reads["files"].append(str(played.folder / "settings.yaml"))
    ask(traces, played)
    assert ask(traces, played)[1]
    (played.folder / "settings.yaml").write_text("width: 8\n")
    assert not ask(traces, played)[1]


@pytest.mark.parametrize(
    "change",
    [{"memory_bytes": 1 << 29}, {"root": "/elsewhere"}, {"preload": ["timm"]}, {"hints": [{"where": "net.py:1"}]}],
)
def test_another_request_is_a_miss(traces: Traces, played: Played, change: dict[str, Any]) -> None:
    ask(traces, played)
    assert not ask(traces, played, **change)[1]
    assert ask(traces, played, seconds=21.0)[1]


def test_an_argument_that_is_called_where_is_no_place(traces: Traces, played: Played) -> None:
    def candidates(value: str) -> list[dict[str, Any]]:
        attempt = {"source": "default", "where": "net.py:6", "args": [], "kwargs": {"where": value}, "setup": []}
        return [{"name": "Net", "line": 6, "kind": "class", "attempts": [attempt]}]

    ask(traces, played, candidates=candidates("1"))
    assert ask(traces, played, candidates=candidates("1"))[1]
    assert not ask(traces, played, candidates=candidates("2"))[1]


@pytest.mark.parametrize(
    ("model", "outcome", "reads"),
    [
        ({}, {"status": "crash"}, {}),
        ({}, {"leftover": 1}, {}),
        ({}, {"seconds": 15.0}, {}),
        ({}, {}, {"complete": False}),
        ({"error": {"type": "OutOfTime", "message": "", "file": None, "line": None}}, {}, {}),
        ({"covers": [1 << 70]}, {}, {}),
    ],
)
def test_what_is_not_kept(
    traces: Traces, played: Played, model: dict[str, Any], outcome: dict[str, Any], reads: dict[str, Any]
) -> None:
    played.model = model
    played.outcome.update(outcome)
    played.reads.update(reads)
    ask(traces, played)
    assert not ask(traces, played)[1]


@pytest.mark.parametrize(
    ("said", "kept"), [({"mark": "m"}, True), ({}, False), ({"mark": "m", "name": "Other"}, False)]
)
def test_scores_that_took_long_are_kept_where_no_limit_had_a_part_in_them(
    traces: Traces, played: Played, said: dict[str, Any], kept: bool
) -> None:
    played.model = {"event": "score", **said}
    played.outcome["seconds"] = 15.0
    ask(traces, played, job="score", score={"Net": []})
    assert ask(traces, played, job="score", score={"Net": []})[1] is kept


@pytest.mark.parametrize("name", ["net.py", "blocks.py", "new.py"])
def test_a_change_while_it_ran_is_not_kept(traces: Traces, played: Played, name: str) -> None:
    path = played.folder / name
    was = path.read_text() if path.exists() else ""
    played.meanwhile = lambda: path.write_text(was + "# changed\n")
    ask(traces, played)
    played.meanwhile = lambda: None
    time.sleep(0.03)
    assert not ask(traces, played)[1]
    assert ask(traces, played)[1]


def test_a_body_that_another_file_names_matters(traces: Traces, played: Played) -> None:
    played.other.write_text("from net import train\n")
    time.sleep(0.03)
    ask(traces, played)
    assert not ask(traces, played, NET.replace('"a"', '"b"'))[1]
    assert ask(traces, played, NET + "# a comment\n")[1]


@pytest.mark.parametrize("data", ["model: net.train\n", "#" * (2 << 20)])
def test_a_body_that_settings_may_name_matters(traces: Traces, played: Played, data: str) -> None:
    settings = played.folder / "settings.yaml"
    settings.write_text(data)
    played.reads["files"].append(str(settings))
    time.sleep(0.03)
    ask(traces, played)
    assert not ask(traces, played, NET.replace('"a"', '"b"'))[1]
    assert ask(traces, played, NET + "# a comment\n")[1]


def test_a_file_that_changes_and_changes_back_is_not_kept(traces: Traces, played: Played) -> None:
    def meanwhile() -> None:
        played.file.write_text(NET + "# changed\n")
        time.sleep(0.02)
        played.file.write_text(NET)

    played.meanwhile = meanwhile
    played.reads["folders"] = []
    ask(traces, played)
    played.meanwhile = lambda: None
    time.sleep(0.03)
    assert not ask(traces, played)[1]


def test_a_file_that_changes_after_it_was_asked_about_is_not_kept(traces: Traces, played: Played) -> None:
    class Slow(Traces):
        def _find(self, asked: Any) -> Any:
            found = super()._find(asked)
            played.file.write_text(NET.replace("conv(3)", "conv(3) # 4"))
            return found

    slow = Slow(None)
    ask(slow, played)
    played.file.write_text(NET)
    time.sleep(0.03)
    assert not ask(slow, played)[1]


def test_every_comment_matters_where_an_imported_file_reads_source(traces: Traces, played: Played) -> None:
    played.other.write_text("from inspect import getsource\n")
    time.sleep(0.03)
    ask(traces, played)
    assert ask(traces, played)[1]
    assert not ask(traces, played, NET + "# a comment\n")[1]


def test_an_environment_of_its_own(played: Played, traces: Traces, tmp_path: Path) -> None:
    python = tmp_path / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    (tmp_path / "env" / "pyvenv.cfg").write_text("home = /usr/bin\n")
    site = tmp_path / "env" / "lib" / "python3.11" / "site-packages"
    site.mkdir(parents=True)

    def again(**environment: str) -> bool:
        before = played.runs
        run = traces.running(played, python, environment, Texts(), played.file)
        candidate = {"name": "Net", "line": 6, "kind": "class", "attempts": [{"where": "net.py:6"}]}
        request = {"file": str(played.file), "seconds": 20.0, "buffers": {}, "candidates": [candidate]}
        run(request, lambda _: None)
        return played.runs == before

    assert not again()
    assert again()
    assert again(PAGER="less")  # not passed on
    assert not again(LANG="C")
    (site / "einops").mkdir()
    assert not again()
    assert again()
    played.meanwhile = (site / "timm").mkdir
    (site / "other").mkdir()
    assert not again()  # something is installed meanwhile
    played.meanwhile = lambda: None
    assert not again()


def test_without_a_folder_and_in_one_that_cannot_be_written(played: Played, tmp_path: Path) -> None:
    for traces in (Traces(None), Traces(tmp_path / "project" / "net.py" / "cache")):
        ask(traces, played)
        assert ask(traces, played)[1]


def test_memory_is_bounded(played: Played, tmp_path: Path) -> None:
    traces = Traces(None, memory_bytes=1)
    ask(traces, played)
    ask(traces, played, NET.replace("conv(3)", "conv(3) or 4"))
    assert not ask(traces, played)[1]


def test_a_damaged_entry_is_a_miss(played: Played, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    ask(Traces(folder), played)
    (entry,) = (p for p in folder.rglob("*") if p.is_file())
    entry.write_bytes(entry.read_bytes()[:-3])
    assert not ask(Traces(folder), played)[1]
    assert ask(Traces(folder), played)[1]


def test_a_buffer_that_the_worker_does_not_get_is_not_looked_up(traces: Traces, played: Played) -> None:
    run = traces.running(played, Path(sys.executable), os.environ, Texts({played.file: NET + "x = 1\n"}), played.file)
    run(
        {
            "file": str(played.file),
            "seconds": 1.0,
            "buffers": {},
            "candidates": [{"name": "Net", "line": 6, "attempts": [{"where": ""}]}],
        },
        lambda _: None,
    )
    assert (traces.hits, traces.misses) == (0, 0)
