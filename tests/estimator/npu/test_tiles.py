"""Cutting one nest into tiles: by hand where that is easy, and what must hold of any cut."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from advisor.estimator.npu.loops import Nest
from advisor.estimator.npu.tiles import Operands, run, transfer
from advisor.targets import Target, load

CONV = Nest("conv", 64, 64, 9, 32, 32, reach_height=3, reach_width=3)
NEAR = Operands(read_at=0, read_size=1, weights_at=1, weight_size=1.0, write_at=0, written=64 * 1024)


@pytest.fixture(scope="module")
def npu() -> Target:
    return load("npu-64")


@pytest.fixture
def arrayed(tmp_path: Path):
    """The generic NPU with another array."""

    def make(**keys: int | str) -> Target:
        text = "\n".join(f"{key} = {value}" for key, value in keys.items())
        path = tmp_path / "mine.toml"
        path.write_text(f'inherits = "npu-64"\ndescription = "mine"\n[array]\n{text}\n', encoding="utf-8")
        return load(path)

    return make


def test_a_transfer_pads_each_piece_to_the_memorys_granule(npu):
    _, dram = npu.memories  # 16 bytes a cycle, granules of 64
    assert transfer(dram, 640, npu) == pytest.approx(40)
    assert transfer(dram, 640, npu, piece=10) == pytest.approx(64 * 64 / 16)
    assert transfer(dram, 640, npu, piece=64) == pytest.approx(40)


def test_a_layer_that_fills_the_array_takes_its_macs_and_the_ends_of_the_pipeline(npu):
    found = run(CONV, 0.0, NEAR, npu)
    assert found.array == CONV.macs / 4096 == 9216
    ends = found.cycles - found.array
    tiles = found.tile[3]
    assert 0 < ends < 2 * (104 + (sum(found.moved) + found.array) / tiles)


def test_the_output_port_can_be_the_longest(npu):
    assert run(CONV, 50_000.0, NEAR, npu).cycles == pytest.approx(50_000, rel=0.2)


def test_partial_channels_cost_as_much_as_whole_steps(npu):
    assert run(CONV._replace(output=33), 0.0, NEAR, npu).array == run(CONV, 0.0, NEAR, npu).array
    assert run(CONV._replace(output=65), 0.0, NEAR, npu).array == 2 * run(CONV, 0.0, NEAR, npu).array


@pytest.mark.parametrize("accumulators", [8192, 16_384, 131_072])
@pytest.mark.parametrize("buffer", [16_384, 65_536])
def test_a_tile_fits_the_buffers(arrayed, accumulators, buffer):
    target = arrayed(accumulators=accumulators, buffer_bytes=buffer)
    height, width, output, _ = run(CONV, 0.0, NEAR, target).tile
    assert 2 * height * width * output <= accumulators
    assert 2 * (height + 2) * (width + 2) * 64 <= buffer


def test_a_tile_is_no_larger_than_allowed(arrayed):
    height, width, output, tiles = run(CONV, 0.0, NEAR, arrayed(tile_height=8, tile_width=4, tile_output=64)).tile
    assert height <= 8 and width <= 4 and output <= 64
    assert tiles >= 4 * 8


def test_an_operand_that_no_buffer_keeps_is_fetched_again(arrayed):
    wide = CONV._replace(output=256, input=256)
    operands = NEAR._replace(written=256 * 1024)
    kept = run(wide, 0.0, operands, arrayed(buffer_bytes=4_194_304, accumulators=1_048_576, weight_bytes=4_194_304))
    assert kept.fetched[1] == wide.weights
    assert kept.fetched[0] < (4 + 1) * 256 * 1024  # rows and columns that tiles share are read by each
    short = run(wide, 0.0, operands, arrayed(buffer_bytes=16_384, accumulators=8192, weight_bytes=0))
    assert short.fetched[1] >= 2 * kept.fetched[1]
    assert short.fetched[0] > 1.5 * kept.fetched[0]


def test_without_double_buffering_every_tile_waits_for_its_operands(npu, arrayed):
    alone = run(CONV, 0.0, NEAR, arrayed(double_buffered="false"))
    assert alone.cycles >= alone.array + max(alone.moved)
    assert alone.cycles > run(CONV, 0.0, NEAR, npu).cycles


def test_a_tile_takes_its_least(arrayed):
    found = run(CONV, 0.0, NEAR, arrayed(tile_cycles=100_000))
    assert found.cycles >= 100_000 * found.tile[3]


def test_bringing_in_weights_limits_an_array_that_few_positions_pass(npu):
    dense = Nest("linear", 1024, 1024, 1, 1, 1)
    engine = npu.engines["linear"]
    slow = replace(engine, weights_per_cycle=64.0)
    array = {name: slow if name == "linear" else e for name, e in npu.engines.items()}
    target = replace(npu, engines=array)
    assert run(dense, 0.0, NEAR, npu).array == 256
    assert run(dense, 0.0, NEAR, target).array == 1024 * 1024 / 64


def test_depthwise_tiles_read_only_their_own_channels(npu):
    deep = Nest("depthwise", 256, 1, 9, 32, 32, reach_height=3, reach_width=3)
    read = run(deep, 0.0, NEAR._replace(written=0), npu).fetched[0]
    assert 32 * 32 * 256 <= read < 2 * 32 * 32 * 256
