"""How a function's own source uses a parameter: indexed, iterated, called, compared with strings, read as settings.

Static reading of one function (a constructor, a factory); the guesses of :mod:`.values` rest on it.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

_ITERATING = ("len", "enumerate", "zip", "sum", "list", "tuple", "reversed", "sorted")


@dataclass
class Usage:
    """What was seen of one parameter.

    ``length``: the least length that constant indexes and unpacking ask for; ``nested``: into how many names its
    elements are unpacked; ``options``: constants it is compared with; ``tables``: mappings it is looked up in;
    ``kinds``: classes that it is tested to be an instance of.
    """

    iterated: bool = False
    counted: bool = False
    """Given to ``range``: a whole number."""
    called: bool = False
    length: int = 0
    nested: int = 0
    options: list[Any] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    attributes: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    runs: bool = False
    """Called as ``self.name(…)``, or stored under such a name: a module, ready made."""
    stored: bool = False
    """Set as ``self.name``."""
    alias: str = ""
    """For ``self.name``: the parameter that was stored there."""

    @property
    def is_sequence(self) -> bool:
        return not self.counted and (self.iterated or self.length > 0)


def source_tree(function: Callable[..., Any]) -> ast.AST | None:
    """The syntax tree of a function or class; None when its source is not to be had."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None


@lru_cache(maxsize=512)
def usages(function: Callable[..., Any]) -> dict[str, Usage]:
    """Usage of every name that ``function``'s source reads; empty when there is no source."""
    tree = source_tree(function)
    found = noted(tree) if tree else {}
    for usage in list(found.values()):
        if usage.alias and usage.runs:
            found.setdefault(usage.alias, Usage()).runs = True
    return found


def noted(tree: ast.AST) -> dict[str, Usage]:
    """Usage of every name in ``tree``."""
    found: dict[str, Usage] = {}
    for node in ast.walk(tree):
        _note(node, found)
    return found


def _of(node: ast.AST, found: dict[str, Usage]) -> Usage | None:
    """The usage record of a plain name, also as ``self.name``."""
    if isinstance(node, ast.Name):
        return found.setdefault(node.id, Usage())
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return found.setdefault(node.attr, Usage())
    return None


def _of_key(node: ast.AST, found: dict[str, Usage]) -> Usage | None:
    """The usage record of a setting: of ``name`` in ``cfg["name"]`` and ``cfg.name``."""
    if isinstance(node, ast.Attribute):
        return found.setdefault(node.attr, Usage())
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        return found.setdefault(node.slice.value, Usage())
    return None


def _note(node: ast.AST, found: dict[str, Usage]) -> None:
    if isinstance(node, ast.Subscript):
        _note_subscript(node, found)
    elif isinstance(node, (ast.For, ast.comprehension)):
        usage = _of(node.iter, found)
        if usage:
            usage.iterated = True
            if isinstance(node.target, ast.Tuple):
                usage.nested = max(usage.nested, len(node.target.elts))
    elif isinstance(node, ast.Starred):
        usage = _of(node.value, found)
        if usage:
            usage.iterated = True
    elif isinstance(node, ast.Call):
        _note_call(node, found)
    elif isinstance(node, ast.Compare):
        _note_compare(node, found)
    elif isinstance(node, ast.Attribute):
        usage = _of(node.value, found)
        if usage:
            usage.attributes.append(node.attr)
    elif isinstance(node, ast.Assign):
        _note_assigned(node, found)


def _note_assigned(node: ast.Assign, found: dict[str, Usage]) -> None:
    for target in node.targets:
        stored = _of(target, found) if isinstance(target, ast.Attribute) else None
        if stored:
            stored.stored = True
            stored.alias = node.value.id if isinstance(node.value, ast.Name) else stored.alias
    if any(isinstance(t, ast.Tuple) for t in node.targets):
        usage = _of(node.value, found)
        if usage:
            usage.length = max(usage.length, *(len(t.elts) for t in node.targets if isinstance(t, ast.Tuple)))


def _note_subscript(node: ast.Subscript, found: dict[str, Usage]) -> None:
    usage = _of(node.value, found)
    key = node.slice
    if usage:
        if isinstance(key, ast.Constant) and isinstance(key.value, int):
            usage.length = max(usage.length, key.value + 1)
        elif isinstance(key, ast.Constant) and isinstance(key.value, str):
            usage.keys.append(key.value)
        elif not isinstance(key, (ast.Slice, ast.Tuple, ast.Constant)):
            usage.iterated = True
    index = _of(key, found)
    if index and isinstance(node.value, ast.Name):
        index.tables.append(node.value.id)


def _note_call(node: ast.Call, found: dict[str, Usage]) -> None:
    if isinstance(node.func, ast.Name):
        found.setdefault(node.func.id, Usage()).called = True
        for argument in node.args if node.func.id in _ITERATING else ():
            usage = _of(argument, found)
            if usage:
                usage.iterated = True
        for argument in node.args if node.func.id == "range" else ():
            usage = _of(argument, found)
            if usage:
                usage.counted = True
        if node.func.id == "isinstance" and len(node.args) == 2:
            _note_kinds(node, found)
    elif (
        isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) and node.func.value.id == "self"
    ):
        found.setdefault(node.func.attr, Usage()).runs = True
    elif isinstance(node.func, ast.Attribute) and node.func.attr == "get" and node.args:
        key = _of(node.args[0], found)
        if key and isinstance(node.func.value, ast.Name):
            key.tables.append(node.func.value.id)
        read, constant = _of(node.func.value, found), node.args[0]
        if read and len(node.args) == 1 and isinstance(constant, ast.Constant) and isinstance(constant.value, str):
            read.keys.append(constant.value)


def _note_kinds(node: ast.Call, found: dict[str, Usage]) -> None:
    usage, kinds = _of(node.args[0], found), node.args[1]
    if usage:
        usage.kinds += [
            n.id for n in (kinds.elts if isinstance(kinds, ast.Tuple) else [kinds]) if isinstance(n, ast.Name)
        ]


def _note_compare(node: ast.Compare, found: dict[str, Usage]) -> None:
    usage = _of(node.left, found) or _of_key(node.left, found)
    if not usage:
        return
    for operator, other in zip(node.ops, node.comparators, strict=True):
        if isinstance(operator, (ast.Eq, ast.In)):
            values = other.elts if isinstance(other, (ast.List, ast.Tuple, ast.Set)) else [other]
            usage.options += [v.value for v in values if isinstance(v, ast.Constant) and v.value is not None]
            if isinstance(operator, ast.In) and isinstance(other, ast.Name):
                usage.tables.append(other.id)
