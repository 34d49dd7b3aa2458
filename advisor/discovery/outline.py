"""The outline of one file: its definitions, scopes, imports, calls and who mentions whom.

One pass over the syntax tree; candidates, attempts, hints and the project index all read the result.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from .. import syntax
from .source import Source

_MUTATORS = frozenset({"append", "extend", "insert", "update", "setdefault", "pop", "remove", "add", "merge_from_file"})

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Import(NamedTuple):
    """``from module import name`` (``name`` None for ``import module``); ``level`` counts the leading dots."""

    module: str
    name: str | None
    level: int


@dataclass(slots=True, eq=False)
class Binding:
    """A statement that gives a name its value; ``value`` is the expression where the statement is ``name = value``.

    ``kind``: assign, loop (``value`` is what is iterated), mutate (``name.x = …``, ``name[i] = …``, ``name += …``,
    ``name.append(…)`` with the loop around it), import, definition, other.
    """

    kind: str
    statement: ast.stmt
    value: ast.expr | None = None


@dataclass(eq=False)
class Scope:
    """A region with names of its own. ``main`` is the body of ``if __name__ == "__main__"``."""

    kind: str  # module | main | function | class
    name: str
    node: ast.AST
    parent: Scope | None
    bindings: dict[str, list[Binding]] = field(default_factory=dict)

    def chain(self) -> Iterator[Scope]:
        """This scope and those around it that its code can see (a class body is invisible to its methods)."""
        scope: Scope | None = self
        while scope is not None:
            if scope is self or scope.kind != "class":
                yield scope
            scope = scope.parent

    @property
    def owner(self) -> Scope | None:
        """The outermost class or function around, None at module level."""
        found = None
        scope: Scope | None = self
        while scope is not None:
            if scope.kind in ("class", "function"):
                found = scope
            scope = scope.parent
        return found

    def within_class(self) -> str | None:
        """Name of the innermost class around this scope."""
        scope: Scope | None = self
        while scope is not None:
            if scope.kind == "class":
                return scope.name
            scope = scope.parent
        return None


@dataclass(slots=True, eq=False)
class CallSite:
    """One call; ``callee`` is its dotted name (``nn.Conv2d``, ``self.block``)."""

    callee: str
    node: ast.Call
    scope: Scope


@dataclass(eq=False)
class Outline:
    """What one file defines and does; see the module's docstring."""

    source: Source
    module: Scope
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    imports: dict[str, Import] = field(default_factory=dict)
    stars: list[Import] = field(default_factory=list)
    calls: list[CallSite] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)
    mentions: dict[str, set[str]] = field(default_factory=dict)
    """Name → the top-level classes whose body or bases mention it."""

    @cached_property
    def calls_by_name(self) -> dict[str, list[CallSite]]:
        """Last component of the callee → its calls, in source order."""
        out: dict[str, list[CallSite]] = {}
        for call in self.calls:
            out.setdefault(call.callee.rpartition(".")[2], []).append(call)
        return out

    @cached_property
    def calls_by_owner(self) -> dict[str, list[CallSite]]:
        """Last component but one of the callee (``Net`` of ``lib.Net.build``) → its calls, in source order."""
        out: dict[str, list[CallSite]] = {}
        for call in self.calls:
            owner = call.callee.rpartition(".")[0].rpartition(".")[2]
            if owner:
                out.setdefault(owner, []).append(call)
        return out

    @cached_property
    def calls_by_scope(self) -> dict[Scope, list[CallSite]]:
        """The calls that stand directly in a scope, in source order."""
        out: dict[Scope, list[CallSite]] = {}
        for call in self.calls:
            out.setdefault(call.scope, []).append(call)
        return out

    @cached_property
    def constructors_by_base(self) -> dict[str, list[Scope]]:
        """Base class as written → the ``__init__`` of the classes that derive from it."""
        out: dict[str, list[Scope]] = {}
        for scope in self.scopes:
            derived = scope.parent.node if scope.name == "__init__" and scope.parent is not None else None
            for base in derived.bases if isinstance(derived, ast.ClassDef) else ():
                out.setdefault(dotted(base) or "", []).append(scope)
        return out

    @cached_property
    def tables(self) -> dict[str, list[ast.Dict]]:
        """Name → the dictionaries with constant keys that stand beside it in a collection of the file, as arguments do
        in a table of models: ``{"encoder": Net, "params": {"depth": 3}}``."""
        out: dict[str, list[ast.Dict]] = {}
        for node in self.source.nodes:
            values = node.values if isinstance(node, ast.Dict) else getattr(node, "elts", ())
            beside = [v for v in values if isinstance(v, ast.Dict) and v.keys and all(map(_is_text, v.keys))]
            for value in values if beside else ():
                if isinstance(value, ast.Name):
                    out.setdefault(value.id, []).extend(beside)
        return out

    def qualified(self, dotted_name: str) -> str:
        """``dotted_name`` with its first component replaced by what was imported as it: ``nn.X`` → ``torch.nn.X``."""
        head, _, rest = dotted_name.partition(".")
        found = self.imports.get(head)
        if found is None or found.level:
            return dotted_name
        full = found.module if found.name is None else f"{found.module}.{found.name}"
        return f"{full}.{rest}" if rest else full


