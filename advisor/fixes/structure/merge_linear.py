"""Merging adjacent linear layers in the source: the first goes, the second takes over its input and geometry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from ...graph import Op, Span
from ...moves import MergeLinear, Move, find_mergeable
from ...moves.chain import between, centred
from ..edits import Edit
from ..proposal import Proposal, Scene, Unfixable
from .calls import Call
from .created import editable, made_by
from .depthwise import together
from .flow import Flow, Frame
from .parsed import Parsed

_GEOMETRY = ("kernel_size", "stride", "padding", "dilation")
_NOTE = "weights: `advisor migrate` multiplies them"


def render(scene: Scene, moves: Sequence[Move]) -> Iterator[Proposal]:
    """Proposals for :class:`MergeLinear` moves. Raises :class:`Unfixable`."""
    flow = Flow(scene)
    pairs = list(dict.fromkeys((m.first, m.second) for m in moves if isinstance(m, MergeLinear)))
    found = [_Pair.of(flow, *pair) for pair in pairs]
    places = list(dict.fromkeys(pair.places for pair in found))
    edits: list[Edit] = []
    merged: list[MergeLinear] = []
    for place in places:
        built, others = _built(flow, place)
        if others:
            raise Unfixable(f"the same call also builds {others[0]}, which cannot be merged")
        edits += next(pair for pair in found if pair.places == place).edits()
        merged += built
    yield Proposal(tuple(dict.fromkeys(edits)), together(merged), _NOTE)


def _built(flow: Flow, places: tuple[Span, Span]) -> tuple[list[MergeLinear], list[str]]:
    """The mergeable pairs that two calls build, and layers that one of them builds besides."""
    graph = flow.scene.graph
    pairs = []
    for first, second in find_mergeable(graph):
        chains = [made_by(flow, graph.by_key[k].path) for k in (first, second)]
        if all(chains) and tuple(c[0].call.span for c in chains) == places:
            pairs.append(MergeLinear(first, second))
    paths = {graph.by_key[k].path for m in pairs for k in (m.first, m.second)}
    others = [
        op.path
        for op in graph.ops
        if op.module and op.path not in paths and (made := made_by(flow, op.path)) and made[0].call.span in places
    ]
    return pairs, others


@dataclass(frozen=True)
class _Pair:
    """Two layers with the calls that build them, and the normalisations between."""

    flow: Flow
    first: Op
    second: Op
    middle: tuple[Op, ...]
    one: Call
    other: Call

    @classmethod
    def of(cls, flow: Flow, first: int, second: int) -> _Pair:
        graph = flow.scene.graph
        ops = graph.by_key[first], graph.by_key[second]
        calls = [_building(flow, op) for op in ops]
        function = [call.file.enclosing(call.node, cst.FunctionDef) for call in calls]
        if calls[0].file is not calls[1].file or function[0] is not function[1]:
            raise Unfixable(f"{ops[0].path} and {ops[1].path} are not built by one function")
        middle = tuple(op for op in between(graph, *ops) or () if op.op != "identity")
        return cls(flow, *ops, middle, *calls)

    @property
    def places(self) -> tuple[Span, Span]:
        return self.one.span, self.other.span

    def edits(self) -> list[Edit]:
        gone = [self.one, *(_building(self.flow, op) for op in self.middle)]
        edits = [e for op, call in zip((self.first, *self.middle), gone, strict=True) for e in self._removed(op, call)]
        return [*edits, *self._taken_over()]

    def _taken_over(self) -> Iterator[Edit]:
        """The second layer's call with the first one's input and geometry."""
        linear = self.first.op == "linear"
        names = ("in_features",) if linear else ("in_channels", *_GEOMETRY)
        added: list[str] = []
        for name in names:
            new, old = self.one.argument(name), self.other.argument(name)
            if new is None:
                continue
            text = self.one.file.written(new.value)
            if old is None:
                added.append(f"{name}={text}")
            elif text != self.other.file.written(old.value):
                yield Edit(self.other.file.span(old.value), text)
        if added:
            name, _, text = ", ".join(added).partition("=")
            yield from self.other.adding(name, text)
        graph = self.flow.scene.graph
        biased = "bias" in self.first.weights or bool(self.middle)
        if biased and "bias" not in self.second.weights and not centred(graph, self.second):
            yield from self.other.without("bias", "True")

    def _removed(self, op: Op, call: Call) -> list[Edit]:
        """A layer taken away: as an item of what holds both, or with its statement and its call in ``forward``."""
        file, node = call.file, call.node
        parent = file.parent(node)
        if isinstance(parent, cst.Arg | cst.Element):
            holder = file.parent(parent)
            if isinstance(holder, cst.Call | cst.List | cst.Tuple) and file.inside(self.other.node, holder):
                return [_without_item(file, holder, parent)]
        assign, line = file.parent(node), file.statement(node)
        if not isinstance(assign, cst.Assign) or not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
            raise Unfixable(f"{op.path} is not built by a statement or an item of its own")
        name = file.written(assign.targets[0].target)
        used = [n for n in file.each(cst.Attribute, file.enclosing(node, cst.ClassDef)) if file.written(n) == name]
        calls = [n for n in used if isinstance(c := file.parent(n), cst.Call) and c.func is n and len(c.args) == 1]
        if len(used) != len(calls) + 1:
            raise Unfixable(f"{name} is used for more than being called")
        span = file.span(line)
        edits = [Edit(Span(file.file, span.line, 1, span.end_line + 1, 1), "")]
        for used_as in calls:
            applied = file.parent(used_as)
            assert isinstance(applied, cst.Call)
            edits += _applied_to_nothing(file, applied)
        return edits


def _building(flow: Flow, op: Op) -> Call:
    """The call of torch's own class that built a layer; raises :class:`Unfixable` where that cannot be edited."""
    frames: tuple[Frame, ...] = made_by(flow, op.path) if op.module else ()
    if not frames or not editable(flow.scene, frames[0].file.file):
        raise Unfixable(f"{op.path or op.target} is built where it cannot be edited")
    call = frames[0].call
    if call.parameters is not None or not call.names:
        raise Unfixable(f"{op.path} is built by {call.callee}(), not by a class of torch's")
    return call


