"""Fused inverted bottlenecks split in the source."""

from __future__ import annotations

from advisor.fixes.structure.ibn import unfuse

from .ibn_bench import edited, everything, first, splits

HEAD = "import torch\nimport torch.nn as nn\n\n\n"
BLOCK = """class Edge(nn.Module):
    def __init__(self, inp, oup, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(inp, inp * 4, 3, stride, 1, bias=False)
        self.bn = nn.BatchNorm2d(inp * 4)
        self.act = nn.ReLU()
        self.project = nn.Conv2d(inp * 4, oup, 1)

    def forward(self, x):
        return self.project(self.act(self.bn(self.conv(x))))


"""
NET = """class Net(nn.Sequential):
    def __init__(self):
        widths = [(3, 8), (8, 16)]
        super().__init__(*[Edge(i, o) for i, o in widths])
"""


def test_in_place_where_every_block_changes() -> None:
    after, _ = edited(HEAD + BLOCK + NET, everything, unfuse, splits)
    assert (
        "self.conv = nn.Sequential(nn.Conv2d(inp, inp * 4, 1, bias=False), nn.BatchNorm2d(inp * 4), nn.ReLU(), "
        "nn.Conv2d(inp * 4, inp * 4, 3, stride, 1, bias=False, groups=inp * 4))"
    ) in after


def test_one_of_several_gets_a_class() -> None:
    after, _ = edited(HEAD + BLOCK + NET, lambda moves: moves[1:], unfuse, splits)
    assert "*[(UnfusedEdge if i == 8 else Edge)(i, o) for i, o in widths]" in after
    assert "import copy\n" in after
    assert "copy.deepcopy(self.bn), copy.deepcopy(self.act)" in after


def test_elements_of_a_sequence_stay_in_it() -> None:
    text = (
        HEAD
        + """class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1),
            nn.ReLU6(),
            nn.Conv2d(16, 3, 1),
        )

    def forward(self, x):
        return self.block(x)
"""
    )
    after, _ = edited(text, everything, unfuse, splits)
    expected = """        self.block = nn.Sequential(
            nn.Conv2d(3, 16, 1),
            nn.ReLU6(),
            nn.Conv2d(16, 16, 3, padding=1, groups=16),
            nn.ReLU6(),
"""
    assert expected in after


def test_an_activation_that_is_a_function() -> None:
    block = BLOCK.replace("self.act(self.bn(self.conv(x)))", "torch.relu(self.bn(self.conv(x)))")
    after, _ = edited(HEAD + block.replace("        self.act = nn.ReLU()\n", "") + NET, first, unfuse, splits)
    assert "copy.deepcopy(self.bn), nn.ReLU(), depthwise)" in after
