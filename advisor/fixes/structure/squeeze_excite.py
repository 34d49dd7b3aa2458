"""Removing squeeze-and-excite gates in the source: the flag that asks for one, its creation, or the product itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst

from ...graph import Span
from ...moves import Move, RemoveSE, SqueezeExcite, find_se
from ..edits import Edit
from ..proposal import Proposal, Scene
from .choosing import Option, choices, off, told
from .created import computed_by, editable, made_by, whole
from .depthwise import together
from .flow import Flow, Frame, Place
from .imports import full_name, reach
from .parsed import Parsed

_SURE = 4
"""Flags that one gate may hang on; where more come into question, it is not known which of them it is."""


def render(scene: Scene, moves: Sequence[Move]) -> Iterator[Proposal]:
    """Proposals for :class:`RemoveSE` moves. Raises :class:`advisor.fixes.proposal.Unfixable`."""
    flow = Flow(scene)
    wanted = [m.gate for m in moves if isinstance(m, RemoveSE)]
    options = {se.gate: _options(flow, se) for se in find_se(scene.graph)}
    for choice in choices(wanted, options):
        yield Proposal(choice.edits, together([RemoveSE(k) for k in choice.changed]), told(choice))


def _options(flow: Flow, se: SqueezeExcite) -> list[Option]:
    """What may be edited for one gate to go: what it hangs on in a table or an argument, else where it is built or,
    without a module of its own, multiplied."""
    graph = flow.scene.graph
    unit = whole(graph, [se.gate, *se.branch])
    gate = graph.by_key[se.gate]
    frames = made_by(flow, unit) if unit else computed_by(flow, gate)
    if not frames:
        return []
    start = frames[0]
    path = unit or gate.path
    tests = [flow.tests(path, frames), *(flow.tests(path, f) for f in (_applied(unit, frames) if unit else ()))]
    places = [p for found in tests for p in found if editable(flow.scene, p.file.file)]
    own = [] if not editable(flow.scene, start.file.file) else [_identity(start)] if unit else _products(start)
    chosen = list(dict.fromkeys(o for p in places for o in (*off(p), *_none(p))))
    return [*chosen, *own] if len(chosen) <= _SURE else [*own, *chosen]


def _applied(unit: str, frames: Sequence[Frame]) -> Iterator[tuple[Frame, ...]]:
    """Where the class that builds a module as ``self.name`` calls it."""
    file, name = frames[0].file, unit.rpartition(".")[2]
    owner = file.enclosing(frames[0].node, cst.ClassDef)
    for call in file.each(cst.Call, owner) if owner is not None else ():
        if file.written(call.func) == f"self.{name}":
            yield (Frame(file, call), *frames[1:])


def _identity(frame: Frame) -> Option:
    """``SELayer(64)`` → ``nn.Identity()``."""
    written, imports = reach(frame.file, "torch.nn", "Identity")
    return (*imports, frame.call.replaced(f"{written}()"))


def _none(place: Place) -> list[Option]:
    """``se_layer=SELayer`` → ``se_layer=None`` where it is asked whether there is one."""
    parent = place.file.parent(place.node)
    if place.missing or not place.test or not isinstance(parent, cst.Arg | cst.Param | cst.Element):
        return []
    return [(Edit(place.span, "None"),)] if full_name(place.file, place.node) else []


def _products(frame: Frame) -> list[Option]:
    """``x * self.se(x)`` → ``x``; a statement that would only say ``x = x`` goes."""
    node, file = frame.node, frame.file
    factors: list[cst.BaseExpression] = []
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Multiply):
        factors = [node.left, node.right]
    elif (
        isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value in ("mul", "mul_")
    ):
        factors = [node.func.value, *(a.value for a in node.args[:1])]
    gone = [option for kept in factors if (option := _gone(file, node, kept))]
    return [*gone, *((Edit(file.span(node), file.written(kept)),) for kept in factors)]


def _gone(file: Parsed, node: cst.BaseExpression, kept: cst.BaseExpression) -> Option:
    """The statement ``x = x * …`` taken away with its line."""
    assign = file.parent(node)
    line = file.statement(node)
    if not isinstance(assign, cst.Assign) or len(assign.targets) != 1 or not isinstance(line, cst.SimpleStatementLine):
        return ()
    block = file.parent(line)
    if file.written(assign.targets[0].target) != file.written(kept) or len(line.body) != 1:
        return ()
    if not isinstance(block, cst.IndentedBlock) or len(block.body) < 2:
        return ()
    span = file.span(line)
    return (Edit(Span(file.file, span.line, 1, span.end_line + 1, 1), ""),)
