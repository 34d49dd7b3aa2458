from __future__ import annotations

from pathlib import Path

from advisor.daemon.lsp.planning import Plan, together


def test_of_several_folders_each_file_is_read_once_and_the_strictest_number_of_jobs_counts():
    a, b, c = map(Path, "abc")
    plans = [Plan([a, b], ["npu-64"], 0), Plan([b, c], ["cpu-x86", "npu-64"], 3), Plan([], [], 2)]
    assert together(plans) == Plan([a, b, c], ["npu-64", "cpu-x86"], 2)
    assert together(plans[:1]).jobs == together([]).jobs == 0
