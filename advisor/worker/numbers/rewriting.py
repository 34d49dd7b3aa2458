"""A file's code with traced numbers in place of its literals, and with calls that would lose them replaced.

Each literal becomes a constant that nothing else can be, the tree is compiled as usual, and in the code objects these
constants give way to the traced numbers. So loading one costs what loading any constant does, and the positions of
all instructions are those of the source. What no width can come from stays: indexes, comparisons, annotations,
patterns, texts for people.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable
from types import CodeType
from typing import Any

from . import calls, parameters, strings
from .strings import placed
from .traced import Literal, of_literal

_MARK = 0x5AD0_0000_0000_0000
_SPECIAL = "\0advisor"
_LONGEST = 160
_DSL = re.compile(r"[^\s/:<>%{}][^\n/<>%{}]*", re.ASCII)
"""Texts that may hold numbers for a program: no paths, addresses, formats."""
_WORDS = re.compile(r"[^\W\d_]{3,}\s+[^\W\d_]{2,}|[.!?]\s")
"""Texts for people."""
FORWARD = frozenset(("forward", "forward_features", "forward_head", "extra_repr", "__repr__", "load_state_dict"))
"""Methods that build nothing: the numbers in them are none of a layer."""
_JIT = ("torch.jit", "jit.")
_BUILDING = frozenset(
    ("collections", "copy", "dataclasses", "enum", "fractions", "functools", "itertools", "math", "operator", "re")
) | {"types", "typing"}
"""Modules of the standard library whose functions may take part in building a layer. Some of the others want plain
numbers (``socket``), and what they do is none of a layer."""


class _Rewriter:
    """Marks the literals of one tree. ``found`` are the traced numbers and strings, in the order of their marks."""

    def __init__(self, file: str, lines: list[bytes]) -> None:
        self._file = file
        self._lines = lines
        self._indifferent: set[str] = set()
        self.found: list[Any] = []
        self._handlers: dict[type, Callable[[Any], None]] = {
            ast.Constant: self._constant,
            ast.Subscript: self._subscript,
            ast.Compare: self._compare,
            ast.UnaryOp: self._unary,
            ast.BinOp: self._binary,
            ast.Call: self._call,
            ast.Dict: self._dict,
            ast.FunctionDef: self._function,
            ast.AsyncFunctionDef: self._function,
            ast.Lambda: self._lambda,
            ast.ClassDef: self._class,
            ast.AnnAssign: self._annotated,
            ast.Assign: self._assign,
            ast.Expr: self._expression,
            ast.If: self._test,
            ast.While: self._test,
            ast.IfExp: self._test,
            ast.Assert: self._assert,
            ast.Delete: self._skip,
            ast.Import: self._import,
            ast.ImportFrom: self._import,
            ast.Global: self._skip,
            ast.Nonlocal: self._skip,
            ast.Pass: self._skip,
            ast.Name: self._skip,
            ast.JoinedStr: self._skip,
            ast.match_case: self._case,
        }

    def statements(self, body: list[ast.stmt]) -> None:
        handlers = self._handlers
        for statement in body:
            handlers.get(type(statement), self._children)(statement)

    def node(self, node: ast.AST | None) -> None:
        if node is not None:
            self._handlers.get(type(node), self._children)(node)

    def _children(self, node: ast.AST) -> None:
        handlers = self._handlers
        for name in node._fields:
            value = getattr(node, name, None)
            if type(value) is list:
                for item in value:
                    if isinstance(item, ast.AST):
                        handlers.get(type(item), self._children)(item)
            elif isinstance(value, ast.AST) and not isinstance(value, ast.expr_context):
                handlers.get(type(value), self._children)(value)

    # ---- literals

    def _constant(self, node: ast.Constant) -> None:
        value: Any = node.value
        kind = type(value)
        if kind is int or kind is float:
            if value:  # zeros are no widths, and they decide conditions
                place = (node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0)
                self._mark(node, of_literal(Literal(self._file, place, value)))
        elif kind is str and len(value) <= _LONGEST and not value.isalpha():
            self._string(node, value)

    def _mark(self, node: Any, traced: Any) -> None:
        node.value = frozenset((_MARK + len(self.found),))
        self.found.append(traced)

    def _string(self, node: ast.Constant, value: str) -> None:
        if node.lineno != node.end_lineno or not re.search(r"\d", value, re.ASCII) or not _DSL.fullmatch(value):
            return
        if _WORDS.search(value):
            return
        text = self._lines[node.lineno - 1][node.col_offset : node.end_col_offset]
        quotes = 3 if text[:3] in (b"'''", b'"""') else 1
        if text[quotes:-quotes] == value.encode(errors="replace"):  # no prefix, no escapes, no pieces
            self._mark(node, placed(value, (self._file, node.lineno, node.col_offset + quotes)))

    # ---- what stays, in part

    def _skip(self, node: ast.AST) -> None:
        """Stays as it is, with all that is in it."""

    def _unless_constant(self, node: ast.AST) -> None:
        if type(node) is not ast.Constant:
            self.node(node)

    def _subscript(self, node: ast.Subscript) -> None:
        self.node(node.value)

    def _compare(self, node: ast.Compare) -> None:
        for i, operator in enumerate(node.ops):
            other = node.comparators[i]
            if type(operator) in (ast.Is, ast.IsNot) and isinstance(other, ast.Constant) and type(other.value) is int:
                node.ops[i] = ast.Eq() if type(operator) is ast.Is else ast.NotEq()
            elif type(operator) not in (ast.In, ast.NotIn):
                self._unless_constant(other)
        self._unless_constant(node.left)

    def _unary(self, node: ast.UnaryOp) -> None:
        self._unless_constant(node.operand)

    def _binary(self, node: ast.BinOp) -> None:
        self.node(node.left)
        self.node(node.right)
        left: Any = node.left
        if isinstance(left, ast.Constant) and isinstance(node.right, ast.Constant):
            self._set_apart(left)

    @staticmethod
    def _set_apart(left: Any) -> None:
        """Mark a literal another way than the operand on its right is."""
        if type(left.value) is frozenset:
            [mark] = left.value
            left.value = (_SPECIAL, mark)  # two sets would be subtracted by the compiler

    def _dict(self, node: ast.Dict) -> None:
        for key, value in zip(node.keys, node.values, strict=True):
            if key is not None:
                self._unless_constant(key)
            self.node(value)

    def _test(self, node: Any) -> None:
        self._unless_constant(node.test)
        for body in (node.body, node.orelse):
            if isinstance(body, list):
                self.statements(body)
            else:
                self.node(body)

    def _assert(self, node: ast.Assert) -> None:
        self._unless_constant(node.test)

    def _case(self, node: ast.match_case) -> None:
        self.node(node.guard)
        self.statements(node.body)

    def _expression(self, node: ast.Expr) -> None:
        self._unless_constant(node.value)

    def _annotated(self, node: ast.AnnAssign) -> None:
        self.node(node.value)

    def _assign(self, node: ast.Assign) -> None:
        target = node.targets[0]
        if isinstance(target, ast.Name) and target.id.startswith("__"):
            return
        for each in node.targets:
            if not isinstance(each, ast.Name):
                self.node(each)
        self.node(node.value)

    # ---- definitions and calls

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        if _is_scripted(node.decorator_list):
            return
        self._defaults(node.args)
        if node.name not in FORWARD:
            self.statements(node.body)

    def _lambda(self, node: ast.Lambda) -> None:
        self._defaults(node.args)
        self.node(node.body)

    def _defaults(self, arguments: ast.arguments) -> None:
        for default in (*arguments.defaults, *arguments.kw_defaults):
            self.node(default)

    def _class(self, node: ast.ClassDef) -> None:
        if not _is_scripted(node.decorator_list):
            self.statements(node.body)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            module = (node.module or "") if isinstance(node, ast.ImportFrom) else alias.name
            top = module.partition(".")[0]
            if top in sys.stdlib_module_names and top not in _BUILDING:
                self._indifferent.add((alias.asname or alias.name).partition(".")[0])

    def _call(self, node: ast.Call) -> None:
        function = node.func
        if _root(function) in self._indifferent:
            return
        for argument in node.args:
            self.node(argument)
        for keyword in node.keywords:
            self.node(keyword.value)
        if _may_lose(function, node):
            node.args.insert(0, function)
            node.func = ast.Name(calls.NAME, ast.Load())
            ast.copy_location(node.func, function)
        if type(function) is not ast.Name:
            self.node(function)


