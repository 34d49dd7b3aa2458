"""One job of an analyst: its parameters, where its events go, whether it was cancelled; and the errors that people
cause."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from advisor.config import ConfigError
from advisor.engine import EngineError
from advisor.frames import Message
from advisor.packs import PackError
from advisor.record import RecordError
from advisor.selection import SelectionError
from advisor.targets import TargetError
from advisor.workers import WorkerError

from .jobparams import Params, ParamsError

Emit = Callable[[Message], None]

CODES: tuple[tuple[type[Exception], str], ...] = (
    (ParamsError, "params"),
    (ConfigError, "config"),
    (SelectionError, "config"),
    (PackError, "config"),
    (TargetError, "target"),
    (WorkerError, "worker"),
    (EngineError, "engine"),
    (RecordError, "params"),
)
"""What a person caused and can mend, with the code of its error."""


class Cancelled(Exception):
    """The job was cancelled before it was done."""


class Job:
    """One job: its parameters, where its events go, and whether it was cancelled."""

    def __init__(self, params: Params, emit: Emit, cancelled: threading.Event) -> None:
        self.params, self.emit, self.cancelled = params, emit, cancelled

    def wait(self, seconds: float) -> None:
        """Wait until the job is cancelled, ``seconds`` at most."""
        self.cancelled.wait(seconds)

    def go_on(self) -> None:
        """Raise :class:`Cancelled` if it was cancelled."""
        if self.cancelled.is_set():
            raise Cancelled


Method = Callable[[Job], Any]
"""Does a job: gives its plain result."""
