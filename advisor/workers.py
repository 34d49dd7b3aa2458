"""The client of the worker: start it under an interpreter, send requests, collect events, and survive its death."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Event = dict[str, Any]

_FOLDER = Path(__file__).parent / "worker"
JOBS: Mapping[str, Path] = {"audit": _FOLDER / "job.py"}
"""The jobs a worker knows: a Python file each, with ``run(request, emit)``; more in ``worker/main.py``."""

DEFAULT_SECONDS = 20.0
DEFAULT_MEMORY_BYTES = 4 << 30

_START_SECONDS = 120.0  # importing torch from a cold disk
_ANSWER_SECONDS = 15.0  # beyond a request's own limit: to end its processes and remove its folder
_PRELOAD_SECONDS = 60.0  # for one library, from a cold disk
_CLOSE_SECONDS = 5.0
_READ_BYTES = 1 << 20
_SAID_BYTES = 2000
_STACK_LINE = re.compile(r'  File "(?P<file>.*)", line (?P<line>[0-9]{1,9}) in .*')
"""A frame as faulthandler writes it; a traceback, which user code may print at any time, has a comma before ``in``."""
_PASSED_ON = (  # variables user code may see; everything else could be a secret
    "HOME",
    "PATH",
    "LANG",
    "TZ",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONNOUSERSITE",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH",
)
_IMPOSED = {
    "CUDA_VISIBLE_DEVICES": "",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_OFFLINE": "1",
    "MKL_NUM_THREADS": "1",
    "MPLBACKEND": "Agg",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",  # the same file gives the same findings: no set order may differ
    "TRANSFORMERS_OFFLINE": "1",
    "WANDB_MODE": "disabled",
}


class WorkerError(Exception):
    """A worker cannot be had. ``remedy`` says what the person can do about it."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(f"{message}; {remedy}")
        self.remedy = remedy


class InterpreterMissing(WorkerError):
    """There is no such interpreter, or it cannot be executed."""


class TorchMissing(WorkerError):
    """The interpreter cannot import torch."""


class TorchTooOld(WorkerError):
    """The interpreter's torch is older than 2.4."""


class PythonTooOld(WorkerError):
    """The interpreter is older than Python 3.10."""


class WorkerFailed(WorkerError):
    """The worker ended, or said nothing, before it was ready."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a request ended; the events that came before the end hold whatever happened.

    ``status``: ``ok``; ``error`` (the job itself raised: a bug of ours), ``exit`` (user code ended the process),
    ``crash`` (it died of ``signal``), ``timeout``, ``memory``, ``processes`` (too many), ``closed`` (it closed the
    worker's pipe), ``cancelled``, or ``lost`` (the worker itself died). ``stderr`` is the end of what it printed there,
    with the Python stack where it crashed or was stuck. ``containment`` names the measures in force; ``leftover`` is
    how many processes it had left running, all ended.
    """

    id: str
    status: str
    events: tuple[Event, ...] = ()
    detail: str = ""
    signal: str | None = None
    exit_code: int | None = None
    stderr: str = ""
    containment: tuple[str, ...] = ()
    leftover: int = 0
    seconds: float = 0.0

    def last_line(self, file: str) -> int | None:
        """The line of ``file`` in which the process crashed or was stuck, from the stack it left on stderr."""
        for text in self.stderr.splitlines():
            if (frame := _STACK_LINE.fullmatch(text)) and frame["file"] == file:
                return int(frame["line"])
        return None


