"""All that is wrong with a target's file, at once."""

from __future__ import annotations

from advisor.targets.checking import problems
from advisor.targets.template import TEMPLATE


def wrong(tmp_path, text: str) -> list[str]:
    file = tmp_path / "mine.toml"
    file.write_text(text, encoding="utf-8")
    return problems(file)


def test_the_template_has_no_problem(tmp_path):
    assert wrong(tmp_path, TEMPLATE) == []


def test_an_empty_file_lacks_every_table_once(tmp_path):
    found = wrong(tmp_path, "")
    assert len(found) == len(set(found))
    for key in ("engine", "throughput", "memory", "description", "source", "dtype", "clock_hz", "overhead_us"):
        assert any(line.startswith(f"mine.toml: {key}: ") for line in found), key


def test_a_wrong_value_hides_none_of_the_others(tmp_path):
    text = TEMPLATE.replace("macs_per_cycle = 32", 'macs_per_cycle = "many"').replace('"dram"', "7")
    found = wrong(tmp_path, text.replace('roles = ["activations"]', 'roles = ["everything"]') + "\n[extra]\nx = 1\n")
    assert [line.split(": ")[1:3] for line in found] == [
        ["engine", "depthwise"],
        ["memory[0]", "roles"],
        ["memory[1]", "name"],
        ["extra", found[3].split(": ")[2]],
    ]


def test_what_is_inherited_is_not_missing(tmp_path):
    assert wrong(tmp_path, 'inherits = "npu-64"\ndescription = "mine"\n') == []
    (only,) = wrong(tmp_path, 'inherits = "npu-46"\n')
    assert "did you mean 'npu-64'" in only


def test_what_is_no_toml_is_one_problem(tmp_path):
    assert len(wrong(tmp_path, "clock_hz = = 3")) == 1
