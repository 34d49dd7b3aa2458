"""When a document is analysed, and what becomes of the result.

An edit moves what is known with the text, ends the analysis that runs and asks for another: the analyst reads the file
and tells its static findings at once, waits until the typing settles, and traces. A result is used only for the very
text and generation that it was asked for. Other open documents follow one at a time, the last edited first: they may
import the edited one, and an analyst's caches answer for those that do not.

Fixes, and zero-shot scores where the settings want them, are nothing that anybody waits for: once a document has not
changed for a while, the back lane works them out. The view that has scores takes the place of the one that has not.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from lsprotocol import types

from advisor.findings import Finding
from advisor.graph import Span

from ..lanes import AnalystError
from ..view import View
from . import fixing, moved
from .documents import Opened
from .pace import Pace
from .progress import Progress, progress
from .session import Session

SLOW_READ = 0.03
"""Seconds of reading a text from which on it is not read before the typing has settled: a core that reads a large file
at every key is one that the editor lacks."""
UNSCORED = 1.0
"""Seconds after a trace before scores are asked for."""
_REMEDIED = ("config", "target", "worker", "params")
"""Kinds of failures that the person can do something about; the others are ours."""


class Audience(Protocol):
    """Who hears what becomes of documents."""

    def begun(self, opened: Opened) -> None:
        """The analysis of a document begins, or is due."""
        ...

    def changed(self, opened: Opened, traced: bool) -> None:
        """Something new is known of a document; whether its trace is in."""
        ...

    def fixed(self, opened: Opened) -> None:
        """More is known of how a document's findings can be fixed."""
        ...


@dataclass(eq=False)
class _Run:
    """One analysis of one generation of a document. The events are set when a phase is over, however it ended."""

    generation: int
    content: str
    static: asyncio.Event = field(default_factory=asyncio.Event)
    traced: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    scoring: asyncio.Task[None] | None = None
    fixing: asyncio.Task[None] | None = None

    def over(self) -> None:
        self.static.set()
        self.traced.set()


