"""Taking calls out of a method: ``F.relu(self.bn1(self.conv1(x)))`` without those three is ``x``."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from ...graph import Span
from ..edits import Edit, apply
from ..proposal import Unfixable
from .parsed import Parsed

_MODULES = frozenset({"F", "nn", "torch", "functional"})
"""What functions are called through: ``F.relu(x)`` works on its argument, ``x.relu()`` on ``x``."""


def method_around(file: Parsed, span: Span) -> tuple[cst.Call, cst.FunctionDef]:
    """The call at a span, and the method that it stands in. Raises :class:`Unfixable`."""
    node = file.call_node(span) if span.file == file.file else None
    function = None if node is None else file.enclosing(node, cst.FunctionDef)
    if node is None or function is None:
        raise Unfixable(f"line {span.line} does not show the call of a layer of the block")
    return node, function


def without_calls(file: Parsed, spans: Sequence[Span]) -> list[Edit]:
    """Edits that take the calls at ``spans`` away and leave what they work on. Raises :class:`Unfixable`."""
    nodes = [method_around(file, span)[0] for span in dict.fromkeys(spans)]
    edits: list[Edit] = []
    for node in nodes:
        if file.parent(node) is not None and any(worked_on(file, n) is node for n in nodes):
            continue  # a part of the run around it
        core: cst.BaseExpression = node
        while core in nodes:
            assert isinstance(core, cst.Call)
            core = worked_on(file, core)
        edits.append(_without_run(file, node, core))
    return edits


def worked_on(file: Parsed, call: cst.Call) -> cst.BaseExpression:
    """The tensor that a call of a layer or function works on."""
    receiver = call.func.value if isinstance(call.func, cst.Attribute) else None
    given = [a for a in call.args if not a.star]
    named = next((a for a in given if a.keyword is not None and a.keyword.value in ("input", "x")), None)
    if named is not None:
        return named.value
    first = given[0].value if given and given[0].keyword is None else None
    through = file.written(receiver).split(".")[0] if receiver is not None else ""
    if first is not None and (receiver is None or through == "self" or through in _MODULES):
        return first
    if receiver is not None and through not in ("self", *_MODULES):
        return receiver
    raise Unfixable(f"it is not clear what {file.written(call)} in line {file.span(call).line} works on")


def _without_run(file: Parsed, outer: cst.Call, core: cst.BaseExpression) -> Edit:
    """The edit that leaves ``core`` of the calls around it, or nothing of a statement that then does nothing."""
    text = file.written(core)
    around = file.parent(outer)
    if isinstance(around, cst.IfExp) and outer is not around.test:
        other = around.orelse if outer is around.body else around.body
        if file.written(other) == text:
            return Edit(file.span(around), text)
    statement = file.statement(outer)
    if isinstance(around, cst.Assign) and isinstance(statement, cst.SimpleStatementLine) and len(statement.body) == 1:
        targets = [file.written(t.target) for t in around.targets]
        if targets == [text]:
            return removed_statement(file, statement)
    simple = isinstance(core, cst.Name | cst.Attribute | cst.Call | cst.Subscript)
    safe = simple or isinstance(around, cst.Assign | cst.AnnAssign | cst.Return | cst.Arg)
    return Edit(file.span(outer), text if safe else f"({text})")


def removed_statement(file: Parsed, statement: cst.SimpleStatementLine) -> Edit:
    """Takes a statement away with its lines and the comments right above; with the ``if`` around it where that holds
    nothing else. Raises :class:`Unfixable` where a block would be left empty."""
    target: cst.CSTNode = statement
    while True:
        suite = file.parent(target)
        owner = None if suite is None else file.parent(suite)
        if not isinstance(suite, cst.IndentedBlock) or len(suite.body) > 1:
            break
        if not isinstance(owner, cst.If) or owner.orelse is not None or isinstance(file.parent(owner), cst.If):
            raise Unfixable(f"line {file.span(statement).line} is all that its block does")
        target = owner
    span = file.span(target)
    first, last = span.line, max(span.end_line, file.span(statement).end_line)
    while first > 1 and file.lines[first - 2].strip().startswith("#"):
        first -= 1
    blank_before = first > 1 and not file.lines[first - 2].strip()
    if blank_before and last < len(file.lines) and not file.lines[last].strip():
        last += 1  # one blank line between what is left, not two
    return Edit(Span(file.file, first, 1, last + 1, 1), "")


def copied(file: Parsed, function: cst.FunctionDef, edits: Sequence[Edit]) -> str:
    """The text of a method, its whole lines, after edits within it."""
    first = file.span(function.decorators[0] if function.decorators else function).line
    last = file.span(function).end_line
    text = "\n".join(file.lines[first - 1 : last])
    shift = first - 1
    return apply(
        text,
        [
            Edit(Span(s.file, s.line - shift, s.column, s.end_line - shift, s.end_column), new)
            for s, new in edits
            if first <= s.line <= last
        ],
    )
