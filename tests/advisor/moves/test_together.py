"""Several moves as one."""

from __future__ import annotations

import pytest

from advisor.moves import MoveError, RemoveBias, SetWidth, Together, from_plain
from tests.graphs import GraphBuilder


def graph():
    b = GraphBuilder()
    x = b.bn(b.conv(b.input((1, 3, 8, 8)), 20, 3, bias=True))
    return b.build(b.conv(x, 4, 1))


def test_applies_one_after_another():
    moved = Together((SetWidth(0, 16), RemoveBias(0))).apply(graph())
    assert moved.weight_shape(moved.ops[0]) == (16, 3, 3, 3)
    assert "bias" not in moved.ops[0].weights


def test_plain_form_round_trips():
    move = Together((SetWidth(0, 16), RemoveBias(0)))
    assert from_plain(move.to_plain()) == move


def test_nothing_is_applied_where_one_cannot_be():
    with pytest.raises(MoveError):
        Together((SetWidth(0, 16), SetWidth(0, 16))).apply(graph())
    with pytest.raises(MoveError):
        Together(()).apply(graph())


def test_describes_each():
    assert Together((SetWidth(0, 16), RemoveBias(0))).describe(graph()) == "set width 20 → 16; remove the bias of conv0"
