"""Leaves at import, as a script without a main guard does."""

import sys

from torch import nn

sys.exit("usage: train.py DATA")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 60, 3)

    def forward(self, x):
        return self.conv(x)
