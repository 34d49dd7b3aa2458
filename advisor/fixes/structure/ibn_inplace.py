"""Fusing or splitting where the block is written: its lines are changed, and so all that they build."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from ...graph import Graph, Span
from ..edits import Edit
from ..proposal import Scene, Unfixable
from .calls import Argument, Call, parsed_file
from .ibn_classes import activation
from .ibn_forward import method_around, removed_statement, without_calls
from .ibn_makers import site_call
from .ibn_parts import Block, FusePlan, Path, UnfusePlan, parent, within
from .parsed import Parsed


@dataclass(frozen=True, eq=False)
class _Written:
    """A module of a block and the call that builds it, in code that builds the other parts of the block too."""

    path: Path
    call: Call


def in_place(scene: Scene, blocks: Sequence[Block]) -> tuple[Edit, ...]:
    """The edits. Raises :class:`Unfixable` where a line that they change builds more than the given blocks, or where
    it is not clear how."""
    edits: dict[Edit, None] = {}
    changed: dict[Span, set[str]] = {}
    for block in blocks:
        for edit in _edits(scene, block, changed):
            edits[edit] = None
    for span, paths in changed.items():
        for module in scene.graph.modules.values():
            if span in module.created and not any(within(module.path, p) for p in paths):
                raise Unfixable(f"line {span.line} also builds {module.path}, which should stay as it is")
    return tuple(edits)


def _edits(scene: Scene, block: Block, changed: dict[Span, set[str]]) -> Iterator[Edit]:
    if isinstance(block.plan, FusePlan):
        yield from _fusing(scene, block, block.plan, changed)
    else:
        yield from _splitting(scene, block, block.plan, changed)


# ---- where the parts are written


def _written(scene: Scene, block: Block, paths: Sequence[Path], changed: dict[Span, set[str]]) -> list[_Written]:
    """The calls that build the parts, at the level of code where they are told apart."""
    chains = [_created(scene.graph, block.below(p)) for p in paths]
    found = []
    for path, chain, at in zip(paths, chains, _apart(chains), strict=True):
        span = chain[at]
        changed.setdefault(span, set()).add(_unit(scene.graph, block, block.below(path), span))
        found.append(_Written(path, site_call(scene, span)))
    functions = {id(w.call.file.enclosing(w.call.node, cst.FunctionDef)) for w in found}
    if len(functions) > 1:
        raise Unfixable("the parts of the block are built in different functions")
    return found


def _unit(graph: Graph, block: Block, path: str, span: Span) -> str:
    """The outermost module of the block that the call at ``span`` built, the one at ``path`` within."""
    while parent(path) != block.path and span in graph.modules[parent(path)].created:
        path = parent(path)
    return path


def _created(graph: Graph, path: str) -> tuple[Span, ...]:
    created = graph.modules[path].created if path in graph.modules else ()
    if not created:
        raise Unfixable(f"where {path} is built was not seen")
    return created


def _apart(chains: Sequence[tuple[Span, ...]]) -> list[int]:
    """For each chain of calls, innermost first, the call right before all of them go through the same ones. Chains may
    be cut off further out. Raises :class:`Unfixable`."""
    last = chains[-1]
    meetings = [_meeting(chain, last) for chain in chains[:-1]]
    if any(m is None for m in meetings):
        raise Unfixable("the parts of the block are built in unconnected places")
    pairs = [m for m in meetings if m is not None]
    shared = max((j for _, j in pairs), default=len(last))
    found = [*(i + shared - j - 1 for i, j in pairs), shared - 1]
    if not all(0 <= at < len(chain) for at, chain in zip(found, chains, strict=True)):
        raise Unfixable("the parts of the block are built by one and the same line")
    return found


def _meeting(one: tuple[Span, ...], other: tuple[Span, ...]) -> tuple[int, int] | None:
    """Where in both chains the calls begin that they share."""
    for i, span in enumerate(one):
        if span in other:
            j = other.index(span)
            length = min(len(one) - i, len(other) - j)
            if one[i : i + length] == other[j : j + length]:
                return i, j
    return (len(one), len(other)) if one and other and one[-1].file == other[-1].file else None


# ---- fusing


def _fusing(scene: Scene, block: Block, plan: FusePlan, changed: dict[Span, set[str]]) -> Iterator[Edit]:
    if plan.made != plan.depthwise:
        raise Unfixable("the norm or the activation of the expansion stays, after another convolution")
    *gone, kept = _written(scene, block, [*plan.gone, plan.depthwise], changed)
    expand = next((w for w in gone if plan.expand[: len(w.path)] == w.path), None)
    if expand is None:
        raise Unfixable(f"{block.below(plan.expand)} is called more than once")
    yield from _dense(expand.call, kept.call)
    biased = "bias" in block.ops[-1].weights
    if biased != plan.bias:
        if kept.call.function != f"Conv{plan.rank}d":
            raise Unfixable(f"{kept.call.callee}() has no bias that could be set")
        yield from kept.call.setting("bias", str(plan.bias)) if not plan.bias else kept.call.without("bias", "True")
    file = kept.call.file
    calls = list(plan.calls)
    elements: list[cst.CSTNode] = []
    for part in gone:
        role = _role(file, part.call.node)
        if isinstance(role, cst.SimpleStatementLine):
            calls += _calls_of(file, role, part)
            yield removed_statement(file, role)
        else:
            elements.append(role)
    yield from _removed_elements(file, elements)
    yield from without_calls(file, calls) if calls else ()


def _dense(expand: Call, depthwise: Call) -> Iterator[Edit]:
    """Let the call that builds the depthwise convolution build one over all channels of the expansion's input."""
    groups = depthwise.argument("groups")
    if groups is None:
        raise Unfixable(f"{depthwise.callee}() in line {depthwise.span.line} is not told its groups there")
    text = depthwise.file.written(groups.value)
    given = [a for a in depthwise.arguments if not a.star]
    reading = next((a for a in given if a is not groups and depthwise.file.written(a.value) == text), None)
    if reading is None or expand.file is not depthwise.file:
        raise Unfixable(f"it is not clear which argument of {depthwise.callee}() is the number of its inputs")
    yield Edit(depthwise.file.span(reading.value), expand.file.written(_same(expand, depthwise, reading).value))
    yield from depthwise.without("groups", "1")


