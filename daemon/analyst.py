"""An analyst: the process that reads, traces and judges files for the hub, one job after another.

Requests come as frames (:mod:`advisor.frames`) on stdin and are answered on stdout; :mod:`.jobs` says what can be
asked. The first message out is ``{"event": "ready"}``. A thread reads, so that a cancellation is heard in mid-job; the
jobs run on the main thread. The end of stdin is the end of the process and of the workers it started.
"""

from __future__ import annotations

import argparse
import gc
import os
import queue
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from advisor.frames import Decoder, FrameError, Message, encode

_READ_BYTES = 1 << 20
_PAUSE_SECONDS = 0.3
"""Without a job for this long, there is time to collect garbage."""
_JOBS_WITHOUT_PAUSE = 50
_YOUNG = 500_000
"""Objects that a single job may leave before garbage is looked for in its midst."""
_CLOSE_SECONDS = 5.0


def main(arguments: list[str]) -> int:
    """Serve until stdin ends."""
    parser = argparse.ArgumentParser(prog="advisor.daemon analyst")
    parser.add_argument("--cache", type=Path, help="the folder of the caches; without it nothing outlives the process")
    parser.add_argument("--nice", type=int, default=0, help="how much to stand back behind other processes")
    options = parser.parse_args(arguments)
    if options.nice:
        os.nice(options.nice)
    requests, answers = _own_pipes()
    gc.disable()  # until all is loaded: imports leave little garbage, and looking for it takes much of their time
    from .jobs import Jobs  # after the pipes: nothing that is imported can write into them

    jobs = Jobs(options.cache)
    _Analyst(jobs, requests, answers).serve()
    return 0


def _own_pipes() -> tuple[int, int]:
    """Duplicates of stdin and stdout, in whose place there are an empty file and stderr from now on."""
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers


class _Analyst:
    """``jobs`` served over the descriptors ``requests`` and ``answers``."""

    def __init__(self, jobs: Any, requests: int, answers: int) -> None:
        self._jobs = jobs
        self._requests, self._answers = requests, answers
        self._todo: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._since_collection = 0  # jobs
        self._lock = threading.Lock()
        self._cancelled: dict[Any, threading.Event] = {}  # by id, of the requests that have no answer yet

    def serve(self) -> None:
        self._jobs.prepare()
        gc.freeze()
        gc.set_threshold(_YOUNG)
        gc.enable()
        threading.Thread(target=self._read, name="reader", daemon=True).start()
        self._send({"event": "ready", "pid": os.getpid()})
        while True:
            self._answer(self._next())

    # ---- the reader's thread

    def _read(self) -> None:
        decoder, status = Decoder(), 0
        try:
            while data := os.read(self._requests, _READ_BYTES):
                for message in decoder.feed(data):
                    self._heard(message)
        except FrameError as e:
            print(f"the hub sent what is no message: {e}", file=sys.stderr)
            status = 1
        except OSError as e:
            print(f"the hub cannot be heard: {e}", file=sys.stderr)
            status = 1
        self._end(status)

    def _heard(self, message: Message) -> None:
        if "cancel" in message:
            with self._lock:
                event = self._cancelled.get(message["cancel"])
            if event is not None:
                event.set()
            return
        with self._lock:
            self._cancelled[message.get("id")] = threading.Event()
        self._todo.put(message)

    def _end(self, status: int) -> None:
        """Leave, whatever the main thread is doing; the workers end first, so that they can tidy up."""
        with self._lock:
            for event in self._cancelled.values():
                event.set()
        closing = threading.Thread(target=self._jobs.close, daemon=True)
        closing.start()
        closing.join(_CLOSE_SECONDS)
        sys.stderr.flush()
        os._exit(status)  # the main thread may be in mid-job, and what it still computes is for nobody

    # ---- the main thread

    def _next(self) -> Message:
        """The next request; garbage is collected while there is none."""
        self._since_collection += 1
        try:
            if self._since_collection < _JOBS_WITHOUT_PAUSE:
                return self._todo.get(timeout=_PAUSE_SECONDS)
        except queue.Empty:
            pass  # that is the pause
        gc.collect()
        self._since_collection = 0
        return self._todo.get()

    def _answer(self, message: Message) -> None:
        number = message.get("id")
        with self._lock:
            cancelled = self._cancelled[number]

        def emit(event: Message) -> None:
            self._send({"id": number, **event})

        outcome = self._jobs.perform(message.get("method"), message.get("params"), emit, cancelled)
        with self._lock:
            del self._cancelled[number]
        self._send({"id": number, "runs": self._jobs.runs, **outcome})

    def _send(self, message: Message) -> None:
        try:
            data = memoryview(encode(message))
        except (ValueError, TypeError, OverflowError) as e:
            traceback.print_exc()
            said = {"code": "internal", "message": f"the answer cannot be sent: {e}", "remedy": ""}
            data = memoryview(encode({"id": message.get("id"), "error": said}))
        try:
            while data:
                data = data[os.write(self._answers, data) :]
        except BrokenPipeError:
            threading.Event().wait()  # the hub is gone: the reader's thread sees that too and ends the process
