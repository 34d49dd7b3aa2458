"""A model that contains itself."""

from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Net()

    def forward(self, x):
        return x
