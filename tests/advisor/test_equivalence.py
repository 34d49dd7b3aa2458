"""Equivalence sees every difference that matters, and no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from advisor.equivalence import equivalent
from advisor.graph import Graph
from tests.advisor import families
from tests.graphs import GraphBuilder


def _renumbered(graph: Graph) -> Graph:
    """The same graph with other op keys, tensor ids, names and paths."""
    ids = {t: 1000 - t for t in graph.tensors}
    ops = [
        replace(
            op,
            key=op.key * 7 + 3,
            path=f"other.{op.path}",
            inputs=tuple(ids[t] for t in op.inputs),
            outputs=tuple(ids[t] for t in op.outputs),
            weights={role: ids[t] for role, t in op.weights.items()},
        )
        for op in graph.ops
    ]
    tensors = {ids[t]: spec._replace(name="x") for t, spec in graph.tensors.items()}
    inputs, outputs = (tuple(ids[t] for t in ends) for ends in (graph.inputs, graph.outputs))
    return Graph(ops, tensors, {}, inputs, outputs)


@pytest.mark.parametrize("build", [families.resnet, families.vit, families.shufflenet, families.densenet])
def test_names_keys_and_ids_do_not_count(build: Callable[[], Graph]) -> None:
    assert equivalent(build(), _renumbered(build())) == []


def test_identities_and_unused_ops_do_not_count() -> None:
    def build(plain: bool) -> Graph:
        b = GraphBuilder()
        x = b.conv(b.input((1, 3, 8, 8)), 8)
        if not plain:
            b.act(x, "tanh")
            x = b.op("identity", [x], b.shape(x))
        return b.build(b.conv(x, 4))

    assert equivalent(build(True), build(False)) == []


def test_execution_order_of_branches_does_not_count() -> None:
    def build(first: str) -> Graph:
        b = GraphBuilder()
        x = b.input((1, 3, 8, 8))
        made = {}
        for branch in (first, "b" if first == "a" else "a"):
            made[branch] = b.conv(x, 8, 3 if branch == "a" else 1)
        return b.build(b.concat([made["a"], made["b"]]))

    assert equivalent(build("a"), build("b")) == []


def _net(fn: str = "relu", width: int = 8, order: tuple[int, int] = (0, 1), bias: bool = False, shared: bool = False):
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 8, 8)), width, 3, bias=bias)
    branches = (b.act(x, fn), b.conv(x, width))
    y = b.elementwise("sub", branches[order[0]], branches[order[1]])
    weights = b.ops[2].weights if shared else {"weight": b.parameter((width, width, 1, 1))}
    y = b.op("conv", [y], b.shape(y), weights=weights, **b.ops[2].attrs)
    return b.build(y)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (_net(fn="tanh"), "fn relu against tanh"),
        (_net(width=16), "8, 8, 8"),
        (_net(order=(1, 0)), "against"),
        (_net(bias=True), "weights"),
        (_net(shared=True), "shared"),
    ],
)
def test_differences_are_named(other: Graph, words: str) -> None:
    found = equivalent(_net(), other)
    assert any(words in line for line in found), found
    assert equivalent(other, _net()) != []


def test_a_dtype_counts() -> None:
    graph = families.resnet()
    half = {t: s._replace(dtype="float16") if s.role == "parameter" else s for t, s in graph.tensors.items()}
    assert equivalent(graph, graph.replace(tensors=half)) != []


def test_the_number_of_ends_counts() -> None:
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 8, 8)), 8)
    y = b.conv(x, 8)
    assert equivalent(b.build(y), b.build(x, y)) == ["1 outputs against 2"]
