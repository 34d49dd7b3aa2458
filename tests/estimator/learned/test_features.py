"""Features: a value for every name, and what some of them say."""

import numpy as np
import pytest

from advisor.estimator.learned.features import NAMES, RANGED, features
from advisor.graph import Graph, Op
from advisor.targets import load
from tests.estimator.edits import GRAPHS
from tests.graphs import GraphBuilder

SHARED, DEDICATED = load("ethos-u55-128"), load("ethos-u85-1024")


def rows(graph: Graph, target=SHARED) -> list[dict[str, float]]:
    made = features(graph, target)
    return [dict(zip(NAMES, row.tolist(), strict=True)) for row in made.matrix]


@pytest.mark.parametrize("name", sorted(GRAPHS))
@pytest.mark.parametrize("target", [SHARED, DEDICATED, load("cpu-x86")], ids=lambda t: t.name)
def test_every_column_has_a_name_and_every_value_is_a_number(name, target):
    made = features(GRAPHS[name], target)
    assert made.matrix.shape == (len(made.kinds), len(NAMES)) == (len(made.ops), len(NAMES))
    assert np.isfinite(made.matrix).all()
    assert len(set(NAMES)) == len(NAMES) < 256 and max(RANGED) < len(NAMES)  # trees hold columns as bytes


def test_a_row_knows_itself():
    b = GraphBuilder()
    (row,) = rows(b.build(b.conv(b.input((1, 20, 28, 14)), 36, 3, 2)))
    assert (row["in_channels"], row["out_channels"], row["out_height"], row["out_width"]) == (20, 36, 14, 7)
    assert (row["kernel_height"], row["stride_width"], row["groups"]) == (3, 2, 1)
    assert row["in_channels padded to 16"] == pytest.approx(32 / 20)
    assert row["macs"] == 14 * 7 * 36 * 20 * 9


def test_a_row_knows_its_neighbours():
    b = GraphBuilder()
    x = b.conv(b.input((1, 16, 16, 16)), 32)
    y = b.conv(b.conv(x, 24, 3), 32)
    first, second, third, add = rows(b.build(b.add(x, y)))
    assert second["kind before"] == first["kind"] and second["simulated after"] == pytest.approx(third["simulated"])
    assert first["kind before"] == 0 and add["kind after"] == 0
    assert first["consumer_distance"] == 1 and first["consumers"] == 2
    assert add["shared_reads"] == first["written"]  # the residual is read by the second convolution too
    # only the third reads alone what the one before it made
    assert [r["chain_length"] for r in (first, second, third, add)] == [1, 3, 3, 3]


@pytest.mark.parametrize("target", [SHARED, DEDICATED], ids=lambda t: t.name)
@pytest.mark.parametrize("shape", [(0, 8, 8, 8), (1, 0, 8, 8), (1, 8, 0, 8), (1, 8, 8, 0)])
def test_layers_of_nothing_have_rows_of_numbers(shape, target):
    b = GraphBuilder()
    x = b.depthwise(b.conv(b.conv(b.input(shape), 8), 16, 3))
    made = features(b.build(b.linear(b.act(x, "silu"), 4)), target)
    assert len(made.kinds) >= 4 and np.isfinite(made.matrix).all()


def test_an_empty_vector_in_a_concatenation_takes_no_place():
    def joined(*parts: int) -> float:
        b = GraphBuilder()
        maps = [b.conv(b.input((1, 8, 8, 8)), n) if n else b.op("create", [], (0,)) for n in parts]
        return rows(b.build(b.op("concat", maps, (1, sum(parts), 8, 8), dim=1)))[-1]["unaligned"]

    assert [joined(24, 8), joined(0, 24, 8), joined(16, 0, 8)] == [1, 1, 0]


@pytest.mark.parametrize("target", [SHARED, DEDICATED], ids=lambda t: t.name)
def test_an_operator_may_give_nothing(target):
    b = GraphBuilder()
    x = b.conv(b.input((1, 8, 8, 8)), 16)
    b.ops.append(Op(1, "unbind", "torch.unbind", {"dim": 0}, (x,), ()))  # of an empty batch
    split, layer = rows(b.build(x), target)[::-1]
    assert split["results"] == 0 and layer["elements"] == 16 * 64


def test_an_uneven_stride_leaves_lines_over():
    def pooled(size: int) -> Graph:
        b = GraphBuilder()
        out = (size + 2 - 3) // 2 + 1
        x = b.input((1, 8, size, size))
        attrs = {"kernel": [3, 3], "stride": [2, 2], "padding": [1, 1], "dilation": [1, 1], "ceil": False}
        return b.build(b.op("pool", [x], (1, 8, out, out), fn="max", adaptive=None, **attrs))

    assert [rows(pooled(size))[0]["slack_height"] for size in (56, 55)] == [1, 0]


def test_kernels_that_do_not_fit_cascade_until_one_does():
    b = GraphBuilder()
    x = b.input((1, 16, 128, 128))
    for width, stride in ((64, 1), (64, 1), (64, 2), (64, 2), (64, 2)):
        x = b.conv(x, width, 3, stride)
    lengths = [r["cascade_length"] for r in rows(b.build(x), DEDICATED)]
    fits = [r["fits"] for r in rows(b.build(x), DEDICATED)]
    assert fits[:3] == [0, 0, 0] and fits[-1] == 1
    assert lengths[0] > 1 and lengths[-1] == 1


def test_a_spilled_operand_is_read_again_for_every_pass():
    def slow(width: int) -> float:
        b = GraphBuilder()
        x = b.conv(b.conv(b.input((1, 3, 160, 160)), 32), width)
        return rows(b.build(x), DEDICATED)[1]["slow_cycles"]

    assert slow(128) > 1.9 * slow(64)
