from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from advisor.facts import Facts
from advisor.findings import Finding
from advisor.graph import Graph, Module, Span
from advisor.moves import SetWidth
from advisor.report import ModelReport
from advisor.zeroshot.check import MOVES, Check, digest
from tests.graphs import GraphBuilder

SPAN = Span("net.py", 1, 1, 1, 4)


def network(width: int = 68) -> Graph:
    b = GraphBuilder()
    return b.build(b.conv(b.conv(b.input((1, 8, 16, 16)), width, 3), 8, 3))


def finding(gain: float, width: int, code: str = "CHN101", graph: Graph | None = None) -> Finding:
    key = (graph or network()).ops[0].key
    return Finding(
        code, f"narrow to {width}", SPAN, gain_us=gain, gain_percent=gain, move=SetWidth(key, width).to_plain()
    )


def traced(*findings: Finding) -> ModelReport:
    return ModelReport("Net", "net.py", "class", SPAN, "ok", rung="fx-meta", graph=network(), findings=list(findings))


def scores(**values: float) -> dict[str, Any]:
    return {name: {"value": value, "seconds": 0.01} for name, value in values.items()}


def answer(model: ModelReport, moves: list[Any], **values: float) -> dict[str, Any]:
    assert model.graph is not None
    facts = {
        "input": "(16, 8, 16, 16)",
        "batch": 16,
        "seed": 0,
        "scores": scores(**values),
        "layers": {"rows": [["a", 1.0, 0.5, 0.1]]},
        "blocks": {"rows": [["a", 2.0]]},
    }
    return {"event": "score", "name": "Net", "graph": model.graph.to_plain(), "facts": facts, "moves": moves}


def test_a_digest_is_of_what_is_computed_not_of_where_it_is_written():
    graph = network()
    elsewhere = Graph(
        [dataclasses.replace(op, call=SPAN) for op in graph.ops],
        graph.tensors,
        {p: Module(p, m.type, (SPAN,)) for p, m in graph.modules.items()},
        graph.inputs,
        graph.outputs,
        Facts("somewhere"),
    )
    assert digest(elsewhere) == digest(graph)
    assert digest(network(64)) != digest(graph)


def test_scores_become_facts_of_the_graph_and_survive_its_plain_form():
    model = traced()
    Check.of([model]).take(answer(model, [], naswot=10.0, expressivity=2.5))
    assert model.graph is not None
    again = Graph.from_plain(model.graph.to_plain())
    for graph in (model.graph, again):
        assert graph.facts is not None
        assert graph.facts.value("naswot") == 10.0
        assert graph.facts.layers[0].spread == 0.5
        assert graph.facts.blocks == (("a", 2.0),)
    assert model.graph.replace(ops=list(model.graph.ops)).facts is None


def test_a_move_says_what_it_does_to_the_scores_next_to_what_it_saves():
    model = traced(finding(5, 64))
    check = Check.of([model])
    (plan,) = check.plans["Net"]
    assert plan["parameters"]
    check.take(answer(model, [{"scores": scores(naswot=9.0, expressivity=2.5)}], naswot=10.0, expressivity=2.5))
    (found,) = model.findings
    assert found.trainability == {
        "expressivity": {"before": 2.5, "after": 2.5, "percent": 0.0},
        "naswot": {"before": 10.0, "after": 9.0, "percent": -10.0},
        "rank": {"before": 1, "after": 2, "of": 2},
    }
    assert found.message == (
        "narrow to 64; at initialisation expressivity 2.5 → 2.5 (+0.0 %), NASWOT 10 → 9 (−10.0 %), "
        "together rank 1 → 2 of 2"
    )


def test_moves_stand_among_all_that_were_scored():
    """The model has the second NASWOT and the last expressivity; equal ones stand equal, unscored ones nowhere."""
    model = traced(*(finding(w, w) for w in (64, 60, 56, 52)))
    after = [(9.0, 3.0), (12.0, 4.0), (9.0, 3.0)]
    moves = [{"scores": scores(naswot=n, expressivity=e)} for n, e in after]
    moves.insert(1, {"why": "the model has no module a"})
    Check.of([model]).take(answer(model, moves, naswot=10.0, expressivity=2.5))
    by_gain = sorted(model.findings, key=lambda f: -(f.gain_us or 0.0))
    ranks = [(f.trainability or {}).get("rank") for f in by_gain]
    ranked = [{"before": 4, "after": after, "of": 4} for after in (2, 1, 2)]
    assert ranks == [ranked[0], None, *ranked[1:]]