def _is_text(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def dotted(node: ast.AST) -> str | None:
    """``a.b.c`` of a name or attribute chain, None for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join([node.id, *reversed(parts)])


def outline(source: Source) -> Outline:
    """The outline of a parsed file."""
    module = Scope("module", "", source.tree, None)
    out = Outline(source, module, scopes=[module])
    _body(out, source.tree.body, module)
    return out


def _body(out: Outline, statements: list[ast.stmt], scope: Scope) -> None:
    for statement in statements:
        _statement(out, statement, scope)


def _statement(out: Outline, node: ast.stmt, scope: Scope, around: ast.stmt | None = None) -> None:
    """Enter one statement; ``around`` is the outermost loop or condition of the scope that it stands in."""
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        _definition(out, node, scope)
        return
    if isinstance(node, ast.If) and _is_main_guard(node.test):
        inner = Scope("main", "__main__", node, scope)
        out.scopes.append(inner)
        _body(out, node.body, inner)
        return
    _bind(out, node, scope)
    if isinstance(node, ast.Expr):
        _bind_method(scope, node, around or node)
    blocks: list[ast.stmt] = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            blocks.append(child)
        elif isinstance(child, ast.ExceptHandler | ast.match_case):
            blocks.extend(child.body)
        else:
            _expression(out, child, scope)
    outer = around or (node if isinstance(node, ast.For | ast.While | ast.If) else None)
    for statement in blocks:
        _statement(out, statement, scope, outer)


def _definition(out: Outline, node: ast.ClassDef | Function, scope: Scope) -> None:
    scope.bindings.setdefault(node.name, []).append(Binding("definition", node))
    kind = "class" if isinstance(node, ast.ClassDef) else "function"
    inner = Scope(kind, node.name, node, scope)
    out.scopes.append(inner)
    if scope.kind == "module":
        if isinstance(node, ast.ClassDef):
            out.classes[node.name] = node
        else:
            out.functions[node.name] = node
    # Bases, decorators, defaults and annotations run outside but belong to the definition: who mentions whom.
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.stmt):
            _expression(out, child, inner)
    _body(out, node.body, inner)


def _is_main_guard(test: ast.expr) -> bool:
    names = (test.left, *test.comparators) if isinstance(test, ast.Compare) else ()
    return any(isinstance(n, ast.Name) and n.id == "__name__" for n in names)


def _bind(out: Outline, node: ast.stmt, scope: Scope) -> None:
    if isinstance(node, ast.Import | ast.ImportFrom):
        _bind_imports(out, node, scope)
        return
    if isinstance(node, ast.Assign):
        for target in node.targets:
            _bind_target(scope, target, node, node.value)
    elif isinstance(node, ast.AnnAssign):
        if node.value is not None:
            _bind_target(scope, node.target, node, node.value)
    elif isinstance(node, ast.AugAssign):
        _bind_target(scope, node.target, node, None, mutate=True)
    elif isinstance(node, ast.For | ast.AsyncFor):
        _bind_target(scope, node.target, node, node.iter, loop=True)
    elif isinstance(node, ast.With | ast.AsyncWith):
        for item in node.items:
            if item.optional_vars is not None:
                _bind_target(scope, item.optional_vars, node, None)


def _bind_method(scope: Scope, node: ast.Expr, whole: ast.stmt) -> None:
    """``widths.append(3)``: a mutation of a name that the scope has, by the whole loop that it stands in."""
    call = node.value
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in _MUTATORS:
        base = call.func.value
        if isinstance(base, ast.Name) and base.id in scope.bindings:
            scope.bindings[base.id].append(Binding("mutate", whole))


def _bind_target(
    scope: Scope, target: ast.expr, node: ast.stmt, value: ast.expr | None, loop: bool = False, mutate: bool = False
) -> None:
    kind = "loop" if loop else "mutate" if mutate else "assign" if value is not None else "other"
    if isinstance(target, ast.Name):
        scope.bindings.setdefault(target.id, []).append(Binding(kind, node, value))
    elif isinstance(target, ast.Tuple | ast.List):
        pairs = value.elts if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts) else None
        for i, element in enumerate(target.elts):
            if pairs is not None and not loop:
                _bind_target(scope, element, node, pairs[i])
            elif isinstance(element, ast.Name):
                scope.bindings.setdefault(element.id, []).append(Binding("other", node))
    elif isinstance(target, ast.Attribute | ast.Subscript):
        base: ast.expr = target
        while isinstance(base, ast.Attribute | ast.Subscript):
            base = base.value
        if isinstance(base, ast.Name):
            scope.bindings.setdefault(base.id, []).append(Binding("mutate", node))


def _bind_imports(out: Outline, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
    for alias in node.names:
        if isinstance(node, ast.Import):
            name = alias.asname or alias.name.partition(".")[0]
            found = Import(alias.name if alias.asname else name, None, 0)
        elif alias.name == "*":
            out.stars.append(Import(node.module or "", None, node.level))
            continue
        else:
            name = alias.asname or alias.name
            found = Import(node.module or "", alias.name, node.level)
        scope.bindings.setdefault(name, []).append(Binding("import", node))
        out.imports.setdefault(name, found)


def _expression(out: Outline, node: ast.AST, scope: Scope) -> None:
    owner = scope.owner
    by_class = owner.name if owner is not None and owner.kind == "class" else None
    calls = []
    for child in syntax.nodes(node):
        if isinstance(child, ast.Call):
            callee = dotted(child.func)
            if callee is not None:
                calls.append(CallSite(callee, child, scope))
        elif by_class is not None and isinstance(child, ast.Name) and isinstance(child.ctx, ast.Load):
            out.mentions.setdefault(child.id, set()).add(by_class)
    out.calls.extend(sorted(calls, key=lambda c: (c.node.lineno, c.node.col_offset)))
