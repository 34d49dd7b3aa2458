"""Channel groups of small networks of every kind of tie."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from advisor.channels import Group, analyse
from advisor.equivalence import equivalent
from advisor.graph import Graph
from advisor.moves import SetWidth
from tests.advisor import families
from tests.graphs import GraphBuilder, mobilenet_v2


def _widths(graph: Graph) -> list[tuple[int, int, bool]]:
    """(width, multiple, free) of every group in order."""
    return [(g.width, g.multiple, not g.pinned) for g in analyse(graph).groups]


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (families.resnet, [(16, 1, True), (8, 1, True), (8, 1, True), (10, 1, False)]),
        (families.densenet, [(16, 1, True), (6, 1, True), (8, 1, True), (10, 1, False)]),
        (families.shufflenet, [(16, 1, True), (12, 1, True), (10, 1, False)]),
        (families.ghostnet, [(12, 1, True), (16, 1, True), (10, 1, False)]),
        (families.unet, [(8, 1, True), (16, 1, True), (8, 1, True), (4, 1, False)]),
        (families.espcn, [(8, 1, True), (16, 4, True), (3, 1, False)]),
        (families.vit, [(32, 1, True), (96, 12, True), (64, 1, True), (10, 1, False)]),
        (families.convnext, [(16, 1, True), (64, 1, True), (10, 1, False)]),
        (families.glu, [(24, 2, True), (10, 1, False)]),
    ],
)
def test_groups(build: Callable[[], Graph], expected: list[tuple[int, int, bool]]) -> None:
    assert _widths(build()) == expected


def test_places_add_up_to_the_dimensions() -> None:
    """Every place lies inside its dimension, and a moved width moves it by its coefficient."""
    for build in (families.densenet, families.shufflenet, families.vit, families.unet):
        graph = build()
        for g in analyse(graph).groups:
            for p in g.dims:
                size = p.coefficient * g.width // g.multiple
                assert 0 <= p.offset <= p.offset + size <= graph.shape(p.tensor)[p.dim]


def test_a_residual_trunk_names_all_who_make_and_read_it() -> None:
    graph = families.resnet()
    trunk = analyse(graph).groups[0]
    convs = [op.key for op in graph.ops if op.op == "conv"]
    linear = graph.ops[-1].key
    assert trunk.key == convs[0]
    assert trunk.producers == (convs[0], convs[2], convs[4])
    assert trunk.consumers == (convs[1], convs[3], linear)


def test_group_of_any_op() -> None:
    graph = families.resnet()
    channels = analyse(graph)
    trunk = channels.groups[0]
    add = next(op.key for op in graph.ops if op.op == "elementwise")
    norm = next(op.key for op in graph.ops if op.op == "batch_norm")
    assert channels.group_of(add) == channels.group_of(norm) == trunk
    assert channels.group(trunk.key) == trunk
    assert channels.group(norm) is None


def test_concat_offsets() -> None:
    graph = families.densenet()
    stem, growth, second = analyse(graph).groups[:3]
    wide = next(t for t, s in graph.tensors.items() if s.shape == (1, 30, 16, 16))

    def offset(g: Group) -> int:
        return next(p.offset for p in g.dims if p.tensor == wide)

    assert (offset(stem), offset(growth), offset(second)) == (0, 16, 22)


def test_unequal_split_gives_independent_groups_with_keys_of_their_own() -> None:
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 8, 8)), 24)
    small, large = b.split(x, [8, 16])
    graph = b.build(b.conv(b.concat([b.conv(small, 4), b.conv(large, 4)]), 2))
    groups = analyse(graph).groups
    assert [(g.width, g.producers) for g in groups if g.width in (8, 16)] == [(8, (0,)), (16, (0,))]
    assert len({g.key for g in groups}) == len(groups)


def test_grouped_convolution_demands_its_multiple() -> None:
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 8, 8)), 32)
    graph = b.build(b.conv(b.conv(x, 32, 3, groups=8), 4))
    group = analyse(graph).groups[0]
    assert (group.width, group.multiple, group.producers) == (32, 8, (0, 1))


def test_unknown_operators_pin_with_their_name() -> None:
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 8, 8)), 32)
    y = b.op("other", [x], b.shape(x), fn="torch.mystery", target="torch.mystery")
    group = analyse(b.build(b.conv(y, 4))).groups[0]
    assert "mystery" in group.pinned


def test_a_constant_pins_what_is_added_to_it() -> None:
    b = GraphBuilder()
    image = b.input((1, 3, 8, 8))
    graph = b.build(b.conv(b.add(b.conv(image, 3), image), 4))
    assert "add" in analyse(graph).groups[0].pinned


def test_shared_weights_tie_both_calls() -> None:
    b = GraphBuilder()
    x = b.linear(b.input((1, 4)), 16, path="a")
    y = b.linear(x, 16, path="shared")
    b.op("linear", [y], (1, 16), weights=b.ops[-1].weights, path="shared")
    graph = b.build(b.linear(b.ops[-1].outputs[0], 2))
    assert analyse(graph).groups[0].producers == (0, 1, 2)


def test_tied_embedding_is_pinned_by_the_vocabulary() -> None:
    b = GraphBuilder()
    tokens = b.input((1, 7), dtype="int64")
    table = b.parameter((50, 24), "emb.weight")
    x = b.op("embedding", [tokens], (1, 7, 24), weights={"weight": table}, path="emb")
    x = b.layer_norm(x)
    graph = b.build(b.op("linear", [x], (1, 7, 50), weights={"weight": table}, path="head"))
    (width,) = [g for g in analyse(graph).groups if g.width == 24]
    assert width.producers == (0,) and not width.pinned


def test_each_graph_is_analysed_once() -> None:
    graph = mobilenet_v2(64)
    assert analyse(graph) is analyse(graph)


def test_a_computed_weight_pins() -> None:
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 8, 8)), 16)
    kernel = b.conv(x, 16)
    attrs = dict(b.ops[0].attrs)
    y = b.op("conv", [x, kernel], (1, 16, 8, 8), target="torch.conv2d", **attrs)
    assert all(g.pinned for g in analyse(b.build(b.conv(y, 4))).groups)


def test_channels_under_a_window_stay_free_where_it_keeps_their_number() -> None:
    """Efficient channel attention: a one-dimensional convolution slides over the channels."""

    def build(width: int, padding: int) -> Graph:
        b = GraphBuilder()
        x = b.conv(b.input((1, 3, 8, 8)), width)
        line = b.reshape(b.global_pool(x), (1, 1, width))
        gate = b.act(b.conv(line, 1, 3, padding=padding), "sigmoid")
        length = b.shape(gate)[2]
        head = b.linear(b.reshape(gate, (1, length)), 4)
        return b.build(head, b.conv(x, 4))

    (group,) = [g for g in analyse(build(16, 1)).groups if g.width == 16]
    assert not group.pinned
    assert equivalent(SetWidth(group.key, 24).apply(build(16, 1)), build(24, 1)) == []
    (group,) = [g for g in analyse(build(16, 0)).groups if g.width == 16]
    assert "conv" in group.pinned
