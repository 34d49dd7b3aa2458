"""The trace cache: a worker's run answered from what an earlier one said, where nothing it rests on has changed.

It stands between :mod:`advisor.tracing` and the worker, so that everything after the events is made anew. An answer
from the cache equals that of a run on the same text; where that is not certain the worker runs.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..discovery.source import MAX_BYTES as MOST_SOURCE_BYTES
from ..discovery.source import contents, text_of
from ..environment import passed_on
from ..recent import Recent
from ..texts import Texts
from ..tracing import Run
from ..workers import Event, Outcome
from .code import may_reach, reads_source, significant
from .dependencies import Proof, fixed, key, pack, prove, settle, stamp, words
from .entry import Asked, Entry
from .replay import names_places
from .store import MAX_BYTES, Store

MEMORY_BYTES = 64 << 20

_KEPT = 4
"""Entries of one key in memory."""
_QUICK_SECONDS = 2.0
"""A candidate that takes longer may have been cut short by its share of the time (``_LEAST_SHARE`` in the worker)."""
_FEW = 4
"""So many candidates have each more than half of the time that is left."""
_MOST_OF_LIMIT = 0.4
_inspecting: Recent[str, bool] = Recent(10_000)
_PYTHON = re.compile(r"python(\d+\.\d+)(?:\.exe)?")


class Traces:
    """Runs by what they depend on, in memory and, where ``folder`` is given, on the disk below it.

    ``max_bytes`` bounds the folder, ``memory_bytes`` what is kept in memory. Methods may be called from any thread;
    ``hits`` and ``misses`` count what :meth:`running`'s runs came to.
    """

    def __init__(self, folder: Path | None, max_bytes: int = MAX_BYTES, memory_bytes: int = MEMORY_BYTES) -> None:
        self.hits = self.misses = 0
        self._store = Store(folder, max_bytes) if folder is not None else None
        self._memory: Recent[str, tuple[Entry, ...]] = Recent(memory_bytes, lambda es: sum(e.weight for e in es))
        self._lock = threading.Lock()

    def running(self, run: Run, interpreter: Path, environment: Mapping[str, str], texts: Texts, path: Path) -> Run:
        """``run`` for requests about ``path`` under ``interpreter``, answered from the cache where that can be.

        ``environment`` is what the worker takes its variables from, ``texts`` what the request was made from. ``run``
        uses no worker that started before something was installed: it would keep what it imported.
        """

        def running(request: Mapping[str, Any], on_event: Callable[[Event], None]) -> Outcome:
            asked = self._asked(request, interpreter, environment, texts, path)
            if asked is None:
                return run(request, on_event)
            found = self._find(asked)
            with self._lock:
                self.hits += found is not None
                self.misses += found is None
            if found is None:
                return self._fresh(run, request, on_event, asked, interpreter, environment)
            for event in found.events:
                on_event(event)
            return found

        return running

    def known(
        self, request: Mapping[str, Any], interpreter: Path, environment: Mapping[str, str], texts: Texts, path: Path
    ) -> Outcome | None:
        """What :meth:`running`'s run would answer without the worker; None where that would have to run."""
        asked = self._asked(request, interpreter, environment, texts, path)
        return None if asked is None else self._find(asked)

    # ---- what is asked

    def _asked(
        self, request: Mapping[str, Any], interpreter: Path, environment: Mapping[str, str], texts: Texts, path: Path
    ) -> Asked | None:
        """None for what is not kept: a file that cannot be read, or whose buffer the worker would not see."""
        buffers = {Path(name): text for name, text in request.get("buffers", {}).items()}
        if path not in buffers and texts.unsaved(path):
            return None
        text = text_of(path, buffers.get(path, texts.get(path)))
        if not isinstance(text, str):
            return None
        rest, places = fixed(request)
        keep = {word for said in words(rest) for word in re.findall(r"\w+", said)}
        code = significant(text, keep, _speaks_ours(interpreter))
        lines = {candidate["name"]: candidate["line"] for candidate in request["candidates"]}
        seen = Texts({name: text for given, text in buffers.items() for name in (given, given.resolve())})
        own = {str(path), str(path.resolve())}
        return Asked(key(code.digest, rest, interpreter, environment), code, own, places, lines, seen)

    # ---- from the cache

    def _find(self, asked: Asked) -> Outcome | None:
        for entry in self._memory.get(asked.key) or ():
            if (events := entry.answer(asked)) is not None:
                return _outcome(entry, events)
        for path, entry in self._stored(asked.key):
            if (events := entry.answer(asked)) is not None:
                self._remember(asked.key, entry)
                if self._store is not None:
                    self._store.used(path)
                return _outcome(entry, events)
        return None

    def _stored(self, key: str) -> Iterator[tuple[Path, Entry]]:
        if self._store is None:
            return
        for path, body in self._store.read(key):
            try:
                yield path, Entry.from_bytes(body)
            except ValueError:
                self._store.remove(path)

    def _remember(self, key: str, entry: Entry) -> None:
        with self._lock:
            others = [e for e in self._memory.get(key) or () if e.proof != entry.proof or e.code != entry.code]
            self._memory.put(key, (entry, *others)[:_KEPT])

    # ---- from the worker

    def _fresh(
        self,
        run: Run,
        request: Mapping[str, Any],
        on_event: Callable[[Event], None],
        asked: Asked,
        interpreter: Path,
        environment: Mapping[str, str],
    ) -> Outcome:
        file = Path(request["file"])
        before = _installed(interpreter, environment)
        since = settle([] if file in asked.seen.buffers else [file, file.parent])
        # What it says from now on: :func:`prove` sees whether it changes after this.
        known = text_of(file, asked.seen.get(file)) == asked.code.text
        clock = _Clock(float(request["seconds"]))

        def timed(event: Event) -> None:
            clock.take(event)
            on_event(event)

        outcome = run(request, timed)
        if outcome.status != "ok" or outcome.leftover:
            return outcome
        if not (clock.in_time(outcome, len(request["candidates"])) or _scored_in_time(request, outcome)):
            return outcome
        reads = next((e for e in reversed(outcome.events) if e["event"] == "reads"), None)
        if reads is None or not known or before != _installed(interpreter, environment):
            return outcome
        proof = prove(reads, asked.own, asked.seen, since)
        if proof is not None and (entry := _entry(asked, outcome, proof)) is not None:
            self._remember(asked.key, entry)
            if self._store is not None:
                self._store.write(asked.key, entry.to_bytes())
        return outcome


