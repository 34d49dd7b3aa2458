"""What a network's kernels wait for on an Ethos-U with an SRAM of its own."""

from __future__ import annotations

import numpy as np
import pytest

from advisor.estimator.learned.wiring import wired
from advisor.estimator.plan import planned
from advisor.estimator.vela.rates import Rates, rates
from advisor.estimator.vela.stages import stages
from advisor.estimator.vela.staging import COLUMNS, TAKES, staged
from advisor.graph import Graph
from advisor.targets import load
from tests.graphs import GraphBuilder

TARGET = load("ethos-u85-1024")
RATES = rates(TARGET)
assert RATES is not None


def column(graph: Graph, name: str, using: Rates = RATES, **taken: float) -> list[float]:
    """A column of all rows. ``taken`` are given to all kernels, and else what their shapes say."""
    plan = planned(graph, TARGET)
    wiring = wired(graph, plan)
    values = np.zeros((len(wiring.rows), len(TAKES)))
    for row, i in enumerate(wiring.rows):
        op = plan.groups[i].ops[0]
        x, y = graph.tensors[op.inputs[0]].shape, graph.tensors[op.outputs[0]].shape
        window, stride = (op.attrs.get(a, (1, 1))[0] for a in ("kernel", "stride"))
        own = {"simulated": 1000.0, "stream": 100.0, "groups": 1.0, "in_width": x[-1], "in_channels": x[1]}
        own |= {
            "in_height": x[-2],
            "out_height": y[-2],
            "out_channels": y[1],
            "window_height": window,
            "stride_height": stride,
        } | taken
        values[row] = [own.get(take, 0.0) for take in TAKES]
    found = staged(stages(graph, plan, wiring.rows, wiring.kinds), wiring.kinds, values, plan.held, using)
    assert np.isfinite(found).all()
    return found[:, COLUMNS.index(name)].tolist()


