"""What an analyst does, asked without a process of its own."""

from __future__ import annotations

import threading
from pathlib import Path

from advisor.daemon.jobs import Jobs

MARKING = """\
import pathlib

from torch import nn

pathlib.Path(__file__).with_name("ran").touch()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 65, 3, padding=1)
        self.b = nn.Conv2d(65, 64, 3, padding=1)

    def forward(self, x):
        return self.b(self.a(x)).mean((2, 3))
"""


def test_fixes_of_code_that_must_not_run_are_none(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(MARKING)
    jobs, told = Jobs(None), []
    params = {"path": str(file), "overrides": {"targets": ["ethos-u85-1024"]}, "run": False}
    try:
        assert jobs.perform("fixes", params, told.append, threading.Event()) == {"result": {"groups": []}}
    finally:
        jobs.close()
    assert not told
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.py"]
