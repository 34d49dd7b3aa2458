"""Strides where they are written, and the places that say what a model's input is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.fixes.edits import apply
from advisor.fixes.structure.resolution import resolution, stride
from advisor.graph import Span
from advisor.moves import SetResolution, SetStride

from .bench import FILE, fixed, ops, scene, traced

NET = """import torch
from torch import nn

{before}class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = {a}
        self.b = nn.MaxPool2d(2)

    def forward(self, x):
        return self.b(self.a(x)).mean((2, 3))
"""
HELPER = "def conv(i, o, s=1):\n    return nn.Conv2d(i, o, 3, s, padding=1)\n\n\n"

STRIDES = {
    "the call": (NET.format(before="", a="nn.Conv2d(3, 8, 3, stride=2)"), "nn.Conv2d(3, 8, 3, stride=4)"),
    "a default": (NET.format(before="", a="nn.Conv2d(3, 8, 3)"), "nn.Conv2d(3, 8, 3, stride=4)"),
    "a helper": (NET.format(before=HELPER, a="conv(3, 8, s=2)"), "conv(3, 8, s=4)"),
}


@pytest.mark.parametrize(("text", "expected"), STRIDES.values(), ids=STRIDES)
def test_a_stride_is_set(text: str, expected: str) -> None:
    graph = traced(text)
    (key,) = ops(graph, "conv")
    after, move = fixed(stride, text, [SetStride(key, 4)], graph)
    assert expected in after
    assert move == SetStride(key, 4)


def test_a_pools_stride_is_set() -> None:
    text = NET.format(before="", a="nn.Conv2d(3, 8, 3)")
    graph = traced(text)
    (key,) = ops(graph, "pool")
    after, _ = fixed(stride, text, [SetStride(key, 4)], graph)
    assert "self.b = nn.MaxPool2d(2, stride=4)" in after


INPUTS = {
    "a comment": ("# advisor: input=(1, 3, 32, 32)\n", "", "# advisor: input=(1, 3, 24, 48)\n"),
    "a comment about arguments": (
        "# advisor: args=()\n",
        "",
        "# advisor: args=() input=(1, 3, 24, 48)\n",
    ),
    "nothing": ("", "", "# advisor: input=(1, 3, 24, 48)\nclass Net"),
    "an example": ("", "x = torch.randn(2, 3, 32, 32)\n", "x = torch.randn(2, 3, 24, 48)\n"),
    "an example's tuple": ("", "x = torch.rand((1, 3, 32, 32))\n", "x = torch.rand((1, 3, 24, 48))\n"),
}


@pytest.mark.parametrize(("before", "after", "expected"), INPUTS.values(), ids=INPUTS)
def test_the_input_is_said_where_it_was(before: str, after: str, expected: str) -> None:
    text = NET.format(before=before, a="nn.Conv2d(3, 8, 3)") + after
    line = text[: text.index("class Net")].count("\n") + 1
    given = replace(scene(text, traced(text)), model=Span(FILE, line, 7, line, 10))
    first, *_ = resolution(given, [SetResolution(24, 48)])
    edited = apply(text, first.edits)
    assert expected in edited
    assert first.move == SetResolution(24, 48)
