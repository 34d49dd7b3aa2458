"""A file's report without running it: what its source says, at once, and where nothing of it may be run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from . import folders
from .discovery.candidates import Candidate
from .discovery.request import Discovery
from .report import FileReport, ModelReport
from .tracing import empty_report, new_model, surely_shown, told_by_user, with_static


def outlook(path: Path, discovery: Discovery) -> FileReport:
    """The report before anything ran: problems, and the models that will be in it, of which nothing is known yet."""
    report = empty_report(path, discovery)
    report.models = [_unknown(path, candidate) for candidate in _shown(discovery)]
    return report


def from_source(path: Path, discovery: Discovery, finish: Callable[[ModelReport], None]) -> FileReport:
    """The report where nothing may be run: models with the layers that the source shows; ``finish`` adds to each."""
    report = empty_report(path, discovery)
    for candidate in _shown(discovery):
        model = with_static(_unknown(path, candidate), candidate, discovery)
        finish(model)
        report.models.append(model)
    if discovery.request is not None:
        report.notes.append(_not_run())
    return report


def _shown(discovery: Discovery) -> Iterator[Candidate]:
    if discovery.request is None:
        return
    candidates = {c.name: c for c in discovery.candidates}
    told = {entry["name"] for entry in discovery.request["candidates"] if told_by_user(entry)}
    for candidate in sorted(discovery.candidates, key=lambda c: (c.span.line, c.name)):
        if candidate.name in told or surely_shown(candidate, candidates):
            yield candidate


def _unknown(path: Path, candidate: Candidate) -> ModelReport:
    model = new_model(candidate, str(path), "partial")
    model.rung = "static"
    return model


def _not_run() -> str:
    own = folders.settings() / "config.toml"
    return (
        "nothing of this file was run, because its folder is not trusted: layers are those that the source shows; "
        f"trust the workspace in your editor, or add its folder to the list `trusted` in {own}"
    )
