"""The check of one file's traced models: a request to the worker, and its answers entered into the models.

A model's scores become the facts of its graph. For the findings that save most the network is scored again as their
moves leave it, and what that does to trainability is said next to what it does to latency: each score before and after,
and where the network stands before and after among the model and all that its moves make of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..edit import MoveError
from ..facts import Facts, FactsError, scores
from ..findings import Finding
from ..graph import Graph
from ..moves import from_plain
from ..moves.live import surgery_plan
from ..report import ModelReport
from ..worker import sameness
from .words import change, said, standings

MOVES = 8
"""Moves of one model, those that gain most, that are scored."""
JOB = "score"
_UNTRACED = ("hooks", "static")


def digest(graph: Graph) -> str:
    """Names what a graph computes: equal for graphs that differ in source places, and facts, only."""
    return sameness.digest(graph.to_plain())


@dataclass
class Check:
    """What is to be scored of one file: ``plans`` by the model's name, ``findings`` that each plan is for."""

    models: dict[str, ModelReport] = field(default_factory=dict)
    plans: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    findings: dict[str, list[list[Finding]]] = field(default_factory=dict)
    partial: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, models: Iterable[ModelReport]) -> Check:
        """The check of those of ``models`` that were traced whole."""
        check = cls()
        for model in models:
            if model.graph is None or not _scorable(model):
                continue
            check.models[model.name] = model
            plans = check.plans[model.name] = []
            groups = check.findings[model.name] = []
            for move, group in _moves(model.findings):
                plan = _plan(model.graph, move, group)
                if plan is not None:
                    plans.append(plan)
                    groups.append(group)
                if len(plans) == MOVES:
                    break
        return check

    def request(self, base: Mapping[str, Any]) -> dict[str, Any]:
        """The worker's request, from that of the audit."""
        return {**base, "job": JOB, "score": self.plans}

    def take(self, event: Mapping[str, Any]) -> None:
        """Enter one of the worker's events; others than a score's say nothing here."""
        name = str(event.get("name"))
        model = self.models.get(name)
        if event.get("event") != "score" or model is None or model.graph is None or name in self.answered:
            return
        if event.get("partial"):
            self.partial[name] = event
            return
        self.answered.add(name)
        try:
            if digest(Graph.from_plain(event["graph"])) != digest(model.graph):
                self._without(model, "it was another network when it was built again")
                return
            self.enter(name, event["facts"], event["moves"])
        except (FactsError, ValueError, KeyError, TypeError, AttributeError) as e:  # user code shares the worker's pipe
            self._without(model, f"the worker's answer is malformed ({type(e).__name__}: {e})")

    def enter(self, name: str, facts: Mapping[str, Any], moves: Iterable[Mapping[str, Any]]) -> None:
        """The answer about one model. Raises what malformed ones raise."""
        model = self.models[name]
        assert model.graph is not None
        found = Facts.from_worker(facts)
        model.graph = model.graph.with_facts(found)
        if found.why:
            self._without(model, found.why)
            return
        compared = [
            (group, {} if "why" in one else scores(one["scores"]), one.get("why", ""))
            for group, one in zip(self.findings[name], moves, strict=True)
        ]
        networks = [found.scores, *(after for _, after, _ in compared if after)]
        before, *places = standings(networks)
        standing = iter(places)
        for group, after, why in compared:
            _say(group, change(found.scores, after, why, (before, next(standing), len(networks)) if after else None))

    def end(self, why: str) -> None:
        """No more answers come; ``why`` is a clause for those that have none. What there is of others is entered."""
        for event in self.partial.values():
            self.take({**event, "partial": False})
        for name, model in self.models.items():
            if name not in self.answered:
                self._without(model, why)

    @staticmethod
    def _without(model: ModelReport, why: str) -> None:
        model.notes.append(f"no zero-shot scores: {why}")


def unscored(models: Iterable[ModelReport]) -> bool:
    """Whether any of ``models`` has no scores but could have."""
    return any(m.graph is not None and m.graph.facts is None for m in models if _scorable(m))


def _scorable(model: ModelReport) -> bool:
    """Whether it was traced whole: else the graph is not what would be scored."""
    return model.graph is not None and model.status == "ok" and model.rung not in _UNTRACED


def _moves(findings: Iterable[Finding]) -> list[tuple[dict[str, Any], list[Finding]]]:
    """The distinct moves of findings that gain, best first, each with the findings that propose it."""
    groups: dict[str, tuple[dict[str, Any], list[Finding]]] = {}
    for finding in sorted(findings, key=lambda f: -(f.gain_percent or 0.0)):
        if finding.move is not None and finding.gain_us is not None:
            key = json.dumps(finding.move, sort_keys=True, default=list)
            groups.setdefault(key, (finding.move, []))[1].append(finding)
    return list(groups.values())


def _plan(graph: Graph, plain: dict[str, Any], group: Iterable[Finding]) -> dict[str, Any] | None:
    """The surgery of a move that changes capacity; None for one that does not, or that no module shows. A move that
    cannot be carried out on modules is said so in its findings."""
    try:
        moved = from_plain(plain).apply(graph)
        plan = surgery_plan(graph, moved)
    except MoveError as e:
        _say(group, change({}, {}, str(e)))
        return None
    if _parameters(graph) == _parameters(moved) or not (plan["layers"] or plan["parameters"]):
        return None
    return plan


def _say(findings: Iterable[Finding], compared: dict[str, Any]) -> None:
    """Put a change next to what the findings say of the cost."""
    for finding in findings:
        finding.trainability = compared
        if clause := said(compared):
            finding.message = f"{finding.message}; {clause}"


def _parameters(graph: Graph) -> int:
    return sum(graph.tensors[t].numel for t in graph.parameter_ids())