def _same(expand: Call, depthwise: Call, argument: Argument) -> Argument:
    """The argument of ``expand`` that is for the same as ``argument`` of ``depthwise``."""
    if argument.node.keyword is not None or argument.name:
        found = expand.argument(argument.name)
        if found is not None:
            return found
    index = depthwise.arguments.index(argument)
    if index < len(expand.arguments) and argument.node.keyword is None:
        found = expand.arguments[index]
        if found.node.keyword is None and not found.star:
            return found
    raise Unfixable(f"{expand.callee}() in line {expand.span.line} does not say how many channels it reads")


def _calls_of(file: Parsed, statement: cst.SimpleStatementLine, part: _Written) -> list[Span]:
    """The calls of the attribute that a statement sets; every use must be one, or it has to stay."""
    assign = statement.body[0]
    owner = file.enclosing(statement, cst.ClassDef)
    if not isinstance(assign, cst.Assign) or owner is None:
        return []
    name = file.written(assign.targets[0].target)
    uses = [a for a in file.each(cst.Attribute, owner) if file.written(a) == name]
    calls = [c for c in file.each(cst.Call, owner) if file.written(c.func) == name]
    stored = [a for a in uses if isinstance(file.parent(a), cst.AssignTarget)]
    if len(uses) != len(calls) + len(stored) or not calls or len(stored) > 1:
        raise Unfixable(f"{name} is used for more than being called")
    if len({id(method_around(file, file.span(c))[1]) for c in calls}) > 1:
        raise Unfixable(f"{name} is called in several methods")
    return [file.span(c) for c in calls]


def _role(file: Parsed, node: cst.Call) -> cst.CSTNode:
    """What has to go for a part not to be built: a statement of its own, or an element of a list or call."""
    at: cst.CSTNode = node
    around = file.parent(at)
    if isinstance(around, cst.Element) and isinstance(tuple_ := file.parent(around), cst.Tuple):
        outer = file.parent(tuple_)
        if isinstance(outer, cst.Element):  # ("name", module) in an ordered dictionary
            return outer
    if isinstance(around, cst.Element):
        return around
    statement = file.statement(node)
    call = file.parent(around) if isinstance(around, cst.Arg) else None
    if isinstance(call, cst.Call):
        called = file.written(call.func).rpartition(".")[2]
        if called in ("append", "add_module") and isinstance(file.parent(call), cst.Expr):
            return _alone(file, statement)
        if called == "Sequential" and around is not None:
            return around
    if isinstance(around, cst.Assign) and len(around.targets) == 1:
        return _alone(file, statement)
    raise Unfixable(f"line {file.span(node).line} builds a part of the block in a way that cannot simply be left out")


def _alone(file: Parsed, statement: cst.CSTNode | None) -> cst.SimpleStatementLine:
    if isinstance(statement, cst.SimpleStatementLine) and len(statement.body) == 1:
        return statement
    raise Unfixable("a part of the block is built in a line that does something else too")


