"""``advisor targets new``: from no file at all to a target that can be used."""

from __future__ import annotations

import pytest

from advisor.cli import main
from advisor.estimator.commands.battery import limits, staircase
from advisor.targets import load


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(capsys, *argv: str, code: int = 0) -> tuple[str, str]:
    assert main(["targets", "new", *argv]) == code
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_a_file_that_is_not_there_is_written_and_is_a_target(here, capsys):
    out, _ = told(capsys, "my-npu.toml")
    assert "advisor targets new my-npu.toml" in out
    target = load(here / "my-npu.toml")
    assert target.name == "my-npu"
    assert target.array is not None and target.energy is not None
    text = (here / "my-npu.toml").read_text(encoding="utf-8")
    out, _ = told(capsys, "my-npu.toml")
    assert (here / "my-npu.toml").read_text(encoding="utf-8") == text
    assert "behind 32, 64, 96, 128 channels" in out
    assert "fusing pays at" in out
    assert "--target ./my-npu.toml" in out
    assert "advisor calibrate ./my-npu.toml" in out
    assert 'target-dirs = ["."]' in out
    assert "!" not in out


def test_everything_that_is_wrong_is_said_at_once(here, capsys):
    told(capsys, "my-npu.toml")
    file = here / "my-npu.toml"
    text = file.read_text(encoding="utf-8")
    text = text.replace("clock_hz = 800_000_000", "clock_hz = -1").replace("softmax = 8\n", "sofmax = 8\n")
    file.write_text(text.replace('fn = "gelu"', 'fn = "gulu"'), encoding="utf-8")
    out, err = told(capsys, "my-npu.toml", code=2)
    lines = out.splitlines()
    assert any("clock_hz: expected a number of hertz above zero, got -1" in line for line in lines)
    assert any("throughput: softmax: missing (npu-64 has 16)" in line for line in lines)
    assert any("throughput: sofmax: unknown key; did you mean 'softmax'?" in line for line in lines)
    assert err == "advisor: error: my-npu.toml: 3 problems; mend the file and run this again\n"


def test_a_target_without_an_array_says_what_that_costs_it(here, capsys):
    (here / "half.toml").write_text('inherits = "cpu-x86"\ndescription = "half"\n', encoding="utf-8")
    out, _ = told(capsys, "half.toml")
    assert "no [array]" in out
    assert "add a table [array]" in out
    assert "what it draws is unknown" in out


def test_a_file_of_another_kind_is_refused(capsys):
    _, err = told(capsys, "my-npu.yaml", code=2)
    assert "ends in .toml" in err


def test_a_folder_in_its_place_is_no_target(here, capsys):
    (here / "folder.toml").mkdir()
    out, _ = told(capsys, "folder.toml", code=2)
    assert out == "folder.toml: Is a directory\n"


def test_targets_are_still_listed(capsys):
    assert main(["targets"]) == 0
    assert "npu-64" in capsys.readouterr().out


def test_a_layer_that_uses_little_of_the_array_is_pointed_at():
    check = limits(load("npu-64"), lambda graph, keys: 1000.0)
    assert any("conv 3 × 3" in text and "outputs_per_cycle" in text for text in check.wrong)
    check = limits(load("npu-64"), lambda graph, keys: 0.001)
    assert any("more than the engine's macs_per_cycle" in text for text in check.wrong)


def test_a_cost_that_falls_with_more_channels_is_pointed_at():
    def ask(graph, keys):
        (key,) = keys
        return 1000.0 - graph.shape(graph.by_key[key].outputs[0])[1]

    assert staircase(load("npu-64"), ask).wrong