def chain(size: int, *channels: int, kernel: int = 1) -> Graph:
    b = GraphBuilder()
    x = b.input((1, channels[0], size, size))
    for width in channels[1:]:
        x = b.conv(x, width, kernel, padding=kernel // 2)
    return b.build(x)


def test_inputs_and_outputs_lie_outside_and_what_is_between_inside() -> None:
    graph = chain(16, 16, 32, 32, 16)
    assert column(graph, "operand_slow") == [1, 0, 0]
    assert column(graph, "result_slow") == [0, 0, 1]
    assert column(graph, "striped") == [1, 1, 1]


def test_what_does_not_fit_runs_in_stripes_or_lies_outside() -> None:
    graph = chain(112, 16, 64, 64, 64, 16, kernel=3)  # 784 KiB a map
    assert max(column(graph, "striped")) > 1
    assert column(graph, "striped", RATES._replace(room=1e9)) == [1, 1, 1, 1]
    # no room even for the rolling buffers
    tight = RATES._replace(room=1e4)
    assert column(graph, "striped", tight) == [1, 1, 1, 1]
    assert column(graph, "operand_slow", tight) == [1, 1, 1, 1]


def test_inside_a_cascade_maps_are_in_the_sram() -> None:
    graph = chain(112, 16, 64, 64, 64, 16, kernel=3)
    lengths, places = column(graph, "striped"), column(graph, "stripe_position")
    operands = column(graph, "operand_slow")
    assert max(places) > 0
    for length, position, slow in zip(lengths, places, operands, strict=True):
        if length > 1 and position > 0:
            assert slow == 0


def test_with_room_for_everything_nothing_costs_more() -> None:
    graph = chain(56, 16, 64, 96, 128, 64, 16)
    totals = [sum(column(graph, "staged", RATES._replace(room=room))) for room in (1e4, 2e5, 4e5, 1e9)]
    assert totals[-1] == min(totals) < totals[0] == max(totals)


def test_stripes_fill_the_sram() -> None:
    graph = chain(112, 16, 64, 64, 64, 16, kernel=3)
    small, large = (max(column(graph, "stripe_bytes", RATES._replace(room=room))) for room in (2e5, 4e5))
    assert 1e5 < small <= 2e5 < large <= 4e5


def test_a_kernel_takes_as_long_as_its_slowest_part() -> None:
    graph = chain(32, 16, 64, 64, 16)
    parts = [column(graph, name) for name in ("slow_cycles", "fast_cycles", "array_cycles")]
    assert column(graph, "staged") == [max(each) for each in zip(*parts, strict=True)]


def test_scales_are_read_again_with_every_block_of_positions() -> None:
    graph = chain(16, 16, 32, 32, 16)
    once = column(graph, "slow_cycles", scales=320.0, stored=1000.0, refetches=1.0)
    often = column(graph, "slow_cycles", scales=320.0, stored=1000.0, refetches=40.0)
    assert often[1] >= 39 * 320 / RATES.scales
    assert once[1] < often[1]


def test_weights_are_fetched_before_all_but_the_first_kernel() -> None:
    graph = chain(16, 16, 32, 32, 16)
    assert column(graph, "buffered", stored=1000.0, refetches=9.0) == [0, 1, 1]
    assert column(graph, "buffered") == [0, 0, 0]


def test_a_fully_hidden_transfer_costs_nothing() -> None:
    graph = chain(16, 16, 32, 32, 16)
    waits = column(graph, "array_cycles", stored=1000.0, refetches=9.0, pass_cycles=50_000.0)
    assert waits == [50_000.0] * 3
    waits = column(graph, "array_cycles", stored=100_000.0, refetches=9.0, pass_cycles=5_000.0)
    assert waits[0] == 5_000.0
    assert min(waits[1:]) > 10_000


def test_an_addition_behind_a_layer_is_part_of_it_on_u85_only() -> None:
    b = GraphBuilder()
    x = b.conv(b.input((1, 16, 16, 16)), 16, 1)
    y = b.pool(x, 1, 1)
    graph = b.build(b.conv(b.elementwise("add", y, x), 16, 1))
    at = 2
    assert column(graph, "staged")[at] == 0
    assert column(graph, "staged", RATES._replace(chains=False))[at] > 0


def test_a_target_whose_sram_holds_everything_has_no_stages() -> None:
    assert rates(load("ethos-u55-128")) is None
    assert rates(load("ethos-u85-1024-shared")) is None
    assert rates(load("npu-64")) is None


@pytest.mark.parametrize("name", ["ethos-u65-512", "ethos-u85-512", "ethos-u85-1024", "ethos-u85-2048"])
def test_channels_are_no_faster_than_their_memory(name: str) -> None:
    found = rates(load(name))
    assert found is not None
    assert max(found.operands, found.results, found.weights, found.copies, found.scales) <= found.slow
    assert found.fast_channel <= found.fast


def test_a_channels_rate_is_the_compilers() -> None:
    """Bytes a cycle that Vela 5.2.0 counts with, in its report of single operations."""
    assert RATES.operands == pytest.approx(6.5536)
    assert RATES.weights == pytest.approx(10.486, rel=1e-3)
    assert RATES.scales == pytest.approx(0.4096)


def shaped() -> dict[str, float]:
    """What says that layers of a graph of :func:`chain` are computed in blocks."""
    return {"read_columns": 8.0, "step": 16.0, "block_columns": 8.0, "refetches": 10.0, "pass_cycles": 10_000.0}


def test_a_stripe_of_few_lines_reads_weights_more_often() -> None:
    graph = chain(112, 16, 64, 64, 64, 16, kernel=3)
    own = shaped() | {"stored": 5000.0, "scales": 640.0, "kernel_height": 3.0, "kernel_width": 3.0}
    own |= {"out_width": 112.0, "window_width": 3.0, "stride_width": 1.0}
    striped = column(graph, "slow_cycles", RATES._replace(room=1.5e5), **own)
    whole = column(graph, "slow_cycles", RATES._replace(room=1e9), **own)
    lengths = column(graph, "striped", RATES._replace(room=1.5e5), **own)
    inside = [r for r, length in enumerate(lengths) if length > 1]
    assert len(inside) > 2
    assert all(striped[r] > whole[r] for r in inside[1:-1])


def test_a_part_of_a_concatenation_is_written_in_place_unless_others_read_it() -> None:
    def joined(read_again: bool) -> Graph:
        b = GraphBuilder()
        x = b.conv(b.input((1, 16, 16, 16)), 16, 1)
        left, right = b.conv(x, 16, 1), b.conv(x, 16, 1)
        both = b.concat([left, right])
        last = b.conv(both, 16, 1)
        return b.build(*([last, b.conv(left, 16, 1)] if read_again else [last]))

    assert column(joined(False), "staged")[3] == 0
    assert column(joined(True), "staged")[3] > 0


def test_maps_that_are_not_in_bricks_move_in_short_bursts() -> None:
    graph = chain(16, 24, 24, 24, 24)
    own = shaped() | {"fetched": 8192.0}
    slow = column(graph, "slow_cycles", **own)
    assert slow[0] > slow[1]  # a model's input has its channels side by side
    assert slow[2] > slow[1]  # and so has its output
