"""The project that is edited: small nets, some of which import blocks, tables and heads from their neighbours."""

from __future__ import annotations

SETTINGS = '[tool.advisor]\ntargets = ["ethos-u85-2048", "cpu-x86"]\n'

_WIDTHS = '''\
"""Tables that nets are built from."""

STEM = 16

STAGES = [
    # expansion, width, repeats, stride
    [1, 16, 1, 1],
    [4, 24, 2, 2],
    [4, 33, 1, 2],
]


def total(stages):
    return sum(row[1] for row in stages)
'''
_ACTS = '''\
"""Activations by name."""

from torch import nn

DEFAULT = "relu"


def act(name=DEFAULT):
    if name == "relu":
        return nn.ReLU()
    if name == "silu":
        return nn.SiLU()
    return nn.Hardswish()
'''
_BLOCKS = '''\
"""Blocks."""

from torch import nn

from .acts import act


class ConvBN(nn.Sequential):
    def __init__(self, cin, cout, kernel=3, stride=1, groups=1):
        super().__init__(
            nn.Conv2d(cin, cout, kernel, stride, kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(cout),
            act(),
        )


class Inverted(nn.Module):
    def __init__(self, cin, cout, expand=4, stride=1):
        super().__init__()
        hidden = cin * expand
        self.body = nn.Sequential(
            ConvBN(cin, hidden, 1),
            ConvBN(hidden, hidden, 3, stride, groups=hidden),
            nn.Conv2d(hidden, cout, 1, bias=False),
            nn.BatchNorm2d(cout),
        )
        self.shortcut = stride == 1 and cin == cout

    def forward(self, x):
        return x + self.body(x) if self.shortcut else self.body(x)


def describe(block):
    print("block", block)
'''
_HEADS = '''\
"""Heads."""

from torch import nn

CLASSES = 10


class Classifier(nn.Module):
    def __init__(self, cin, classes=CLASSES):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(cin, classes)

    def forward(self, x):
        return self.fc(self.pool(x).flatten(1))
'''
_PLAIN = '''\
"""A net of its own."""

from torch import nn

WIDTH = {width}
# advisor: input=(1, 3, 32, 32)


class Plain{n}(nn.Module):
    """Three layers and a head."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, WIDTH, 3, stride=2, padding=1)
        self.act = nn.ReLU()
        self.body = nn.Sequential(
            nn.Conv2d(WIDTH, WIDTH, 3, padding=1),
            nn.BatchNorm2d(WIDTH),
            nn.SiLU(),
        )
        self.head = nn.Conv2d(WIDTH, 10, 1)

    def forward(self, x):
        return self.head(self.body(self.act(self.stem(x))))


def train(model, epochs=3):
    for epoch in range(epochs):
        print("epoch", epoch, model)


if __name__ == "__main__":
    train(Plain{n}())
'''
_TABLE = '''\
"""A net built from a table."""

from torch import nn

from nets.blocks import ConvBN, Inverted
from nets.heads import Classifier
from nets.widths import STAGES, STEM

EXTRA = {width}


class Table{n}(nn.Module):
    def __init__(self, stages=STAGES):
        super().__init__()
        layers = [ConvBN(3, STEM, stride=2)]
        cin = STEM
        for expand, cout, repeats, stride in stages:
            for i in range(min(repeats, 3)):
                layers.append(Inverted(cin, cout, expand, stride if i == 0 else 1))
                cin = cout
        layers.append(ConvBN(cin, EXTRA, 1))
        self.features = nn.Sequential(*layers)
        self.head = Classifier(EXTRA)

    def forward(self, x):
        return self.head(self.features(x))
'''
_RESIDUAL = '''\
"""Residual blocks, größer als nötig: 😀."""

import torch
from torch import nn

from .blocks import ConvBN

WIDTHS = [{width}, 32]


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first = ConvBN(width, width)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x):
        return torch.relu(x + self.second(self.first(x)))


class Residual{n}(nn.Module):
    def __init__(self, width=WIDTHS[0]):
        super().__init__()
        self.stem = ConvBN(3, width, stride=2)
        self.blocks = nn.Sequential(Block(width), Block(width))
        self.out = nn.Conv2d(width, WIDTHS[1], 1)

    def forward(self, x):
        return self.out(self.blocks(self.stem(x)))


def small():
    return Residual{n}(8)
'''
_MIXED = '''\
"""A perceptron beside a convolution, and functions that make them."""

from torch import nn

from nets.acts import act
from nets.heads import Classifier

HIDDEN = {width}


# advisor: input=(1, 64)
class Perceptron{n}(nn.Module):
    def __init__(self, inputs=64):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(inputs, HIDDEN),
            nn.GELU(),
            nn.Dropout(0.1),
            nn.Linear(HIDDEN, 10),
        )

    def forward(self, x):
        return self.layers(x)


def pyramid{n}():
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, stride=2, padding=1),
        act(),
        nn.Conv2d(16, 40, 3, stride=2, padding=1),
        act("silu"),
        Classifier(40),
    )
'''
_ODD = (17, 24, 33, 48)
_MODELS = {"plain": _PLAIN, "table": _TABLE, "residual": _RESIDUAL, "mixed": _MIXED}

FILES: dict[str, str] = {
    "nets/blocks.py": _BLOCKS,
    "nets/widths.py": _WIDTHS,
    "nets/heads.py": _HEADS,
    "nets/acts.py": _ACTS,
    **{
        f"nets/{name}_{n}.py": text.replace("{n}", str(n)).replace("{width}", str(width))
        for n, width in enumerate(_ODD)
        for name, text in _MODELS.items()
    },
}
"""Twenty texts by their paths in the project."""

FEW = {name: FILES[name] for name in ("nets/acts.py", "nets/blocks.py", "nets/plain_0.py", "nets/residual_0.py")}
"""Four of them that need no other."""
