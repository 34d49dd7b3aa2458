"""Imports a file that imports this one."""

from circular_b import WIDTH

from torch import nn

DEPTH = 2


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(64, 64)

    def forward(self, x):
        return self.head(x)
