"""Inverted bottlenecks fused in the source: in place where all that the lines build changes, else by a class beside the
block's and a choice where it is built."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.fixes.proposal import Unfixable
from advisor.moves import Together

from .bench import traced
from .ibn_bench import edited, everything, first, proposed

HEAD = "import torch.nn as nn\nimport torch.nn.functional as F\n\n\n"
SEQUENTIAL = """class Block(nn.Module):
    def __init__(self, inp, oup, stride, t):
        super().__init__()
        hidden = inp * t
        if t == 1:
            self.conv = nn.Sequential(
                nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False), nn.BatchNorm2d(hidden), nn.ReLU6(),
                nn.Conv2d(hidden, oup, 1, bias=False), nn.BatchNorm2d(oup))
        else:
            self.conv = nn.Sequential(
                # pw
                nn.Conv2d(inp, hidden, 1, bias=False),
                nn.BatchNorm2d(hidden),
                nn.ReLU6(),
                # dw
                nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False),  # 3x3
                nn.BatchNorm2d(hidden),
                nn.ReLU6(),
                nn.Conv2d(hidden, oup, 1, bias=False),
                nn.BatchNorm2d(oup),
            )
        self.identity = stride == 1 and inp == oup

    def forward(self, x):
        return x + self.conv(x) if self.identity else self.conv(x)


"""
UNITS = """class ConvNormAct(nn.Sequential):
    def __init__(self, inp, oup, kernel_size=3, stride=1, groups=1):
        super().__init__(
            nn.Conv2d(inp, oup, kernel_size, stride, kernel_size // 2, groups=groups, bias=False),
            nn.BatchNorm2d(oup),
            nn.ReLU6(),
        )


class Block(nn.Module):
    def __init__(self, inp, oup, stride, t):
        super().__init__()
        hidden = inp * t
        layers = []
        if t != 1:
            layers.append(ConvNormAct(inp, hidden, kernel_size=1))
        layers.extend([
            ConvNormAct(hidden, hidden, stride=stride, groups=hidden),
            nn.Conv2d(hidden, oup, 1, bias=False),
            nn.BatchNorm2d(oup),
        ])
        self.conv = nn.Sequential(*layers)

    def forward(self, x):
        return self.conv(x)


"""
FUNCTIONS = """class Block(nn.Module):
    def __init__(self, inp, oup, stride, t):
        super().__init__()
        hidden = inp * t
        self.conv1 = nn.Conv2d(inp, hidden, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(hidden)
        self.conv2 = nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False)
        self.bn2 = nn.BatchNorm2d(hidden)
        self.conv3 = nn.Conv2d(hidden, oup, 1, bias=False)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        return self.conv3(out)


"""
TABLE = """class Net(nn.Module):
    table = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 2, 2)]

    def __init__(self):
        super().__init__()
        layers, width = [nn.Conv2d(3, 16, 3, 2, 1)], 16
        for t, c, n, s in self.table:
            for i in range(n):
                layers.append(Block(width, c, s if i == 0 else 1, t))
                width = c
        self.features = nn.Sequential(*layers)

    def forward(self, x):
        return self.features(x)
"""
LISTED = """class Net(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Conv2d(3, 16, 3, 2, 1),
            Block(16, 24, 2, 6),
            Block(24, 24, 1, 6),  # the second
        )
"""


def test_a_condition_on_the_table_chooses_the_stage() -> None:
    text = HEAD + SEQUENTIAL + TABLE
    after, move = edited(text, lambda moves: moves[:2])
    assert isinstance(move, Together)
    assert len(move.moves) == 2
    assert "block = FusedBlock if c == 24 else Block\n                layers.append(block(width, c," in after
    assert "class FusedBlock(Block):" in after
    assert "del self.conv[:3]" in after
    assert SEQUENTIAL in after  # what there was stays byte for byte
    assert after.index("class FusedBlock(Block):") < after.index("class Net")


KEPT_BY_SELF = SEQUENTIAL.replace(
    "        if t == 1:",
    "        self.width = oup, stride\n        self.plain = t == 1\n        if self.plain:",
)


@pytest.mark.parametrize(
    "block", [SEQUENTIAL, UNITS, SEQUENTIAL.replace("if t == 1", "if hidden == inp"), KEPT_BY_SELF]
)
def test_a_block_without_expansion_is_told_by_what_the_block_asks_about(block: str) -> None:
    """The stem's width tells it too here, but then the same code with another stem would not be built any more."""
    stem = "[nn.Conv2d(3, 32, 3, 2, 1)], 32"
    table = TABLE.replace("[nn.Conv2d(3, 16, 3, 2, 1)], 16", stem)
    after, move = edited(HEAD + block + table, lambda moves: moves[:3])
    assert isinstance(move, Together)
    assert len(move.moves) == 3
    assert " = FusedBlock if t == 6 and width <= 24 else Block\n" in after
    traced(after.replace(stem, "[nn.Conv2d(3, 16, 3, 2, 1)], 16"))


