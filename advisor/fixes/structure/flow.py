"""Where a value in a layer's creation comes from: back from the call, through names, arguments, defaults and tables.

Nothing is run: of several ways all are followed, and whether a place has the effect is found out by trying it. What is
written somewhere else than where the layer is created (a row of a table) is told by the numbers that came from there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

import libcst as cst
from libcst.helpers import get_full_name_for_node

from ...graph import Span
from ..proposal import Scene, Unfixable
from .calls import Call, parsed_file
from .parsed import Parsed
from .signatures import of_class, of_function

_MOST = 400
"""Places of one value after which no more are looked for: what is so far away is nobody's idea of where it is set."""

_ROWS = 12
"""Rows of a table that are all taken into account where nothing tells which of them made a layer."""


@dataclass(frozen=True, eq=False)
class Frame:
    """A call on the way to a layer: ``node`` in ``file``; it entered the function that the frame before it is in. The
    first may be any expression."""

    file: Parsed
    node: cst.BaseExpression

    @property
    def call(self) -> Call:
        assert isinstance(self.node, cst.Call)
        return Call(self.file, self.node)


@dataclass(frozen=True)
class Place:
    """An expression that a value comes from, or the argument called ``missing`` that the call ``node`` leaves out.
    ``test``: it only decides, in a condition, which of several values it is."""

    file: Parsed
    node: cst.BaseExpression
    missing: str = ""
    test: bool = False

    @property
    def span(self) -> Span:
        return self.file.span(self.node)


