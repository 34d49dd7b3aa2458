"""The calls that build blocks: each builds the changed form, always or where a condition holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path as FilePath

import libcst as cst

from ...graph import Span
from ..edits import Edit
from ..proposal import Unfixable
from .calls import Call
from .ibn_conditions import Scope, conditions
from .ibn_makers import Maker
from .parsed import Parsed

_NAMES = ("block", "block_type", "block_class", "chosen_block")
"""What the chosen class is called, the first that the function has no use for yet."""


def telling(
    call: Call, maker: Maker, wanted: Sequence[Scope], others: Sequence[Scope], unfit: Sequence[Scope] = ()
) -> str:
    """The condition, at a call of ``maker``, that holds for the blocks that are wanted and for no others, of which
    some are ``unfit`` for the changed form. Raises :class:`Unfixable`."""
    file = call.file
    near = {file.written(n) for arg in call.node.args for n in _names(file, arg)}
    looped = {file.written(n) for loop in file.around(call.node) for n in _targets(file, loop)}
    found = conditions(wanted, others, unfit, near=near, looped=looped, deciding=_deciding(call, maker))
    if not found:
        raise Unfixable(
            f"nothing in scope in line {call.span.line} of {FilePath(call.span.file).name} tells the blocks that gain "
            "by it from the others that are built there"
        )
    return found[0]


def _deciding(call: Call, maker: Maker) -> set[str]:
    """What the call gives, as written, for parameters on which it depends what the maker puts together."""
    values = [a.value for a in call.given(maker.parameters) if a.name in maker.asked]
    return {call.file.written(n) for value in values for n in _names(call.file, value)}


def _names(file: Parsed, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    yield from file.each(cst.Name, node)
    yield from file.each(cst.Attribute, node)
    yield from file.each(cst.Subscript, node)


def _targets(file: Parsed, loop: cst.CSTNode) -> Iterator[cst.CSTNode]:
    if isinstance(loop, cst.For):
        yield from file.each(cst.Name, loop.target)
    elif isinstance(loop, cst.BaseComp):
        yield from file.each(cst.Name, loop.for_in.target)


def earlier(call: Call, changed: str) -> cst.IfExp | None:
    """The choice by which a call builds ``changed`` already in some cases, as :func:`choosing` writes it."""
    file, func = call.file, call.node.func
    choice: cst.CSTNode | None = func
    if isinstance(func, cst.Name):
        line = file.statement(call.node)
        suite = None if line is None else file.parent(line)
        at = suite.body.index(line) if isinstance(suite, cst.IndentedBlock) and line in suite.body else 0
        before = suite.body[at - 1] if isinstance(suite, cst.IndentedBlock) and at else None
        assign = before.body[0] if isinstance(before, cst.SimpleStatementLine) else None
        named = isinstance(assign, cst.Assign) and file.written(assign.targets[0].target) == func.value
        choice = assign.value if isinstance(assign, cst.Assign) and named else None
    if isinstance(choice, cst.IfExp) and file.written(choice.body).rpartition(".")[2] == changed:
        return choice
    return None


def rechosen(file: Parsed, choice: cst.IfExp, condition: str) -> Edit:
    """The edit of an :func:`earlier` choice to another condition; always where it is empty."""
    if condition:
        return Edit(file.span(choice.test), condition)
    return Edit(file.span(choice), file.written(choice.body))


def choosing(call: Call, changed: str, condition: str, within: bool) -> tuple[Edit, ...]:
    """Edits that make a call build ``changed`` where ``condition`` holds, always where it is empty. ``within``: the
    choice stands in the call itself, since other calls of the same statement choose too."""
    if not condition:
        return (call.calling(changed),)
    chosen = f"{changed} if {condition} else {call.callee}"
    before = None if within else _before(call)
    if before is None:
        return (call.calling(f"({chosen})"),)
    place, name = before
    indent = call.file.indent(place.line)
    return (Edit(place, f"{indent}{name} = {chosen}\n"), call.calling(name))


def _before(call: Call) -> tuple[Span, str] | None:
    """Where a line can be inserted before the statement of the call, and a name that is free there; None where the
    choice has to stand in the call, as in a comprehension."""
    file, node = call.file, call.node
    function = file.enclosing(node, cst.FunctionDef)
    statement = file.statement(node)
    if function is None or not isinstance(statement, cst.SimpleStatementLine):
        return None
    if not isinstance(node.func, cst.Name | cst.Attribute):
        return None
    inner = file.enclosing(node, cst.BaseComp, cst.Lambda, cst.IfExp, cst.BooleanOperation)
    if inner is not None and file.inside(inner, statement):
        return None
    if not isinstance(file.parent(statement), cst.IndentedBlock) or len(statement.body) > 1:
        return None
    used = {n.value for n in file.each(cst.Name, function)} | set(file.definitions)
    name = next((n for n in _NAMES if n not in used), None)
    line = file.span(statement).line
    return None if name is None else (Span(file.file, line, 1, line, 1), name)


def _imported(file: Parsed) -> dict[str, cst.ImportAlias]:
    found: dict[str, cst.ImportAlias] = {}
    for statement in file.tree.body:
        for part in statement.body if isinstance(statement, cst.SimpleStatementLine) else ():
            if isinstance(part, cst.ImportFrom) and not isinstance(part.names, cst.ImportStar):
                found.update((a.evaluated_alias or a.evaluated_name, a) for a in part.names)
    return found


def named_at(call: Call, maker: Maker, changed: str) -> tuple[str, tuple[Edit, ...]]:
    """How the file of a call names ``changed``, which stands beside the maker, and the edits that let it. Raises
    :class:`Unfixable`."""
    file = call.file
    at_top = maker.file.enclosing(maker.node, cst.ClassDef, cst.FunctionDef) is None
    if file.file == maker.file.file and at_top:
        return changed, ()
    if call.function == maker.name and isinstance(call.node.func, cst.Attribute):
        return f"{call.callee[: -len(maker.name)]}{changed}", ()
    if not at_top:
        raise Unfixable(f"{maker.name} is defined within another definition, where its new form cannot be named")
    for alias in _imported(file).values():
        if alias.evaluated_name == maker.name:
            span = file.span(alias)
            end = Span(span.file, *span[3:], *span[3:])
            return changed, (Edit(end, f", {changed}"),)
    if any(isinstance(i.names, cst.ImportStar) for i in file.each(cst.ImportFrom)):
        return changed, _exported(maker, changed)
    raise Unfixable(f"{FilePath(file.file).name} does not import {maker.name} by its name")


def _exported(maker: Maker, changed: str) -> tuple[Edit, ...]:
    """Name ``changed`` beside the maker in the ``__all__`` of its file, where that says what ``import *`` gives."""
    file = maker.file
    for statement in file.tree.body:
        for part in statement.body if isinstance(statement, cst.SimpleStatementLine) else ():
            if not isinstance(part, cst.Assign) or file.written(part.targets[0].target) != "__all__":
                continue
            for entry in file.each(cst.SimpleString, part.value):
                if entry.evaluated_value == maker.name:
                    span = file.span(entry)
                    text = file.written(entry).replace(maker.name, changed)
                    return (Edit(Span(span.file, *span[3:], *span[3:]), f", {text}"),)
            raise Unfixable(f"__all__ in {FilePath(file.file).name} does not name {maker.name}")
    return ()
