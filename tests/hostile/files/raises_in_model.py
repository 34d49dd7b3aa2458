"""A model whose constructor ends the program."""

import sys

from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        sys.exit(0)

    def forward(self, x):
        return x
