"""The value of an expression, without executing anything: literals, constants of its scope and arithmetic on them."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from .outline import Outline, Scope, dotted

MAX_DEPTH = 12
MAX_ITEMS = 1_000
MAX_NUMBER = 10**12

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
}
_CALLS: dict[str, Callable[..., Any]] = {
    "int": int,
    "float": float,
    "bool": bool,
    "str": str,
    "len": len,
    "max": max,
    "min": min,
    "sum": sum,
    "abs": abs,
    "round": round,
    "tuple": tuple,
    "list": list,
    "dict": dict,
    "range": range,
    "sorted": sorted,
}


class NotConstant(ValueError):
    """The expression's value depends on something that only running the program would tell."""


class Constants:
    """Evaluates expressions of one file.

    ``flags`` are the defaults of its command line (``args.width``); ``settings`` those of the project's configuration
    tree, by the path below its root (``cfg.MODEL.WIDTH`` is ``MODEL.WIDTH``), see :meth:`.project.Project.settings`.
    """

    def __init__(self, outline: Outline, settings: Mapping[str, Any] = MappingProxyType({})) -> None:
        self.outline = outline
        self.settings = settings
        self.flags = command_line(outline)

    def value(self, node: ast.expr, scope: Scope, line: int | None = None, depth: int = 0) -> Any:
        """The value of ``node`` at ``line`` of ``scope``; raises :class:`NotConstant`."""
        if depth > MAX_DEPTH:
            raise NotConstant("nested too deeply")
        at = node.lineno if line is None else line

        def inner(child: ast.expr) -> Any:
            return self.value(child, scope, at, depth + 1)

        if isinstance(node, ast.Constant):
            return self.constant(node)
        if isinstance(node, ast.Name):
            return self._name(node.id, scope, at, depth)
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        if isinstance(node, ast.Tuple | ast.List | ast.Set | ast.Dict):
            return self._container(node, inner)
        try:
            return _bounded(self._compound(node, inner))
        except (ArithmeticError, TypeError, ValueError, LookupError) as e:
            raise NotConstant(str(e)) from e

    def constant(self, node: ast.Constant) -> Any:
        """The value of a constant."""
        return node.value

    def _attribute(self, node: ast.Attribute) -> Any:
        if isinstance(node.value, ast.Name) and node.attr in self.flags:
            return self.flags[node.attr]
        head, _, path = (dotted(node) or "").partition(".")
        if head != "self" and path in self.settings:
            return self.settings[path]
        raise NotConstant(node.attr)

    def _compound(self, node: ast.expr, inner: Callable[[ast.expr], Any]) -> Any:
        if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
            return _UNARY[type(node.op)](inner(node.operand))
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            left, right = inner(node.left), inner(node.right)
            if isinstance(node.op, ast.Pow) and not (isinstance(right, int | float) and abs(right) <= 32):
                raise NotConstant("power")
            if isinstance(node.op, ast.Mult) and not all(isinstance(v, int | float) for v in (left, right)):
                times = left if isinstance(left, int) else right
                if not isinstance(times, int) or times > MAX_ITEMS:
                    raise NotConstant("repetition")
            return _BINARY[type(node.op)](left, right)
        if isinstance(node, ast.IfExp):
            return inner(node.body) if inner(node.test) else inner(node.orelse)
        if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice):
            return inner(node.value)[inner(node.slice)]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CALLS:
            keywords = {k.arg: inner(k.value) for k in node.keywords if k.arg is not None}
            if len(keywords) != len(node.keywords):
                raise NotConstant("**")
            result = _CALLS[node.func.id](*(inner(a) for a in node.args), **keywords)
            return _bounded(result)
        raise NotConstant(type(node).__name__)

    def _container(self, node: ast.Tuple | ast.List | ast.Set | ast.Dict, inner: Callable[[ast.expr], Any]) -> Any:
        if isinstance(node, ast.Dict):
            if any(k is None for k in node.keys):
                raise NotConstant("**")
            return {inner(k): inner(v) for k, v in zip(node.keys, node.values, strict=True) if k is not None}
        if len(node.elts) > MAX_ITEMS:
            raise NotConstant("long")
        values: list[Any] = []
        for element in node.elts:
            if isinstance(element, ast.Starred):
                values.extend(inner(element.value))
            else:
                values.append(inner(element))
        return tuple(values) if isinstance(node, ast.Tuple) else set(values) if isinstance(node, ast.Set) else values

    def _name(self, name: str, scope: Scope, line: int, depth: int) -> Any:
        for around in scope.chain():
            bindings = around.bindings.get(name)
            if bindings:
                before = [b for b in bindings if b.statement.lineno < line or around is not scope]
                last = (before or bindings)[-1]
                if last.value is None or last.kind not in ("assign", "loop"):
                    raise NotConstant(name)
                if last.kind == "loop":
                    iterated = self.value(last.value, around, last.statement.lineno, depth + 1)
                    return _first(iterated)
                return self.value(last.value, around, last.statement.lineno, depth + 1)
            if isinstance(around.node, ast.FunctionDef | ast.AsyncFunctionDef):
                default = parameter_defaults(around.node).get(name)
                if default is not None:
                    return self.value(default, around.parent or around, None, depth + 1)
                if name in parameter_names(around.node):
                    raise NotConstant(name)
        raise NotConstant(name)


