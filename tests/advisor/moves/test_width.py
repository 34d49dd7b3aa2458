"""A set width equals the same network built with that width."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from advisor.channels import analyse
from advisor.equivalence import equivalent
from advisor.graph import Graph
from advisor.moves import MoveError, SetWidth, from_plain
from tests.advisor import families

CASES: list[tuple[Callable[..., Graph], str, int, int, int]] = [
    # network, its parameter, the group's width before, the width to set, the parameter then
    (families.resnet, "trunk", 16, 24, 24),
    (families.resnet, "middle", 8, 5, 5),
    (families.densenet, "stem", 16, 20, 20),
    (families.densenet, "second", 8, 12, 12),
    (families.shufflenet, "half", 16, 10, 10),
    (families.shufflenet, "hidden", 12, 20, 20),
    (families.mobilenet, "trunk", 8, 12, 12),
    (families.mobilenet, "expanded", 32, 40, 40),
    (families.ghostnet, "made", 12, 16, 16),
    (families.unet, "inner", 16, 6, 6),
    (families.espcn, "features", 8, 11, 11),
    (families.espcn, "shuffled", 16, 24, 6),
    (families.vit, "width", 32, 40, 40),
    (families.vit, "hidden", 64, 48, 48),
    (families.vit, "head", 96, 72, 6),
    (families.convnext, "width", 16, 24, 24),
    (families.convnext, "hidden", 64, 32, 32),
    (families.alexnet, "features", 8, 6, 6),
    (families.glu, "width", 24, 32, 16),
]


@pytest.mark.parametrize(("build", "parameter", "old", "new", "value"), CASES)
def test_equals_the_network_built_so(
    build: Callable[..., Graph], parameter: str, old: int, new: int, value: int
) -> None:
    moved = graph = build()
    for group in analyse(graph).groups:
        if group.width == old and not group.pinned:
            moved = SetWidth(group.key, new).apply(moved)
    moved.check()
    assert equivalent(moved, build(**{parameter: value})) == []
    assert equivalent(moved, graph) != []


def test_a_moved_graph_is_analysed_as_if_it_were_new() -> None:
    graph = families.shufflenet()
    for group in analyse(graph).groups:
        if not group.pinned:
            moved = SetWidth(group.key, group.width + 2 * group.multiple).apply(graph)
            derived = analyse(moved).groups
            afresh = analyse(moved.replace()).groups
            assert [g[:6] for g in derived] == [g[:6] for g in afresh]
            assert [sorted(g.dims) for g in derived] == [sorted(g.dims) for g in afresh]


def test_moves_on_different_groups_commute() -> None:
    graph = families.mobilenet()
    keys = {g.width: g.key for g in analyse(graph).groups if not g.pinned}
    trunk, expanded = SetWidth(keys[8], 12), SetWidth(keys[32], 48)
    assert equivalent(expanded.apply(trunk.apply(graph)), trunk.apply(expanded.apply(graph))) == []


def test_untouched_ops_and_tensors_are_shared() -> None:
    graph = families.resnet()
    group = next(g for g in analyse(graph).groups if g.width == 8)
    moved = SetWidth(group.key, 4).apply(graph)
    assert all(a is b for a, b in zip(graph.ops, moved.ops, strict=True))
    assert {t for t in graph.tensors if graph.tensors[t] is not moved.tensors[t]} == {p.tensor for p in group.dims}


@pytest.mark.parametrize(
    ("group", "width", "reason"),
    [
        (0, 16, "16 already"),
        (0, 0, "positive"),
        (1, 8, "names no channel group"),
        (-1, 12, "model's output"),
    ],
)
def test_refusals_say_why(group: int, width: int, reason: str) -> None:
    graph = families.resnet()
    key = graph.ops[-1].key if group == -1 else group
    with pytest.raises(MoveError, match=reason):
        SetWidth(key, width).apply(graph)


def test_a_width_must_fit_the_heads() -> None:
    graph = families.vit()
    group = next(g for g in analyse(graph).groups if g.width == 96)
    assert group.multiple == 12
    with pytest.raises(MoveError, match="multiple of 12"):
        SetWidth(group.key, 100).apply(graph)


def test_plain_form_and_words() -> None:
    graph = families.resnet()
    move = SetWidth(0, 24)
    assert move.describe(graph) == "set width 16 → 24"
    assert move.to_plain() == {"kind": "set_width", "group": 0, "width": 24}
    assert from_plain(move.to_plain()) == move
