"""Squeeze-and-excite gates that go: by their flag where there is one, else where they are built or multiplied."""

from __future__ import annotations

import pytest

from advisor.fixes.structure.squeeze_excite import render
from advisor.graph import Graph, Span
from advisor.moves import RemoveSE, Together, find_se
from advisor.numbers import Literal, Numbers, Step

from .bench import FILE, fixed, traced

HEAD = "import torch\nfrom torch import nn\n\n\n"
GATE = """class SE(nn.Module):
    def __init__(self, width, squeeze=4):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(nn.Conv2d(width, width // squeeze, 1), nn.ReLU(), nn.Conv2d(width // squeeze, width, 1))

    def forward(self, x):
        return x * torch.sigmoid(self.fc(self.pool(x)))


"""
BLOCK = """class Block(nn.Module):
    def __init__(self, inp, oup{parameter}):
        super().__init__()
        self.conv = nn.Conv2d(inp, oup, 3)
        {create}
        self.out = nn.Conv2d(oup, oup, 1)

    def forward(self, x):
        x = self.conv(x)
{forward}
        return self.out(x)


"""
NET = """class Net(nn.Sequential):
    def __init__(self):
        super().__init__({a}, {b})
"""
APPLIED = "        x = self.se(x)  # gate"


def model(parameter: str, create: str, a: str, b: str, forward: str = APPLIED) -> str:
    block = BLOCK.format(parameter=parameter, create=create, forward=forward)
    return HEAD + GATE + block + NET.format(a=a, b=b)


BOTH = {
    "the call": (
        model("", "self.se = SE(oup)  # gate", "Block(3, 8)", "Block(8, 8)"),
        "self.se = nn.Identity()  # gate",
    ),
    "a default": (
        model(", se=True", "self.se = SE(oup) if se else nn.Identity()", "Block(3, 8)", "Block(8, 8)"),
        "def __init__(self, inp, oup, se=False):",
    ),
    "a ratio": (
        model(
            ", ratio=0.25",
            "self.se = SE(oup, int(1 / ratio)) if ratio else None",
            "Block(3, 8)",
            "Block(8, 8)",
            "        if self.se is not None:\n            x = self.se(x)",
        ),
        "def __init__(self, inp, oup, ratio=0.0):",
    ),
    "a product": (
        model(
            "",
            "self.se = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(oup, oup, 1), nn.Sigmoid())",
            "Block(3, 8)",
            "Block(8, 8)",
            "        x = x * self.se(x)",
        ),
        "        x = self.conv(x)\n        return self.out(x)",
    ),
    "a product within": (
        model(
            "",
            "self.se = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(oup, oup, 1), nn.Sigmoid())",
            "Block(3, 8)",
            "Block(8, 8)",
            "        x = (self.se(x) * x).relu()",
        ),
        "        x = (x).relu()",
    ),
}


@pytest.mark.parametrize(("text", "expected"), BOTH.values(), ids=BOTH)
def test_all_gates_go(text: str, expected: str) -> None:
    graph = traced(text)
    moves = [RemoveSE(se.gate) for se in find_se(graph)]
    assert len(moves) == 2
    after, move = fixed(render, text, moves, graph)
    assert expected in after
    assert move == Together(tuple(moves))


ONE = {
    "a flag": (
        model(", se", "self.se = SE(oup) if se else nn.Identity()", "Block(3, 8, 1)", "Block(8, 8, se=True)"),
        "Block(3, 8, 1), Block(8, 8, se=False)",
    ),
    "a class": (
        model(
            ", se=None",
            "self.se = se(oup) if se is not None else nn.Identity()",
            "Block(3, 8, SE)",
            "Block(8, 8, se=SE)",
        ),
        "Block(3, 8, SE), Block(8, 8, se=None)",
    ),
    "a flag that decides in forward": (
        model(
            ", se",
            "self.se, self.has_se = SE(oup), se",
            "Block(3, 8, True)",
            "Block(8, 8, True)",
            "        if self.has_se:\n            x = self.se(x)",
        ),
        "Block(3, 8, True), Block(8, 8, False)",
    ),
}


@pytest.mark.parametrize(("text", "expected"), ONE.values(), ids=ONE)
def test_one_gate_goes_by_what_is_passed_for_it(text: str, expected: str) -> None:
    graph = traced(text)
    gates = [se.gate for se in find_se(graph)]
    after, move = fixed(render, text, [RemoveSE(gates[1])], graph)
    assert expected in after
    assert move == RemoveSE(gates[1])


TABLE = (
    HEAD
    + GATE
    + BLOCK.format(parameter=", se", create="self.se = SE(oup) if se else nn.Identity()", forward=APPLIED)
    + """ROWS = [
    # width, gate
    [8, 1],
    [16, 1],  # here too
    [24, 0],
]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        blocks, inp = [], 3
        for width, se in ROWS:
            blocks.append(Block(inp, width, se))
            inp = width
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x):
        return self.blocks(x)
"""
)


def widths(graph: Graph) -> Numbers:
    """What the worker would record of ``TABLE``: the rows' widths, and the layers that have them."""
    lines = TABLE.split("\n")
    literals = []
    for text in ("[8, 1],", "[16, 1],", "[24, 0],"):
        line = next(i for i, row in enumerate(lines, 1) if text in row)
        literals.append(Literal(Span(FILE, line, 6, line, 6 + text.index(",") - 1), int(text[1 : text.index(",")])))
    steps = tuple(Step("literal", n.value, (i,)) for i, n in enumerate(literals))
    layers = {f"blocks.{i}.{name}": {"out_channels": i} for i in range(3) for name in ("conv", "out")}
    for i in (1, 2):
        layers[f"blocks.{i}.conv"]["in_channels"] = i - 1
    assert set(layers) <= set(graph.modules)
    return Numbers(tuple(literals), steps, layers)


def test_one_row_of_a_table_is_edited_by_the_numbers_that_came_from_it() -> None:
    graph = traced(TABLE)
    gates = [se.gate for se in find_se(graph)]
    after, move = fixed(render, TABLE, [RemoveSE(gates[1])], graph, numbers=widths(graph))
    assert after == TABLE.replace("[16, 1],  # here too", "[16, 0],  # here too")
    assert move == RemoveSE(gates[1])
