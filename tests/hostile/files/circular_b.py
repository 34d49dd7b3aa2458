"""Imports a file that imports this one."""

from circular_a import DEPTH

from torch import nn

WIDTH = 60


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(64, 64)

    def forward(self, x):
        return self.head(x)
