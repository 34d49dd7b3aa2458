"""The client of the worker: events, limits, deaths and restarts, and errors that say what to do."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from advisor.workers import (
    InterpreterMissing,
    Outcome,
    PythonTooOld,
    TorchMissing,
    TorchTooOld,
    Worker,
    WorkerError,
    WorkerFailed,
)

PYTHON = Path(sys.executable)

JOB = """
import os, sys, time
import importlib.util

def warm_up():
    global WARM
    WARM = os.getpid()

def run(request, emit):
    emit({"event": "first"})
    exec(request["code"], {"request": request, "emit": emit, "warm": WARM})
"""


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("jobs") / "code.py"
    path.write_text(JOB)
    return path


@pytest.fixture(scope="module")
def worker(job: Path) -> Iterator[Worker]:
    with Worker(PYTHON, jobs={"code": job}) as made:
        yield made


def code(text: str, **more: object) -> dict[str, object]:
    return {"job": "code", "code": text, **more}


def test_events_stream_while_the_job_runs(worker: Worker, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    waits = "import os, time\nwhile not os.path.exists(request['seen']):\n    time.sleep(0.01)\nemit({'event': 'last'})"
    outcome = worker.run(code(waits, seen=str(seen)), lambda event: seen.touch())
    assert [event["event"] for event in outcome.events] == ["first", "last"]
    assert outcome.status == "ok"


def test_large_and_strange_events_arrive_whole(worker: Worker) -> None:
    outcome = worker.run(
        code("emit({'event': 'big', 'text': 'naïve\\n\\x00\\u2028' * 1_000_000, 'nan': float('inf')})")
    )
    assert outcome.events[1] == {"event": "big", "text": "naïve\n\0\u2028" * 1_000_000, "nan": float("inf")}


def test_what_came_before_a_death_is_kept(worker: Worker) -> None:
    outcome = worker.run(code("emit({'event': 'half'}); import os; os.kill(os.getpid(), 11)"))
    assert [event["event"] for event in outcome.events] == ["first", "half"]
    assert (outcome.status, outcome.signal) == ("crash", "SIGSEGV")


def test_children_share_what_the_zygote_warmed_and_nothing_else(worker: Worker) -> None:
    text = """
import os, torch
emit({"event": "own", "pids": [os.getpid(), warm], "seen": hasattr(torch, "seen")})
torch.seen = True
"""
    first, second = worker.run(code(text)).events[1], worker.run(code(text)).events[1]
    assert first["pids"][1] == second["pids"][1] != first["pids"][0] != second["pids"][0]
    assert (first["seen"], second["seen"]) == (False, False)


def test_the_next_child_rehearses_while_it_waits_and_is_no_others(tmp_path: Path) -> None:
    job, meeting = tmp_path / "rehearsing.py", tmp_path / "meeting"
    os.mkfifo(meeting)
    job.write_text(
        "import os, time\n"
        "def rehearse():\n    global REHEARSED\n    REHEARSED = (os.getpid(), time.monotonic())\n"
        f"    open({str(meeting)!r}).close()\n"
        "def run(request, emit):\n    emit({'event': 'pids', 'own': os.getpid(), 'rehearsed': REHEARSED})\n"
    )
    with Worker(PYTHON, jobs={"rehearsing": job}) as worker:
        seen = []
        for _ in range(2):
            worker.start()
            meeting.open("w").close()  # each waits for the other
            asked = time.monotonic()
            (event,) = worker.run({"job": "rehearsing"}).events
            assert event["own"] == event["rehearsed"][0]
            assert event["rehearsed"][1] < asked
            seen.append(event["own"])
    assert len(set(seen)) == 2


@pytest.mark.parametrize("without", [(), ("namespaces",)], ids=["everything", "no-namespaces"])
def test_a_child_that_died_while_it_waited_is_replaced(tmp_path: Path, without: tuple[str, ...]) -> None:
    job = tmp_path / "code.py"
    job.write_text(JOB)
    with Worker(PYTHON, jobs={"code": job}, without=without) as worker:
        for _ in range(2):
            worker.start()
            at_rest = 3 if worker.versions["containment"] else 2  # keeper, zygote and the waiting child
            while len(pids := _processes_of(job)) < at_rest:
                time.sleep(0.01)
            os.kill(max(pids), signal.SIGKILL)
            while Path(f"/proc/{max(pids)}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                time.sleep(0.001)
            assert worker.run(code("pass")).status == "ok"


def test_our_modules_hide_none_of_the_users(worker: Worker) -> None:
    text = """
