"""Widths as edits: literals keep their style, and what stands elsewhere is not touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.fixes.edits import MisplacedEdit, apply
from advisor.fixes.proposal import Proposal, Scene, Sources, Unfixable
from advisor.fixes.width import edit, implied, render
from advisor.graph import Graph, Span
from advisor.moves import SetWidth, Together
from advisor.numbers import Literal, Number, Numbers, Step
from advisor.texts import Texts
from tests.graphs import GraphBuilder

FILE = "/project/net.py"


@pytest.mark.parametrize(
    ("old", "value", "new", "expected"),
    [
        ("60", 60, 64, "64"),
        ("0x3c", 60, 64, "0x40"),
        ("0X3C", 60, 64, "0X40"),
        ("0b111100", 60, 64, "0b1000000"),
        ("1_200", 1200, 1280, "1_280"),
        ("060", 60, 64, "064"),  # within a string
        ("0.6", 0.6, 0.75, "0.75"),
        ("60.", 60.0, 64.0, "64."),
        ("60.0", 60.0, 64.0, "64.0"),
    ],
)
def test_a_literal_keeps_its_style(old: str, value: Number, new: Number, expected: str) -> None:
    span = Span(FILE, 1, 5, 1, 5 + len(old))
    text = f"a = {old}  # sixty\n"
    assert apply(text, [edit(text, Literal(span, value), new)]) == f"a = {expected}  # sixty\n"


def test_a_text_that_holds_something_else_is_not_edited() -> None:
    with pytest.raises(MisplacedEdit, match=r"net\.py:1 holds '48' where 60 was read"):
        edit("a = 48", Literal(Span(FILE, 1, 5, 1, 7), 60), 64)


# ---- proposals


def _scene(lines: list[str], numbers: Numbers, graph: Graph) -> Scene:
    texts = Texts({Path(FILE): "\n".join(lines), Path("/project/blocks.py"): "\n".join(lines)})
    return Scene(graph, numbers, FILE, Span(FILE, 1, 1, 1, 2), "Net", Sources(texts))


def _two(hidden: int, out: int) -> Graph:
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 32, 32)), hidden, 3, path="a")
    return b.build(b.conv(x, out, 3, path="b"))


def _at(line: int, file: str = FILE) -> Literal:
    return Literal(Span(file, line, 1, line, 3), 60)


def _numbers(*literals: Literal) -> Numbers:
    """The width between the two convolutions: made by the first literal, read by the last."""
    steps = tuple(Step("literal", literal.value, (i,)) for i, literal in enumerate(literals))
    return Numbers(literals, steps, {"a": {"out_channels": 0}, "b": {"in_channels": len(literals) - 1}})


def _edited(scene: Scene, proposal: Proposal) -> str:
    return apply(scene.text(FILE), [e for e in proposal.edits if e.span.file == FILE])


def test_all_literals_of_the_group_are_edited_in_all_their_files() -> None:
    scene = _scene(["60", "60", "60"], _numbers(_at(1), _at(2, "/project/blocks.py")), _two(60, 32))
    first = next(render(scene, [SetWidth(0, 64)]))
    assert {(e.span.file, e.span.line, e.text) for e in first.edits} == {
        (FILE, 1, "64"),
        ("/project/blocks.py", 2, "64"),
    }
    assert first.move == SetWidth(0, 64) and first.note == ""
    assert _edited(scene, first) == "64\n60\n60"


def test_what_a_shared_literal_also_sets_is_part_of_the_move_and_of_the_note() -> None:
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 32, 32)), 60, 3, path="a")
    graph = b.build(b.conv(b.conv(x, 60, 3, path="b"), 10, path="c"))
    layers = {"a": {"out_channels": 0}, "b": {"in_channels": 0, "out_channels": 0}, "c": {"in_channels": 0}}
    scene = _scene(["60"], Numbers((_at(1),), (Step("literal", 60, (0,)),), layers), graph)
    first = next(render(scene, [SetWidth(0, 64)]))
    assert first.move == Together((SetWidth(0, 64), SetWidth(1, 64)))
    assert first.note == "the same numbers set b 60 → 64"


def test_the_number_of_groups_follows_where_the_same_literal_sets_it() -> None:
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 32, 32)), 24, path="a")
    graph = b.build(b.conv(b.conv(x, 24, 3, groups=3, path="b"), 10, path="c"))
    literals = (Literal(Span(FILE, 1, 1, 1, 3), 24), Literal(Span(FILE, 2, 1, 2, 2), 8))
    steps = (Step("literal", 24, (0,)), Step("literal", 8, (1,)), Step("floordiv", 3, (0, 1)))
    layers = {
        "a": {"out_channels": 0},
        "b": {"in_channels": 0, "out_channels": 0, "groups": 2},
        "c": {"in_channels": 0},
    }
    scene = _scene(["24", "8"], Numbers(literals, steps, layers), graph)
    first = next(render(scene, [SetWidth(0, 32)]))
    assert _edited(scene, first) == "32\n8"
    assert first.move.apply(graph).by_key[1].attrs["groups"] == 4


def test_sizes_that_calls_say_are_proposed_as_well() -> None:
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 8, 8)), 60, 3, path="a")
    x = b.op("reshape", [x], (1, 60, 8, 8), shape=[1, 60, 8, 8])
    b.ops[-1].call = Span(FILE, 2, 1, 2, 20)
    graph = b.build(b.conv(x, 10, path="b"))
    scene = _scene(["60", "x.view(1, 60, 8, 8)"], _numbers(_at(1)), graph)
    plain, with_calls = list(render(scene, [SetWidth(0, 32)]))[:2]
    assert _edited(scene, plain) == "32\nx.view(1, 60, 8, 8)"
    assert _edited(scene, with_calls) == "32\nx.view(1, 32, 8, 8)"


def test_reasons_are_for_people() -> None:
    installed = "/usr/lib/python3/site-packages/lib/net.py"
    scene = _scene(["60"], _numbers(_at(1, installed)), _two(60, 32))
    with pytest.raises(Unfixable):
        next(render(scene, [SetWidth(0, 64)]))
    with pytest.raises(Unfixable, match="no part of this graph"):
        next(render(scene, [SetWidth(99, 64)]))


def test_what_edits_of_several_fixes_come_to() -> None:
    literals = (Literal(Span(FILE, 1, 1, 1, 3), 10), Literal(Span(FILE, 2, 1, 2, 2), 6))
    steps = (Step("literal", 10, (0,)), Step("literal", 6, (1,)), Step("mul", 60, (0, 1)))
    numbers = Numbers(literals, steps, {"a": {"out_channels": 2}, "b": {"in_channels": 2}})
    scene = _scene(["10", "6"], numbers, _two(60, 32))
    texts = scene.text(FILE)
    assert implied(scene, [edit(texts, literals[0], 16), edit(texts, literals[1], 4)]) == (SetWidth(0, 64),)


def test_only_files_of_the_audited_package_are_edited() -> None:
    scene = _scene(["60"], _numbers(_at(1)), _two(60, 32))
    assert scene.editable("/elsewhere/other.py")
    assert not scene.editable("/v/site-packages/timm/layers/x.py") and not scene.editable("/project/a.ipynb")
    inside = Scene(scene.graph, scene.numbers, "/v/site-packages/timm/models/net.py", Span("", 1, 1, 1, 1))
    assert inside.editable("/v/site-packages/timm/layers/x.py")
    assert not inside.editable("/v/site-packages/torch/nn/x.py") and not inside.editable("/project/net.py")
