"""Targets: what ships is complete and sourced, what users write is checked key by key."""

import os
from pathlib import Path

import pytest

from advisor.operators import ACTIVATIONS
from advisor.targets import STREAMS, TargetError, available, load, load_all
from advisor.targets.page import markdown
from advisor.worker.trace.vocabulary_modules import _ACTIVATIONS as TRACED

SHIPPED = (
    "cpu-x86",
    "ethos-u55-128",
    "ethos-u55-256",
    "ethos-u65-512",
    "ethos-u85-1024",
    "ethos-u85-1024-shared",
    "ethos-u85-2048",
    "npu-64",
    "nvidia-gpu-fp16",
)
SPECIAL = "[[special]]\nop = 'activation'\nelements_per_cycle = 1\nwhy = ''\nsource = ''\n"
VELA = "[vela]\naccelerator = '{}'\nsystem_config = 'Own'\nmemory_mode = '{}'"
OWN = """
inherits = "npu-64"
description = "mine"
"""


@pytest.fixture
def own(tmp_path: Path):
    def write(text: str, name: str = "mine.toml") -> Path:
        path = tmp_path / name
        path.write_text(OWN + text, encoding="utf-8")
        return path

    return write


def message(path: Path) -> str:
    with pytest.raises(TargetError) as e:
        load(path)
    return str(e.value)


def test_the_promised_targets_ship():
    assert set(available()) >= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_target_is_complete_and_sourced(name):
    target = load(name)
    assert target.name == name
    assert target.sources and all(s.what and s.source for s in target.sources)
    assert set(target.throughput) == set(STREAMS)
    assert {"conv", "pointwise", "depthwise", "linear", "matmul"} == set(target.engines)
    assert target.memory("activations") and target.memory("weights")
    assert target.size_of("float32") == target.dtype_bytes[target.dtype]
    assert target.size_of("int64") == 8


@pytest.mark.parametrize("name", SHIPPED)
def test_memories_are_listed_fastest_first(name):
    speeds = [m.bytes_per_s for m in load(name).memory("activations")]
    assert speeds == sorted(speeds, reverse=True)


@pytest.mark.parametrize(
    ("name", "output"),
    [("ethos-u55-128", 8), ("ethos-u65-512", 8), ("ethos-u85-1024", 16), ("ethos-u85-2048", 16), ("npu-64", 64)],
)
def test_output_channels_step_where_vela_steps(name, output):
    assert load(name).engines["conv"].tilings[0].output == output


def test_a_file_with_the_time_of_another_is_read_anew(own):
    for overhead in (1.0, 12.25):
        path = own(f"overhead_us = {overhead}")
        os.utime(path, ns=(10**18, 10**18))
        assert load(path).overhead_us == overhead


def test_the_same_file_gives_the_same_object():
    assert load("npu-64") is load("npu-64")


def test_a_changed_file_is_read_again(own):
    path = own("overhead_us = 1.0")
    first = load(path)
    path.write_text(OWN + "overhead_us = 12.25", encoding="utf-8")
    assert (first.overhead_us, load(path).overhead_us) == (1.0, 12.25)


def test_a_target_inherits_tables_key_by_key_and_replaces_lists(own):
    target = load(
        own(
            'name = "fast"\n[throughput]\nnorm = 7\n'
            '[[memory]]\nname="m"\nbytes_per_s=1e9\nroles=["activations","weights"]'
        )
    )
    base = load("npu-64")
    assert target.name == "fast"
    assert (target.throughput["norm"], target.throughput["pool"]) == (7, base.throughput["pool"])
    assert [m.name for m in target.memories] == ["m"]


def test_a_target_without_a_name_is_named_after_its_file(own):
    assert load(own("")).name == "mine"