def _may_lose(function: ast.expr, node: ast.Call) -> bool:
    """Whether ``function`` may be one of those of :mod:`.calls`, by its name."""
    if type(function) is ast.Name:
        if function.id == parameters.NAME:
            return _makes_tensors(node)
        if function.id == "type":  # with more arguments it makes a class, of the module that calls it
            return len(node.args) == 1 and not node.keywords and type(node.args[0]) is not ast.Starred
        return function.id in calls.NAMES
    if type(function) is not ast.Attribute:
        return False
    owner = function.value.id if type(function.value) is ast.Name else ""
    if function.attr == parameters.NAME:
        return _makes_tensors(node)
    if function.attr in parameters.FACTORIES:
        return owner == "torch"
    if owner in ("np", "numpy"):
        return function.attr in calls.OF_NUMPY
    if owner == "math":
        return function.attr in calls.MATHEMATICS
    return function.attr in strings.METHODS and (function.attr != "split" or owner == "re")


def _makes_tensors(node: ast.Call) -> bool:
    """Whether an argument calls a factory of torch."""
    names = (n.attr for argument in node.args for n in ast.walk(argument) if isinstance(n, ast.Attribute))
    return any(name in parameters.FACTORIES for name in names)


def _root(function: ast.expr) -> str:
    """The name that a dotted name begins with."""
    while type(function) is ast.Attribute:
        function = function.value
    return function.id if type(function) is ast.Name else ""


def _is_scripted(decorators: list[ast.expr]) -> bool:
    return any(_JIT[0] in text or text.startswith(_JIT[1]) for text in map(ast.unparse, decorators))


def rewritten(body: list[ast.stmt], text: str, file: str) -> CodeType:
    """The code of statements of a module, which are changed; ``text`` is the source they were parsed from, with ``\\n``
    for its newlines. Raises what compiling them raises.
    """
    rewriter = _Rewriter(file, text.encode(errors="surrogatepass").split(b"\n"))
    rewriter.statements(body)
    code = compile(ast.Module(body, []), file, "exec", dont_inherit=True)
    return _filled(code, rewriter.found)


def _filled(code: CodeType, found: list[Any]) -> CodeType:
    """``code`` with what was found where its marks are."""
    constants = tuple(_constant(c, found) for c in code.co_consts)
    if all(a is b for a, b in zip(constants, code.co_consts, strict=True)):
        return code
    return code.replace(co_consts=constants)


def _constant(value: Any, found: list[Any]) -> Any:
    kind = type(value)
    if kind is CodeType:
        return _filled(value, found)
    if kind is frozenset and len(value) == 1:
        [mark] = value
        return found[mark - _MARK] if type(mark) is int and mark >= _MARK else value
    if kind is tuple and value:
        if value[0] == _SPECIAL:
            return found[value[1] - _MARK]
        items = tuple(_constant(item, found) for item in value)
        return value if all(a is b for a, b in zip(items, value, strict=True)) else items
    return value
