"""A class's own ways of building itself: classmethods and static methods that return an instance.

``Net.small()`` needs nothing; ``Net.from_name("b0")`` needs a key of a table that the method looks it up in.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .constants import required_parameters
from .outline import Function, Outline, dotted

MOST = 3


def alternatives(outline: Outline, name: str) -> Iterator[tuple[str, list[str], int]]:
    """(callee, arguments as expressions, line) of at most :data:`MOST` calls that build the class ``name``.

    ``from_pretrained`` and the like are left out where another way is written: they fetch weights.
    """
    node = outline.classes[name]
    found = [(m, args) for m in _methods(node) if (args := _arguments(outline, node, m)) is not None]
    for method, args in sorted(found, key=lambda f: "pretrained" in f[0].name)[:MOST]:
        yield f"{name}.{method.name}", args, method.lineno


def _methods(node: ast.ClassDef) -> Iterator[Function]:
    """Its classmethods and static methods that return ``cls(…)`` or the class by name."""
    for method in node.body:
        if not isinstance(method, ast.FunctionDef):
            continue
        kinds = {dotted(d) for d in method.decorator_list}
        builders = {node.name, method.args.args[0].arg} if "classmethod" in kinds and method.args.args else {node.name}
        if kinds & {"classmethod", "staticmethod"} and any(
            isinstance(n, ast.Call) and dotted(n.func) in builders for n in ast.walk(method)
        ):
            yield method


def _arguments(outline: Outline, node: ast.ClassDef, method: Function) -> list[str] | None:
    """What to call ``method`` with; None where a parameter is no key of a table that can be read."""
    is_class_method = any(dotted(d) == "classmethod" for d in method.decorator_list)
    keys = [_key(outline, node, method, p) for p in required_parameters(method, is_class_method)]
    return [repr(k) for k in keys] if None not in keys else None


def _key(outline: Outline, node: ast.ClassDef, method: Function, parameter: str) -> str | int | None:
    """The first key of the table that ``parameter`` is looked up in: ``TABLE[name]``, ``cls.TABLE.get(name)``."""
    for used in ast.walk(method):
        table = None
        if isinstance(used, ast.Subscript) and dotted(used.slice) == parameter:
            table = dotted(used.value)
        elif isinstance(used, ast.Call) and isinstance(used.func, ast.Attribute) and used.func.attr == "get":
            table = dotted(used.func.value) if used.args and dotted(used.args[0]) == parameter else None
        keys = _keys_of(outline, node, method, table) if table else []
        if keys:
            return keys[0]
    return None


def _keys_of(outline: Outline, node: ast.ClassDef, method: Function, table: str) -> list[str | int]:
    """The constant keys of a dictionary that the method, the class or the module assigns to the name ``table``."""
    plain = table.rpartition(".")[2]
    for body in (method.body, node.body, outline.source.tree.body):
        for statement in body:
            targets = statement.targets if isinstance(statement, ast.Assign) else []
            if isinstance(statement, ast.AnnAssign):
                targets = [statement.target]
            if not any(isinstance(t, ast.Name) and t.id == plain for t in targets):
                continue
            value = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
            if isinstance(value, ast.Dict):
                found = [k.value for k in value.keys if isinstance(k, ast.Constant)]
                return [k for k in found if isinstance(k, str | int)]
    return []