import importlib.util, sys
names = ("sandbox", "channel", "link", "main", "watch", "zygote", "job", "advisor_worker")
emit({"event": "found", "names": [n for n in names if n in sys.modules or importlib.util.find_spec(n)]})
emit({"event": "path", "ours": [p for p in sys.path if p.endswith("advisor/worker")]})
"""
    outcome = worker.run(code(text))
    assert outcome.events[1:] == ({"event": "found", "names": []}, {"event": "path", "ours": []})


def test_the_job_is_at_home_in_its_scratch_folder_which_is_empty_again_next_time(worker: Worker) -> None:
    text = """
import os, tempfile
from pathlib import Path
here = Path.cwd()
emit({"event": "homes", "inside": [str(Path(p).resolve()).startswith(str(here)) for p in
      (Path.home(), tempfile.gettempdir(), os.environ["TORCH_HOME"], os.environ["XDG_CACHE_HOME"])]})
emit({"event": "old", "files": [p.name for p in here.rglob("*") if p.is_file()]})
deep = Path.home() / "a" / "b"
deep.mkdir(parents=True)
(deep / "kept.txt").write_text("x")
deep.chmod(0)
"""
    for _ in range(2):
        outcome = worker.run(code(text))
        assert outcome.status == "ok", outcome.detail
        assert outcome.events[1]["inside"] == [True] * 4
        assert outcome.events[2]["files"] == []


def test_scratch_folders_go_also_without_namespaces(job: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    text = "import pathlib; p = pathlib.Path('a/b'); p.mkdir(parents=True); (p / 'c').write_text('x'); p.chmod(0)"
    with Worker(PYTHON, jobs={"code": job}, without=("namespaces",)) as worker:
        for _ in range(2):
            assert worker.run(code(text)).status == "ok"
            (scratch,) = tmp_path.iterdir()
            assert [p for p in scratch.rglob("*") if p.name in "abc"] == []  # the next child's folder may be there
    assert list(tmp_path.iterdir()) == []


def test_a_bug_of_the_job_is_an_error_with_its_traceback(worker: Worker) -> None:
    outcome = worker.run(code("1 / 0"))
    assert outcome.status == "error"
    assert "ZeroDivisionError" in outcome.detail


def test_the_end_of_stderr_is_kept(worker: Worker) -> None:
    outcome = worker.run(code("import sys; print('x' * 100_000, file=sys.stderr); print('the end', file=sys.stderr)"))
    assert outcome.stderr.endswith("xxx\nthe end\n")
    assert len(outcome.stderr) < 20_000


def test_measures_are_reported(worker: Worker) -> None:
    outcome = worker.run(code("pass"))
    assert "resource-limits" in outcome.containment
    assert len(set(outcome.containment)) == len(outcome.containment)


def test_versions_come_from_the_interpreter(worker: Worker) -> None:
    worker.start()
    assert worker.versions["python"] == sys.version.split()[0]
    assert worker.versions["torch"].startswith("2.")


def test_a_dead_worker_costs_one_request_and_is_replaced(job: Path) -> None:
    with Worker(PYTHON, jobs={"code": job}) as worker:
        hang = code("import time; time.sleep(60)")
        outcome = worker.run(hang, lambda _: _kill_children_of(os.getpid(), job))
        assert outcome.status == "lost"
        assert [event["event"] for event in outcome.events] == ["first"]
        assert worker.run(code("pass")).status == "ok"


def test_an_exception_in_on_event_reaches_the_caller_and_harms_no_later_request(job: Path) -> None:
    def refuse(event: object) -> None:
        raise LookupError("no")

    with Worker(PYTHON, jobs={"code": job}) as worker:
        with pytest.raises(LookupError):
            worker.run(code("emit({'event': 'late'})"), refuse)
        outcome = worker.run(code("emit({'event': 'new'})"))
        assert [event["event"] for event in outcome.events] == ["first", "new"]


def test_closing_ends_the_request_that_runs(job: Path) -> None:
    outcomes = []
    worker = Worker(PYTHON, jobs={"code": job})
    running = threading.Event()
    hang = code("import time; time.sleep(60)", seconds=60)
    thread = threading.Thread(target=lambda: outcomes.append(worker.run(hang, lambda _: running.set())))
    thread.start()
    assert running.wait(60)
    worker.close()
    thread.join()
    assert [outcome.status for outcome in outcomes] == ["cancelled"]


def test_a_request_ends_as_soon_as_it_is_cancelled_and_the_next_is_run(worker: Worker) -> None:
    running = threading.Event()
    hang = code("import time; time.sleep(60)", seconds=60)
    started = time.monotonic()
    outcome = worker.run(hang, lambda _: running.set(), running.is_set)
    assert (outcome.status, [event["event"] for event in outcome.events]) == ("cancelled", ["first"])
    assert time.monotonic() - started < 50.0  # it would have slept on
    assert worker.run(code("pass"), cancelled=lambda: False).status == "ok"


def test_one_cancelled_while_the_worker_starts_leaves_it_to_the_next(job: Path) -> None:
    with Worker(PYTHON, jobs={"code": job}) as worker:
        asked: list[int | None] = []

        def cancelled() -> bool:
            asked.append(worker.pid)
            return worker.pid is not None

        assert worker.run(code("pass"), cancelled=cancelled).status == "cancelled"
        pid = asked[-1]
        assert pid is not None
        assert worker.run(code("pass")).status == "ok"
        assert worker.pid == pid


def test_closing_one_that_starts_does_not_wait_for_it(job: Path, tmp_path: Path) -> None:
    slow = script(tmp_path / "python", "exec sleep 60")
    worker = Worker(slow, jobs={"code": job})
    thread = threading.Thread(target=worker.start)
    thread.start()
    while worker.pid is None:
        time.sleep(0.01)
    pid = worker.pid
    started = time.monotonic()
    worker.close()
    thread.join()
    assert time.monotonic() - started < 50.0
    assert not Path(f"/proc/{pid}").exists()


def test_user_code_sees_the_given_environment_and_no_more_of_it_than_is_passed_on(job: Path) -> None:
    given = {"PATH": os.environ["PATH"], "LC_TIME": "C", "CONDA_PREFIX": "/opt/other", "SECRET": "1"}
    ask = "import os; emit({'event': 'seen', 'env': {n: os.environ.get(n) for n in %r}})" % [*given, "VIRTUAL_ENV"]
    with Worker(PYTHON, jobs={"code": job}, environment=given) as worker:
        seen = worker.run(code(ask)).events[1]["env"]
    assert seen == {**given, "SECRET": None, "VIRTUAL_ENV": None}


def _processes_of(job: Path) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if str(job).encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def _kill_children_of(parent: int, job: Path) -> None:
    for pid in _processes_of(job):
        if int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) == parent:
            os.kill(pid, signal.SIGKILL)


# ---- interpreters that will not do


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def error_of(interpreter: Path, kind: type[WorkerError]) -> WorkerError:
    with pytest.raises(kind) as caught, Worker(interpreter) as worker:
        worker.start()
    assert caught.value.remedy in str(caught.value)
    return caught.value


def test_no_such_interpreter(tmp_path: Path) -> None:
    assert "--python" in error_of(tmp_path / "python", InterpreterMissing).remedy


def test_an_interpreter_without_torch(tmp_path: Path) -> None:
    bare = script(tmp_path / "python", f'exec "{PYTHON}" -S "$@"')
    assert "install torch" in error_of(bare, TorchMissing).remedy


def test_an_interpreter_with_an_old_torch(tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("__version__ = '2.3.1+cpu'")
    (tmp_path / "torch" / "fx.py").touch()
    old = script(tmp_path / "python", f'PYTHONPATH="{tmp_path}" exec "{PYTHON}" "$@"')
    assert "2.3.1" in str(error_of(old, TorchTooOld))


def test_an_old_interpreter(tmp_path: Path) -> None:
    pretend = "import runpy, sys; sys.version_info = (3, 8, 1); sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0])"
    old = script(tmp_path / "python", f'exec "{PYTHON}" -c \'{pretend}\' "$@"')
    assert "3.10" in error_of(old, PythonTooOld).remedy


def test_something_that_is_no_python(tmp_path: Path) -> None:
    other = script(tmp_path / "python", "echo I am a teapot >&2")
    assert "I am a teapot" in str(error_of(other, WorkerFailed))


# ---- what a dead job left on stderr


@pytest.mark.parametrize(
    ("stderr", "line"),
    [
        ('Fatal Python error: Aborted\n  File "/net.py", line 7 in run\n  File "/net.py", line 9 in <module>\n', 7),
        ('  File "/other.py", line 3 in run\n  File "/net.py", line 9 in <module>\n', 9),
        ('Traceback (most recent call last):\n  File "/net.py", line 4, in f\n', None),
        (f'  File "/net.py", line {"9" * 5000} in f\n  File "/net.py", line four in f\n', None),
    ],
)
def test_the_line_comes_from_the_fault_handlers_stack_alone(stderr: str, line: int | None) -> None:
    assert Outcome("1", "crash", stderr=stderr).last_line("/net.py") == line
