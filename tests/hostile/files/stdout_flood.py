"""Prints a great deal, with and without newlines, on both streams, around a sound model. Its model has one wasted bias."""

import os

from torch import nn

for _ in range(64):
    os.write(1, b"rubbish" * (1 << 17))
    os.write(2, b"more rubbish\n" * (1 << 16))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(16, 16, 3)
        self.norm = nn.BatchNorm2d(16)

    def forward(self, x):
        return self.norm(self.conv(x))
