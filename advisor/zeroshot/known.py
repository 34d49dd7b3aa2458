"""Scores of networks that were scored before: the same graph with the same weights, in whatever text it stands.

An edit that leaves a network alone, of another model of the file or of what never decides a shape, does not cost its
scores again: the worker builds the network, sees by its *mark* that it is known, and says so instead of scoring it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..recent import Recent
from ..tracing import Run
from ..workers import Event, Outcome

_ASKED = 64
"""Different questions (what is to be scored beside a network itself) whose answers are kept."""
_MARKS = 16
"""Networks of one question."""


class Known:
    """What workers said of networks. Methods may be called from any thread."""

    def __init__(self) -> None:
        self._answers: Recent[str, tuple[tuple[str, Event], ...]] = Recent(_ASKED)

    def running(self, run: Run) -> Run:
        """``run`` for score requests (``advisor/worker/scoring.py``), in which known networks are not scored again. Its
        events are as if they were."""

        def running(request: Mapping[str, Any], on_event: Callable[[Event], None]) -> Outcome:
            questions = {name: json.dumps(plans, sort_keys=True) for name, plans in request["score"].items()}
            known = {name: [mark for mark, _ in self._answers.get(asked) or ()] for name, asked in questions.items()}
            events: list[Event] = []

            def whole(event: Event) -> None:
                asked = questions.get(str(event.get("name"))) if event.get("event") == "score" else None
                events.append(event if asked is None else self._whole(asked, event))
                on_event(events[-1])

            return replace(run({**request, "known": known}, whole), events=tuple(events))

        return running

    def _whole(self, asked: str, event: Event) -> Event:
        """``event`` with what is known in place of a mark alone; a new answer is kept."""
        mark, kept = event.get("mark"), self._answers.get(asked) or ()
        if "facts" in event and isinstance(mark, str):
            others = [known for known in kept if known[0] != mark]
            self._answers.put(asked, ((mark, event), *others)[:_MARKS])
            return event
        answer = next((answer for known, answer in kept if known == mark), None)
        return event if answer is None else {**event, "facts": answer["facts"], "moves": answer["moves"]}