def test_one_block_of_a_stage() -> None:
    after, _ = edited(HEAD + UNITS + TABLE, lambda moves: moves[1:2])
    assert "FusedBlock if c == 24 and i == 1 else Block" in after or "FusedBlock if width == 24 and" in after
    assert "del self.conv[0]\n" in after


def test_in_place_where_all_that_the_lines_build_changes() -> None:
    text = HEAD + SEQUENTIAL + TABLE
    after, _ = edited(text, everything)
    gone = """                # pw
                nn.Conv2d(inp, hidden, 1, bias=False),
                nn.BatchNorm2d(hidden),
                nn.ReLU6(),
"""
    dense = "nn.Conv2d(inp, hidden, 3, stride, 1, bias=False),  # 3x3"
    depthwise = "nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False),  # 3x3"
    assert after == text.replace(gone, "").replace(depthwise, dense)


def test_functions_in_the_forward_go_too() -> None:
    text = HEAD + FUNCTIONS + LISTED
    after, _ = edited(text, everything)
    assert "self.conv1" not in after
    assert "self.bn1" not in after
    assert "        out = x\n        out = F.relu(self.bn2(self.conv2(out)))" in after
    assert "self.conv2 = nn.Conv2d(inp, hidden, 3, stride, 1, bias=False)" in after
    after, _ = edited(text, first)
    assert "            FusedBlock(16, 24, 2, 6),\n            Block(24, 24, 1, 6),  # the second\n" in after
    assert after.count("def forward") == 2
    assert "del self.conv1, self.bn1" in after


def test_layers_of_a_model_without_blocks() -> None:
    text = (
        HEAD
        + """class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(3, 16, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU6(),
            nn.Conv2d(16, 16, 3, padding=1, groups=16, bias=False), nn.BatchNorm2d(16), nn.ReLU6(),
            nn.Conv2d(16, 3, 1, bias=False), nn.BatchNorm2d(3))

    def forward(self, x):
        return x + self.block(x)
"""
    )
    after, _ = edited(text, everything)
    expected = """        self.block = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU6(),
            nn.Conv2d(16, 3, 1, bias=False), nn.BatchNorm2d(3))
"""
    assert expected in after


def test_a_function_that_returns_blocks() -> None:
    text = (
        HEAD
        + """def block(inp, oup, t=4):
    return nn.Sequential(
        nn.Conv2d(inp, inp * t, 1), nn.ReLU(),
        nn.Conv2d(inp * t, inp * t, 3, padding=1, groups=inp * t), nn.ReLU(), nn.Conv2d(inp * t, oup, 1))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = block(3, 8)
        self.second = block(8, 8)

    def forward(self, x):
        return self.second(self.first(x))
"""
    )
    after, _ = edited(text, first)
    assert "self.first = fused_block(3, 8)\n        self.second = block(8, 8)" in after
    assert "def fused_block(*args, **kwargs):" in after
    assert "    del built[:2]\n    return built\n" in after


def test_a_module_that_is_called_twice_stays_for_the_other_call() -> None:
    block = FUNCTIONS.replace("F.relu", "self.act").replace(
        "        self.conv3 =", "        self.act = nn.ReLU()\n        self.conv3 ="
    )
    after, _ = edited(HEAD + block + LISTED, first)
    assert "out = self.act(self.bn2(self.conv2(out)))" in after.partition("class FusedBlock")[2]
    assert "nn.Identity" not in after


def test_an_expansion_norm_that_stays() -> None:
    block = FUNCTIONS.replace("        self.bn2 = nn.BatchNorm2d(hidden)\n", "").replace(
        "self.bn2(self.conv2(out))", "self.conv2(out)"
    )
    after, _ = edited(HEAD + block + LISTED, first)
    assert "self.conv1 = nn.Conv2d(" in after  # where the norm after it is the expansion's


def test_a_second_fix_takes_up_the_first() -> None:
    once, _ = edited(HEAD + UNITS + TABLE, lambda moves: moves[:2])
    twice, _ = edited(once, lambda moves: moves[:1])
    assert twice.count("class Fused") == 1
    assert twice.count("FusedBlock if ") == 1
    assert "FusedBlock if c == 24 else" not in twice


def test_blocks_that_nothing_tells_apart_change_together() -> None:
    net = """class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 16, 3, 2, 1), *[Block(16, 16, 1, 4) for _ in range(3)])
"""
    _, proposals = proposed(HEAD + UNITS.replace("if t != 1", "if True") + net, first)
    assert {len(p.move.moves) for p in proposals if isinstance(p.move, Together)} == {3}
    assert "2 more blocks" in proposals[-1].note