def _first(iterated: Any) -> Any:
    for item in iterated if isinstance(iterated, list | tuple | range | dict | str) else ():
        return item
    raise NotConstant("empty loop")


def _bounded(value: Any) -> Any:
    if isinstance(value, int) and abs(value) > MAX_NUMBER:
        raise NotConstant("large number")
    if isinstance(value, range):
        if len(value) > MAX_ITEMS:
            raise NotConstant("long range")
        return value
    if isinstance(value, list | tuple | str | dict | set) and len(value) > MAX_ITEMS:
        raise NotConstant("large value")
    return value


def parameter_names(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """Every parameter of a function, ``*args`` and ``**kwargs`` included."""
    a = node.args
    names = [p.arg for p in (*a.posonlyargs, *a.args, *a.kwonlyargs)]
    return names + [p.arg for p in (a.vararg, a.kwarg) if p is not None]


def parameter_defaults(node: ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, ast.expr]:
    """Parameter → its default expression, for those that have one."""
    a = node.args
    positional = [*a.posonlyargs, *a.args]
    out = {p.arg: d for p, d in zip(positional[len(positional) - len(a.defaults) :], a.defaults, strict=True)}
    out.update({p.arg: d for p, d in zip(a.kwonlyargs, a.kw_defaults, strict=True) if d is not None})
    return out


def required_parameters(node: ast.FunctionDef | ast.AsyncFunctionDef, method: bool) -> list[str]:
    """Parameters that a call has to give, without ``self`` or ``cls`` for a method."""
    a = node.args
    positional = [p.arg for p in (*a.posonlyargs, *a.args)][1 if method else 0 :]
    given = parameter_defaults(node)
    return [p for p in positional if p not in given] + [p.arg for p in a.kwonlyargs if p.arg not in given]


def command_line(
    outline: Outline, constant: Callable[[ast.Constant], Any] = operator.attrgetter("value")
) -> dict[str, Any]:
    """Literal defaults of the file's ``add_argument`` calls by attribute name (argparse's rules for the name);
    ``constant`` gives the value of one that is a constant."""
    out: dict[str, Any] = {}
    for site in outline.calls_by_name.get("add_argument", ()):
        flags = [a.value for a in site.node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        keywords = {k.arg: k.value for k in site.node.keywords}
        long = [f for f in flags if f.startswith("--")] or flags
        try:
            name = ast.literal_eval(keywords["dest"]) if "dest" in keywords else long[0].lstrip("-").replace("-", "_")
            if "default" in keywords:
                default = keywords["default"]
                out[name] = constant(default) if isinstance(default, ast.Constant) else ast.literal_eval(default)
            elif "action" in keywords:
                action = ast.literal_eval(keywords["action"])
                if action in ("store_true", "store_false"):
                    out[name] = action == "store_false"
        except (ValueError, IndexError):
            continue  # a default that is no literal: the flag stays unknown
    return out


def is_literal(text: str) -> bool:
    """Whether :func:`ast.literal_eval` would accept ``text``."""
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return False
    return True


def callee_is(node: ast.Call, *names: str) -> bool:
    """Whether the last component of what ``node`` calls is one of ``names``."""
    called = dotted(node.func)
    return called is not None and called.rpartition(".")[2] in names
