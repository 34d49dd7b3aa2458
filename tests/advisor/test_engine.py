"""The engine on several files: what an audit that is cancelled reports."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from advisor import engine

GOOD = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)

    def forward(self, x):
        return self.conv(x)
"""


def test_a_cancelled_audit_ends_what_runs_and_reports_what_was_done(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(GOOD)
    (tmp_path / "b.py").write_text("import time\ntime.sleep(60)\n" + GOOD)
    (tmp_path / "c.py").write_text(GOOD)
    cancelled = threading.Event()
    overrides = {"targets": ["npu-64"], "jobs": 1, "time_limit": 50.0}

    def when_one_is_done(_file: Path, done: int, _total: int) -> None:
        if done == 1:
            cancelled.set()

    started = time.monotonic()
    report = engine.audit_paths([tmp_path], overrides, when_one_is_done, cancelled)
    assert [Path(f.file).name for f in report.files] == ["a.py"]
    assert time.monotonic() - started < 50.0  # b.py alone would have used its whole limit


def test_each_file_is_audited_under_the_settings_nearest_to_it(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.advisor]\ntargets = ["npu-64"]\n')
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "pyproject.toml").write_text('[tool.advisor]\ntargets = ["ethos-u55-128"]\nexclude = ["other.py"]\n')
    (tmp_path / "a.py").write_text(GOOD)
    (inner / "b.py").write_text(GOOD)
    report = engine.audit_paths([tmp_path], {"jobs": 1})
    assert {Path(m.file).name: list(m.costs) for m in report.models} == {"a.py": ["npu-64"], "b.py": ["ethos-u55-128"]}
    assert set(report.targets) == {"npu-64", "ethos-u55-128"}
