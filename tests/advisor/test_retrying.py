"""What fails while numbers are followed runs once more without."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from advisor.retrying import retrying
from advisor.workers import Event, Outcome

IMPORTED = {"event": "import", "error": None}
SPOILT = {"type": "TypeError", "message": "no", "file": None, "line": None, "traced": True}
PLAIN = {"type": "TypeError", "message": "no", "file": None, "line": None}


def model(name: str, status: str = "ok", error: Mapping[str, Any] | None = None) -> Event:
    return {"event": "model", "name": name, "status": status, "error": error, "notes": []}


def audited(*runs: list[Event], statuses: str = "ok ok") -> tuple[list[Event], list[Mapping[str, Any]]]:
    """The events that come of runs that give these, one after another, and what they were asked."""
    asked: list[Mapping[str, Any]] = []
    seen: list[Event] = []

    def run(request: Mapping[str, Any], on_event: Callable[[Event], None]) -> Outcome:
        status = statuses.split()[len(asked)]
        asked.append(request)
        for event in runs[len(asked) - 1]:
            on_event(event)
        return Outcome("", status, tuple(runs[len(asked) - 1]), seconds=1.0)

    candidates = [{"name": "A"}, {"name": "B"}]
    retrying(run)({"candidates": candidates, "seconds": 5.0}, seen.append)
    return seen, asked


def test_what_works_runs_once() -> None:
    events = [IMPORTED, model("A"), model("B", "failed", PLAIN)]
    assert audited(events) == (events, [{"candidates": [{"name": "A"}, {"name": "B"}], "seconds": 5.0}])


def test_a_model_that_comes_further_without_is_that_one_and_says_so() -> None:
    seen, asked = audited([IMPORTED, model("A"), model("B", "failed", SPOILT)], [IMPORTED, model("B")])
    assert [(e["name"], e["status"]) for e in seen[1:]] == [("A", "ok"), ("B", "ok")]
    assert (asked[1]["candidates"], asked[1]["numbers"], asked[1]["seconds"]) == ([{"name": "B"}], False, 4.0)
    [note] = seen[2]["notes"]
    assert "TypeError: no" in note and not seen[1]["notes"]


def test_a_model_that_comes_no_further_is_the_first() -> None:
    failed = model("B", "partial", SPOILT)
    seen, _ = audited([IMPORTED, failed], [IMPORTED, model("B", "failed", PLAIN)])
    assert seen == [IMPORTED, failed]


def test_a_file_that_can_be_imported_without_is_all_from_that_run() -> None:
    spoilt = {"event": "import", "error": SPOILT}
    seen, asked = audited([spoilt, model("A", "failed", PLAIN)], [IMPORTED, model("A"), model("B")])
    assert seen[0] == IMPORTED and [e["status"] for e in seen[1:]] == ["ok", "ok"]
    assert len(asked[1]["candidates"]) == 2


def test_a_second_run_that_ends_early_changes_nothing() -> None:
    failed = model("B", "failed", SPOILT)
    assert audited([IMPORTED, failed], [IMPORTED, model("B")], statuses="ok crash")[0] == [IMPORTED, failed]
    assert audited([IMPORTED, failed], statuses="crash")[0] == [IMPORTED, failed]
