"""Adjacent linear layers merged in the source."""

from __future__ import annotations

import pytest

from advisor.fixes.proposal import Unfixable
from advisor.fixes.structure.merge_linear import render
from advisor.moves import MergeLinear, Together, find_mergeable

from .bench import fixed, scene, traced

HEAD = "from torch import nn\n\n\n"
NET = """class Net(nn.Module):
    def __init__(self):
        super().__init__()
{create}

    def forward(self, x):
{forward}
"""


def model(create: str, forward: str, before: str = "") -> str:
    def indented(text: str) -> str:
        return "\n".join(f"        {line}" if line else "" for line in text.split("\n"))

    return HEAD + before + NET.format(create=indented(create), forward=indented(forward))


CASES = {
    "statements": (
        model(
            "self.a = nn.Conv2d(3, 16, 3, stride=2, padding=1)\nself.b = nn.Conv2d(16, 8, 1)  # mixes",
            "return self.b(self.a(x)).relu()",
        ),
        model("self.b = nn.Conv2d(3, 8, 3, stride=2, padding=1)  # mixes", "return self.b(x).relu()"),
    ),
    "a statement of forward": (
        model("self.a = nn.Conv2d(3, 16, 1)\nself.b = nn.Conv2d(16, 8, 1)", "x = self.a(x)\nreturn self.b(x)"),
        model("self.b = nn.Conv2d(3, 8, 1)", "return self.b(x)"),
    ),
    "items": (
        model(
            "self.a = nn.Sequential(\n    nn.Conv2d(3, 16, 3, bias=False),  # filters\n    nn.BatchNorm2d(16),\n"
            "    nn.Conv2d(16, 8, 1, bias=False),  # mixes\n    nn.ReLU(),\n)",
            "return self.a(x)",
        ),
        model(
            "self.a = nn.Sequential(\n    nn.Conv2d(3, 8, 3),  # mixes\n    nn.ReLU(),\n)",
            "return self.a(x)",
        ),
    ),
    "items on a line": (
        model("self.a = nn.Sequential(*[nn.Conv2d(3, 16, 1), nn.Conv2d(16, 8, 1)])", "return self.a(x)"),
        model("self.a = nn.Sequential(*[nn.Conv2d(3, 8, 1)])", "return self.a(x)"),
    ),
    "a norm with a statement": (
        model(
            "self.a = nn.Conv2d(3, 16, 1, bias=False)\nself.n = nn.BatchNorm2d(16)\nself.b = nn.Conv2d(16, 8, 1)",
            "return self.b(self.n(self.a(x)))",
        ),
        model("self.b = nn.Conv2d(3, 8, 1)", "return self.b(x)"),
    ),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_the_second_takes_over(text: str, expected: str) -> None:
    graph = traced(text)
    (pair,) = find_mergeable(graph)
    after, move = fixed(render, text, [MergeLinear(*pair)], graph)
    assert after == expected
    assert move == MergeLinear(*pair)


def test_all_that_a_block_builds_are_merged() -> None:
    block = (
        "class Block(nn.Sequential):\n    def __init__(self, inp, oup):\n"
        "        super().__init__(nn.Conv2d(inp, 64, 3), nn.Conv2d(64, oup, 1), nn.ReLU())\n\n\n"
    )
    text = model("self.a = Block(3, 8)\nself.b = Block(8, 8)", "return self.b(self.a(x))", block)
    graph = traced(text)
    pairs = find_mergeable(graph)
    after, move = fixed(render, text, [MergeLinear(*pairs[0])], graph)
    assert "super().__init__(nn.Conv2d(inp, oup, 3), nn.ReLU())" in after
    assert move == Together(tuple(MergeLinear(*p) for p in pairs))


def test_what_a_helper_builds_has_no_fix() -> None:
    text = model(
        "self.a = conv(3, 8)\nself.b = conv(8, 8)",
        "return self.b(self.a(x))",
        "def conv(i, o):\n    return nn.Conv2d(i, o, 1)\n\n\n",
    )
    graph = traced(text)
    (pair,) = find_mergeable(graph)
    with pytest.raises(Unfixable):
        list(render(scene(text, graph), [MergeLinear(*pair)]))


def test_a_layer_that_is_used_elsewhere_stays() -> None:
    text = model(
        "self.a = nn.Conv2d(3, 16, 1)\nself.b = nn.Conv2d(16, 8, 1)\nnn.init.zeros_(self.a.weight)",
        "return self.b(self.a(x))",
    )
    graph = traced(text)
    (pair,) = find_mergeable(graph)
    with pytest.raises(Unfixable, match=r"self\.a is used for more than being called"):
        list(render(scene(text, graph), [MergeLinear(*pair)]))