class _Clock:
    """Whether the time limit may have had a part in a run's result, by when its events came."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._began = self._started = time.monotonic()
        self._longest = 0.0
        self._share = 0.0
        """The longest time for one candidate, in parts of what was left for it and those after it."""
        self._ran_out = False

    def take(self, event: Event) -> None:
        now = time.monotonic()
        if (event.get("error") or {}).get("type") == "OutOfTime":
            self._ran_out = True
        if event["event"] == "begin":
            self._began = now
        elif event["event"] in ("model", "skip"):
            took, left = now - self._began, self._limit - (self._began - self._started)
            self._longest = max(self._longest, took)
            self._share = max(self._share, took / max(left, 0.001))
            self._began = now

    def in_time(self, outcome: Outcome, candidates: int) -> bool:
        if self._ran_out or outcome.seconds > _MOST_OF_LIMIT * self._limit:
            return False
        return self._longest < _QUICK_SECONDS or (candidates <= _FEW and self._share < _MOST_OF_LIMIT)


def _scored_in_time(request: Mapping[str, Any], outcome: Outcome) -> bool:
    """Whether all models of a score job say (by their marks) that no limit had a part in their scores."""
    marked = {str(e.get("name")) for e in outcome.events if e["event"] == "score" and "mark" in e}
    return request["job"] == "score" and marked == set(request["score"])


def _entry(asked: Asked, outcome: Outcome, proof: Proof) -> Entry | None:
    """None for events that cannot be kept: with numbers over 64 bits."""
    sources = {file: _source(Path(file), asked.seen) for file, digest in proof.files.items() if digest is not None}
    modules = {file: source for file, source in sources.items() if file.endswith(".py")}
    unused = asked.code.unused
    strict = any(source is None or may_reach(source, unused, file in modules) for file, source in sources.items())
    events = [e for e in outcome.events if e["event"] != "reads" and not e.get("partial")]
    try:
        packed = pack(events)
    except (ValueError, OverflowError):
        return None
    return Entry(
        asked.code,
        asked.places,
        proof,
        packed,
        outcome.containment,
        strict=strict,
        still=names_places(events),
        exact=any(source is None or _inspects(proof.files[file], source) for file, source in modules.items()),
    )


def _source(path: Path, seen: Texts) -> str | None:
    """The text of a file that was read, be it a module's or settings; None where it is too long to look through."""
    text = seen.get(path)
    if text is not None:
        return text
    try:
        data = contents(path)
    except OSError:
        return ""  # gone meanwhile: the proof does not hold
    return data.decode(errors="replace") if len(data) <= MOST_SOURCE_BYTES else None


def _inspects(digest: str | None, source: str) -> bool:
    """:func:`reads_source`, which is asked again and again about the same files."""
    key = digest or ""
    found = _inspecting.get(key)
    return _inspecting.put(key, reads_source(source)) if found is None else found


def _outcome(entry: Entry, events: list[Event]) -> Outcome:
    return Outcome("", "ok", tuple(events), containment=tuple(entry.containment))


def _installed(interpreter: Path, environment: Mapping[str, str]) -> list[Any]:
    return stamp(interpreter, passed_on(environment))


def _speaks_ours(interpreter: Path) -> bool:
    """Whether ``interpreter`` is of our version of Python, by its name: then it agrees with us on what is valid."""
    real = Path(os.path.realpath(interpreter))
    if real == Path(os.path.realpath(sys.executable)):
        return True
    named = _PYTHON.fullmatch(real.name)
    return named is not None and named[1] == f"{sys.version_info[0]}.{sys.version_info[1]}"