def test_what_cannot_be_said_of_one_line_is_told() -> None:
    text = (
        HEAD
        + """class Net(nn.Module):
    def __init__(self):
        super().__init__()
        layers = []
        for width in (8, 16):
            layers += [nn.Conv2d(3, width, 1), nn.Conv2d(width, width, 3, 1, 1, groups=width), nn.Conv2d(width, 3, 1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)
"""
    )
    with pytest.raises(Unfixable) as e:
        proposed(text, first)
    assert "no one class or function builds" in e.value.reason


def test_two_calls_of_one_statement_choose_each_for_itself() -> None:
    net = """class Net(nn.Module):
    def __init__(self):
        super().__init__()
        layers = [nn.Conv2d(3, 16, 3, 2, 1)]
        for i in range(2):
            layers += [Block(16, 16, 1, 4 + i), Block(16, 16, 1, 6 - i)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)
"""
    after, _ = edited(HEAD + UNITS + net, lambda moves: [moves[0], moves[3]])
    assert "layers += [(FusedBlock if i == 0 else Block)(16, 16, 1, 4 + i), (FusedBlock if i == 1 else" in after


def test_a_block_that_is_told_its_device_and_one_in_one_dimension() -> None:
    text = (HEAD + FUNCTIONS + LISTED).replace("stride, t):", "stride, t, device=None):")
    after, _ = edited(text, first)
    assert "device=depthwise.weight.device" in after
    text = (
        (HEAD + UNITS + LISTED)
        .replace("2d(", "1d(")
        .replace("nn.Conv1d(3, 16, 3, 2, 1)", "nn.Flatten(2), nn.Conv1d(3, 16, 3)")
    )
    after, _ = edited(text, first)
    assert "self.conv[1][0] = nn.Conv1d(" in after


def test_strings_over_several_lines_are_copied_as_they_are() -> None:
    said = '"""Says\nmore.\n"""\n        '
    text = (HEAD + FUNCTIONS + LISTED).replace("        out = F.relu(self.bn1", f"        {said}out = F.relu(self.bn1")
    after, _ = edited(text, first)
    assert after.count('"""Says\nmore.\n"""') == 2


def test_two_of_one_block() -> None:
    block = """class Block(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv2d(n, 24, 1), nn.ReLU(), nn.Conv2d(24, 24, 3, 1, 1, groups=24), nn.ReLU(), nn.Conv2d(24, n, 1),
            nn.Conv2d(n, 24, 1), nn.ReLU(), nn.Conv2d(24, 24, 3, 1, 1, groups=24), nn.ReLU(), nn.Conv2d(24, n, 1))

    def forward(self, x):
        return self.first(x)


"""
    net = """class Net(nn.Sequential):
    def __init__(self):
        super().__init__(Block(3), nn.Conv2d(3, 3, 1), Block(3))
"""
    after, move = edited(HEAD + block + net, lambda moves: moves[2:])
    assert "super().__init__(Block(3), nn.Conv2d(3, 3, 1), FusedBlock(3))" in after
    assert isinstance(move, Together)
    assert after.count("expand, depthwise = ") == 2


def test_a_class_that_others_use_stays_as_it_is() -> None:
    other = "\n\nclass Other(nn.Sequential):\n    def __init__(self):\n        super().__init__(Block(3, 8, 1, 4))\n"
    after, _ = edited(HEAD + FUNCTIONS + LISTED + other, everything)
    assert "super().__init__(Block(3, 8, 1, 4))" in after
    assert after.count("FusedBlock(") == 3


def test_a_class_of_a_library_is_derived_from_where_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = tmp_path / "site-packages"
    library.mkdir()
    (library / "blocks_of_others.py").write_text(HEAD + UNITS)
    monkeypatch.syspath_prepend(str(library))
    text = "import torch.nn as nn\nfrom blocks_of_others import Block\n\n\n" + LISTED
    after, _ = edited(text, first)
    assert after.startswith("import torch.nn as nn\nfrom blocks_of_others import Block\n\n\nclass FusedBlock(Block):\n")
    assert "            FusedBlock(16, 24, 2, 6),\n            Block(24, 24, 1, 6)," in after


def test_units_in_place() -> None:
    expanding = """        if t != 1:
            layers.append(ConvNormAct(inp, hidden, kernel_size=1))
"""
    text = HEAD + UNITS.replace(expanding, "        layers.append(ConvNormAct(inp, hidden, kernel_size=1))\n") + LISTED
    after, _ = edited(text, everything)
    assert "            ConvNormAct(inp, hidden, stride=stride),\n" in after
    assert "kernel_size=1)" not in after
