"""Lanes: the pool of analysts. Editors' work goes in the front lane and never waits for the back, where audits go; what
is only read goes in a lane of its own while all of the front is busy tracing.

An analyst does one job at a time. A lane has more of them while jobs wait, fewer when nothing is asked for; one that
dies is replaced, and its job is done once more.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from .abreast import CORES
from .installed import PACKAGES, Installed
from .remote import COMMAND, Analyst, AnalystError, Died, OnEvent

__all__ = ["AnalystError", "Lanes"]

FRONT_MOST = 3
BACK_NICE = 10
_TRIES = 2
_BACK_OFF_SECONDS = 0.5  # after the first failed start; doubled with each that follows
_BACK_OFF_MOST = 30.0
_ATTEMPTS = 5  # to have an analyst ready that nobody waits for
_LOGS = "`advisor daemon logs` says more"


@dataclass(frozen=True, slots=True)
class Settings:
    """How a lane grows and shrinks: ``least`` to ``most`` analysts; one more when a job has waited for
    ``grow_seconds``, one less when it had nothing to do for ``idle_seconds``."""

    least: int
    most: int
    grow_seconds: float
    idle_seconds: float


@dataclass(eq=False, slots=True)
class _Job:
    method: str
    params: Mapping[str, Any]
    on_event: OnEvent | None
    done: asyncio.Future[Any]
    since: float = field(default_factory=time.monotonic)
    tries: int = 0

    @property
    def path(self) -> str:
        return str(self.params.get("path", ""))


@dataclass(eq=False, slots=True)
class _Member:
    """An analyst in a lane. ``job`` is what it does; ``path`` what its last job was about, which it knows best;
    ``packages`` what was installed when it started."""

    analyst: Analyst
    ready: bool = False
    job: _Job | None = None
    path: str = ""
    packages: int = 0
    idle_since: float = field(default_factory=time.monotonic)


class Lanes:
    """The analysts of a hub. To be made within the running loop; ``cache`` is the folder of what outlives them.

    ``front``, ``read`` and ``back`` are for tests, as are ``command`` and ``packages``.
    """

    def __init__(
        self,
        log: logging.Logger,
        *,
        cache: Path | None,
        cores: int | None = None,
        front: Settings | None = None,
        read: Settings | None = None,
        back: Settings | None = None,
        command: Sequence[str] = COMMAND,
        packages: Path = PACKAGES,
    ) -> None:
        installed = Installed(packages)
        kept = () if cache is None else ("--cache", str(cache))
        in_front = front or Settings(1, FRONT_MOST, grow_seconds=0.5, idle_seconds=300.0)
        reading = read or Settings(0, 1, grow_seconds=0.0, idle_seconds=300.0)
        behind = back or Settings(0, cores or CORES, grow_seconds=0.0, idle_seconds=60.0)
        self._lanes = {
            "front": _Lane("front", in_front, (*command, *kept), log, installed),
            "read": _Lane("read", reading, (*command, *kept), log, installed),
            "back": _Lane("back", behind, (*command, *kept, "--nice", str(BACK_NICE)), log, installed),
        }

    async def call(
        self,
        method: str,
        params: Mapping[str, Any],
        *,
        lane: Literal["front", "read", "back"],
        on_event: OnEvent | None = None,
        first: bool = False,
    ) -> Any:
        """What an analyst makes of it; :mod:`.jobs` lists the methods. Raises :class:`AnalystError`.

        A job waits for those that came before it, or with ``first`` for none but those that run.

        ``on_event`` sees the job's events before its result, on the loop. Cancelling the task that waits cancels the
        job; nothing is heard of it any more.
        """
        return await self._lanes[lane].call(method, params, on_event, first)

    def busy(self, lane: Literal["front", "read", "back"]) -> bool:
        """Whether a job would have to wait now."""
        return self._lanes[lane].busy

    def status(self) -> dict[str, Any]:
        """Every analyst and what it does, and how many jobs wait; by lane."""
        return {name: lane.status() for name, lane in self._lanes.items()}

    async def close(self) -> None:
        """End every job as ``cancelled`` and all analysts with their workers. May be called twice."""
        await asyncio.gather(*(lane.close() for lane in self._lanes.values()))


class _Lane:
    """One lane: jobs first in, first out, but for those that a person waits for."""

    def __init__(
        self, name: str, settings: Settings, command: Sequence[str], log: logging.Logger, installed: Installed
    ) -> None:
        self._name, self._settings, self._command, self._log = name, settings, command, log
        self._installed = installed
        self._waiting: deque[_Job] = deque()
        self._members: list[_Member] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures = 0
        self._failed: AnalystError | None = None
        self._not_before = 0.0
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._look()

    @property
    def busy(self) -> bool:
        return not any(m.ready and m.job is None and not m.analyst.gone.is_set() for m in self._members)

    async def call(self, method: str, params: Mapping[str, Any], on_event: OnEvent | None, first: bool) -> Any:
        if self._closed:
            raise AnalystError("cancelled", "the daemon is ending")
        if self._failed is not None and not self._members and time.monotonic() < self._not_before:
            raise AnalystError(self._failed.code, self._failed.message, self._failed.remedy)
        job = _Job(method, params, on_event, asyncio.get_running_loop().create_future())
        if first:
            self._waiting.appendleft(job)
        else:
            self._waiting.append(job)
        self._look()
        try:
            return await job.done
        except asyncio.CancelledError:
            if job in self._waiting:
                self._waiting.remove(job)
            for member in self._members:
                if member.job is job:
                    member.analyst.cancel()
            raise

    def status(self) -> dict[str, Any]:
        now = time.monotonic()
        return {
            "waiting": len(self._waiting),
            "analysts": [
                {
                    "pid": m.analyst.pid,
                    "state": "starting" if not m.ready else "idle" if m.job is None else "busy",
                    "method": m.job.method if m.job else None,
                    "path": m.job.path if m.job else None,
                    "seconds": now - (m.job.since if m.job else m.idle_since),
                    "served": m.analyst.served,
                    "cached": m.analyst.runs[0],
                    "run": m.analyst.runs[1],
                }
                for m in self._members
            ],
            "error": None if self._failed is None else self._failed.message,
        }

    async def close(self) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        busy = [m.job for m in self._members if m.job is not None]
        for job in (*busy, *self._waiting):
            _fail(job, AnalystError("cancelled", "the daemon is ending"))
        self._waiting.clear()
        await asyncio.gather(*(m.analyst.close() for m in self._members))
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ---- who does what

    def _look(self) -> None:
        """Give waiting jobs to idle analysts; start and end analysts as the settings say."""
        if self._closed:
            return
        now = time.monotonic()
        self._members = [m for m in self._members if not m.analyst.gone.is_set()]
        if self._waiting:
            self._end_outdated()
        while self._waiting and (idle := [m for m in self._members if m.ready and m.job is None]):
            job = self._waiting.popleft()
            if not job.done.done():
                self._start_job(self._best(idle, job), job)
        while now >= self._not_before and len(self._members) < self._wanted(now):
            self._start_member()
        for member in self._idle_too_long(now):
            self._members.remove(member)
            self._spawn(member.analyst.close())
        self._look_again(now)

    def _end_outdated(self) -> None:
        """End idle analysts that know other rules and cost models than are installed now; others take their place."""
        stamp = self._installed.stamp()
        for member in [m for m in self._members if m.ready and m.job is None and m.packages != stamp]:
            self._log.info("analyst %s ends: packages have changed since it started", member.analyst.pid)
            self._members.remove(member)
            self._spawn(member.analyst.close())

    def _best(self, idle: list[_Member], job: _Job) -> _Member:
        """The one that knows the file, else the oldest, whose workers are warm."""
        return next((m for m in idle if job.path and m.path == job.path), idle[0])

    def _wanted(self, now: float) -> int:
        """How many analysts there should be. One that starts will take a job: no other is started for that."""
        here, starting = len(self._members), sum(not m.ready for m in self._members)
        late = sum(now - job.since >= self._settings.grow_seconds or here == 0 for job in self._waiting)
        grown = here + 1 if late > starting and here < self._settings.most else here
        return max(grown, self._least)

    @property
    def _least(self) -> int:
        """Analysts to have ready without a job; none where they cannot be started, until somebody asks for one."""
        return self._settings.least if self._failures < _ATTEMPTS else 0

    def _idle_too_long(self, now: float) -> list[_Member]:
        idle = [m for m in self._members if m.ready and m.job is None]
        spare = len(self._members) - self._settings.least
        late = [m for m in reversed(idle) if now - m.idle_since >= self._settings.idle_seconds]
        return late[: max(spare, 0)]

    def _look_again(self, now: float) -> None:
        """Have :meth:`_look` called when the next thing is due that no message will tell."""
        due = [m.idle_since + self._settings.idle_seconds for m in self._members if m.ready and m.job is None]
        due = due if len(self._members) > self._settings.least else []
        if len(self._members) < self._settings.most:
            due += [job.since + self._settings.grow_seconds for job in self._waiting]
        if len(self._members) < self._least or self._waiting:
            due.append(self._not_before)
        due = [moment for moment in due if moment > now]
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due:
            self._timer = asyncio.get_running_loop().call_later(min(due) - now + 0.001, self._look)

    # ---- analysts

    def _start_member(self) -> None:
        member = _Member(Analyst(self._command, self._log), packages=self._installed.stamp())
        self._members.append(member)
        self._spawn(self._live(member))

    async def _live(self, member: _Member) -> None:
        """Start an analyst and see it out."""
        analyst = member.analyst
        try:
            await analyst.start()
        except Died as e:
            self._cannot_start(e)
            return self._look()
        if self._closed:
            return await analyst.close()
        self._failures, self._failed = 0, None
        member.ready, member.idle_since = True, time.monotonic()
        self._log.info("analyst %s of the %s lane is ready", analyst.pid, self._name)
        self._look()
        await analyst.gone.wait()
        if member in self._members and not analyst.begun and not self._closed:
            self._log.error("analyst %s died without a job: %s", analyst.pid, analyst.said)
            self._back_off()
        self._look()

    def _cannot_start(self, why: Died) -> None:
        if self._closed:
            return
        self._back_off()
        error = AnalystError("lost", f"no analyst can be started: {why}", _LOGS)
        self._log.error("%s", error.message)
        if self._failures < _TRIES:
            return
        self._failed = error
        if all(m.analyst.gone.is_set() for m in self._members):
            for job in self._waiting:
                _fail(job, error)
            self._waiting.clear()

    def _back_off(self) -> None:
        wait = min(_BACK_OFF_SECONDS * 2**self._failures, _BACK_OFF_MOST)
        self._failures += 1
        self._not_before = time.monotonic() + wait

    # ---- jobs

    def _start_job(self, member: _Member, job: _Job) -> None:
        member.job, member.path, job.since = job, job.path, time.monotonic()
        self._spawn(self._do(member, job))

    async def _do(self, member: _Member, job: _Job) -> None:
        job.tries += 1
        try:
            if job.done.done():
                return  # cancelled between its turn and now
            result = await member.analyst.run(job.method, job.params, job.on_event)
            if not job.done.done():
                job.done.set_result(result)
        except AnalystError as e:
            _fail(job, e)
        except Died as e:
            self._lost(job, e)
        except Exception as e:  # a bug of ours, for the log; whoever waits must not do so for ever
            _fail(job, AnalystError("internal", f"{job.method} failed: {e!r}", _LOGS))
            raise
        finally:
            member.job, member.idle_since = None, time.monotonic()
            self._look()

    def _lost(self, job: _Job, why: Died) -> None:
        """A job's analyst died: another does it, first of all; the second that dies of it ends it."""
        if job.done.done() or self._closed:
            return
        self._log.error("an analyst died while it did %s %s: %s", job.method, job.path, why)
        if job.tries < _TRIES:
            self._waiting.appendleft(job)
            return
        what = f"{job.method} {job.path}".strip()
        _fail(job, AnalystError("lost", f"{what}: the analyst that did it died, and so did the next: {why}", _LOGS))

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("in the %s lane: %s", self._name, error, exc_info=error)


def _fail(job: _Job, error: AnalystError) -> None:
    if not job.done.done():
        job.done.set_exception(error)