class Flow:
    """Values of one scene's layers, traced back."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._frames: dict[tuple[Span, ...], tuple[Frame, ...]] = {}
        self._rows: dict[str, Counter[Span]] = {}

    def frames(self, created: Sequence[Span]) -> tuple[Frame, ...]:
        """The calls of a chain, innermost first, up to the first file that cannot be read. Left out are comprehensions,
        and calls that only contain the one before them: these enter no function of their own."""
        key = tuple(created)
        if key not in self._frames:
            self._frames[key] = tuple(self._read(key))
        return self._frames[key]

    def _read(self, created: Sequence[Span]) -> Iterator[Frame]:
        before: Frame | None = None
        for span in created:
            try:
                file = parsed_file(self.scene, span.file)
            except Unfixable:  # the values that come from further out are not known then
                return
            node = file.call_node(span)
            if node is None or (before is not None and before.file is file and file.inside(before.node, node)):
                continue
            before = Frame(file, node)
            yield before

    def places(self, path: str, frames: Sequence[Frame], node: cst.BaseExpression, depth: int = 0) -> list[Place]:
        """Where the value of ``node``, which stands in the function of ``frames[depth]``, comes from for the layer at
        ``path``: nearest first, itself included; then what decides that it is used at all."""
        walk = _Walk(self, path, frames)
        file = frames[depth].file
        return _distinct(chain(walk.from_(depth, file, node), walk.tests(depth, file, node)))

    def tests(self, path: str, frames: Sequence[Frame]) -> list[Place]:
        """What decides whether the first of ``frames`` is reached, for the layer at ``path``."""
        return _distinct(_Walk(self, path, frames).tests(0, frames[0].file, frames[0].node))

    def written(self, unit: str) -> Mapping[Span, int]:
        """The literals that the numbers of the layers in module ``unit`` come from, and how many come from each."""
        if unit not in self._rows:
            numbers = self.scene.numbers
            counted: Counter[Span] = Counter()
            for path, _, _, step in numbers.each():
                if not unit or path == unit or path.startswith(f"{unit}."):
                    counted.update(numbers.literals[i].span for i in numbers.reaches(step))
            self._rows[unit] = counted
        return self._rows[unit]


class _Walk:
    """One value on its way back."""

    def __init__(self, flow: Flow, path: str, frames: Sequence[Frame]) -> None:
        self.flow = flow
        self.path = path
        self.frames = frames
        self.seen: set[tuple[int, int]] = set()

    def from_(self, depth: int, file: Parsed, node: cst.CSTNode) -> Iterator[Place]:
        if not isinstance(node, cst.BaseExpression) or (key := (id(node), depth)) in self.seen:
            return
        self.seen.add(key)
        yield Place(file, node)
        if isinstance(node, cst.Name):
            yield from self._name(depth, file, node)
        elif isinstance(node, cst.Attribute):
            yield from self._attribute(depth, file, node)
        elif isinstance(node, cst.Call):
            yield from self.from_(depth, file, node.func)
            for arg in node.args:
                yield from self.from_(depth, file, arg.value)
        elif isinstance(node, cst.IfExp):
            yield from self.from_(depth, file, node.body)
            yield from self.from_(depth, file, node.orelse)
            for place in self.from_(depth, file, node.test):
                yield replace(place, test=True)
        elif not isinstance(node, cst.Lambda | cst.BaseComp):
            for part in _parts(node):
                yield from self.from_(depth, file, part)

    def tests(self, depth: int, file: Parsed, node: cst.CSTNode) -> Iterator[Place]:
        """What the conditions come from under which ``node`` is reached in its function."""
        for outer in file.around(node):
            if isinstance(outer, cst.FunctionDef | cst.ClassDef):
                return
            if isinstance(outer, cst.If | cst.IfExp) and not file.inside(node, outer.test):
                for place in self.from_(depth, file, outer.test):
                    yield replace(place, test=True)

    # ---- names

    def _name(self, depth: int, file: Parsed, node: cst.Name) -> Iterator[Place]:
        function = file.enclosing(node, cst.FunctionDef)
        if function is not None:
            for value, within in _assigned(file, function, node.value):
                yield from self.from_(depth, file, value)
                yield from self.tests(depth, file, within)
            yield from self._looped(depth, file, function, node.value)
            yield from self._parameter(depth, file, function, node.value)
        for statement in file.tree.body:
            if isinstance(statement, cst.SimpleStatementLine | cst.If | cst.Try):
                for value, _ in _assigned(file, statement, node.value):
                    yield from self.from_(depth, file, value)

    def _parameter(self, depth: int, file: Parsed, function: cst.FunctionDef, name: str) -> Iterator[Place]:
        """What is passed for a parameter by the call that entered the function, or what it is otherwise."""
        names = [p.name for p in of_function(file, function)]
        if name not in names:
            outer = file.enclosing(function, cst.FunctionDef)
            if outer is not None:  # a function within another sees its names
                yield from self._parameter(depth, file, outer, name)
            return
        default = next(p.default for p in of_function(file, function) if p.name == name)
        entering = self.frames[depth + 1] if depth + 1 < len(self.frames) and function.name.value != "forward" else None
        if entering is not None:
            passed = _passed(entering, names, name)
            if passed is not None:
                yield from self.from_(depth + 1, entering.file, passed)
                yield from self.tests(depth + 1, entering.file, entering.node)
                return
            yield from self._bound_before(depth + 1, entering, name)
            yield Place(entering.file, entering.node, name)
        if default is not None:
            yield from self.from_(depth + 1 if entering is not None else depth, file, default)

    def _bound_before(self, depth: int, entering: Frame, name: str) -> Iterator[Place]:
        """What a ``partial`` or a dictionary of keywords passes that the call itself does not show."""
        for call in entering.file.each(cst.Call):
            callee = entering.file.written(call.func).rpartition(".")[2]
            for arg in call.args if callee in ("partial", "dict", "update") else ():
                if arg.keyword is not None and arg.keyword.value == name:
                    yield from self.from_(depth, entering.file, arg.value)
        for element in entering.file.each(cst.DictElement):
            if entering.file.written(element.key).strip("'\"") == name:
                yield from self.from_(depth, entering.file, element.value)

    # ---- attributes

    def _attribute(self, depth: int, file: Parsed, node: cst.Attribute) -> Iterator[Place]:
        name = node.attr.value
        if isinstance(node.value, cst.Name) and node.value.value in ("self", "cls"):
            owner = file.enclosing(node, cst.ClassDef)
            if owner is not None:
                yield from self._member(depth, file, owner, name)
            return
        for known in dict.fromkeys([file, *(f.file for f in self.frames)]):
            for owner in known.each(cst.ClassDef):
                yield from self._field(depth, known, owner, name)

    def _member(self, depth: int, file: Parsed, owner: cst.ClassDef, name: str) -> Iterator[Place]:
        for value, within in _assigned(file, owner, f"self.{name}"):
            yield from self.from_(depth, file, value)
            yield from self.tests(depth, file, within)
        for statement in owner.body.body:
            if isinstance(statement, cst.SimpleStatementLine):
                for value, _ in _assigned(file, statement, name):
                    yield from self.from_(depth, file, value)

    def _field(self, depth: int, file: Parsed, owner: cst.ClassDef, name: str) -> Iterator[Place]:
        """What the rows of a table of records hold for the attribute ``name``."""
        taken = [p.name for p in of_class(file, owner) or ()]
        wanted = [name] if name in taken else []
        if not wanted:
            for value, _ in _assigned(file, owner, f"self.{name}"):
                wanted += [n.value for n in file.each(cst.Name, value) if n.value in taken]
        if not wanted:
            return
        called = {owner.name.value, *_other_names(file, owner.name.value)}
        rows = [c for c in file.each(cst.Call) if isinstance(c.func, cst.Name) and c.func.value in called]
        for row in self._made(depth, file, rows):
            assert isinstance(row, cst.Call)
            for field in wanted:
                passed = _passed(Frame(file, row), taken, field)
                if passed is not None:
                    yield from self.from_(depth, file, passed)
                else:
                    yield Place(file, row, field)

    # ---- tables

    def _looped(self, depth: int, file: Parsed, function: cst.FunctionDef, name: str) -> Iterator[Place]:
        """Columns of what a loop goes over whose variable is ``name``."""
        loops: list[cst.For | cst.CompFor] = [*file.each(cst.For, function), *file.each(cst.CompFor, function)]
        for loop in loops:
            column = _column(loop.target, name)
            if column is None:
                continue
            iterated: cst.BaseExpression = loop.iter
            while isinstance(iterated, cst.Call) and iterated.args:
                callee = file.written(iterated.func)
                if callee == "zip" and column and column[0] < len(iterated.args):
                    iterated, column = iterated.args[column[0]].value, column[1:]
                elif callee == "enumerate" and column:
                    iterated, column = iterated.args[0].value, column[1:]
                else:
                    break
            yield from self._elements(depth, file, iterated, column)

    def _elements(
        self, depth: int, file: Parsed, iterated: cst.BaseExpression, column: Sequence[int]
    ) -> Iterator[Place]:
        search = _Walk(self.flow, self.path, self.frames)  # of its own: what it goes over is no value of the layer's
        search.seen = set(self.seen)
        for table in list(islice(search.from_(depth, file, iterated), _MOST)):
            if not isinstance(table.node, cst.List | cst.Tuple) or _is_row(table):
                continue
            rows = [e.value for e in table.node.elements if isinstance(e, cst.Element)]
            for row in self._made(depth, table.file, rows):
                cell: cst.BaseExpression | None = row
                for index in column:
                    cell = _item(cell, index)
                if cell is not None:
                    yield from self.from_(depth, table.file, cell)

    def _made(self, depth: int, file: Parsed, rows: Sequence[cst.BaseExpression]) -> Sequence[cst.BaseExpression]:
        """The row whose numbers are in the layers of the block that the layer belongs to; all where none tells."""
        literals = self.flow.written(self._unit(depth))
        scores = [
            sum(n for s, n in literals.items() if s.file == file.file and _within(s, file.span(row))) for row in rows
        ]
        best = max(scores, default=0)
        if best:
            return [row for row, score in zip(rows, scores, strict=True) if score == best]
        return rows if len(rows) <= _ROWS else ()

    def _unit(self, depth: int) -> str:
        """The outermost module around the layer that the call at ``depth`` built, or the layer's parent."""
        modules = self.flow.scene.graph.modules
        parts = self.path.split(".")
        for frame in self.frames[depth::-1] if depth < len(self.frames) else ():
            span = frame.file.span(frame.node)
            for i in range(1, len(parts) + 1):
                module = modules.get(".".join(parts[:i]))
                if module is not None and module.created and module.created[0][3:] == span[3:]:
                    return module.path
        return self.path.rpartition(".")[0]


