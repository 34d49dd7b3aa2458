"""The networks of NAS-Bench-Macro, built anew from its description (Su et al., Prioritized Architecture Sampling with
Monte-Carlo Tree Search, CVPR 2021, arXiv 2103.11922; github.com/xiusu/NAS-Bench-Macro, Apache-2.0).

A code of eight digits says for each layer whether it is an identity (0), an inverted bottleneck of expansion 3 and
kernel 3 (1), or of expansion 6 and kernel 5 (2).
"""

from __future__ import annotations

import torch
from torch import nn

LAYERS = (
    (32, 64, 2),
    (64, 64, 1),
    (64, 128, 2),
    (128, 128, 1),
    (128, 128, 1),
    (128, 256, 2),
    (256, 256, 1),
    (256, 256, 1),
)
"""Channels in and out, and stride, of the eight layers."""
KINDS = {"1": (3, 3), "2": (6, 5)}
"""Expansion and kernel."""
RESOLUTION = 32


def conv(inner: int, outer: int, kernel: int, stride: int = 1, groups: int = 1, act: bool = True) -> nn.Sequential:
    layers = [nn.Conv2d(inner, outer, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(outer)]
    return nn.Sequential(*layers, nn.ReLU6(inplace=True)) if act else nn.Sequential(*layers)


class InvertedResidual(nn.Module):
    def __init__(self, inner: int, outer: int, stride: int, expansion: int, kernel: int) -> None:
        super().__init__()
        middle = inner * expansion
        self.layers = nn.Sequential(
            conv(inner, middle, 1), conv(middle, middle, kernel, stride, middle), conv(middle, outer, 1, act=False)
        )
        self.residual = stride == 1 and inner == outer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x) if self.residual else self.layers(x)


class Network(nn.Module):
    """The network of ``code``."""

    def __init__(self, code: str, classes: int = 10) -> None:
        super().__init__()
        self.stem = conv(3, 32, 3)
        self.layers = nn.Sequential(*(self._layer(c, *sizes) for c, sizes in zip(code, LAYERS, strict=True)))
        self.head = conv(256, 1280, 1)
        self.classifier = nn.Linear(1280, classes)

    @staticmethod
    def _layer(kind: str, inner: int, outer: int, stride: int) -> nn.Module:
        if kind != "0":
            return InvertedResidual(inner, outer, stride, *KINDS[kind])
        return nn.Identity() if inner == outer and stride == 1 else conv(inner, outer, 1, stride, act=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.head(self.layers(self.stem(x))).mean((2, 3)))
