"""Hostile files at the worker: each ends in one clear outcome, leaves nothing behind, and the next request runs."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from advisor.workers import Outcome, Worker

FILES = Path(__file__).parent / "files"
JOB = Path(__file__).parent / "plain_job.py"
SECONDS = 20.0  # much more than any of them needs, but the one that hangs
MEMORY_BYTES = 384 << 20

RAISED, BUILT = "raised", "built"
EXPECTED = {  # how the request ends, and what the job could still say
    "aborts.py": ("crash", None),
    "allocates_in_constructor.py": ("memory", None),
    "circular_a.py": ("ok", RAISED),
    "circular_b.py": ("ok", RAISED),
    "closes_descriptors.py": ("closed", None),
    "daemon.py": ("ok", BUILT),
    "deletes_beside.py": ("ok", RAISED),
    "endless_allocation.py": ("memory", None),
    "endless_thread.py": ("ok", BUILT),
    "executes_another.py": ("ok", BUILT),
    "forges_events.py": ("ok", BUILT),
    "fork_bomb.py": ("processes", None),
    "hang.py": ("timeout", None),
    "hangs_at_exit.py": ("ok", BUILT),
    "interrupt_in_model.py": ("ok", BUILT),
    "keyboard_interrupt.py": ("ok", RAISED),
    "kills_parent.py": ("crash", None),
    "not_utf8.py": ("ok", RAISED),
    "opens_sockets.py": ("ok", RAISED),
    "os_exit.py": ("exit", None),
    "raises_in_model.py": ("ok", RAISED),
    "reads_secrets.py": ("ok", RAISED),
    "recursion_in_model.py": ("ok", RAISED),
    "segfault.py": ("crash", None),
    "signal_handlers.py": ("ok", RAISED),
    "stdout_flood.py": ("ok", BUILT),
    "syntax_error.py": ("ok", RAISED),
    "sys_exit.py": ("ok", RAISED),
    "traceback_on_stderr.py": ("exit", None),
    "unprintable_error.py": ("ok", RAISED),
    "writes_beside.py": ("ok", RAISED),
}
STACK_LINES = {  # where the process was when it died or was stopped
    "aborts.py": ("os.abort()",),
    "allocates_in_constructor.py": ('self.held.append(b"x" * (16 << 20))',),
    "hang.py": ("while True:", "pass"),
    "segfault.py": ("ctypes.string_at(0)",),
}


class Bench:
    """A worker with a folder of the hostile files of its own, and an account of what there was before."""

    def __init__(self, folder: Path, without: tuple[str, ...]) -> None:
        self.files = folder / "files"
        shutil.copytree(FILES, self.files)
        job = folder / "job.py"
        shutil.copy(JOB, job)
        self.marker = str(job).encode()
        self.worker = Worker(Path(sys.executable), jobs={"plain": job}, without=without)
        self.worker.start()
        self.at_rest = 3 if self.worker.versions["containment"] else 2
        """The zygote, its keeper where it has namespaces, and the child that waits for the next request."""

    def run(self, name: str, **more: object) -> Outcome:
        request = {"job": "plain", "file": str(self.files / name), "seconds": SECONDS, "memory_bytes": MEMORY_BYTES}
        return self.worker.run({**request, **more})

    def processes(self) -> set[int]:
        """Every process that came from this worker, whatever became of its parents: forks keep the command line."""
        found = set()
        for folder in Path("/proc").iterdir():
            try:
                if folder.name.isdigit() and self.marker in (folder / "cmdline").read_bytes():
                    found.add(int(folder.name))
            except OSError:
                continue  # it has just ended
        return found

    def left(self) -> int:
        """How many processes there are beyond those at rest, once the next child waits for its request."""
        deadline = time.monotonic() + 10
        while len(self.processes()) < self.at_rest and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(0.02)  # where one was left, the next child may not have been counted yet
        return len(self.processes()) - self.at_rest


@pytest.fixture(scope="module", params=[(), ("namespaces",)], ids=["everything", "no-namespaces"])
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    if not sys.platform.startswith("linux"):
        pytest.skip("processes are counted in /proc")
    made = Bench(tmp_path_factory.mktemp("hostile"), request.param)
    with made.worker:
        yield made
    assert made.processes() == set()


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {str(p.relative_to(folder)): (p.read_bytes(), p.stat().st_mode) for p in folder.rglob("*") if p.is_file()}


def test_every_hostile_file_has_an_expectation() -> None:
    assert {p.name for p in FILES.glob("*.py")} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_one_outcome_and_nothing_left(bench: Bench, name: str) -> None:
    before = snapshot(bench.files)
    outcome = bench.run(name, seconds=1.0) if name == "hang.py" else bench.run(name)
    status, said = EXPECTED[name]
    assert outcome.status == status, outcome
    assert outcome.events[0] == {"event": "start"}
    assert [event["event"] for event in outcome.events[1:]] == ([said] if said else [])
    assert snapshot(bench.files) == before
    assert bench.left() == 0
    if name in STACK_LINES:
        line = outcome.last_line(str(bench.files / name))
        assert line is not None
        assert (bench.files / name).read_text().splitlines()[line - 1].strip() in STACK_LINES[name]


def test_the_daemon_is_counted(bench: Bench) -> None:
    assert bench.run("daemon.py").leftover == 1
    assert bench.run("hangs_at_exit.py").leftover == 0


def test_death_is_named(bench: Bench) -> None:
    assert bench.run("segfault.py").signal == "SIGSEGV"
    assert bench.run("os_exit.py").exit_code == 3


def test_no_connection_reaches_a_server_that_is_there(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "server"
    with socket.socket() as tcp, socket.socket(socket.AF_UNIX) as unix:
        tcp.bind(("127.0.0.1", 0))
        unix.bind(str(path))
        for server in (tcp, unix):
            server.listen()
            server.settimeout(0.05)
        (bench.files.parent / "connects.py").write_text(
            f"""
