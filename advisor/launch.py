"""Starting a worker process under an interpreter, and our ends of its pipes."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Event = dict[str, Any]

_FOLDER = Path(__file__).parent / "worker"
_START_SECONDS = 120.0  # importing torch from a cold disk
_CLOSE_SECONDS = 5.0
_LOOK_SECONDS = 0.02  # how often one who waits looks whether the request was cancelled
_READ_BYTES = 1 << 20
_SAID_BYTES = 2000

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


@dataclass(slots=True)
class Process:
    """A running worker and our ends of its pipes."""

    popen: subprocess.Popen[bytes]
    requests: int
    events: int
    stderr: int
    scratch: str
    ready: bool = False
    since: float = field(default_factory=time.monotonic)
    buffer: bytearray = field(default_factory=bytearray)

    def read_line(self, deadline: float, look: Callable[[], None]) -> bytes | None:
        """The next line; None at its end of file. Raises TimeoutError past ``deadline`` (monotonic).

        While there is none, ``look`` is called again and again; it may raise.
        """
        while (end := self.buffer.find(b"\n")) < 0:
            left = deadline - time.monotonic()
            if not select.select([self.events], [], [], max(0.0, min(left, _LOOK_SECONDS)))[0]:
                if left <= 0:
                    raise TimeoutError
                look()
                continue
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


def launch(interpreter: Path, jobs: Mapping[str, Path], without: list[str], environment: Mapping[str, str]) -> Process:
    """Start a worker; it is not ready yet. Raises :class:`InterpreterMissing`."""
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
            env={**environment, **_IMPOSED},
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
    return Process(popen, to_worker, from_worker, stderr, scratch)


def await_ready(process: Process, interpreter: Path, look: Callable[[], None]) -> Event:
    """What the worker says once torch is imported; ``look`` is :meth:`Process.read_line`'s. Raises
    :class:`WorkerError`."""
    try:
        line = process.read_line(process.since + _START_SECONDS, look)
    except TimeoutError:
        line = None
    event = parse(line) if line is not None else None
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


def parse(line: bytes) -> Event | None:
    """An event, or None for a line that was damaged on its way (two threads of user code can write into one)."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None