def test_the_moves_that_save_most_are_scored_each_once():
    widths = range(40, 40 + 2 * MOVES)
    model = traced(*(finding(w, w) for w in widths), finding(1, widths[-1], "CHN102"))
    check = Check.of([model])
    assert len(check.plans["Net"]) == MOVES
    shapes = [next(iter(plan["parameters"].values()))[0] for plan in check.plans["Net"]]
    assert shapes == list(reversed(widths))[:MOVES]
    moves = [{"scores": scores(naswot=float(i))} for i in range(MOVES)]
    check.take(answer(model, moves, naswot=10.0))
    best = [f for f in model.findings if f.move == finding(1, widths[-1]).move]
    assert len(best) == 2
    assert all(f.trainability and f.trainability["naswot"]["after"] == 0.0 for f in best)


def test_a_move_that_could_not_be_scored_says_why():
    model = traced(finding(5, 64))
    Check.of([model]).take(answer(model, [{"why": "the model has no module a"}], naswot=10.0))
    assert model.findings[0].trainability == {"why": "the model has no module a"}
    assert model.findings[0].message.endswith("; trainability not scored: the model has no module a")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda event: event.update(graph=network(64).to_plain()), "another network"),
        (lambda event: event.update(graph={"version": 0}), "malformed"),
        (lambda event: event.update(facts=3), "malformed"),
        (lambda event: event["facts"].update(scores=[]), "malformed"),
        (lambda event: event.update(moves=None), "malformed"),
        (lambda event: event.update(facts={"why": "its forward raised KeyError"}), "its forward raised KeyError"),
    ],
)
def test_an_answer_of_no_use_costs_the_scores_only(change, why):
    model = traced(finding(5, 64))
    event = answer(model, [{"scores": scores(naswot=9.0)}], naswot=10.0)
    change(event)
    check = Check.of([model])
    check.take(event)
    check.end("it was stopped")
    (note,) = model.notes
    assert note.startswith("no zero-shot scores: ")
    assert why in note


def test_what_is_known_of_a_check_that_was_stopped_counts():
    model, other = traced(finding(5, 64)), dataclasses.replace(traced(), name="Other")
    check = Check.of([model, other])
    cut = {"why": "it was stopped before it"}
    part = answer(model, [cut], naswot=10.0) | {"partial": True}
    check.take(part)
    assert model.graph is not None
    assert model.graph.facts is None
    check.end("the time was up")
    assert model.graph.facts is not None
    assert model.graph.facts.value("naswot") == 10.0
    assert model.findings[0].trainability == cut
    assert (model.notes, other.notes) == ([], ["no zero-shot scores: the time was up"])


def test_the_whole_answer_replaces_its_parts():
    model = traced(finding(5, 64))
    check = Check.of([model])
    check.take(answer(model, [{"why": "not yet"}], naswot=10.0) | {"partial": True})
    check.take(answer(model, [{"scores": scores(naswot=9.0)}], naswot=10.0))
    check.end("it was stopped")
    assert model.findings[0].message.count("at initialisation") == 1
    assert "not yet" not in model.findings[0].message


def test_models_without_an_answer_are_named():
    model = traced()
    check = Check.of([model])
    check.take({"event": "done"})
    check.take({"event": "score", "name": ["Net"]})
    check.end("it was stopped")
    assert model.notes == ["no zero-shot scores: it was stopped"]


@pytest.mark.parametrize("change", [{"rung": "hooks"}, {"rung": "static"}, {"status": "partial"}, {"graph": None}])
def test_what_was_not_traced_whole_is_not_scored(change):
    assert not Check.of([dataclasses.replace(traced(), **change)]).models
