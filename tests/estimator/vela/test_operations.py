"""What Vela's own numbers say of single operations, against what its compiler reports."""

from __future__ import annotations

import pytest

from advisor.estimator.kernels import decompose
from advisor.estimator.learned.columns import kind_of
from advisor.estimator.vela.blocks import Layer
from advisor.estimator.vela.operations import COLUMNS, operation
from advisor.estimator.vela.passes import passed
from advisor.graph import Graph
from advisor.targets import load
from tests.graphs import GraphBuilder

U55, U85 = load("ethos-u55-128"), load("ethos-u85-1024-shared")


def last(graph: Graph, target=U55) -> dict[str, float]:
    """The values of the last kernel."""
    group = [g for g in decompose(graph, target).groups if g.role == "work"][-1]
    kind = kind_of(graph.tensors, group.ops[0])
    return dict(zip(COLUMNS, operation(graph.tensors, group, kind, target), strict=True))


def layer(**more) -> Graph:
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 64, 64)), 32)
    return b.build(b.conv(x, more.pop("out", 64), more.pop("kernel", 3), **more))


def test_a_target_that_is_not_velas_has_no_values() -> None:
    assert set(last(layer(), load("npu-64")).values()) == {0.0}


def test_a_dilation_by_more_than_two_puts_zeros_between_the_weights() -> None:
    plain, twice, more = (last(layer(dilation=d))["pass_cycles"] for d in (1, 2, 4))
    assert twice == pytest.approx(plain, rel=0.2)  # as much work, from more lines
    assert more > 1.5 * plain


def test_a_large_stride_reads_all_weights_at_every_position_unless_it_is_padded() -> None:
    patches = last(layer(kernel=8, stride=8, padding=0))
    assert patches["stored"] == 0 and patches["constant"] > 0.8 * 64 * (64 * 32 * 64)  # 64 positions
    for usual in (last(layer(kernel=3, stride=2)), last(layer(kernel=7, stride=4, padding=3))):
        assert usual["constant"] == 0 < usual["stored"]


def test_a_group_is_a_layer_of_its_own() -> None:
    whole, grouped = (last(layer(groups=g)) for g in (1, 4))
    assert grouped["stored"] < whole["stored"]
    assert grouped["pass_cycles"] > whole["pass_cycles"] / 4


@pytest.mark.parametrize(("size", "channels", "factor"), [(56, 96, 8), (28, 192, 4), (8, 128, 1)])
def test_a_constant_is_read_by_the_channels_of_a_block(size: int, channels: int, factor: int) -> None:
    b = GraphBuilder()
    x = b.conv(b.input((1, 16, size, size)), channels)
    graph = b.build(b.op("elementwise", [x, b.parameter((channels, 1, 1))], (1, channels, size, size), fn="mul"))
    assert last(graph, load("ethos-u55-256"))["constant"] == factor * channels * size * size
    assert last(graph, U85)["constant"] == 0  # it is kept


def test_blocks_of_positions_read_scales_again_and_slices_of_channels_the_operand() -> None:
    small, large = (passed(Layer(s, s, 64, 256), "conv", (1, 1), "", "ethos-u85-1024") for s in (8, 64))
    assert small.refetches == 1 < large.refetches
    few, many = (passed(Layer(28, 28, 64, c), "conv", (1, 1), "", "ethos-u55-128") for c in (16, 512))
    assert few.slices == 1 < many.slices and many.read > few.read


def test_a_function_by_table_slows_a_layer_that_writes_much() -> None:
    plain, table = (passed(Layer(56, 56, 16, 96), "conv", (1, 1), o, "ethos-u55-256") for o in ("", "table"))
    assert table.cycles > 2 * plain.cycles
    assert passed(Layer(56, 56, 16, 96), "conv", (1, 1), "table", "ethos-u85-1024").cycles == pytest.approx(
        passed(Layer(56, 56, 16, 96), "conv", (1, 1), "", "ethos-u85-1024").cycles
    )


def test_swapped_channels_are_moved_where_the_compiler_moves_them() -> None:
    b = GraphBuilder()
    x = b.reshape(b.conv(b.input((1, 16, 28, 28)), 64), (1, 2, 32, 28, 28))
    y = b.reshape(b.permute(x, (0, 2, 1, 3, 4)), (1, 64, 28, 28))
    graph = b.build(b.conv(y, 16))
    found = []
    for group in decompose(graph, U85).groups:
        kind = kind_of(graph.tensors, group.ops[0])
        if kind == "reshape":
            found.append(operation(graph.tensors, group, kind, U85)[COLUMNS.index("pass_cycles")])
    assert found[0] == 0 < found[1]