def _distinct(places: Iterable[Place]) -> list[Place]:
    """Places once each, the first of :data:`_MOST`."""
    found: dict[tuple[Span, str], Place] = {}
    for place in places:
        found.setdefault((place.span, place.missing), place)
        if len(found) >= _MOST:
            break
    return list(found.values())


# ---- syntax


def _parts(node: cst.BaseExpression) -> Iterator[cst.BaseExpression]:
    """The expressions that an expression is made of."""
    for child in node.children:
        if isinstance(child, cst.BaseExpression):
            yield child
        elif not isinstance(child, cst.BaseParenthesizableWhitespace):
            yield from (c for c in child.children if isinstance(c, cst.BaseExpression))
            for part in child.children:
                yield from (c for c in part.children if isinstance(c, cst.BaseExpression))


def _assigned(file: Parsed, within: cst.CSTNode, name: str) -> Iterator[tuple[cst.BaseExpression, cst.CSTNode]]:
    """(value, assignment) of what is assigned to ``name`` in a node."""
    for assign in file.each(cst.Assign, within):
        for target in assign.targets:
            if file.written(target.target) == name:
                yield assign.value, assign
            elif isinstance(target.target, cst.Tuple) and (column := _column(target.target, name)):
                item = _item(assign.value, column[0])
                yield (assign.value if item is None else item), assign
    for assign in file.each(cst.AnnAssign, within):
        if assign.value is not None and file.written(assign.target) == name:
            yield assign.value, assign
    for assign in file.each(cst.NamedExpr, within):
        if file.written(assign.target) == name:
            yield assign.value, assign


