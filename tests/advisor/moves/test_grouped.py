"""Widths of grouped convolutions, set with the number of groups."""

from __future__ import annotations

import pytest

from advisor.equivalence import equivalent
from advisor.graph import Graph
from advisor.moves import MoveError, SetGroupedWidths, SetWidth, from_plain
from advisor.moves.grouped import grouped, loosened
from tests.graphs import GraphBuilder


def _block(width: int, groups: int) -> Graph:
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 16, 16)), width)
    return b.build(b.conv(b.conv(x, width, 3, groups=groups), 4))


def test_the_number_of_groups_changes_with_the_widths_on_both_sides() -> None:
    graph = _block(24, 3)
    with pytest.raises(MoveError, match="multiple of 3"):
        SetWidth(0, 32).apply(graph)
    move = SetGroupedWidths((0, 1), (32, 32), (1,), (4,))
    assert equivalent(move.apply(graph), _block(32, 4)) == []
    assert move.describe(graph) == "set width 24 → 32 in 4 groups"
    assert from_plain(move.to_plain()) == move


def test_only_convolutions_in_groups_of_several_channels_are_let_loose() -> None:
    assert grouped(_block(24, 3)) == (1,)
    assert grouped(_block(24, 24)) == grouped(_block(24, 1)) == ()
    assert equivalent(loosened(_block(24, 3), (1,)), _block(24, 1)) == []


@pytest.mark.parametrize(
    ("move", "reason"),
    [
        (SetGroupedWidths((0,), (30,), (1,), (4,)), "30 and 24 channels of conv1 make no 4 groups"),
        (SetGroupedWidths((0, 1), (32, 32), (1,), (0,)), "make no 0 groups"),
        (SetGroupedWidths((0,), (32,), (2,), (1,)), "does not work in groups"),
        (SetGroupedWidths((), (), (1,), (4,)), "no width"),
        (SetGroupedWidths((0,), (), (1,), (4,)), "malformed"),
    ],
)
def test_refusals(move: SetGroupedWidths, reason: str) -> None:
    with pytest.raises(MoveError, match=reason):
        move.apply(_block(24, 3))