class Analysis:
    """Analyses a session's documents, and tells an audience how that goes."""

    def __init__(self, session: Session, audience: Audience) -> None:
        self._session = session
        self._begun, self._changed, self._fixed = audience.begun, audience.changed, audience.fixed
        self._runs: dict[str, _Run] = {}
        self._paces: dict[str, Pace] = {}
        self._told: dict[str, str] = {}
        self._queue: list[str] = []
        self._others: asyncio.Task[None] | None = None
        self._warmed: set[Path] = set()
        self._warmers: set[asyncio.Task[None]] = set()
        self._said: set[str] = set()

    # ---- what happens to documents

    def opened(self, opened: Opened) -> None:
        """A document is there: analyse it now."""
        self._paces[opened.uri] = Pace()
        self._told[opened.uri] = opened.content
        self._start(opened, 0)

    def edited(self, opened: Opened, before: tuple[str, ...]) -> None:
        """A document's lines were ``before`` until now."""
        steps = moved.changes(before, opened.lines)
        if opened.view is not None and steps:
            opened.view = moved.through(opened.view, steps)
            path = opened.view.path
            opened.static = [f for old in opened.static if (f := moved.finding(old, path, steps)) is not None]
            opened.stale = True
        opened.trouble = None
        self._session.documents.touch(opened)
        self._start(opened, self._paces.setdefault(opened.uri, Pace()).edit())

    def closed(self, opened: Opened) -> None:
        """A document is gone; those that import it see the file on disk from now on."""
        self._end(opened)
        for known in (self._paces, self._told):
            known.pop(opened.uri, None)
        if opened.unsaved:
            self.others(opened)

    def now(self, opened: Opened) -> None:
        """Analyse a document anew without waiting."""
        self._start(opened, 0)

    def others(self, than: Opened | None) -> None:
        """Analyse anew, one after the other, the documents that something else than their own text may concern."""
        self.again(o for o in self._session.documents if o is not than)

    def again(self, documents: Iterable[Opened], *, outdated: bool = False) -> None:
        """Analyse documents anew, one after the other. ``outdated``: what is known of them holds no longer."""
        for opened in documents:
            if outdated and opened.view is not None:
                opened.stale, opened.state = True, "running"
            if opened.uri not in self._queue:
                self._queue.append(opened.uri)
            self._begun(opened)
        if self._queue and (self._others is None or self._others.done()):
            self._others = self._session.spawn(self._work_off())

    def stop(self) -> None:
        """End all that runs, or is about to, for this client; documents are known as they were."""
        self._queue.clear()
        for opened in self._session.documents:
            self._end(opened)
        for task in self._warmers:
            task.cancel()

    async def settled(self, opened: Opened) -> None:
        """Wait until the typing has settled. What an editor draws anew at every key it draws late; what it has drawn
        moves with the text by itself."""
        while (pace := self._paces.get(opened.uri)) is not None and (left := pace.left) > 0:
            await asyncio.sleep(left)

    async def reached(self, opened: Opened, traced: bool) -> None:
        """Wait until the present text has been read, or ``traced``; or until that is given up for a newer one."""
        if (run := self._runs.get(opened.uri)) is not None:
            await (run.traced if traced else run.static).wait()

    async def sought(self, opened: Opened) -> None:
        """Wait until the present text has been traced and fixes have been looked for; or until that is given up."""
        await self.reached(opened, traced=True)
        run = self._runs.get(opened.uri)
        if run is not None and run.fixing is not None:
            await asyncio.wait([run.fixing])

    # ---- one analysis

    def _end(self, opened: Opened) -> None:
        run = self._runs.pop(opened.uri, None)
        if run is not None:
            for task in (run.task, run.scoring, run.fixing):
                if task is not None:
                    task.cancel()
            run.over()

    def _start(self, opened: Opened, settle: float) -> _Run:
        self._end(opened)
        opened.generation += 1
        if opened.state != "broken":
            opened.state = "running"
        if opened.uri in self._queue:
            self._queue.remove(opened.uri)
        run = self._runs[opened.uri] = _Run(opened.generation, opened.content)
        run.task = self._session.spawn(self._analyse(opened, run, settle))
        self._begun(opened)
        return run

    async def _work_off(self) -> None:
        while self._queue:
            opened = self._session.documents.of(self._queue.pop(0))
            if opened is not None:
                await self._start(opened, 0).traced.wait()

    async def _analyse(self, opened: Opened, run: _Run, settle: float) -> None:
        edited = settle > 0
        pace = self._paces.setdefault(opened.uri, Pace())
        try:
            await self._session.configured()
            if pace.reading > SLOW_READ:
                await asyncio.sleep(settle)
                settle = 0
            asked = time.monotonic()
            params = {**self._session.params(opened.path), "text": opened.text, "settle": settle}
            async with progress(self._session, f"Advisor: {opened.path.name}") as shown:

                def on_event(message: dict[str, Any]) -> None:
                    if message.get("event") == "static":
                        pace.reading = time.monotonic() - asked
                    try:
                        self._event(opened, run, message, shown)
                    except Exception as e:  # the caller reads the analyst's pipe: it must not end by a mistake of ours
                        self._session.report_server_error(e, type(e))

                try:
                    result = await self._asked(params, on_event, edited)
                except asyncio.CancelledError:
                    if shown.stopped and self._current(opened, run):
                        self._stopped(opened)
                    raise
        except AnalystError as e:
            if self._current(opened, run) and e.code != "cancelled":
                self._failed(opened, e)
                self._changed(opened, True)
        else:
            view = View.from_plain(result["view"])
            if self._current(opened, run) and view.content == run.content:
                self._traced(opened, view)
                self._changed(opened, True)
                self._spread(opened)
                self._warm(opened, params)
                if params["run"] and any(f.move for f in view.findings):
                    run.fixing = self._session.spawn(fixing.find(self._session, opened, params, self._fixed))
                if result.get("unscored"):
                    run.scoring = self._session.spawn(self._score(opened, run, params))
        finally:
            run.over()

    async def _score(self, opened: Opened, run: _Run, params: dict[str, Any]) -> None:
        """Have the models of a traced document scored, and show what comes of it if that is still the text."""
        await asyncio.sleep(UNSCORED)
        try:
            result = await self._session.lanes.call("score", params, lane="back")
        except AnalystError as e:
            self._session.log.info("no scores of %s: %s", opened.path, e)
            return
        view = View.from_plain(result["view"])
        if self._current(opened, run) and view.content == run.content:
            self._traced(opened, view)
            self._changed(opened, True)

    async def _asked(self, params: dict[str, Any], on_event: Callable[[dict[str, Any]], None], edited: bool) -> Any:
        """The analysis, before others where somebody ``edited``; what can be read comes from elsewhere while all of the
        front is busy with traces."""
        lanes, reading = self._session.lanes, None
        if lanes.busy("front"):
            reading = asyncio.ensure_future(lanes.call("read", params, lane="read", on_event=on_event))
            reading.add_done_callback(_ignored)
        try:
            return await lanes.call("analyse", params, lane="front", on_event=on_event, first=edited)
        finally:
            if reading is not None:
                reading.cancel()

    def _event(self, opened: Opened, run: _Run, message: dict[str, Any], shown: Progress) -> None:
        if message.get("event") == "model":
            shown.report(str(message.get("name", "")))
        elif message.get("event") == "static" and self._current(opened, run) and not run.static.is_set():
            self._read(opened, View.from_plain(message["view"]))
            run.static.set()
            self._changed(opened, False)

    def _current(self, opened: Opened, run: _Run) -> bool:
        return self._runs.get(opened.uri) is run and opened.generation == run.generation

    # ---- what becomes of results

    def _read(self, opened: Opened, view: View) -> None:
        """Static findings replace static findings; what a trace found stays."""
        old = opened.view
        if old is None or old.phase == "static":
            opened.view, opened.stale = view, False
        else:
            opened.view = replace(old, findings=_merged(view.findings, old.findings, opened.static))
        opened.static, opened.checked, opened.trouble = view.findings, opened.generation, None

    def _traced(self, opened: Opened, view: View) -> None:
        old = opened.view
        opened.trouble = None
        if old is not None and old.places and not view.places and any(f.code == "TRC901" for f in view.findings):
            # The file cannot be imported now: the last good hints stay, and stay marked.
            opened.view = replace(old, findings=_merged(view.findings, old.findings, opened.static), notes=view.notes)
            opened.static, opened.checked, opened.stale = view.findings, opened.generation, True
            opened.state = "broken"
            return
        opened.view, opened.stale, opened.checked, opened.state = view, False, opened.generation, "known"
        opened.static = [f for f in opened.static if f in view.findings]

    def _failed(self, opened: Opened, error: AnalystError) -> None:
        message = f"{error.message}{f': {error.remedy}' if error.remedy else ''}"
        kind = types.MessageType.Warning if error.code in _REMEDIED else types.MessageType.Error
        if message not in self._said:
            self._said.add(message)
            self._session.say(f"{opened.path}: {message}", kind)
        self._in_trouble(opened, error.code, message)
        opened.state = "failed"

    def _stopped(self, opened: Opened) -> None:
        """The person stopped the analysis: what is known stays, and they are told how to go on."""
        again = "the action Trace again, the command advisor.retrace or an edit starts it again"
        self._in_trouble(opened, "cancelled", f"the analysis was stopped: {again}")
        opened.state = "cancelled"
        self._changed(opened, True)

    def _in_trouble(self, opened: Opened, code: str, message: str) -> None:
        opened.trouble = Finding(code, message, Span(str(opened.path), 1, 1, 1, 1), severity="information")
        opened.stale = opened.view is not None

    def _spread(self, opened: Opened) -> None:
        """Other documents may import this one: once its text is another than last time, they follow."""
        content = opened.content
        if self._told.get(opened.uri, content) != content:
            self.others(opened)
        self._told[opened.uri] = content

    def _warm(self, opened: Opened, params: dict[str, Any]) -> None:
        """Have a worker ready for a workspace with models, if this document has not just started one."""
        root = self._session.root_of(opened.path)
        if root in self._warmed or not params["run"] or "torch" not in opened.text:
            return
        self._warmed.add(root)
        if opened.view is None or not opened.view.places:
            keys = ("path", "overrides", "origin", "environment", "cwd", "run")
            task = self._session.spawn(self._warming({key: params[key] for key in keys}))
            self._warmers.add(task)
            task.add_done_callback(self._warmers.discard)

    async def _warming(self, params: dict[str, Any]) -> None:
        try:
            await self._session.lanes.call("warm", params, lane="front")
        except AnalystError as e:
            self._session.log.info("no worker was prepared for %s: %s", params["path"], e)


def _ignored(reading: asyncio.Future[Any]) -> None:
    """What kept a text from being read will be said of its analysis too."""
    if not reading.cancelled():
        reading.exception()


def _merged(static: list[Finding], old: list[Finding], old_static: list[Finding]) -> list[Finding]:
    """The static findings of now, and those of before that are not static."""
    return [*static, *(f for f in old if f not in old_static and f not in static)]
