"""Scores that are known: what a worker is told of them, and what comes of its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from advisor.workers import Event, Outcome
from advisor.zeroshot.known import Known

FACTS = {"why": "for the test"}


class Worker:
    """Answers with marks, in full where it is not told that they are known."""

    def __init__(self, **marks: str) -> None:
        self.marks = marks
        self.scored: list[str] = []

    def __call__(self, request: Mapping[str, Any], on_event: Callable[[Event], None]) -> Outcome:
        events: list[Event] = [{"event": "import"}]
        for name in request["score"]:
            event = {"event": "score", "name": name, "graph": {"of": name}, "mark": self.marks[name]}
            if self.marks[name] not in request["known"][name]:
                self.scored.append(name)
                event |= {"facts": {**FACTS, "of": self.marks[name]}, "moves": []}
            events.append(event)
        for event in events:
            on_event(event)
        return Outcome("1", "ok", tuple(events))


def ask(known: Known, worker: Worker, **plans: list[Any]) -> list[Event]:
    heard: list[Event] = []
    outcome = known.running(worker)({"score": plans}, heard.append)
    assert list(outcome.events) == heard
    return [e for e in heard if e["event"] == "score"]


def test_only_the_network_that_changed_is_scored_again():
    known, worker = Known(), Worker(A="a1", B="b1")
    first = ask(known, worker, A=[], B=[])
    worker.marks["A"] = "a2"
    second = ask(known, worker, A=[], B=[])
    assert worker.scored == ["A", "B", "A"]
    assert [e["facts"]["of"] for e in second] == ["a2", "b1"]
    assert second[1] == first[1]


def test_other_moves_are_another_question():
    known, worker = Known(), Worker(A="a1")
    ask(known, worker, A=[])
    ask(known, worker, A=[{"layers": {}}])
    assert worker.scored == ["A", "A"]


def test_a_network_is_known_under_any_name():
    known, worker = Known(), Worker(A="a1", Renamed="a1")
    ask(known, worker, A=[])
    (event,) = ask(known, worker, Renamed=[])
    assert worker.scored == ["A"]
    assert event["graph"] == {"of": "Renamed"}


def test_what_says_nothing_true_is_passed_on_as_it_is():
    """User code shares the worker's pipe."""
    known = Known()
    for mark in ("never heard of", 3, None, ["a"]):
        events = [{"event": "score", "name": "A", "mark": mark}, {"event": "score"}, {"event": "score", "name": ["A"]}]

        def run(_request: Any, on_event: Callable[[Event], None], events: list[Event] = events) -> Outcome:
            for event in events:
                on_event(event)
            return Outcome("1", "ok", tuple(events))

        heard: list[Event] = []
        known.running(run)({"score": {"A": []}}, heard.append)
        assert heard == events
