"""The daemon's client for scripts: ``advisor.connect()``.

    with advisor.connect() as client:
        report = client.audit("nets", target="ethos-u85-1024")

Methods may be called from several threads; each waits for its own answer.
"""

from __future__ import annotations

import itertools
import os
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from ..frames import Decoder, FrameError, Message
from . import audits
from .errors import CancelledError, DaemonError, broke, closed, from_wire, garbled, silent

if TYPE_CHECKING:
    from ..engine import Progress
    from ..report import ModelReport, Report
    from ..reports.layers import Row

QUIET_SECONDS = 15.0
"""After so long without a byte the daemon is asked whether it is there, after as long again it is taken for dead."""

_READ = 1 << 18
_PING = audits.frame({"id": 0, "method": "ping"})


def connect(start: bool = True) -> Client:
    """A client of this user's daemon, which is started when none runs; not with ``start=False``.

    Raises :class:`advisor.client.errors.DaemonError`.
    """
    from .dial import dial

    return Client(dial("script", start=start))


class Client:
    """One connection. Close it, or use it in a ``with`` statement.

    What the engine would raise is raised here too (:class:`advisor.config.ConfigError`,
    :class:`advisor.targets.TargetError`, :class:`advisor.engine.EngineError`, :class:`advisor.workers.WorkerError`);
    besides, every method raises :class:`advisor.client.errors.DaemonError`.
    """

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._stream.settimeout(QUIET_SECONDS)
        self._numbers = itertools.count(1)
        self._waiting: dict[int, SimpleQueue[Message | Exception]] = {}
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._ended: Exception | None = None
        self._listener = threading.Thread(target=self._listen, name="advisor-client", daemon=True)
        self._listener.start()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; what runs for it is cancelled."""
        self._end(CancelledError("the client was closed"))
        if self._listener is not threading.current_thread():
            self._listener.join()

    def cancel(self) -> None:
        """Cancel what runs for this client now: the methods that wait for it raise
        :class:`advisor.client.errors.CancelledError`."""
        with self._lock:
            numbers = list(self._waiting)
        for number in numbers:
            self._send(audits.frame({"cancel": number}))

    # ---- methods

    def audit(
        self, paths: audits.Paths, target: audits.Targets = None, progress: Progress | None = None, **overrides: Any
    ) -> Report:
        """What :func:`advisor.audit` returns for files and folders, out of the daemon's caches where they hold.

        ``progress`` is called after each file with it, how many are done and how many there are.
        """
        gathered = audits.Gathered(progress)
        return gathered.report(self.request("audit", audits.request(paths, target, overrides), gathered.take))

    def estimate(
        self, path: str | os.PathLike[str], model: str | None = None, target: audits.Targets = None, **overrides: Any
    ) -> list[ModelReport]:
        """The models of a file with their ``costs`` by target and no findings: no rule is asked.

        ``model`` is the name of the only one wanted; :class:`advisor.engine.EngineError` says which there are.
        """
        return audits.chosen(self.audit(path, target, **audits.without_rules(overrides)), model, path)

    def show(
        self,
        path: str | os.PathLike[str],
        model: str | None = None,
        depth: int | None = None,
        target: audits.Targets = None,
        **overrides: Any,
    ) -> list[tuple[ModelReport, list[Row]]]:
        """As :meth:`estimate`, each model with its layer table, summed up by modules of at most ``depth`` levels."""
        models = self.estimate(path, model, target, **overrides)
        return [(m, audits.layers(m, depth)) for m in models]

    def models(self, path: str | os.PathLike[str]) -> list[dict[str, Any]]:
        """What could be a model in a file, found without running it: ``name``, ``kind``, ``line``, ``root``."""
        return self.request("models", {"path": str(Path.cwd() / path)})["models"]

    def explain(self, code: str) -> str:
        """The page of a code or rule, in Markdown."""
        return self.request("explain", {"code": code})["markdown"]

    def targets(self) -> list[dict[str, str]]:
        """The targets that models can be costed for, those of this folder's settings included."""
        return self.request("targets", {"cwd": str(Path.cwd())})["targets"]

    def rules(self) -> list[dict[str, str]]:
        """Every code that can be reported: ``code``, ``name``, ``summary``."""
        return self.request("rules", {})["rules"]

    def status(self) -> dict[str, Any]:
        """What the daemon is and does; answered at once, whatever it does."""
        return self.request("status", {})

    def stop(self) -> None:
        """Have the daemon end; it closes every connection."""
        self.request("stop", {})

    def request(self, method: str, params: Mapping[str, Any], on_event: audits.OnEvent | None = None) -> Any:
        """The result of any method of the protocol; ``on_event`` gets its events, in this thread."""
        inbox: SimpleQueue[Message | Exception] = SimpleQueue()
        number = next(self._numbers)
        asked = audits.frame({"id": number, "method": method, "params": dict(params)})
        with self._lock:
            if self._ended is not None:
                raise self._ended
            self._waiting[number] = inbox
        try:
            self._send(asked)
            while True:
                message = inbox.get()
                if isinstance(message, Exception):
                    raise message
                if "result" in message:
                    return message["result"]
                if "error" in message:
                    raise from_wire(message["error"])
                if on_event is not None:
                    on_event(message)
        except BaseException:  # an interrupt, an exception of on_event: nobody will take the answer
            self._abandon(number)
            raise

    # ---- the connection

    def _abandon(self, number: int) -> None:
        """Cancel a request that was not answered yet."""
        with self._lock:
            unanswered = self._waiting.pop(number, None) is not None
        if unanswered:
            with suppress(DaemonError):  # the connection has ended, and the request with it
                self._send(audits.frame({"cancel": number}))

    def _send(self, frame: bytes) -> None:
        try:
            with self._sending:
                self._stream.sendall(frame)
        except OSError as e:  # how the connection ended is what matters, where that is known
            self._end(broke(e))
            raise self._reason() from e

    def _listen(self) -> None:
        """Hand out what arrives until the connection ends; in a thread of its own."""
        decoder = Decoder()
        asked = False  # whether it is there, and not answered so far
        while True:
            try:
                data = self._stream.recv(_READ)
            except TimeoutError:
                if not self._waiting:
                    continue
                if asked:
                    self._end(silent())
                    break
                asked = True
                with suppress(DaemonError):  # it ended the connection: recv says so next
                    self._send(_PING)
                continue
            except OSError as e:
                self._end(broke(e))
                break
            if not data:
                self._end(closed())
                break
            asked = False
            try:
                for message in decoder.feed(data):
                    self._deliver(message)
            except FrameError as e:
                self._end(garbled(e))
                break
        self._stream.close()

    def _deliver(self, message: Message) -> None:
        if message.get("id") is None:  # an error about the connection as a whole
            self._end(from_wire(message.get("error")))
            return
        last = "result" in message or "error" in message
        with self._lock:
            inbox = self._waiting.pop(message["id"], None) if last else self._waiting.get(message["id"])
        if inbox is not None:  # else it was abandoned, or is the answer of a ping
            inbox.put(message)

    def _end(self, reason: Exception) -> None:
        """Everything that waits, and whatever is asked from now on, raises ``reason``; the first one stays."""
        with self._lock:
            if self._ended is not None:
                return
            self._ended = reason
            inboxes = list(self._waiting.values())
            self._waiting.clear()
        for inbox in inboxes:
            inbox.put(reason)
        with suppress(OSError):  # the other side has ended it already
            self._stream.shutdown(socket.SHUT_RDWR)

    def _reason(self) -> Exception:
        with self._lock:
            return self._ended or closed()
