"""An EfficientNet whose stages are written as strings, decoded with regular expressions: a model to time."""

from __future__ import annotations

import math
import re

import torch
from torch import nn

STAGES = [
    "ds_r1_k3_s1_e1_c16_se0.25",
    "ir_r2_k3_s2_e6_c24_se0.25",
    "ir_r2_k5_s2_e6_c40_se0.25",
    "ir_r3_k3_s2_e6_c80_se0.25",
    "ir_r3_k5_s1_e6_c112_se0.25",
    "ir_r4_k5_s2_e6_c192_se0.25",
    "ir_r1_k3_s1_e6_c320_se0.25",
]


def round_channels(channels: float, multiplier: float = 1.0, divisor: int = 8) -> int:
    channels = channels * multiplier
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def decode(stage: str, depth_multiplier: float = 1.0) -> list[dict[str, float]]:
    kind, *parts = stage.split("_")
    options = {}
    for part in parts:
        split = re.split(r"(\d.*)", part)
        if len(split) >= 2:
            key, value = split[:2]
            options[key] = value
    block = {
        "kernel": int(options["k"]),
        "stride": int(options["s"]),
        "expand": float(options["e"]) if kind == "ir" else 1.0,
        "channels": int(options["c"]),
        "ratio": float(options["se"]),
    }
    repeats = math.ceil(int(options["r"]) * depth_multiplier)
    return [block, *({**block, "stride": 1} for _ in range(1, repeats))]


class SqueezeExcite(nn.Module):
    def __init__(self, channels: int, reduced: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, reduced, 1)
        self.act = nn.SiLU(inplace=True)
        self.expand = nn.Conv2d(reduced, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.expand(self.act(self.reduce(x.mean((2, 3), keepdim=True)))).sigmoid()


class Block(nn.Module):
    def __init__(self, inputs: int, block: dict[str, float]) -> None:
        super().__init__()
        outputs = round_channels(block["channels"])
        hidden = round_channels(inputs * block["expand"])
        kernel, stride = int(block["kernel"]), int(block["stride"])
        self.residual = stride == 1 and inputs == outputs
        layers = []
        if hidden != inputs:
            layers += [nn.Conv2d(inputs, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.SiLU(inplace=True)]
        layers += [
            nn.Conv2d(hidden, hidden, kernel, stride, kernel // 2, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            nn.SiLU(inplace=True),
            SqueezeExcite(hidden, max(1, int(inputs * block["ratio"]))),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        ]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x) if self.residual else self.layers(x)


class BlockStrings(nn.Module):
    def __init__(self, classes: int = 1000, width: float = 1.0) -> None:
        super().__init__()
        channels = round_channels(32, width)
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels), nn.SiLU())
        blocks = []
        for stage in STAGES:
            for block in decode(stage):
                blocks.append(Block(channels, block))
                channels = round_channels(block["channels"])
        self.blocks = nn.Sequential(*blocks)
        last = round_channels(1280, width)
        self.head = nn.Sequential(nn.Conv2d(channels, last, 1, bias=False), nn.BatchNorm2d(last), nn.SiLU())
        self.classifier = nn.Linear(last, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.head(self.blocks(self.stem(x))).mean((2, 3)))
