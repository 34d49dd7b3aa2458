"""The tables that only some targets have: ``[array]`` and ``[energy]``, checked key by key."""

from pathlib import Path

import pytest

from advisor.targets import ENGINES, TargetError, load

OWN = 'inherits = "npu-64"\ndescription = "mine"\n'
MEMORY = "[[memory]]\nname = 'l2'\nbytes_per_s = 1e9\nroles = ['activations', 'weights']\n"


@pytest.fixture
def own(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "mine.toml"
        path.write_text(OWN + text, encoding="utf-8")
        return path

    return write


def test_the_generic_npu_says_how_it_is_tiled_and_what_it_draws():
    target = load("npu-64")
    assert target.array is not None and target.energy is not None
    sram, dram = target.memories
    assert dram.latency_cycles > sram.latency_cycles
    assert dram.pj_per_byte > sram.pj_per_byte > target.energy.pj_per_mac["conv"]
    assert set(target.energy.pj_per_mac) == set(ENGINES)
    assert any("ISSCC 2014" in s.source for s in target.sources)


def test_a_table_may_give_one_energy_for_each_engine(own):
    figures = "\n".join(f"{kind} = {i + 1}" for i, kind in enumerate(ENGINES))
    energy = load(own(f"[energy.pj_per_mac]\n{figures}\n")).energy
    assert energy is not None
    assert energy.pj_per_mac == {kind: i + 1 for i, kind in enumerate(ENGINES)}


def test_buffers_may_be_left_out_entirely(own):
    array = load(own("[array]\nweight_bytes = 0\n")).array
    assert array is not None and array.weight_bytes == 0 and array.buffer_bytes > 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[array]\nbufer_bytes = 4", "array: bufer_bytes: unknown key; did you mean 'buffer_bytes'?"),
        ("[array]\nbuffer_bytes = 0", "array: buffer_bytes: expected a number of bytes above zero, got 0"),
        ("[array]\ntile_cycles = 'few'", "array: tile_cycles: expected a number of clock cycles, got 'few'"),
        ("[energy]\npj_per_mac = -1", "energy: pj_per_mac: expected a number of picojoules above zero, got -1"),
        ("[energy]\npj_per_byte = 2", "energy: pj_per_byte: unknown key"),
        ("[energy.pj_per_mac]\nconv = 1", "energy: pj_per_mac: pointwise: missing"),
        (MEMORY + "pj_per_byte = 0", "memory[0]: pj_per_byte: expected a number of picojoules above zero, got 0"),
        (MEMORY + "latency = 4", "memory[0]: latency: unknown key"),
    ],
)
def test_a_wrong_key_is_named(own, text, told):
    with pytest.raises(TargetError) as e:
        load(own(text + "\n"))
    assert told in str(e.value)
