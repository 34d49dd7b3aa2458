"""Where a live model is written: for modules whose construction nobody watched, read off their parents' methods.

``self.conv = nn.Conv2d(…)`` in a method of the parent's class says where ``conv`` was made; so do ``setattr``,
``add_module`` and the items of a container. Only those methods are parsed. What is built elsewhere and handed in stays
unknown, and stands where its parent stands.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import re
import tokenize
from collections.abc import Iterator
from dataclasses import replace
from types import FunctionType
from typing import TYPE_CHECKING

from . import syntax
from .graph import Graph, Module, Span

if TYPE_CHECKING:
    from torch import nn

CONTAINERS = frozenset({"Sequential", "ModuleList", "ModuleDict", "OrderedDict"})


def definition(module: nn.Module) -> Span | None:
    """The first line of the module's constructor; None for classes without Python source (as in a REPL)."""
    function = vars(type(module)).get("__init__", type(module).__init__)
    code = getattr(function, "__code__", None)
    if code is None or not linecache.getline(code.co_filename, code.co_firstlineno):
        return None
    return Span(code.co_filename, code.co_firstlineno, 1, code.co_firstlineno, 1)


def with_creation_sites(graph: Graph, model: nn.Module) -> Graph:
    """``graph`` with :attr:`Module.created` filled in where it is empty and a class of the model's own tells."""
    classes: dict[type, _Class] = {}
    chains: dict[str, tuple[Span, ...]] = {"": ()}
    items: dict[str, _Method] = {}
    for path, module in model.named_modules():
        if type(module) not in classes:
            classes[type(module)] = _Class(type(module))
        for name, _ in module.named_children():
            child = f"{path}.{name}" if path else name
            found = classes[type(module)].find(name) or (items[path].item(name) if path in items else None)
            if found is None:
                chains.setdefault(child, chains.get(path, ()))
                continue
            items[child] = found
            # An item of a container stands in the container's own expression: that is no step of its own.
            around = chains.get(path, ())[1:] if found.inside else chains.get(path, ())
            chains.setdefault(child, (found.span(), *around))
    modules: dict[str, Module] = {
        path: m if m.created else replace(m, created=chains.get(path, ())) for path, m in graph.modules.items()
    }
    return Graph(graph.ops, graph.tensors, modules, graph.inputs, graph.outputs, graph.facts, graph.numbers)


class _Class:
    """What the methods of a class store on ``self``; torch's own classes store nothing of the user's.

    Constructors are read first; the other methods only for a name that they do not have.
    """

    def __init__(self, kind: type) -> None:
        bases = [b for b in kind.__mro__ if b is not object and b.__module__.partition(".")[0] != "torch"]
        self._functions = [f for b in bases for f in vars(b).values() if isinstance(f, FunctionType)]
        self._stored: dict[bool, list[tuple[str | re.Pattern[str], _Method]]] = {}

    def find(self, name: str) -> _Method | None:
        for constructors in (True, False):
            for stored, made in self._read(constructors):
                if stored == name or (isinstance(stored, re.Pattern) and stored.fullmatch(name)):
                    return made
        return None

    def _read(self, constructors: bool) -> list[tuple[str | re.Pattern[str], _Method]]:
        if constructors not in self._stored:
            found = self._stored[constructors] = []
            for function in self._functions:
                parsed = _parse(function) if (function.__name__ == "__init__") == constructors else None
                if parsed is not None:
                    tree, line = parsed
                    file = function.__code__.co_filename
                    found += [(name, _Method(file, line, value)) for name, value in _stores(tree)]
        return self._stored[constructors]


class _Method:
    """An expression that made a module: a node of a method's tree whose first line is ``line`` of ``file``."""

    def __init__(self, file: str, line: int, node: ast.expr, inside: bool = False) -> None:
        self.file = file
        self.line = line
        self.node = node
        self.inside = inside

    def item(self, name: str) -> _Method | None:
        """The item of this container that is called ``name``, where it is written out."""
        node = self.node
        if (
            not isinstance(node, ast.Call)
            or _name(node.func) not in CONTAINERS
            or any(isinstance(a, ast.Starred) for a in node.args)
        ):
            return None
        written: ast.expr | None = None
        if len(node.args) == 1 and isinstance(node.args[0], ast.ListComp | ast.GeneratorExp):
            written = node.args[0].elt
        elif len(node.args) == 1 and isinstance(node.args[0], ast.Dict):
            pairs = zip(node.args[0].keys, node.args[0].values, strict=True)
            written = next((v for k, v in pairs if isinstance(k, ast.Constant) and k.value == name), None)
        elif name.isdigit():
            listed = node.args
            if len(listed) == 1 and isinstance(listed[0], ast.List | ast.Tuple):
                listed = listed[0].elts
            written = listed[int(name)] if int(name) < len(listed) else None
        return None if written is None else _Method(self.file, self.line, written, inside=True)

    def span(self) -> Span:
        node = self.node
        first, last = node.lineno + self.line, (node.end_lineno or node.lineno) + self.line
        end = node.end_col_offset if node.end_col_offset is not None else node.col_offset + 1
        return Span(self.file, first, self._column(first, node.col_offset), last, self._column(last, end))

    def _column(self, line: int, byte: int) -> int:
        text = linecache.getline(self.file, line)
        return byte + 1 if text.isascii() else len(text.encode()[:byte].decode(errors="replace")) + 1


def _parse(function: FunctionType) -> tuple[ast.Module, int] | None:
    """A function's tree, its indentation kept, and what to add to its lines; None without readable source."""
    try:
        lines, first = inspect.getsourcelines(function)
        return syntax.module("if 1:\n" + "".join(lines) if lines[0][:1].isspace() else "\n" + "".join(lines)), first - 2
    except (OSError, TypeError, SyntaxError, tokenize.TokenError, RecursionError):
        return None


def _stores(tree: ast.Module) -> Iterator[tuple[str | re.Pattern[str], ast.expr]]:
    """Names on ``self`` (patterns, where an f-string makes them) and the expressions stored there."""
    called: dict[str, ast.expr] = {}  # locals: x = nn.Conv2d(…); self.x = x
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            value = called.get(node.value.id, node.value) if isinstance(node.value, ast.Name) else node.value
            for target in node.targets:
                if isinstance(target, ast.Name) and isinstance(value, ast.Call):
                    called.setdefault(target.id, value)
                yield from _pairs(target, value)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield from _pairs(node.target, node.value)
        elif isinstance(node, ast.Call):
            arguments = node.args[1:] if _name(node.func) == "setattr" else node.args
            if _name(node.func) in ("setattr", "add_module", "register_module") and len(arguments) == 2:
                name = _text(arguments[0])
                if name is not None:
                    yield name, arguments[1]


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        for one, other in zip(target.elts, value.elts, strict=True):
            yield from _pairs(one, other)
    elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self":
        if isinstance(value, ast.IfExp):  # self.skip = Conv(…) if stride > 1 else None
            value = next((v for v in (value.body, value.orelse) if isinstance(v, ast.Call)), value)
        yield target.attr, value


def _text(node: ast.expr) -> str | re.Pattern[str] | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = (re.escape(str(v.value)) if isinstance(v, ast.Constant) else ".+" for v in node.values)
        return re.compile("".join(parts))
    return None


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