def test_a_folder_of_targets_adds_names_and_wins_over_the_shipped(own, tmp_path):
    own("clock_hz = 5")
    own("clock_hz = 6", "cpu-x86.toml")
    assert load("mine", [tmp_path]).clock_hz == 5
    assert load("cpu-x86", [tmp_path]).clock_hz == 6
    assert load("cpu-x86").clock_hz != 6


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(TargetError, match=r"did you mean 'ethos-u55-128'"):
        load("ethos-u55-182")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("clock_mhz = 500", "mine.toml: clock_mhz: unknown key; did you mean 'clock_hz'?"),
        ("clock_hz = '1 GHz'", "mine.toml: clock_hz: expected a number of hertz, got '1 GHz'"),
        ("clock_hz = 0", "mine.toml: clock_hz: expected a number of hertz above zero, got 0"),
        ("clock_hz = nan", "mine.toml: clock_hz: expected a number of hertz above zero, got nan"),
        ("clock_hz = inf", "mine.toml: clock_hz: expected a number of hertz above zero, got inf"),
        ("overhead_us = true", "mine.toml: overhead_us: expected a number of microseconds, got True"),
        ("constant_folding = 'yes'", "mine.toml: constant_folding: expected true or false, got 'yes'"),
        ("free = ['reshap']", "mine.toml: free: unknown 'reshap'; did you mean 'reshape'?"),
        ("memory_budget = 1.5", "mine.toml: memory_budget: expected a whole number, got 1.5"),
        ("inherits = 'x'", "Cannot overwrite"),
        ("[engine.conv]\ntilings = []", "mine.toml: engine: conv: tilings: unknown key; did you mean 'tiling'?"),
        ("[engine.cnov]\nmacs_per_cycle = 1", "mine.toml: engine: cnov: unknown key; did you mean 'conv'?"),
        ("[engine.conv]\ntiling = [{outputs = 8}]", "tiling[0]: outputs: unknown key; did you mean 'output'?"),
        ("[throughput]\nnorm = 'fast'", "mine.toml: throughput: norm: expected a number, got 'fast'"),
        ("[throughput]\nnrom = 1", "mine.toml: throughput: nrom: unknown key; did you mean 'norm'?"),
        ("[[fusion]]\npattern = ['conv', 'bacth_norm?']", "fusion[0]: pattern: unknown operator 'bacth_norm'"),
        ("[[fusion]]\npattern = ['conv?']", "fusion[0]: pattern: needs a first operator that is not optional"),
        ("[[special]]\nop = 'softmax'\nwhy = ''\nsource = ''", "special[0]: elements_per_cycle: give either"),
        (SPECIAL + "instead = 'banana'", "special[0]: instead: unknown activation function 'banana'"),
        (SPECIAL + "fn = 'rleu'", "special[0]: fn: unknown activation function 'rleu'; did you mean 'relu'?"),
        ("activations = ['sliu']", "mine.toml: activations: unknown 'sliu'; did you mean 'silu'?"),
        (VELA.format("ethos-u55-182", "Shared_Sram"), "vela: accelerator: Vela has no 'ethos-u55-182'; did you mean"),
        (VELA.format("ethos-u55-128", "Shared"), "vela: memory_mode: Vela has no 'Shared'; "),
        ("[vela]\naccelerator = 'ethos-u55-128'", "mine.toml: vela: system_config: missing"),
        ("dtype = 'int4'", "mine.toml: dtype: 'int4' has no size in dtype_bytes; did you mean 'int8'?"),
    ],
)
def test_a_wrong_key_is_named_with_what_was_expected(own, text, said):
    assert said in message(own(text))


def test_a_role_without_a_memory_is_refused(own):
    text = '[[memory]]\nname="m"\nbytes_per_s=1e9\nroles=["activations"]'
    assert "memory: none has the role 'weights'" in message(own(text))


def test_the_last_memory_may_have_a_size(own):
    text = '[[memory]]\nname="m"\nbytes = 10\nbytes_per_s=1e9\nroles=["activations","weights"]'
    assert [m.bytes for m in load(own(text)).memory("activations")] == [10]


@pytest.mark.parametrize("name", SHIPPED)
def test_every_activation_function_has_a_rate_or_is_said_to_have_none(name):
    target = load(name)
    assert {"relu", "relu6", "leaky_relu"} <= target.activations
    for fn in ACTIVATIONS - target.activations:
        special = target.special("activation", fn)
        assert special is not None and special.why and special.source


def test_the_functions_that_the_tracer_names_are_known():
    assert set(TRACED.values()) <= ACTIVATIONS


def test_a_function_that_a_target_says_nothing_of_has_no_rate(own):
    target = load(own('activations = ["relu"]\nspecial = []'))
    assert target.runs("activation", "relu")
    assert not target.runs("activation", "mish")


def test_a_target_named_twice_is_loaded_once(own):
    assert [t.name for t in load_all(["cpu-x86", "npu-64", "cpu-x86"])] == ["cpu-x86", "npu-64"]


def test_two_targets_of_one_name_are_refused(own):
    with pytest.raises(TargetError, match="another chosen target is named 'npu-64' too"):
        load_all(["npu-64", own('name = "npu-64"')])


def test_a_folder_of_targets_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(TargetError, match=r"no such folder: .*/hardware"):
        load("npu-64", [tmp_path / "hardware"])


def test_a_missing_number_is_named(tmp_path):
    path = tmp_path / "bare.toml"
    path.write_text('description = "d"', encoding="utf-8")
    assert message(path) == "bare.toml: engine: missing"


def test_inheritance_cannot_run_in_circles(tmp_path):
    (tmp_path / "a.toml").write_text('inherits = "b"', encoding="utf-8")
    (tmp_path / "b.toml").write_text('inherits = "a"', encoding="utf-8")
    with pytest.raises(TargetError, match=r"b\.toml: inherits: 'a' inherits from this target in turn"):
        load("a", [tmp_path])


def test_a_special_of_a_function_comes_before_one_of_the_whole_operator(own):
    entry = '[[special]]\nop = "activation"\nwhy = "w"\nsource = "s"\n'
    target = load(own(entry + "elements_per_cycle = 1\n" + entry + 'fn = "gelu"\nunsupported = true\n'))
    mish, gelu = target.special("activation", "mish"), target.special("activation", "gelu")
    assert mish is not None and mish.elements_per_cycle == 1
    assert gelu is not None and gelu.elements_per_cycle is None
    assert target.special("softmax") is None


def test_the_page_is_up_to_date():
    written = (Path(__file__).parents[2] / "docs" / "targets.md").read_text(encoding="utf-8")
    assert written == markdown(), "run `python -m advisor.targets.page > docs/targets.md`"
