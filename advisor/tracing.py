"""One file, from its source to traced models: discovery writes a request, the worker answers, and what it says becomes
:class:`ModelReport`s without costs, and findings for what could not be had.

A candidate that kills its process costs only itself: the request is run again without it, and without those that are
done, in what is left of the file's time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from .discovery.candidates import Candidate
from .discovery.request import Discovery
from .discovery.static import static_graph
from .findings import Finding
from .graph import Graph, GraphError, Span
from .report import Failure, FileReport, ModelReport
from .retrying import retrying
from .texts import Texts
from .troubles import OF_FILES, left_running, noticed, stopped, unimportable, untraced
from .workers import Event, Outcome

Run = Callable[[Mapping[str, Any], Callable[[Event], None]], Outcome]
"""Sends a request to a worker and calls the function with each event as it comes."""


class Traces(Protocol):
    """Remembers what runs came to."""

    def running(self, run: Run, interpreter: Path, environment: Mapping[str, str], texts: Texts, path: Path) -> Run:
        """``run``, under the given interpreter and environment, or what it came to before where nothing that it
        depends on has changed since."""
        ...

    def known(
        self, request: Mapping[str, Any], interpreter: Path, environment: Mapping[str, str], texts: Texts, path: Path
    ) -> Outcome | None:
        """What that run would answer without the worker; None where it would have to run."""
        ...


_TOLD = ("directive", "config")
"""Sources of what the user said."""
_AGAIN = frozenset({"exit", "crash", "memory", "processes", "closed", "lost"})
"""Ways of dying that another candidate of the same file may not share."""


@dataclass(slots=True)
class _Answer:
    """What all runs of one file came to. ``models`` by candidate name, ``skipped`` with the reason."""

    models: dict[str, ModelReport] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    covered: set[str] = field(default_factory=set)
    imported: bool = False
    current: str | None = None
    """The candidate that is being worked on, or was when the events ended."""
    finished: set[str] = field(default_factory=set)
    """Models that were handed on before the file's end."""
    unreached: str = "the worker said nothing about it"
    """Why a candidate without a result has none."""


def trace_file(
    path: Path, discovery: Discovery, run: Run, finish: Callable[[ModelReport], None] = lambda _: None
) -> FileReport:
    """Trace what ``discovery`` found in ``path``.

    ``finish`` adds to each model of the report what does not come from the worker, exactly once. A traced model that is
    sure to be in the report gets it while the worker is still busy with the rest of the file.
    """
    report = empty_report(path, discovery)
    if discovery.request is None:
        return report
    candidates = {c.name: c for c in discovery.candidates}
    told = {c["name"] for c in discovery.request["candidates"] if told_by_user(c)}

    def arrived(model: ModelReport) -> None:
        if model.graph is not None and (model.name in told or surely_shown(candidates[model.name], candidates)):
            finish(model)
            answer.finished.add(model.name)

    answer = _Answer()
    _ask(answer, discovery.request, candidates, retrying(run), arrived)
    report.findings += answer.findings
    report.notes += answer.notes + [f"{name} is not audited: {why}" for name, why in answer.skipped.items()]
    for name, candidate in candidates.items():
        model = answer.models.get(name)
        if model is None:
            if name in answer.skipped or not (candidate.root or candidate.kind == "factory"):
                continue
            model = new_model(candidate, str(path), "failed", Failure("not reached", answer.unreached))
        if name in told or _stands_for_itself(model, candidate, candidates, answer):
            if model.status != "ok" and not model.findings and not any(f.code in OF_FILES for f in report.findings):
                model.findings = untraced(model)
            report.models.append(with_static(model, candidate, discovery))
            if name not in answer.finished:
                finish(report.models[-1])
    report.models.sort(key=lambda m: (m.span.line, m.name))
    return report


def empty_report(path: Path, discovery: Discovery) -> FileReport:
    """What is said of ``path`` before any of its models."""
    notes = [f"{c.name} is not audited: it is {c.excluded}" for c in discovery.excluded]
    return FileReport(str(path), findings=[noticed(p) for p in discovery.problems], notes=notes)


def told_by_user(entry: Mapping[str, Any]) -> bool:
    """Whether the user described this candidate in a comment or the settings: then it is shown in any case."""
    return any(given["source"] in _TOLD for given in (*entry["attempts"], *entry["inputs"]))


def surely_shown(candidate: Candidate, candidates: Mapping[str, Candidate]) -> bool:
    """Whether, once traced, it will be in the report whatever the rest of the file comes to."""
    if candidate.kind == "factory":
        return candidate.root or not candidate.required
    built = any(c.builds == candidate.name and c.kind == "factory" for c in candidates.values())
    return candidate.kind != "class" or (candidate.root and not built)


def _stands_for_itself(
    model: ModelReport, candidate: Candidate, candidates: Mapping[str, Candidate], answer: _Answer
) -> bool:
    """Whether a candidate is a model of its own in the report: a factory stands for the class it builds, and a class
    that another traced model is made of is seen there."""
    if candidate.kind == "factory" and candidate.required and not candidate.root:
        return False  # conv_bn(in, out, stride): a class of this file builds its layers with it
    if candidate.kind != "class":
        return True
    by_factory = any(
        c.builds == candidate.name and c.kind == "factory" and _traced(answer.models.get(c.name))
        for c in candidates.values()
    )
    if by_factory or (candidate.name in answer.covered and not candidate.root):
        return False
    return candidate.root or _traced(model)


