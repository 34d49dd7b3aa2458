"""How a file names what torch has, and the import that it needs where it names it in no way yet."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst
from libcst.helpers import get_full_name_for_node

from ...graph import Span
from ..edits import Edit
from .parsed import Parsed
from .signatures import TORCH

_IMPORTS = (cst.Import, cst.ImportFrom)


def reach(file: Parsed, module: str, name: str) -> tuple[str, tuple[Edit, ...]]:
    """How ``file`` writes ``name`` of ``module`` (``torch.nn``, ``torch.nn.functional`` or any other), and the edits
    that make it able to: none where an import gives it already."""
    bound = dict(_bound(file))
    found = [local for local, full in bound.items() if full == f"{module}.{name}"]
    if found:
        return found[0], ()
    for local, full in bound.items():
        if full == module:
            return f"{local}.{name}", ()
        if full == "*" + module:
            return name, ()
    for local, full in bound.items():
        if module.startswith(full + "."):
            return f"{local}{module[len(full) :]}.{name}", ()
    package, _, last = module.rpartition(".")
    if package and last not in _names(file):
        return f"{last}.{name}", (_importing(file, f"from {package} import {last}"),)
    return f"{module}.{name}", (_importing(file, f"import {module}"),)


def full_name(file: Parsed, node: cst.BaseExpression) -> str:
    """What a name stands for by the imports of the file, ``torch.nn.ReLU``; the name itself where the file defines it;
    empty for anything else: a variable, an attribute of one, an expression."""
    written = get_full_name_for_node(node) if isinstance(node, cst.Name | cst.Attribute) else None
    if written is None:
        return ""
    first, dot, rest = written.partition(".")
    for local, full in _bound(file):
        if local == first:
            return f"{full}{dot}{rest}"
        if local.startswith("*torch") and not dot and first not in file.definitions and first in TORCH:
            return f"{full[1:]}.{first}"
    return written if first in file.definitions else ""


def _bound(file: Parsed) -> Iterator[tuple[str, str]]:
    """(name in the file, what it stands for) of imports; ``*module`` for one that imports all. Those at the top come
    first: others may be in force in a function only, so they are left out."""
    for statement in file.each(cst.Import):
        if _global(file, statement):
            for alias in statement.names:
                full = get_full_name_for_node(alias.name) or ""
                local = alias.evaluated_alias
                yield (local, full) if local is not None else (full.partition(".")[0], full.partition(".")[0])
    for statement in file.each(cst.ImportFrom):
        if statement.relative or statement.module is None or not _global(file, statement):
            continue
        module = get_full_name_for_node(statement.module) or ""
        if isinstance(statement.names, cst.ImportStar):
            yield f"*{module}", f"*{module}"
            continue
        for alias in statement.names:
            yield alias.evaluated_alias or alias.evaluated_name, f"{module}.{alias.evaluated_name}"


def _global(file: Parsed, node: cst.CSTNode) -> bool:
    return file.enclosing(node, cst.FunctionDef, cst.ClassDef, cst.Lambda) is None


def _names(file: Parsed) -> set[str]:
    """Names that the file uses or binds, those within the names of modules left out."""
    used = {n.value for n in file.nodes if isinstance(n, cst.Name) and file.enclosing(n, *_IMPORTS) is None}
    return used | {local for local, _ in _bound(file)}


def _importing(file: Parsed, line: str) -> Edit:
    """The import on a line of its own after the last one at the top, or else before the first statement."""
    after = 0
    for statement in file.tree.body:
        if not isinstance(statement, cst.SimpleStatementLine):
            continue
        span = file.span(statement)
        if any(isinstance(part, cst.Import | cst.ImportFrom) for part in statement.body) or (
            after == 0 and statement is file.tree.body[0] and _is_docstring(statement)
        ):
            after = span.end_line
    if after == 0:
        first = file.span(file.tree.body[0]).line if file.tree.body else 1
        return Edit(Span(file.file, first, 1, first, 1), f"{line}\n")
    column = len(file.lines[after - 1]) + 1
    return Edit(Span(file.file, after, column, after, column), f"\n{line}")


def _is_docstring(statement: cst.SimpleStatementLine) -> bool:
    first = statement.body[0]
    return isinstance(first, cst.Expr) and isinstance(first.value, cst.SimpleString | cst.ConcatenatedString)