def _removed_elements(file: Parsed, nodes: Sequence[cst.CSTNode]) -> Iterator[Edit]:
    """Take elements out of their lists and calls, run by run, with the lines and comments that are theirs alone."""
    left = sorted(nodes, key=lambda n: file.span(n)[1:3])
    while left:
        siblings = _siblings(file, left[0])
        at = siblings.index(left[0])
        run = [left.pop(0)]
        while left and at + len(run) < len(siblings) and siblings[at + len(run)] is left[0]:
            run.append(left.pop(0))
        following = siblings[at + len(run)] if at + len(run) < len(siblings) else None
        if following is None:
            raise Unfixable("nothing would follow what is taken away")
        yield _removed_run(file, file.span(run[0]), file.span(run[-1]), file.span(following))


def _siblings(file: Parsed, node: cst.CSTNode) -> list[cst.CSTNode]:
    around = file.parent(node)
    if isinstance(around, cst.List | cst.Tuple):
        return list(around.elements)
    if isinstance(around, cst.Call):
        return list(around.args)
    raise Unfixable("a part of the block stands in something that is no list")


def _removed_run(file: Parsed, first: Span, last: Span, following: Span) -> Edit:
    own_lines = not file.lines[first.line - 1][: first.column - 1].strip() and following.line > last.end_line
    if not own_lines:
        return Edit(Span(file.file, first.line, first.column, following.line, following.column), "")
    start = first.line
    while start > 1 and file.lines[start - 2].strip().startswith("#"):
        start -= 1
    return Edit(Span(file.file, start, 1, last.end_line + 1, 1), "")


# ---- splitting


def _splitting(scene: Scene, block: Block, plan: UnfusePlan, changed: dict[Span, set[str]]) -> Iterator[Edit]:
    span = _created(scene.graph, block.below(plan.conv))[0]
    changed.setdefault(span, set()).add(block.below(plan.conv))
    call = site_call(scene, span)
    if call.function != f"Conv{plan.rank}d" or not call.arguments or any(a.star for a in call.arguments):
        raise Unfixable(f"line {span.line} builds the convolution, but not as nn.Conv{plan.rank}d(…)")
    reads, makes = call.argument("in_channels"), call.argument("out_channels")
    if reads is None or makes is None:
        raise Unfixable(f"line {span.line} does not say how many channels the convolution has")
    file = call.file
    written = file.written(makes.value)
    parts = [f"{call.callee}({file.written(reads.value)}, {written}, 1{'' if plan.bias else ', bias=False'})"]
    parts += _copies(scene, block, plan, call)
    depthwise = [
        Edit(file.span(reads.value), written),
        *call.setting("groups", written),
    ]
    role = file.parent(call.node)
    if isinstance(role, cst.Element | cst.Arg) and _flat(file, role):
        # One part a line where the convolution has its own, and else on the same line.
        start = file.span(role)
        alone = not file.lines[start.line - 1][: start.column - 1].strip()
        between = f",\n{file.indent(start.line)}" if alone else ", "
        at = Span(file.file, start.line, start.column, start.line, start.column)
        yield Edit(at, "".join(f"{p}{between}" for p in parts))
        yield from depthwise
        return
    prefix = call.callee.rpartition(".")[0]
    sequential = f"{prefix}.Sequential" if prefix else ""
    if not sequential:
        raise Unfixable(f"line {span.line} calls the convolution by a name of its own")
    yield Edit(_start(call.span), f"{sequential}({', '.join(parts)}, ")
    yield from depthwise
    yield Edit(_end(call.span), ")")


def _flat(file: Parsed, role: cst.CSTNode) -> bool:
    around = file.parent(role)
    if isinstance(around, cst.Call):
        return file.written(around.func).rpartition(".")[2] == "Sequential"
    return isinstance(around, cst.List)


def _copies(scene: Scene, block: Block, plan: UnfusePlan, conv: Call) -> Iterator[str]:
    """The norm and the activation once more, as they are written where the convolution is."""
    for path in (plan.norm, plan.act):
        if path is None:
            continue
        span = _created(scene.graph, block.below(path))[0]
        file = parsed_file(scene, span.file)
        node = file.call_node(span)
        if node is None or file is not conv.file:
            raise Unfixable(f"{block.below(path)} is not built where the convolution is")
        if file.enclosing(node, cst.FunctionDef) is not file.enclosing(conv.node, cst.FunctionDef):
            raise Unfixable(f"{block.below(path)} is not built where the convolution is")
        yield " ".join(file.written(node).split())
    if plan.fn:
        yield f"{conv.callee.rpartition('.')[0] or 'nn'}.{activation(plan.fn)}()"


def _start(span: Span) -> Span:
    return Span(span.file, span.line, span.column, span.line, span.column)


def _end(span: Span) -> Span:
    return Span(span.file, span.end_line, span.end_column, span.end_line, span.end_column)
