"""Leaves at import, as a script without a main guard does."""

import sys

from torch import nn

sys.exit("usage: train.py DATA")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(64, 64)

    def forward(self, x):
        return self.head(x)
