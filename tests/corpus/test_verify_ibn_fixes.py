"""How the check of fused inverted bottlenecks counts, and that it goes from files to verified edits."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import verify_ibn_fixes
from .verify_ibn_fixes import Implementation, Trial, page, verify

BLOCKS = """import torch.nn as nn


class Block(nn.Module):
    def __init__(self, inp, oup, stride, t):
        super().__init__()
        hidden = inp * t
        self.conv = nn.Sequential(
            nn.Conv2d(inp, hidden, 1), nn.ReLU(),
            nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden), nn.ReLU(),
            nn.Conv2d(hidden, oup, 1))

    def forward(self, x):
        return self.conv(x)
"""
NET = """import torch.nn as nn

from .blocks import Block


class InvertedNet(nn.Module):
    def __init__(self):
        super().__init__()
        layers, width = [nn.Conv2d(3, 16, 3, 2, 1, groups=1)], 16
        for t, c, s in [(4, 16, 1), (6, 24, 2), (6, 32, 2)]:
            layers.append(Block(width, c, s, t))  # expanded
            width = c
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)
"""


def test_what_is_complete_and_what_is_said() -> None:
    yes, no = Trial(True, "in place"), Trial(False, "it is built elsewhere")
    good = Implementation("a.py", "A", 3, "Block", yes, yes, [yes])
    half = Implementation("b.py", "B", 3, "Block", yes, no, [], "")
    none = Implementation("c.py", "C", why="no inverted bottleneck is recognised in its graph")
    assert (good.complete, half.complete, none.complete) == (True, False, False)
    text = page([good, half, none], 1.0)
    assert "4 of 5 changes have a verified edit; of 1 models (1 implementations" in text
    assert "- `b.py`, B: it is built elsewhere" in text
    assert "- `c.py`, C: no inverted bottleneck" in text


def test_a_checkout_of_several_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nets").mkdir()
    for name, text in (("__init__", ""), ("blocks", BLOCKS), ("net", NET)):
        (tmp_path / "nets" / f"{name}.py").write_text(text)
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.setattr(verify_ibn_fixes, "LIBRARIES", ())
    results = [r for r in verify([tmp_path], lambda line: None) if r.model == "InvertedNet"]
    (found,) = results
    assert (found.kind, found.blocks) == ("Block", 3)
    assert found.complete, found
    assert found.early is not None
    assert "2 files" in found.early.said
    assert found.every == Trial(True, "in place")
