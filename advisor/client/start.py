"""Starting the daemon, detached from whoever needs it, and replacing one that hangs.

Nothing is decided here about who becomes the daemon: every candidate tries for the lock and all but one end at once, so
that two clients that start at the same time meet at the same daemon.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from ..environment import passed_on
from ..folders import hub_log
from .address import Address, holder, secure
from .dial import Silent, greet
from .errors import DaemonError
from .program import daemon

START_SECONDS = 40.0
"""After these a daemon that is starting is given up."""

_LISTEN_SECONDS = 15.0  # one that has the lock, yet listens nowhere for so long, hangs
_LEAVE_SECONDS = 2.0  # between asking a daemon that hangs to end and making it
_TRIES = 3
_PAUSE = 0.01
_SAID_BYTES = 1 << 16
# What a daemon needs of the first client's variables beside those that all of its clients send: where its files are,
# how much it logs, and what Windows cannot do without. It serves others for days: the rest is none of its business.
_NEEDED = (
    "ADVISOR_LOG",
    "TMPDIR",
    "TEMP",
    "TMP",
    "APPDATA",
    "LOCALAPPDATA",
    "USERPROFILE",
    "SYSTEMROOT",
    "SYSTEMDRIVE",
)
if sys.platform == "win32":
    _FLAGS = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
else:
    _FLAGS = 0  # a session of its own does it


def connected(address: Address, kind: str, environment: Mapping[str, str]) -> socket.socket:
    """A connection to the daemon, which is started, or first replaced, as needed. Raises ``DaemonError``."""
    secure(address, make=True)
    start = _Start(address, environment)
    end = time.monotonic() + START_SECONDS
    try:
        while time.monotonic() < end:
            try:
                stream = greet(address, kind, environment)
            except Silent as e:
                replace(address, e.pid)
                continue
            if stream is not None:
                return stream
            start.go_on()
            time.sleep(_PAUSE)
        raise start.failed(f"it did not listen within {START_SECONDS:g} s")
    finally:
        start.leave()


def replace(address: Address, pid: int) -> bool:
    """End the daemon ``pid`` that hangs, unless another process has its lock by now; whether it has ended."""
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        if not pid or holder(address) != pid:
            break
        with contextlib.suppress(ProcessLookupError):  # it went by itself
            os.kill(pid, number)
        if gone(address, pid, _LEAVE_SECONDS):
            break
    return holder(address) != pid


def gone(address: Address, pid: int, seconds: float) -> bool:
    """Wait until ``pid`` has given up the lock, at most ``seconds``; whether it has."""
    end = time.monotonic() + seconds
    while holder(address) == pid:
        if time.monotonic() > end:
            return False
        time.sleep(_PAUSE)
    return True


class _Start:
    """The tries of one client to have a daemon."""

    def __init__(self, address: Address, environment: Mapping[str, str]) -> None:
        self._address, self._environment = address, environment
        self._launched: subprocess.Popen[bytes] | None = None
        self._tries = 0
        self._logged = 0  # bytes of the log that were there before
        self._holder: tuple[int, float] | None = None  # who has the lock without listening, and since when

    def go_on(self) -> None:
        """Nobody listens: start a daemon, or wait for the one that is starting. Raises ``DaemonError``."""
        if self._launched is not None:
            code = self._launched.poll()
            if code is None:
                return
            if code:
                raise self.failed(self._said() or f"it ended with exit code {code}")
        pid = holder(self._address)
        if pid is None:
            if self._tries == _TRIES:
                raise self.failed(self._said() or "it ended at once")
            self._tries += 1
            log = hub_log(self._environment)
            self._logged = log.stat().st_size if log.is_file() else 0
            self._launched = _launch(self._address, self._environment)
            self._holder = None
        elif self._holder is None or self._holder[0] != pid:
            self._holder = (pid, time.monotonic())
        elif time.monotonic() - self._holder[1] > _LISTEN_SECONDS:
            replace(self._address, pid)
            self._holder = None

    def leave(self) -> None:
        """The process that was started has ended or is about to: the daemon has detached itself from it."""
        if self._launched is not None and os.name == "posix":
            try:
                self._launched.wait(_LEAVE_SECONDS)
            except subprocess.TimeoutExpired:
                self._launched.kill()
                self._launched.wait()

    def _said(self) -> str:
        """The last line that the daemon which was started wrote to its log, if any."""
        try:
            with hub_log(self._environment).open("rb") as stream:
                stream.seek(self._logged)
                lines = stream.read(_SAID_BYTES).decode("utf-8", "replace").strip().splitlines()
        except OSError:
            return ""  # no log, no last line
        return lines[-1].strip() if lines else ""

    def failed(self, why: str) -> DaemonError:
        log = hub_log(self._environment)
        return DaemonError(f"the daemon could not be started: {why}", remedy=f"its log is {log}")


def _needed(environment: Mapping[str, str]) -> dict[str, str]:
    own = {name: value for name, value in environment.items() if name in _NEEDED or name.startswith("XDG_")}
    return passed_on(environment) | own


def _launch(address: Address, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    if not sys.executable:
        raise DaemonError("the daemon could not be started: this Python does not know its own program")
    command = daemon("hub", "--detach", *(["--tcp"] if address.tcp else []))
    with contextlib.ExitStack() as opened:
        log = subprocess.DEVNULL
        with contextlib.suppress(OSError):  # a log that cannot be written is no reason to do without a daemon
            path = hub_log(environment)
            path.parent.mkdir(parents=True, exist_ok=True)
            log = opened.enter_context(path.open("ab"))
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=Path(os.sep).absolute(),
                env=_needed(environment),
                start_new_session=True,
                creationflags=_FLAGS,
            )
        except OSError as e:
            raise DaemonError(f"the daemon could not be started: {sys.executable}: {e.strerror}") from e
