"""Strides and input resolutions in the source."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import libcst as cst

from ...discovery.directives import Directive, directives
from ...discovery.source import Source, read
from ...graph import Graph, Op, Span
from ...moves import Move, SetResolution, SetStride
from ...numbers import Numbers
from ..edits import Edit
from ..proposal import Proposal, Scene, Unfixable
from .arguments import argument_options
from .calls import calls_within, parsed_file
from .choosing import Option, choices, told
from .created import editable
from .depthwise import together
from .flow import Flow
from .parsed import Parsed

_MAKERS = ("randn", "rand", "zeros", "ones", "empty", "randint", "rand_like")
"""Functions of torch that examples make inputs with."""


def stride(scene: Scene, moves: Sequence[Move]) -> Iterator[Proposal]:
    """Proposals for :class:`SetStride` moves. Raises :class:`Unfixable`."""
    flow, graph = Flow(scene), scene.graph
    asked = [m for m in moves if isinstance(m, SetStride)]
    wanted, new = [m.op for m in asked], asked[0].stride
    if any(m.stride != new for m in asked):
        raise Unfixable("several strides are to be set")
    old = {tuple(graph.by_key[k].attrs["stride"]) for k in wanted}
    options = {
        op.key: [*_literals(scene, op, new), *argument_options(flow, op, "stride", lambda call: str(new), "1")]
        for op in graph.ops
        if op.op in ("conv", "pool") and op.module and tuple(op.attrs.get("stride", ())) in old
    }
    for choice in choices(wanted, options):
        yield Proposal(choice.edits, together([SetStride(k, new) for k in choice.changed]), told(choice))


def _literals(scene: Scene, op: Op, new: int) -> list[Option]:
    """The literal that says the stride and nothing else, where the model's numbers are known."""
    numbers: Numbers = scene.numbers
    steps = {numbers.step(op.path, "stride", i) for i in range(len(op.attrs["stride"]))} - {None}
    if len(steps) != 1:
        return []
    found: list[Option] = []
    for literal in numbers.reaches(next(s for s in steps if s is not None)):
        readers = numbers.readers.get(literal, ())
        if all(attribute == "stride" for _, attribute, _ in readers) and editable(
            scene, numbers.literals[literal].span.file
        ):
            values = {numbers.evaluate(s, {literal: new}) for s in steps if s is not None}
            if values == {new}:
                found.append((Edit(numbers.literals[literal].span, str(new)),))
    return found


# ---- resolution


def resolution(scene: Scene, moves: Sequence[Move]) -> Iterator[Proposal]:
    """Proposals for :class:`SetResolution`: the input that a comment says, the one that an example makes, or else a
    comment that says it. Raises :class:`Unfixable`."""
    (move, *others) = [m for m in moves if isinstance(m, SetResolution)]
    if others:
        raise Unfixable("several resolutions are to be set")
    if not editable(scene, scene.file):
        raise Unfixable("the model's file cannot be edited")
    images = {scene.graph.shape(t) for t in scene.graph.inputs if len(scene.graph.shape(t)) == 4}
    source = read(Path(scene.file), scene.text(scene.file))
    if not isinstance(source, Source):
        raise Unfixable(source.message)
    said = directives(source).models.get(scene.model.line)
    file = parsed_file(scene, scene.file)
    if said is not None and said.inputs is not None:
        edits = tuple(e for shape in images for e in _in_comment(file, said, shape, move))
        if not edits:
            raise Unfixable("the comment that says the input has another shape")
        yield Proposal(edits, move)
        return
    examples = tuple(e for shape in images for e in _in_examples(file, shape, move))
    if examples:
        yield Proposal(examples, move)
    if len(scene.graph.inputs) == len(images) == 1:
        yield Proposal(_comment(file, scene, said, move), move, "the model's input is said in a comment now")


def _in_comment(file: Parsed, said: Directive, shape: Sequence[int], move: SetResolution) -> Iterator[Edit]:
    """The sizes of a shape in a comment."""
    text = file.between(said.span)
    size = r"\s*,\s*".join(str(n) for n in shape[:2])
    for match in re.finditer(rf"\(\s*{size}\s*,\s*({shape[2]})\s*,\s*({shape[3]})\b", text):
        for group, new in ((1, move.height), (2, move.width)):
            start, end = (said.span.column + at for at in match.span(group))
            yield Edit(Span(file.file, said.span.line, start, said.span.line, end), str(new))


def _in_examples(file: Parsed, shape: Sequence[int], move: SetResolution) -> Iterator[Edit]:
    """The sizes of tensors of that shape that the file makes: ``torch.randn(1, 3, 224, 224)``."""
    for call in calls_within(file, file.tree):
        if call.function not in _MAKERS:
            continue
        values: list[cst.BaseExpression] = [a.value for a in call.arguments if not a.name and not a.star]
        if len(values) == 1 and isinstance(values[0], cst.Tuple | cst.List):
            values = [e.value for e in values[0].elements]
        written = [v.evaluated_value if isinstance(v, cst.Integer) else None for v in values]
        if len(written) == 4 and written[1:] == list(shape[1:]):
            yield Edit(file.span(values[2]), str(move.height))
            yield Edit(file.span(values[3]), str(move.width))


def _comment(file: Parsed, scene: Scene, said: Directive | None, move: SetResolution) -> tuple[Edit, ...]:
    """The directive that says the model's input, above its definition, or at the end of the one that is there."""
    shape = _moved(scene.graph, move)
    if said is not None:
        at = said.span
        return (Edit(Span(at.file, at.line, at.end_column, at.line, at.end_column), f" input={shape}"),)
    definition = next(
        (n for n in file.each(cst.BaseCompoundStatement) if _named(file, n).line == scene.model.line), None
    )
    if definition is None:
        raise Unfixable("no place was found to say the model's input")
    decorators = getattr(definition, "decorators", ())
    line = min(file.span(n).line for n in (definition, *decorators))
    return (Edit(Span(file.file, line, 1, line, 1), f"{file.indent(line)}# advisor: input={shape}\n"),)


def _named(file: Parsed, node: cst.BaseCompoundStatement) -> Span:
    name = node.name if isinstance(node, cst.ClassDef | cst.FunctionDef) else node
    return file.span(name)


def _moved(graph: Graph, move: SetResolution) -> str:
    (shape,) = (graph.shape(t) for t in graph.inputs)
    return f"({shape[0]}, {shape[1]}, {move.height}, {move.width})"
