"""Models with a fault planted in each, and the same models without: what ZST701 has to find, and has to leave alone.

A case is a factory of the model, faulty or sound, its input, and the path of a layer that the finding must name.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F


class Planted(NamedTuple):
    name: str
    fault: str
    build: Callable[[bool], nn.Module]
    """Takes whether the fault is in it."""
    input: tuple[int, ...]
    layer: str
    """Part of the name of a layer that the finding must be about."""


def conv(inner: int, outer: int, kernel: int = 3, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(inner, outer, kernel, stride, kernel // 2, bias=bias)


class Block(nn.Module):
    """A residual block, with what its branch is passed through."""

    def __init__(self, width: int, through: Callable[[torch.Tensor], torch.Tensor] = lambda x: x) -> None:
        super().__init__()
        self.conv1, self.norm1 = conv(width, width, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.norm2 = conv(width, width, bias=False), nn.BatchNorm2d(width)
        self.through = through

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x + self.through(self.norm2(self.conv2(self.norm1(self.conv1(x)).relu())))).relu()


class ResNet(nn.Module):
    def __init__(self, blocks: list[nn.Module], width: int = 32) -> None:
        super().__init__()
        self.stem, self.norm = conv(3, width, 3, 2, bias=False), nn.BatchNorm2d(width)
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.norm(self.stem(x)).relu()).mean((2, 3)))


def residual(change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[bool], nn.Module]:
    """A residual network of which one branch goes through ``change`` where it is faulty."""
    return lambda faulty: ResNet([Block(32), Block(32, change if faulty else lambda x: x), Block(32)])


class Plain(nn.Module):
    """Convolutions in a row, with an activation, perhaps normalised, perhaps initialised with a gain."""

    def __init__(
        self, depth: int, act: Callable[[torch.Tensor], torch.Tensor], norm: bool, gain: float | None = None
    ) -> None:
        super().__init__()
        self.convs = nn.ModuleList(conv(3 if i == 0 else 32, 32) for i in range(depth))
        self.norms = nn.ModuleList(nn.BatchNorm2d(32) if norm else nn.Identity() for _ in range(depth))
        self.head = nn.Linear(32, 10)
        self.act = act
        self.gain = gain

    def _init_weights(self, module: nn.Module) -> None:
        if self.gain is not None and isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, 0, self.gain / (32 * 9) ** 0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer, norm in zip(self.convs, self.norms, strict=True):
            x = self.act(norm(layer(x)))
        return self.head(x.mean((2, 3)))


def chain(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(10))


def ready(model: nn.Module, *shape: int) -> nn.Module:
    """``model`` with its lazy layers made."""
    with torch.no_grad():
        model.eval()(torch.zeros(shape))
    return model


class Unused(nn.Module):
    """Two paths, of which one's result is forgotten."""

    def __init__(self, faulty: bool) -> None:
        super().__init__()
        self.faulty = faulty
        self.left, self.right, self.last = conv(3, 32), conv(3, 32), conv(32, 16)
        self.head = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        left, right = self.left(x).relu(), self.right(x).relu()
        both = left + left if self.faulty else left + right
        return self.head(self.last(both).relu().mean((2, 3)))


class Overwritten(nn.Module):
    """A layer whose result is overwritten by the next line."""

    def __init__(self, faulty: bool) -> None:
        super().__init__()
        self.faulty = faulty
        self.a, self.b, self.c, self.d = conv(3, 16), conv(16, 16), conv(16, 16), conv(16, 16)
        self.head = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.a(x).relu()
        y = self.b(x).relu()
        y = self.c(x if self.faulty else y).relu()
        return self.head(self.d(y).relu().mean((2, 3)))


class Gate(nn.Module):
    """Attention over channels."""

    def __init__(self, faulty: bool, fault: str) -> None:
        super().__init__()
        self.fault = fault if faulty else ""
        self.a, self.b = conv(3, 32, 3, 2), conv(32, 32)
        self.reduce, self.expand = nn.Linear(32, 8), nn.Linear(8, 32)
        self.head = nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.b(self.a(x).relu()).relu()
        gate = self.expand(self.reduce(x.mean((2, 3))).relu())
        gate = torch.sigmoid(gate.relu() if self.fault == "clipped" else gate)
        if self.fault == "round":
            gate = gate.round()
        if self.fault == "argmax":
            gate = F.one_hot(gate.argmax(1), 32).float()
        return self.head((x * gate[:, :, None, None]).mean((2, 3)))


class Mlp(nn.Module):
    def __init__(self, widths: tuple[int, ...], act: Callable[[torch.Tensor], torch.Tensor], skip: int = -1) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))
        self.act, self.skip = act, skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        last = len(self.layers) - 1
        for i, layer in enumerate(self.layers):
            x = layer(x)
            if i not in (last, self.skip):
                x = self.act(x)
        return x


class Cut(nn.Module):
    """An encoder and a classifier; the classifier's view of the encoder is cut, or is not."""

    def __init__(self, faulty: bool, cut: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.cut = cut if faulty else lambda x: x
        self.encode = nn.Sequential(conv(3, 16, 3, 2), nn.ReLU())
        self.classify = nn.Sequential(conv(16, 32), nn.ReLU(), conv(32, 32), nn.ReLU())
        self.head = nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.classify(self.cut(self.encode(x))).mean((2, 3)))


class Shifted(nn.Module):
    """ReLUs that a constant holds below zero."""

    def __init__(self, faulty: bool) -> None:
        super().__init__()
        self.shift = 1000.0 if faulty else 0.0
        self.a, self.b, self.c = conv(3, 16), conv(16, 16), conv(16, 16)
        self.skip, self.head = conv(3, 16, 1), nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.c((self.b(self.a(x).relu()) - self.shift).relu())
        return self.head((self.skip(x) + y).relu().mean((2, 3)))


