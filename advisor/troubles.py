"""What a person is told where a file or a model could not be traced, or only in part: findings with a remedy each."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .discovery.candidates import Candidate
from .discovery.source import Problem
from .findings import Finding, Related
from .graph import Span
from .report import ModelReport
from .worker.oneline import one_line
from .workers import Outcome

_PROBLEMS = {"directive": "TRC906", "bare-ignore": "SUP001"}
"""Codes of discovery's problems; every other kind means that the file could not be read (TRC901)."""

_TELL_LIVE = "say what its forward takes: advisor.audit(model, inputs=(1, 3, 224, 224))"
_TELL_INPUT = "say what its forward takes in a comment above it: # advisor: input=(1, 3, 224, 224)"
_CORRECT_INPUT = "correct the inputs that were given"
_CORRECT_ARGUMENTS = "correct the arguments that were given"
_TELL = "say how to build it in a comment above it: # advisor: args=(…) input=(1, 3, 224, 224)"

_GUARD = "guard such code with if __name__ == '__main__'"
_STOPPED = {
    "timeout": "it ran past the limit of {seconds:g} s",
    "memory": "it used more than {memory} MiB of memory",
    "processes": "it started too many processes",
    "exit": "it ended the interpreter ({detail})",
    "crash": "it crashed the interpreter ({detail})",
    "closed": "it closed the descriptors of the process it ran in",
    "lost": "it brought the worker down ({detail})",
    "error": "the worker failed on it: {detail}",
}
_REMEDIES = {
    "memory": "raise memory-limit",
    "crash": "run the file on its own to see why",
    "lost": "run the file on its own to see why",
    "error": "please report this",
}
"""What helps wherever it happened; the rest depends on whether the file was being imported."""
_OVERDUE = "OutOfTime"
"""What the worker raises in code that takes longer than it may; users know nothing of it."""
OF_FILES = ("TRC901", "TRC904")
"""Codes of what kept a whole file, with all of its models, from being analysed."""


def noticed(problem: Problem) -> Finding:
    """What a person is told of something that discovery met."""
    code = _PROBLEMS.get(problem.kind, "TRC901")
    return Finding(code, problem.message, problem.span, severity="error" if code == "TRC901" else "warning")


def unimportable(error: Mapping[str, Any], span: Span, rest: bool) -> Finding:
    """An exception of a file's import, as the worker describes it; ``rest``: all but what raised it was used."""
    said = ": ".join(text for text in (error["type"], error["message"]) if text and text != _OVERDUE)
    if rest:
        message = f"importing this raised {said}; the rest was used without it; {_import_remedy(error)}"
        return Finding("TRC901", message, span)
    return Finding("TRC901", f"cannot be imported: {said}; {_import_remedy(error)}", span, severity="error")


def _import_remedy(error: Mapping[str, Any]) -> str:
    kind = error["type"]
    if kind == _OVERDUE:
        return f"raise time-limit, or {_GUARD}"
    if kind in ("ModuleNotFoundError", "ImportError"):
        return "run the advisor with the project's interpreter (--python)"
    if kind in ("SyntaxError", "IndentationError", "TabError", "UnicodeDecodeError"):
        return "correct that file"
    return _GUARD


def stopped(outcome: Outcome, request: Mapping[str, Any], current: Candidate | None, imported: bool) -> Finding:
    """What ended a run before its end. ``current`` is the candidate that was being worked on; ``imported``: whether the
    import was over by then."""
    memory = int(request["memory_bytes"]) >> 20
    said = outcome.detail.strip().rpartition("\n")[2]  # of a traceback, the exception
    detail = one_line(said) or outcome.signal or f"exit code {outcome.exit_code}"
    why = _STOPPED[outcome.status].format(seconds=float(request["seconds"]), memory=memory, detail=detail)
    line = outcome.last_line(request["file"])
    span = Span(request["file"], line or 1, 1, line or 1, 1)
    if line is None and current is not None:
        span = current.span
    if not imported:
        doing, otherwise = "while the file was imported", _GUARD
    else:
        doing = f"while {current.name} was analysed" if current is not None else "after the file was imported"
        otherwise = "raise time-limit" if outcome.status == "timeout" else "take that out of the model"
    remedy = _REMEDIES.get(outcome.status, otherwise)
    return Finding("TRC904", f"stopped {doing}: {why}; {remedy}", span, severity="error")


def broken(path: Path, error: Exception) -> Finding:
    """An exception of our own in the analysis of ``path``, with the place in our code that raised it."""
    ours = [f for f in traceback.extract_tb(error.__traceback__) if Path(__file__).parent in Path(f.filename).parents]
    where = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "outside its code"
    why = f"the advisor failed on it ({where}: {one_line(repr(error))}); {_REMEDIES['error']}"
    return Finding("TRC904", why, Span(str(path), 1, 1, 1, 1), severity="error")


def left_running(outcome: Outcome, file: str) -> Finding:
    """A run that went well left processes behind."""
    what = "1 process" if outcome.leftover == 1 else f"{outcome.leftover} processes"
    why = f"it left {what} running, ended by now; {_GUARD}"
    return Finding("TRC904", why, Span(file, 1, 1, 1, 1))


def untraced(model: ModelReport, *, given: bool = False, told: str = "") -> list[Finding]:
    """What a person has to know, and to tell the advisor, about a model that was not traced whole.

    ``given``: its inputs are the user's own word, not a guess. ``told``: where the words stand that failed.
    """
    failure = model.failure
    at = f" ({told})" if told else ""
    tell = _CORRECT_INPUT + at if given else _TELL_LIVE if model.kind == "live" else _TELL_INPUT
    if model.status != "ok":
        why = f"{failure.kind}: {failure.message}" if failure else "no reason was given"
        built = bool(model.construct) or model.kind == "live"
        code = "TRC903" if built else "TRC902"
        if built:
            what = f"forward raised {why}{_up_to_there(model)}"
        else:
            what, tell = f"cannot be constructed: {why}", _CORRECT_ARGUMENTS + at if told else _TELL
        finding = Finding(code, f"{model.name}: {what}; {tell}", model.span, model.name, severity="error")
        if failure is not None and failure.span is not None:
            finding.related.append(Related(failure.span, "raised here"))
        return [finding]
    if model.graph is not None and (model.rung == "hooks" or not model.graph.connected()):
        how = "layers without edges (by hooks)" if model.rung == "hooks" else "a graph whose outputs depend on no input"
        message = f"{model.name}: only {how} could be traced; rules that need edges stay silent"
        if not given:
            message += f"; {tell}"
        return [Finding("TRC905", message, model.span, model.name, severity="information")]
    return []


def _up_to_there(model: ModelReport) -> str:
    if model.graph is None:
        return ""
    count = len(model.graph.ops)
    return f" (shown up to there: {count} operation{'' if count == 1 else 's'})"
