"""From a call somewhere to one that can be made elsewhere: its arguments, and the statements they depend on.

``Net(width, blocks=cfg["small"])`` inside a training script becomes arguments that are literals where their value
can be read, and otherwise expressions with a *setup*: the assignments, imports and mutations before the call that
define the names in them, cut out of their function.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from .constants import Constants, NotConstant, parameter_defaults, parameter_names
from .located import Expression, LocatedConstants, joined, unparsed, written
from .outline import Binding, CallSite, Function, Outline, Scope

MAX_SETUP = 24
"""Statements a setup may have; beyond, the call site is a program rather than an example."""

MAX_TEXT = 4_000
_BUILTINS = frozenset(dir(builtins))
_LITERAL = (int, float, str, bool, bytes, type(None), list, tuple, dict, set)


class Unsliceable(ValueError):
    """An argument depends on something that cannot be carried to another place."""


@dataclass(slots=True)
class Sliced:
    """Arguments as source expressions (the format of an ATTEMPT, see :mod:`.request`) and their setup."""

    args: list[str] = field(default_factory=list)
    kwargs: dict[str, str] = field(default_factory=dict)
    setup: list[str] = field(default_factory=list)
    literal: bool = True


class Slicer:
    """Cuts call sites out of one file.

    ``home``: names that exist where the result will be evaluated; None when that is this file's own module. ``module``
    is this file's dotted import name, with which a setup can import its classes and functions ("" where there is none);
    ``settings`` are those of :class:`.constants.Constants`. ``located``: the outline's text is that of its file line by
    line, so that results know where their numbers stand.
    """

    def __init__(
        self,
        outline: Outline,
        home: Collection[str] | None = None,
        module: str = "",
        settings: Mapping[str, Any] = MappingProxyType({}),
        located: bool = False,
    ) -> None:
        self.outline = outline
        self.constants = (LocatedConstants if located else Constants)(outline, settings)
        self.site = outline.source.span if located else None
        self.home = home
        self.module = module

    def arguments(self, site: CallSite, skip: int = 0, needed: Collection[str] | None = None) -> Sliced:
        """The arguments of ``site`` after the first ``skip``; keyword arguments that are not in ``needed`` (None: all
        are) are dropped when they cannot be carried. Raises :class:`Unsliceable`."""
        cut = _Cut(self, site.scope, site.node.lineno)
        out = Sliced()
        for node in site.node.args[skip:]:
            if isinstance(node, ast.Starred):
                if not self._is_own_variadic(node.value, site.scope):
                    out.args.append(joined("*", cut.expression(node.value)))
                    out.literal = False
            else:
                out.args.append(cut.expression(node))
        for keyword in site.node.keywords:
            if keyword.arg is None:
                if not self._is_own_variadic(keyword.value, site.scope):
                    out.kwargs["**"] = cut.expression(keyword.value)
                    out.literal = False
                continue
            try:
                out.kwargs[keyword.arg] = cut.expression(keyword.value)
            except Unsliceable:
                if needed is None or keyword.arg in needed:
                    raise
        out.setup = cut.statements()
        if out.setup and site.scope.within_class() is not None:
            raise Unsliceable("inside a class: the state of an object under construction")
        out.literal = out.literal and cut.literal and not out.setup
        return out

    def _is_own_variadic(self, node: ast.expr, scope: Scope) -> bool:
        """Whether ``node`` is the ``*args`` or ``**kwargs`` of the function around: empty for a call without them."""
        if not isinstance(node, ast.Name):
            return False
        for around in scope.chain():
            if isinstance(around.node, Function):
                a = around.node.args
                if node.id in (p.arg for p in (a.vararg, a.kwarg) if p is not None):
                    return True
        return False


class _Cut:
    """One slice: the expressions asked for and the statements gathered for them."""

    def __init__(self, slicer: Slicer, scope: Scope, line: int) -> None:
        self.slicer = slicer
        self.scope = scope
        self.line = line
        self.literal = True
        self.setup: dict[tuple[int, int, str], str] = {}  # by line, column and name: source order
        self.done: set[str] = set()

    def expression(self, node: ast.expr) -> str:
        """``node`` as text that can be evaluated after :meth:`statements`."""
        try:
            value = self.slicer.constants.value(node, self.scope, self.line)
            if isinstance(value, range):
                value = list(value)
            if isinstance(value, _LITERAL):
                return _bounded(written(value))
        except NotConstant:
            pass  # not a constant: it needs its names
        self.literal = False
        self._need(node, 0)
        return self._text(node)

    def statements(self) -> list[str]:
        """The setup, in source order."""
        if len(self.setup) > MAX_SETUP:
            raise Unsliceable("too many statements")
        return [self.setup[k] for k in sorted(self.setup)]

    def _need(self, node: ast.AST, depth: int) -> None:
        if depth > 8:
            raise Unsliceable("nested too deeply")
        for name in free_names(node):
            if name not in self.done:
                self.done.add(name)
                self._name(name, depth)

    def _name(self, name: str, depth: int) -> None:
        for scope in self.scope.chain():
            if scope.kind == "class":
                continue
            if scope.kind == "module" and self._at_home(name):
                return
            bindings = scope.bindings.get(name)
            if bindings:
                self._bindings(name, scope, bindings, depth)
                return
            node = scope.node
            if isinstance(node, Function) and name in parameter_names(node):
                self._parameter(name, node, depth)
                return
        if name in _BUILTINS or (self.slicer.home is None and self.slicer.outline.stars):
            return
        if self.slicer.home is not None and name in self.slicer.home:
            return
        raise Unsliceable(name)

    def _at_home(self, name: str) -> bool:
        """Whether a module-level name means the same where the slice will be evaluated: a name of this very file, or
        one that both files import or have built in."""
        own = self.slicer.outline.module.bindings.get(name)
        if self.slicer.home is None:
            return own is not None
        return name in self.slicer.home and (own is None or own[-1].kind == "import")

    def _bindings(self, name: str, scope: Scope, bindings: list[Binding], depth: int) -> None:
        here = scope is self.scope
        before = [b for b in bindings if not here or b.statement.lineno < self.line] or bindings[:1]
        start = max((i for i, b in enumerate(before) if b.kind != "mutate"), default=None)
        if start is None:
            raise Unsliceable(name)
        value = before[start].value
        if value is not None and name in free_names(value):  # cfg = deepcopy(cfg): what it was before matters too
            start = self._before(name, scope, before, start, depth)
        for binding in before[start:]:
            self._statement(name, scope, binding, depth)

    def _before(self, name: str, scope: Scope, bindings: list[Binding], start: int, depth: int) -> int:
        """The binding to start from when the one at ``start`` reads the name that it sets."""
        for i in range(start - 1, -1, -1):
            value = bindings[i].value
            if bindings[i].kind != "mutate" and (value is None or name not in free_names(value)):
                return i
        if not isinstance(scope.node, Function) or name not in parameter_names(scope.node):
            raise Unsliceable(name)
        self._parameter(name, scope.node, depth)
        return 0

    def _statement(self, name: str, scope: Scope, binding: Binding, depth: int) -> None:
        node = binding.statement
        place = (node.lineno, node.col_offset, "")
        if binding.kind == "import":
            assert isinstance(node, ast.Import | ast.ImportFrom)
            self.setup[place] = self._import(node)
        elif binding.kind == "definition":
            if scope.kind != "module" or not self.slicer.module:
                raise Unsliceable(name)
            self.setup[place] = f"from {self.slicer.module} import {name}"
        elif binding.kind == "loop" and binding.value is not None and isinstance(node, ast.For):
            self._need(binding.value, depth + 1)
            self.setup[place] = _bounded(
                joined(self._text(node.target), " = next(iter(", self._text(binding.value), "))")
            )
        elif binding.kind == "mutate" and not isinstance(node, ast.Assign | ast.AugAssign):
            self.done.update(stored_names(node))
            self._need(node, depth + 1)
            self.setup[place] = self._text(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            value, text = self._assigned(node, scope)
            if value is not None:
                self._need(value, depth + 1)
            self.setup[place] = text
        else:
            raise Unsliceable(name)

    def _assigned(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign, scope: Scope) -> tuple[ast.expr | None, str]:
        """The expression whose names a kept assignment needs, and the assignment's text."""
        value = node.value
        if value is None:
            raise Unsliceable("annotation")
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        if isinstance(value, ast.Call) and _is_parse_args(value):
            flags = [(k, v) for k, v in self.slicer.constants.flags.items() if k.isidentifier()]
            given = [part for n, (k, v) in enumerate(flags) for part in (", " if n else "", f"{k}=", written(v))]
            return None, joined(self._text(target), " = __import__(", written("argparse"), ").Namespace(", *given, ")")
        if not isinstance(node, ast.AugAssign):
            try:
                known = self.slicer.constants.value(value, scope, node.lineno)
                if isinstance(known, _LITERAL):
                    return None, _bounded(joined(self._text(target), " = ", written(known)))
            except NotConstant:
                pass  # kept as written, with its names
        return value, self._text(node)

    def _import(self, node: ast.Import | ast.ImportFrom) -> str:
        if isinstance(node, ast.ImportFrom) and node.level:
            package = self.slicer.module.split(".")[: -node.level] if self.slicer.module else []
            if not package and self.slicer.home is not None:
                raise Unsliceable("relative import")
            if package:
                module = ".".join([*package, *([node.module] if node.module else [])])
                return _text(ast.ImportFrom(module, node.names, 0))
        return _text(node)

    def _parameter(self, name: str, node: Function, depth: int) -> None:
        default = parameter_defaults(node).get(name)
        if default is not None:
            self._need(default, depth + 1)
            given = self._text(default)
        else:
            given = self._given_by_caller(name, node)
        if given is None:
            raise Unsliceable(name)
        self.setup[(node.lineno, node.col_offset, name)] = joined(f"{name} = ", given)

    def _given_by_caller(self, name: str, node: Function) -> str | None:
        """What a call of this function in the same file passes for ``name``, where that can stand at module level."""
        positional = [p.arg for p in (*node.args.posonlyargs, *node.args.args)]
        for site in self.slicer.outline.calls_by_name.get(node.name, ()):
            value = next((k.value for k in site.node.keywords if k.arg == name), None)
            if value is None and name in positional and positional.index(name) < len(site.node.args):
                value = site.node.args[positional.index(name)]
            if value is None or isinstance(value, ast.Starred):
                continue
            try:
                return _bounded(written(self.slicer.constants.value(value, site.scope, site.node.lineno)))
            except NotConstant:
                if self.slicer.home is None and all(map(self._at_home, free_names(value))):
                    return self._text(value)
        return None

    def _text(self, node: ast.AST) -> Expression:
        return _bounded(unparsed(node, self.slicer.site))


def free_names(node: ast.AST) -> list[str]:
    """Names that ``node`` reads from outside, in order; those its lambdas and comprehensions bind are left out."""
    loads: dict[str, None] = {}
    bound: set[str] = set()
    for child in ast.walk(node):
        if isinstance(child, ast.Name):
            if isinstance(child.ctx, ast.Load):
                loads[child.id] = None
            else:
                bound.add(child.id)
        elif isinstance(child, ast.arg):
            bound.add(child.arg)
    return [n for n in loads if n not in bound]


def stored_names(node: ast.AST) -> set[str]:
    """Names that ``node`` itself gives a value, such as the variables of its loops."""
    return {c.id for c in ast.walk(node) if isinstance(c, ast.Name) and isinstance(c.ctx, ast.Store)}


def _is_parse_args(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and node.func.attr in ("parse_args", "parse_known_args")


def _text(node: ast.AST) -> str:
    return _bounded(Expression(ast.unparse(node)))


def _bounded(text: Expression) -> Expression:
    if len(text) > MAX_TEXT:
        raise Unsliceable("long expression")
    return text