def _passed(frame: Frame, names: Sequence[str], name: str) -> cst.BaseExpression | None:
    """What a call passes for ``name`` of a function that takes ``names``; None where it leaves that out."""
    position: int | None = 0
    for arg in frame.node.args if isinstance(frame.node, cst.Call) else ():
        if arg.star == "*":
            position = None
        elif arg.keyword is not None:
            if arg.keyword.value == name:
                return arg.value
        elif not arg.star and position is not None:
            if position < len(names) and names[position] == name:
                return arg.value
            position += 1
    return None


def _other_names(file: Parsed, name: str) -> Iterator[str]:
    """Names that a class goes by after ``conf = partial(Config, …)``."""
    for assign in file.each(cst.Assign):
        target = assign.targets[0].target
        if isinstance(target, cst.Name) and isinstance(assign.value, cst.Name | cst.Call):
            value = assign.value
            given = [value] if isinstance(value, cst.Name) else [a.value for a in value.args]
            if any(isinstance(g, cst.Name) and g.value == name for g in given):
                yield target.value


def _column(target: cst.BaseExpression, name: str) -> list[int] | None:
    """The way to ``name`` in what is assigned to: empty where it is all of it; None where it is not in there."""
    if isinstance(target, cst.Name | cst.Attribute):
        return [] if get_full_name_for_node(target) == name else None
    if isinstance(target, cst.Tuple | cst.List):
        for index, element in enumerate(target.elements):
            inner = _column(element.value, name)
            if inner is not None:
                return [index, *inner]
    return None


def _item(node: cst.BaseExpression | None, index: int) -> cst.BaseExpression | None:
    if isinstance(node, cst.Tuple | cst.List) and index < len(node.elements):
        element = node.elements[index]
        return element.value if isinstance(element, cst.Element) else None
    return None


def _is_row(place: Place) -> bool:
    """Whether a list stands in another one: then that is the table."""
    parent = place.file.parent(place.node)
    return isinstance(parent, cst.Element)


def _within(inner: Span, outer: Span) -> bool:
    return outer[1:3] <= inner[1:3] and inner[3:] <= outer[3:]