def _without_item(file: Parsed, holder: cst.Call | cst.List | cst.Tuple, item: cst.Arg | cst.Element) -> Edit:
    """An item of a list or an argument taken away with what separates it from the next one."""
    items = list(holder.args if isinstance(holder, cst.Call) else holder.elements)
    following = next(i for i, x in enumerate(items) if x is item) + 1
    span, then = file.span(item), file.span(items[following])
    before = file.lines[span.line - 1][: span.column - 1]
    between_them = file.between(Span(file.file, *span[3:], *then[1:3]))
    if not before.strip() and then.line > span.end_line:
        return Edit(Span(file.file, span.line, 1, span.end_line + 1, 1), "")
    if "#" in between_them:
        comma = between_them.index(",") + 1
        return Edit(Span(file.file, *span[1:3], span.end_line, span.end_column + comma), "")
    return Edit(Span(file.file, *span[1:3], *then[1:3]), "")


def _applied_to_nothing(file: Parsed, call: cst.Call) -> list[Edit]:
    """``self.a(x)`` → ``x``; the statement ``x = self.a(x)`` goes with its line."""
    value = call.args[0].value
    line, assign = file.statement(call), file.parent(call)
    if (
        isinstance(assign, cst.Assign)
        and isinstance(line, cst.SimpleStatementLine)
        and len(line.body) == len(assign.targets) == 1
        and file.written(assign.targets[0].target) == file.written(value)
    ):
        span = file.span(line)
        return [Edit(Span(file.file, span.line, 1, span.end_line + 1, 1), "")]
    outer, inner = file.span(call), file.span(value)
    before = Span(file.file, *outer[1:3], *inner[1:3])
    return [Edit(before, ""), Edit(Span(file.file, *inner[3:], *outer[3:]), "")]
