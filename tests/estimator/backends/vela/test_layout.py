"""Orders of dimensions, checked against numpy doing the same to real data."""

from __future__ import annotations

import itertools
import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from advisor.estimator.backends.vela import layout

SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=5).map(tuple)


@st.composite
def ordered(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    shape = draw(SHAPES)
    return shape, tuple(draw(st.permutations(range(len(shape)))))


@st.composite
def reshapes(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """A shape, an order of it and another shape of as many elements."""
    shape, order = draw(ordered())
    parts = draw(st.permutations([f for n in shape for f in _factors(n)]))
    cuts = sorted(draw(st.lists(st.integers(0, len(parts)), max_size=4)))
    edges = [0, *cuts, len(parts)]
    return shape, order, tuple(math.prod(parts[a:b]) for a, b in itertools.pairwise(edges))


def _factors(n: int) -> list[int]:
    return [2, 2] if n == 4 else [n]


def values(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(math.prod(shape)).reshape(shape)


@given(reshapes())
def test_a_reshape_is_one_of_the_data_in_the_orders_that_are_named(
    case: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]],
) -> None:
    before, order, after = case
    needed, result = layout.reshaped(before, order, after)
    assert sorted(needed) == list(range(len(before)))
    assert sorted(result) == list(range(len(after)))
    lies = values(before).transpose(needed).reshape(-1)
    assert (lies == values(after).transpose(result).reshape(-1)).all()


@given(ordered(), st.randoms(use_true_random=False))
def test_a_permutation_moves_no_data(case: tuple[tuple[int, ...], tuple[int, ...]], random: object) -> None:
    shape, order = case
    dims = sorted(range(len(shape)), key=lambda _: random.random())  # pyright: ignore[reportAttributeAccessIssue]
    x = values(shape)
    turned = x.transpose(dims)
    assert (x.transpose(order) == turned.transpose(layout.renamed(order, dims))).all()


@given(ordered(), st.data())
def test_a_transposition_in_fewer_dimensions_is_the_same(
    case: tuple[tuple[int, ...], tuple[int, ...]], data: st.DataObject
) -> None:
    shape, before = case
    after = tuple(data.draw(st.permutations(range(len(shape)))))
    small, places = layout.merged(shape, before, after)
    x = values(shape)
    lies = x.transpose(before).reshape(small)
    assert (lies.transpose(places).reshape(-1) == x.transpose(after).reshape(-1)).all()
    assert len(small) <= sum(n != 1 for n in shape)


def test_what_stays_free() -> None:
    image = layout.channels_last(4)
    assert layout.reshaped((1, 64, 7, 7), image, (1, 64, 49)) == (image, (0, 2, 1))
    assert layout.reshaped((1, 64, 1, 1), image, (1, 64))[0] == image
    assert layout.reshaped((1, 64, 7, 7), image, (1, 64 * 49))[0] == (0, 1, 2, 3), "torch's sequence has channels first"


def test_windows_and_heads_move_whole_rows() -> None:
    heads, order = layout.reshaped((1, 197, 4, 64), (0, 2, 1, 3), (1, 197, 256))
    assert (heads, order) == ((0, 1, 2, 3), (0, 1, 2)), "from (heads, tokens, size) by one transposition"