@dataclass(slots=True)
class _Process:
    """A running worker and our ends of its pipes."""

    popen: subprocess.Popen[bytes]
    requests: int
    events: int
    stderr: int
    scratch: str
    buffer: bytearray = field(default_factory=bytearray)

    def read_line(self, deadline: float) -> bytes | None:
        """The next line; None at its end of file. Raises TimeoutError past ``deadline`` (monotonic)."""
        while (end := self.buffer.find(b"\n")) < 0:
            if not select.select([self.events], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError
            data = os.read(self.events, _READ_BYTES)
            if not data:
                return None
            self.buffer += data
        line = bytes(self.buffer[:end])
        del self.buffer[: end + 1]
        return line

    def end(self) -> None:
        """Close the pipes, which ends the worker and all its children; kill it if it does not go."""
        os.close(self.requests)
        os.close(self.events)
        try:
            self.popen.wait(_CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self.popen.kill()  # the zygote, and with it every child, dies with its parent
            self.popen.wait()
        os.close(self.stderr)
        shutil.rmtree(self.scratch, ignore_errors=True)


class Worker:
    """One worker process under ``interpreter``; requests run one after another.

    It starts with the first request, or with :meth:`start` to have it warm by then, and again after it died.
    ``without`` names containment measures to do without, as on a system that lacks them: see ``Confinement`` in
    ``worker/contain/sandbox.py``, and ``namespaces``. Methods may be called from any thread.
    """

    def __init__(self, interpreter: Path, *, jobs: Mapping[str, Path] = JOBS, without: Iterable[str] = ()) -> None:
        self.interpreter = interpreter
        self.versions: Event = {}
        self._jobs = jobs
        self._without = sorted(without)
        self._process: _Process | None = None
        self._lock = threading.Lock()  # held for a whole request
        self._switch = threading.Lock()  # held while the process changes or is told to cancel
        self._count = 0
        self._preloading: str | None = None
        self._not_preloaded: set[str] = set()  # libraries whose import ended or hung a worker

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the process and wait until torch is imported. Raises :class:`WorkerError`."""
        with self._lock:
            self._ready()

    def close(self) -> None:
        """End the process and everything below it; a request that runs ends as ``cancelled``."""
        self.cancel()
        with self._lock:
            self._drop()

    def run(self, request: Mapping[str, Any], on_event: Callable[[Event], None] | None = None) -> Outcome:
        """Run one request (``{"job": …}``, ``seconds`` and ``memory_bytes`` if not the defaults) to its end.

        ``on_event`` sees each event as it comes. User code cannot make this raise; :class:`WorkerError` means that
        no worker could be started. Libraries that the request names under ``preload`` are imported before anything
        else, once for all requests; one that cannot be imported costs this worker a restart and is left alone then.
        """
        with self._lock:
            limits = {"seconds": DEFAULT_SECONDS, "memory_bytes": DEFAULT_MEMORY_BYTES}
            while True:
                process = self._ready()
                self._count += 1
                preload = [name for name in request.get("preload", ()) if name not in self._not_preloaded]
                full = {**limits, **request, "preload": preload, "id": str(self._count)}
                outcome = self._converse(process, full, on_event)
                if self._preloading is None:
                    return outcome
                self._not_preloaded.add(self._preloading)
                self._preloading = None

    def cancel(self) -> None:
        """Have the request that runs now, if any, end as ``cancelled``. Called from another thread."""
        with self._switch, contextlib.suppress(BrokenPipeError):
            if self._process is not None:
                os.write(self._process.requests, b'{"cancel": true}\n')

    def _converse(self, process: _Process, request: Event, on_event: Callable[[Event], None] | None) -> Outcome:
        events: list[Event] = []
        deadline = time.monotonic() + float(request["seconds"]) + _ANSWER_SECONDS
        try:
            _write_all(process.requests, json.dumps(request).encode() + b"\n")
            while (line := process.read_line(deadline)) is not None:
                event = _parse(line)
                if event is None:
                    continue
                if event["event"] == "end" and event.get("id") == request["id"]:
                    return _outcome(event, events)
                if event["event"] in ("preloading", "preloaded"):
                    self._preloading = event["name"] if event["event"] == "preloading" else None
                    seconds = _PRELOAD_SECONDS if self._preloading else float(request["seconds"]) + _ANSWER_SECONDS
                    deadline = time.monotonic() + seconds
                    continue
                events.append(event)
                if on_event is not None:
                    on_event(event)
            detail = "the worker itself died"
        except BrokenPipeError:
            detail = "the worker itself died"
        except TimeoutError:
            detail = "the worker stopped answering"
        except BaseException:  # the caller's on_event raised, or Ctrl-C: what is still to come belongs to nobody
            self._drop()
            raise
        self._drop()
        return Outcome(request["id"], "lost", tuple(events), detail)

    def _ready(self) -> _Process:
        if self._process is not None and self._process.popen.poll() is not None:
            self._drop()
        if self._process is None:
            process = _launch(self.interpreter, self._jobs, self._without)
            try:
                self.versions = _await_ready(process, self.interpreter)
            except BaseException:
                process.end()
                raise
            with self._switch:
                self._process = process
        return self._process

    def _drop(self) -> None:
        with self._switch:
            process, self._process = self._process, None
        if process is not None:
            process.end()


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith("LC_")}
    return {**kept, **_IMPOSED}


def _launch(interpreter: Path, jobs: Mapping[str, Path], without: list[str]) -> _Process:
    requests, to_worker = os.pipe()
    from_worker, events = os.pipe()
    scratch = tempfile.mkdtemp(prefix="advisor-")
    stderr, stderr_path = tempfile.mkstemp(prefix="advisor-")
    Path(stderr_path).unlink()
    settings = {
        "requests": requests,
        "events": events,
        "scratch": scratch,
        "jobs": {name: str(path) for name, path in jobs.items()},
        "without": without,
    }
    try:
        popen = subprocess.Popen(
            [str(interpreter), str(_FOLDER / "main.py"), json.dumps(settings)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            pass_fds=(requests, events),
            env=_environment(),
            start_new_session=True,  # Ctrl-C is for us, who then end the worker in order
        )
    except OSError as error:
        os.close(to_worker)
        os.close(from_worker)
        os.close(stderr)
        shutil.rmtree(scratch)
        remedy = "name an existing Python with --python, or activate the environment that the project runs in"
        raise InterpreterMissing(f"cannot run {interpreter}: {error.strerror}", remedy) from None
    finally:
        os.close(requests)
        os.close(events)
    return _Process(popen, to_worker, from_worker, stderr, scratch)


def _await_ready(process: _Process, interpreter: Path) -> Event:
    try:
        line = process.read_line(time.monotonic() + _START_SECONDS)
    except TimeoutError:
        line = None
    event = _parse(line) if line is not None else None
    if event is None:
        size = os.fstat(process.stderr).st_size
        said = os.pread(process.stderr, _SAID_BYTES, max(0, size - _SAID_BYTES)).decode(errors="replace").strip()
        raise WorkerFailed(f"the worker under {interpreter} did not start", f"it said: {said or 'nothing'}")
    if event["event"] == "ready":
        return event
    detail = event["detail"]
    if event["reason"] == "old-python":
        raise PythonTooOld(f"{interpreter} is Python {detail}", "use an environment with Python 3.10 or newer")
    if event["reason"] == "old-torch":
        raise TorchTooOld(f"{interpreter} has torch {detail}", "use an environment with torch 2.4 or newer")
    raise TorchMissing(
        f"{interpreter} cannot import torch ({detail})", "install torch there, or name another Python with --python"
    )


def _parse(line: bytes) -> Event | None:
    """An event, or None for a line that was damaged on its way (two threads of user code can write into one)."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None


def _outcome(end: Event, events: list[Event]) -> Outcome:
    names = ("id", "status", "detail", "signal", "exit_code", "stderr", "leftover", "seconds")
    return Outcome(events=tuple(events), containment=tuple(end["containment"]), **{name: end[name] for name in names})


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
