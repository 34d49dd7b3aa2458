"""Closes every descriptor, also those it did not open."""

import os

from torch import nn

os.closerange(3, 65536)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(64, 64)

    def forward(self, x):
        return self.head(x)
