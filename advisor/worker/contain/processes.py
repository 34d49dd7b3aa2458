"""The processes of one request: count them, measure them, end them all."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

_REAP_SECONDS = 10.0


@dataclass(frozen=True)
class Usage:
    """What a family uses: processes alive, and bytes of memory beyond what each inherited."""

    processes: int
    memory: int


def private_bytes(pid: int | str) -> tuple[int, int]:
    """(anonymous, shared) resident bytes of a process; zeros once it is gone."""
    anonymous = shared = 0
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines():
            if line.startswith("RssAnon:"):
                anonymous = int(line.split()[1]) * 1024
            elif line.startswith("RssShmem:"):
                shared = int(line.split()[1]) * 1024
    return anonymous, shared


def _alive() -> dict[int, int]:
    """Parent by pid, of every process that is not a zombie; empty where there is no /proc."""
    parents = {}
    if not Path("/proc/self/stat").exists():
        return parents
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            text = (folder / "stat").read_text(errors="replace")
            state, parent = text.rpartition(")")[2].split()[:2]  # the name in parentheses may hold anything
            if state not in "ZX":
                parents[int(folder.name)] = int(parent)
    return parents


class Family:
    """One job and its descendants, as its zygote sees them.

    With ``isolated`` the zygote is the first process of a PID namespace in which there is nothing else: every other
    process is of the family, and ``kill(-1)`` ends them in one step that no fork can outrun. Otherwise the family is
    what descends from the zygote, which adopts orphans: a sweep ends them, repeated until a scan finds none. Where
    there is no /proc (macOS) only the job's process group can be ended.
    """

    def __init__(self, job: int, isolated: bool) -> None:
        self.job = job
        self._isolated = isolated
        self._inherited = private_bytes("self")[0]
        self._status: int | None = None

    def members(self) -> list[int]:
        """Pids alive, the job included."""
        parents = _alive()
        own = os.getpid()
        if self._isolated:
            return [pid for pid in parents if pid != own]
        children: dict[int, list[int]] = {}
        for pid, parent in parents.items():
            children.setdefault(parent, []).append(pid)
        found: list[int] = []
        queue = list(children.get(own, ()))
        while queue:
            pid = queue.pop()
            found.append(pid)
            queue.extend(children.get(pid, ()))
        return found

    def usage(self) -> Usage:
        """What the family uses now. Memory shared between its members counts once."""
        members = self.members()
        sizes = [private_bytes(pid) for pid in members]
        anonymous = sum(max(0, own - self._inherited) for own, _ in sizes)
        return Usage(len(members), anonymous + max((shared for _, shared in sizes), default=0))

    def job_status(self) -> int | None:
        """The job's wait status once it has ended, None while it runs."""
        if self._status is None:
            pid, status = os.waitpid(self.job, os.WNOHANG)
            if pid:
                self._status = status
        return self._status

    def end(self) -> int:
        """Kill everything, wait until it is gone, and return how many processes besides the job were alive."""
        leftover = len([pid for pid in self.members() if pid != self.job])
        deadline = time.monotonic() + _REAP_SECONDS
        while True:
            self._kill()
            if self._reap():
                return leftover
            if time.monotonic() > deadline:
                raise RuntimeError("processes of the job could not be ended")
            time.sleep(0.001)

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS refuses for a group of zombies
            if self._isolated:
                os.kill(-1, signal.SIGKILL)
                return
            os.killpg(self.job, signal.SIGKILL)
        for pid in self.members():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _reap(self) -> bool:
        """Collect the dead; whether no child is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if not pid:
                return False
            if pid == self.job:
                self._status = status