def _traced(model: ModelReport | None) -> bool:
    return model is not None and model.graph is not None


# ---- the worker's answer


def _ask(
    answer: _Answer,
    request: Mapping[str, Any],
    candidates: Mapping[str, Candidate],
    run: Run,
    arrived: Callable[[ModelReport], None],
) -> None:
    """Enter into ``answer`` what runs of ``request`` come to; ``arrived`` sees each model that was traced."""
    path = request["file"]
    left = float(request["seconds"])
    todo = list(request["candidates"])
    while todo and left > 0:
        answer.imported, answer.current = False, None
        outcome = run(
            {**request, "candidates": todo, "seconds": left},
            lambda event: _take(event, path, candidates, answer, arrived),
        )
        left -= outcome.seconds
        current = answer.current
        if outcome.status == "ok" and outcome.leftover and not answer.findings:
            answer.findings.append(left_running(outcome, path))
        if outcome.status in ("ok", "cancelled"):
            break
        finding = stopped(outcome, request, candidates.get(current or ""), answer.imported)
        answer.findings.append(finding)
        answer.unreached = "the file's analysis was stopped before it"
        if current is not None and current in candidates:
            answer.models[current] = new_model(candidates[current], path, "failed", Failure("stopped", finding.message))
        if current is None or outcome.status not in _AGAIN:
            break  # the import itself, or the time: another run would end alike
        done = {current, *answer.models, *answer.skipped}
        todo = [c for c in todo if c["name"] not in done]


def _take(
    event: Event,
    file: str,
    candidates: Mapping[str, Candidate],
    answer: _Answer,
    arrived: Callable[[ModelReport], None],
) -> None:
    """Enter one of a run's events into ``answer``."""
    kind, name = event["event"], event.get("name", "")
    if kind == "import":
        _imported(event, file, answer)
    elif kind == "begin":
        answer.current = name
    elif kind == "skip":
        answer.skipped[name] = event["reason"]
        answer.current = None
    elif kind == "model" and name in candidates:
        model = answer.models[name] = _from_event(event, candidates[name], file)
        answer.covered.update(event.get("covers", ()))
        answer.current = None
        arrived(model)


def _imported(event: Mapping[str, Any], file: str, answer: _Answer) -> None:
    if event.get("stubbed"):
        missing = ", ".join(event["stubbed"])
        answer.notes.append(f"not installed in this interpreter, replaced by stand-ins: {missing}")
    answer.imported = True
    error = event.get("error")
    if not error:
        return
    span = _error_span(error, file) or Span(file, 1, 1, 1, 1)
    finding = unimportable(error, span, rest=bool(event.get("how")))
    if not event.get("how"):
        answer.unreached = "the file cannot be imported"
    if finding not in answer.findings:  # the file is imported anew for each run
        answer.findings.append(finding)


def _from_event(event: Mapping[str, Any], candidate: Candidate, file: str) -> ModelReport:
    error = event.get("error")
    failure = Failure(error["type"], error["message"], _error_span(error, file)) if error else None
    model = new_model(candidate, file, event["status"], failure=failure)
    model.rung = event.get("rung")
    model.construct = _guess(event.get("construct"))
    model.input = _guess(event.get("input"))
    model.notes = list(event.get("notes", ()))
    if event.get("graph") is not None:
        try:
            model.graph = Graph.from_plain(event["graph"])
        except GraphError as e:
            model.status, model.failure = "failed", Failure("GraphError", str(e))
    given = event["input"] if event.get("input") and event["input"]["source"] in _TOLD else None
    told = given["where"] if given else error.get("told", "") if error else ""
    model.findings = untraced(model, given=given is not None, told=told)
    return model


def new_model(candidate: Candidate, file: str, status: str, failure: Failure | None = None) -> ModelReport:
    return ModelReport(candidate.name, file, candidate.kind, candidate.span, status, failure=failure)


def _guess(guess: Mapping[str, Any] | None) -> str:
    """``shown  # source, where``."""
    if not guess:
        return ""
    origin = ", ".join(str(guess[k]) for k in ("source", "where") if guess.get(k))
    return f"{guess['shown']}  # {origin}" if origin else guess["shown"]


def _error_span(error: Mapping[str, Any], file: str) -> Span | None:
    """The line of an error where it stands in ``file`` or another user file; errors without a place have none."""
    if not error.get("line"):
        return None
    return Span(error.get("file") or file, error["line"], 1, error["line"], 1)


# ---- last rung


def with_static(model: ModelReport, candidate: Candidate, discovery: Discovery) -> ModelReport:
    """A model that could not be run, with the layers that its source shows."""
    if model.graph is not None or discovery.source is None:
        return model
    graph = static_graph(discovery.source, candidate)
    if graph is not None:
        model.graph, model.rung, model.status = graph, "static", "partial"
    return model
