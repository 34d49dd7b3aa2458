"""A model that takes memory for ever when it is built."""

from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.held = []
        while True:
            self.held.append(b"x" * (16 << 20))

    def forward(self, x):
        return x
