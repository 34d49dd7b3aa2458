from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from advisor.workers import Worker

from .measure import Measured, failures, measure, shortfalls, table

NETS = """
from torch import nn

class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3)
        self.spare = nn.Linear(2, 2)

    def forward(self, x):
        return self.conv(x)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(
            3, 4, 1
        )
        self.block = Block(4)

    def forward(self, x):
        return self.block(self.stem(x))

def net():
    return Net()

class Broken(nn.Module):
    def forward(self, x):
        raise ValueError("never")

class MyLoss(nn.Module):
    def forward(self, pred, target):
        return pred
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "nets.py").write_text(NETS)
    (folder / "script.py").write_text("print('no model here')\n")
    with Worker(Path(sys.executable)) as worker:
        yield measure("me/nets", folder, worker.run, files_each=5, seed=0)


def test_counts_root_classes_and_factories(measured: Measured) -> None:
    assert measured.files == 1
    assert {r.name: r.outcome for r in measured.results} == {
        "Net": "ran",
        "net": "ran",
        "Broken": "failed",
        "MyLoss": "excluded",
    }
    reasons = {r.name: r.reason for r in measured.results}
    assert "never" in reasons["Broken"]
    assert reasons["MyLoss"] == "a loss function"


def test_lines_count_where_their_layer_ran(measured: Measured) -> None:
    assert measured.lines == {("nets.py", 7): 7, ("nets.py", 8): 8, ("nets.py", 16): 18}
    assert measured.mapped == {("nets.py", 7), ("nets.py", 16)}


def test_reports(measured: Measured) -> None:
    assert "| me/nets | 1 | 3 | 2/3 (67 %) | 1/1 (100 %) | 1/2 (50 %) | 1 | 3 | 2/3 (67 %) |" in table([measured])
    assert "Broken" in failures([measured])
    assert "nets.py  1 lines not mapped: [8]" in failures([measured])


def test_what_falls_short_is_named(measured: Measured) -> None:
    assert shortfalls([measured]) == ["forward ran: 2/3 (67 %)", "mapped: 2/3 (67 %)"]
