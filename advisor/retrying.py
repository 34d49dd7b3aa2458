"""What fails while numbers are followed is tried once more without.

The worker follows number literals by numbers that are an ``int``, not *the* ``int``: nearly all code takes them for
what they are, some asks (``type(x) in {int, str}``, a C function that wants exact types). An error in whose reach such
numbers are is marked ``traced`` by the worker; what raised it runs again with plain numbers, and counts only where it
comes further.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from .workers import Event, Outcome

Run = Callable[[Mapping[str, Any], Callable[[Event], None]], Outcome]
_RANKS = {"failed": 0, "partial": 1, "ok": 2}


def retrying(run: Run) -> Run:
    """``run`` for audits, of whose events those that following numbers may have spoilt come from a second run, where
    it does better: the model then has no numbers, and a note that says why."""

    def running(request: Mapping[str, Any], on_event: Callable[[Event], None]) -> Outcome:
        held = _Held(on_event)
        outcome = run(request, held.take)
        again = held.candidates(request)
        left = float(request["seconds"]) - outcome.seconds
        if outcome.status != "ok" or not again or left <= 0:
            held.give_up()
            return outcome
        second: list[Event] = []
        other = run({**request, "candidates": again, "seconds": left, "numbers": False}, second.append)
        held.settle(second if other.status == "ok" else [])
        return replace(outcome, seconds=outcome.seconds + other.seconds)

    return running


class _Held:
    """Passes events on and holds back doubtful ones: a file's import with all that follows, or single models."""

    def __init__(self, on_event: Callable[[Event], None]) -> None:
        self._on_event = on_event
        self._all: list[Event] = []
        """All events of a file whose import is in doubt."""
        self._models: dict[str, Event] = {}

    def take(self, event: Event) -> None:
        if self._all or (event["event"] == "import" and _doubt(event)):
            self._all.append(event)
        elif event["event"] == "model" and _doubt(event):
            self._models[event["name"]] = event
        else:
            self._on_event(event)

    def candidates(self, request: Mapping[str, Any]) -> list[Any]:
        """Those of the request that should run again."""
        return [c for c in request["candidates"] if self._all or c["name"] in self._models]

    def give_up(self) -> None:
        """Pass on what was held back."""
        for event in (*self._all, *self._models.values()):
            self._on_event(event)

    def settle(self, second: list[Event]) -> None:
        """Pass on what was held back, or in its place what the second run says."""
        imported = next((e for e in second if e["event"] == "import"), None)
        if self._all:
            better = imported is not None and not imported["error"]
            for event in second if better else self._all:
                self._on_event(_noted(event, self._all[0]["error"]) if better else event)
            return
        found = {e["name"]: e for e in second if e["event"] == "model"}
        for name, event in self._models.items():
            other = found.get(name)
            if other is not None and _is_better(other, event):
                event = _noted(other, _doubt(event) or {})
            self._on_event(event)


def _doubt(event: Event) -> Mapping[str, Any] | None:
    """The error of an event that may come of following numbers."""
    error = event.get("error") or {}
    return error if error.get("traced") else event.get("spoilt")


def _is_better(other: Event, event: Event) -> bool:
    """Whether a model of a second run came further, or as far by better arguments."""
    ours, first = _RANKS[other["status"]], _RANKS[event["status"]]
    return ours > first or (ours == first and bool(event.get("spoilt")) and other["construct"] != event["construct"])


def _noted(event: Event, error: Mapping[str, Any]) -> Event:
    if event["event"] != "model":
        return event
    why = f"its numbers are not followed to their literals: code on the way takes no others than Python's own \
({error['type']}: {error['message']})"
    return {**event, "notes": [*event["notes"], why]}