import socket
RESULT = []
for family, address in ((socket.AF_INET, {tcp.getsockname()!r}), (socket.AF_UNIX, {str(path)!r})):
    try:
        socket.socket(family).connect(address)
        RESULT.append("connected")
    except OSError as error:
        RESULT.append(type(error).__name__)
"""
        )
        outcome = bench.run("../connects.py", value="RESULT")
        assert [event.get("value") for event in outcome.events] == [None, ["PermissionError", "PermissionError"]]
        for server in (tcp, unix):
            with pytest.raises(TimeoutError):
                server.accept()


SPY = """
import os
from pathlib import Path

def first(*attempts):
    seen = []
    for attempt in attempts:
        try:
            seen.append(str(attempt()))
        except OSError:
            pass
    return seen

parent = os.getppid()
RESULT = {
    "environment": [value for value in os.environ.values() if "hush" in value],
    "home": first(lambda: Path.home().joinpath(".netrc").read_text()),
    "neighbours": [
        text
        for folder in Path("/proc").iterdir()
        if folder.name.isdigit()
        for text in first(lambda: (folder / "environ").read_text())
        if "hush" in text
    ],
    "pipes": [fd for fd in range(3, 64) if first(lambda: os.open(f"/proc/{parent}/fd/{fd}", os.O_WRONLY))],
}
"""


def test_secrets_are_out_of_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("hush")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HF_TOKEN", "hush-hush")
    (tmp_path / "spy.py").write_text(SPY)
    with Worker(Path(sys.executable), jobs={"plain": JOB}) as worker:
        outcome = worker.run({"job": "plain", "file": str(tmp_path / "spy.py"), "value": "RESULT"})
    assert outcome.events[1:] == (
        {"event": "value", "value": {"environment": [], "home": [], "neighbours": [], "pipes": []}},
    )


def test_memory_counts_over_all_processes(bench: Bench) -> None:
    (bench.files.parent / "spread.py").write_text(
        """
import os, time
for _ in range(8):
    if os.fork() == 0:
        held = b"x" * (200 << 20)
        time.sleep(60)
time.sleep(60)
"""
    )
    assert bench.run("../spread.py").status == "memory"
    assert bench.left() == 0


def test_a_huge_file_is_one_outcome(bench: Bench) -> None:
    lines = "\n".join(f"value_{i} = {i}" for i in range(50_000))
    (bench.files.parent / "huge.py").write_text(lines + "\nRESULT = value_49999\n")
    outcome = bench.run("../huge.py", value="RESULT")
    assert (outcome.status, outcome.events[-1]["value"]) == ("ok", 49_999)


@pytest.mark.parametrize("mode", [(), ("namespaces",)], ids=["everything", "no-namespaces"])
def test_everything_dies_with_the_client(tmp_path: Path, mode: tuple[str, ...]) -> None:
    job = tmp_path / "job.py"
    shutil.copy(JOB, job)
    pid = os.fork()
    if pid == 0:
        worker = Worker(Path(sys.executable), jobs={"plain": job}, without=mode)
        worker.run({"job": "plain", "file": str(FILES / "hang.py"), "seconds": 60}, lambda _: os._exit(0))
        os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0  # it left in the middle of the request
    deadline = time.monotonic() + 10
    while running := [p for p in Path("/proc").glob("[0-9]*") if str(job).encode() in _command_line(p)]:
        assert time.monotonic() < deadline, running
        time.sleep(0.05)


def _command_line(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def test_where_the_system_confines_nothing_python_still_refuses(tmp_path: Path) -> None:
    files = tmp_path / "files"
    shutil.copytree(FILES, files)
    before = snapshot(files)
    bare = ("namespaces", "landlock", "seccomp")
    with Worker(Path(sys.executable), jobs={"plain": JOB}, without=bare) as worker:
        for name in ("writes_beside.py", "deletes_beside.py", "opens_sockets.py"):
            outcome = worker.run({"job": "plain", "file": str(files / name), "seconds": SECONDS})
            assert outcome.containment[-1] == "python-audit-hook"
            assert [event["event"] for event in outcome.events] == ["start", RAISED]
        assert worker.run({"job": "plain", "file": str(files / "kills_parent.py")}).status in ("ok", "crash")
    assert snapshot(files) == before


def test_a_running_request_can_be_cancelled(bench: Bench) -> None:
    timer = threading.Timer(0.3, bench.worker.cancel)
    timer.start()
    assert bench.run("hang.py", seconds=60.0).status == "cancelled"
    assert bench.run("os_exit.py").status == "exit"
    assert bench.left() == 0
