"""What runs of edited texts are asked for, and what of them is kept."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from advisor.fixes.edits import Edit
from advisor.fixes.proposal import Sources
from advisor.fixes.verify import Verifier
from advisor.graph import Graph, Span
from advisor.report import Failure, FileReport, ModelReport
from advisor.session import Session
from advisor.texts import Texts
from tests.graphs import GraphBuilder

FILE = Path("net.py")
TOP = Span(str(FILE), 1, 1, 1, 2)
EDITS = (Edit(TOP, "y"),)


def graph(width: int = 8) -> Graph:
    b = GraphBuilder()
    return b.build(b.conv(b.input((1, 3, 8, 8)), width))


def model(name: str, failure: str = "", width: int = 8) -> ModelReport:
    if failure:
        return ModelReport(name, str(FILE), "class", TOP, "failed", failure=Failure(failure, "why"))
    return ModelReport(name, str(FILE), "class", TOP, "ok", graph=graph(width))


class Worker:
    """Answers runs in turn, and notes what was asked."""

    def __init__(self, *answers: list[ModelReport]) -> None:
        self.answers = list(answers)
        self.asked: list[list[str]] = []

    def trace(self, path: Path, texts: Texts, names: Any, **_: Any) -> FileReport:
        self.asked.append(list(names))
        return FileReport(str(path), self.answers.pop(0))

    def verifier(self) -> Verifier:
        session = cast(Session, SimpleNamespace(trace=self.trace))
        return Verifier(session, FILE, Sources(Texts({FILE: "x\n"})))


def test_models_that_a_run_had_no_time_for_are_asked_for_again() -> None:
    first = [model("A"), model("B", "OutOfTime"), model("C", "not reached")]
    worker = Worker(first, [model("B"), model("C", "not reached")], [model("C")])
    assert worker.verifier().lost([model("A"), model("B"), model("C")], EDITS) == ""
    assert worker.asked == [["A", "B", "C"], ["B", "C"], ["C"]]


def test_what_was_prepared_is_not_run_again() -> None:
    worker = Worker([model("A"), model("B", width=16)])
    verifier = worker.verifier()
    verifier.prepare([model("A"), model("B")], EDITS)
    assert verifier.differences(model("A"), EDITS, graph()) == ()
    assert verifier.differences(model("B"), EDITS, graph()) != ()
    assert worker.asked == [["A", "B"]]


def test_a_model_that_never_gets_done_is_lost() -> None:
    worker = Worker([model("A"), model("B", "OutOfTime")], [model("B", "OutOfTime")])
    said = worker.verifier().lost([model("A"), model("B")], EDITS)
    assert said == "with it B cannot be traced any more: OutOfTime: why"


def test_one_that_fails_is_not_asked_for_again() -> None:
    worker = Worker([model("A"), model("B", "TypeError")])
    assert "TypeError" in worker.verifier().lost([model("A"), model("B")], EDITS)


def test_of_what_edits_leave_as_it_is_one_graph_is_kept() -> None:
    same, other = model("A"), model("B")
    verifier = Worker([model("A"), model("B", width=16)]).verifier()
    assert verifier.lost([same, other], EDITS) == ""
    assert verifier.graph(same, EDITS) is same.graph
    assert verifier.graph(other, EDITS) is not other.graph


def test_a_model_that_edits_have_lost_is_the_first_to_be_tried_with_others() -> None:
    worker = Worker([model("A"), model("B", "ValueError"), model("C")], [model("B", "ValueError")], [model("B")], [])
    verifier, models = worker.verifier(), [model("A"), model("B"), model("C")]
    assert verifier.lost(models, EDITS) == "with it B cannot be traced any more: ValueError: why"
    assert verifier.lost(models, (Edit(TOP, "z"),)) == "with it B cannot be traced any more: ValueError: why"
    assert verifier.lost(models, (Edit(TOP, "w"),)) == "with it A is lost: it is no model of the file any more"
    assert worker.asked == [["A", "B", "C"], ["B"], ["B"], ["A", "C"]]


def test_many_models_are_tried_in_batches_until_one_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("advisor.fixes.verify.KEPT", 8 * len(graph().ops))
    worker = Worker([model("A"), model("B")], [model("C"), model("D", "ValueError")])
    said = worker.verifier().lost([model(name) for name in "ABCDEF"], EDITS)
    assert said == "with it D cannot be traced any more: ValueError: why"
    assert worker.asked == [["A", "B"], ["C", "D"]]


def test_graphs_of_edits_that_were_tried_long_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(graph().ops)
    monkeypatch.setattr("advisor.fixes.verify.KEPT", 2 * (size + 1))
    worker = Worker(*[[model("A", width=16)] for _ in range(4)])
    verifier = worker.verifier()
    for text in ("1", "2", "2", "3", "2", "1"):
        assert verifier.graph(model("A"), (Edit(TOP, text),)) is not None
    assert len(worker.asked) == 4, "of two edits: 1, 2, 3, and 1 again"
