"""Which of a file's models edits may reach besides the one that they are made for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..graph import Span
from ..report import ModelReport
from .edits import Edit
from .proposal import Sources


def reached(edits: Iterable[Edit], models: Sequence[ModelReport], sources: Sources) -> list[ModelReport]:
    """Those of ``models`` that ``edits`` of the texts in ``sources`` may make another network of.

    A number reaches the models whose layers depend on it. Other text reaches those that were seen to run the class or
    function that it stands in, and all where none was: a table, or what only hands out classes. What is inserted
    between statements of the file reaches nothing by itself.
    """
    known = [m for m in models if m.graph is not None]
    numbers = {id(m): _numbers(m) for m in known}
    places = set().union(*numbers.values())
    found: set[int] = set()
    for edit in edits:
        if edit.span in places:
            found |= {id(m) for m in known if edit.span in numbers[id(m)]}
        elif not _between(edit, sources):
            lines = _definition(edit.span, sources)
            running = {id(m) for m in known if _runs(m, edit.span.file, lines)} if lines is not None else set()
            found |= running or {*numbers}
    return [m for m in known if id(m) in found]


def _numbers(model: ModelReport) -> set[Span]:
    """Where the numbers stand that a model's layers depend on."""
    numbers = model.graph.numbers if model.graph is not None else None
    return set() if numbers is None else {numbers.literals[i].span for i in numbers.readers}


def _between(edit: Edit, sources: Sources) -> bool:
    """Whether lines are inserted in front of or behind the statements of a file, into none of them."""
    span = edit.span
    if span[1:3] != span[3:]:
        return False
    statements = sources.statements(span.file)
    if span.column == 1:
        return bool(statements) and not any(span.line in lines[1:] for lines, _ in statements)
    ends = any(span.line == lines[-1] and not definition for lines, definition in statements)
    behind = sources.lines(span.file)[span.line - 1][span.column - 1 :] if ends else ""
    return ends and edit.text.startswith("\n") and not behind.partition("#")[0].strip()


def _definition(span: Span, sources: Sources) -> range | None:
    """The lines of the class or function of the file that a span stands in; None where it stands in none."""
    for lines, definition in sources.statements(span.file):
        if definition and span.line in lines and span.end_line in lines:
            return lines
    return None


def _runs(model: ModelReport, file: str, lines: range) -> bool:
    """Whether code of these lines was running when the model was built or called."""
    return any(span.file == file and span.line in lines for span in _seen(model))


def _seen(model: ModelReport) -> Iterator[Span]:
    if model.graph is not None:
        yield from (span for module in model.graph.modules.values() for span in module.created)
        yield from (op.call for op in model.graph.ops if op.call is not None)