def bottleneck(width: int) -> nn.Module:
    return ready(
        chain(
            conv(3, 32),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            conv(32, width),
            nn.ReLU(),
            conv(width, 32),
            nn.BatchNorm2d(32),
            nn.ReLU(),
        ),
        *(1, 3, 32, 32),
    )


def double(between: list[nn.Module], width: int = 32) -> nn.Module:
    return ready(chain(conv(3, 16), nn.ReLU(), conv(16, width), *between, conv(width, 32), nn.ReLU()), 1, 3, 32, 32)


IMAGE = (1, 3, 32, 32)

PLANTED = [
    Planted("branch-times-0", "a branch is multiplied by 0", residual(lambda x: x * 0), IMAGE, "blocks.1.conv2"),
    Planted("branch-times-0.0", "a branch is multiplied by 0.0", residual(lambda x: 0.0 * x), IMAGE, "blocks.1.conv2"),
    Planted(
        "branch-times-zeros",
        "by a tensor of zeros",
        residual(lambda x: x * torch.zeros_like(x)),
        IMAGE,
        "blocks.1.conv2",
    ),
    Planted("branch-detached", "a branch is detached", residual(lambda x: x.detach()), IMAGE, "blocks.1.conv2"),
    Planted("branch-rounded", "a branch is rounded", residual(torch.round), IMAGE, "blocks.1.conv2"),
    Planted("branch-sign", "only a branch's signs are added", residual(torch.sign), IMAGE, "blocks.1.conv2"),
    Planted(
        "branch-clamped",
        "a branch is clamped to nothing",
        residual(lambda x: x.clamp(5e4, 6e4)),
        IMAGE,
        "blocks.1.conv2",
    ),
    Planted(
        "branch-data", "a branch is taken out of autograd by .data", residual(lambda x: x.data), IMAGE, "blocks.1.conv2"
    ),
    Planted("unused", "a path's result is never read", Unused, IMAGE, "right"),
    Planted("overwritten", "a layer's result is overwritten", Overwritten, IMAGE, "b"),
    Planted("encoder-detached", "the encoder is detached", lambda f: Cut(f, lambda x: x.detach()), IMAGE, "encode.0"),
    Planted(
        "encoder-integers", "features become integers", lambda f: Cut(f, lambda x: x.long().float()), IMAGE, "encode.0"
    ),
    Planted("gate-rounded", "a gate is rounded", lambda f: Gate(f, "round"), IMAGE, "expand"),
    Planted("gate-argmax", "a gate is an argmax", lambda f: Gate(f, "argmax"), IMAGE, "expand"),
    Planted("gate-clipped", "a ReLU in front of a sigmoid", lambda f: Gate(f, "clipped"), IMAGE, "relu"),
    Planted("relu-dead", "a ReLU that never opens", Shifted, IMAGE, "b"),
    Planted(
        "softmax-twice",
        "a softmax of a softmax",
        lambda f: nn.Sequential(Mlp((64, 64, 10), F.relu), nn.Softmax(1), *([nn.Softmax(1)] if f else [])),
        (4, 64),
        "1",
    ),
    Planted(
        "relu-softmax",
        "a ReLU in front of a softmax",
        lambda f: nn.Sequential(Mlp((64, 64, 10), F.relu), *([nn.ReLU()] if f else []), nn.Softmax(1)),
        (4, 64),
        "1",
    ),
    Planted("no-relu-conv", "a forgotten activation", lambda f: double([] if f else [nn.ReLU()]), IMAGE, "2"),
    Planted(
        "no-relu-norm",
        "a forgotten activation behind a norm",
        lambda f: double([nn.BatchNorm2d(32), *([] if f else [nn.ReLU()])]),
        IMAGE,
        "2",
    ),
    Planted(
        "no-relu-mlp",
        "a forgotten activation between linear layers",
        lambda f: Mlp((64, 128, 128, 10), F.relu, 1 if f else -1),
        (4, 64),
        "layers.1",
    ),
    Planted(
        "dropout-only",
        "a dropout where the activation was",
        lambda f: double([nn.Dropout(0.5), *([] if f else [nn.ReLU()])]),
        IMAGE,
        "2",
    ),
    Planted("one-channel", "a bottleneck of one channel", lambda f: bottleneck(1 if f else 24), IMAGE, "3"),
    Planted("two-channels", "a bottleneck of two channels", lambda f: bottleneck(2 if f else 24), IMAGE, "3"),
    Planted(
        "deep-plain", "30 convolutions without normalisation", lambda f: Plain(30, F.relu, norm=not f), IMAGE, "convs"
    ),
    Planted(
        "deep-sigmoid",
        "20 sigmoids in a row",
        lambda f: Plain(20, torch.sigmoid if f else F.relu, norm=not f),
        IMAGE,
        "convs",
    ),
    Planted(
        "deep-tanh-small",
        "tanh with small weights",
        lambda f: Plain(24, torch.tanh, norm=False, gain=0.3 if f else 1.1),
        IMAGE,
        "convs",
    ),
    Planted(
        "deep-large",
        "weights that are too large",
        lambda f: Plain(24, F.relu, norm=False, gain=6.0 if f else 2**0.5),
        IMAGE,
        "convs",
    ),
    Planted(
        "deep-mlp",
        "a deep MLP of the default initialisation",
        lambda f: Mlp((64, *[128] * (24 if f else 3), 10), F.relu),
        (4, 64),
        "layers",
    ),
]
