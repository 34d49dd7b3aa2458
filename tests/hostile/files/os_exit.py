"""Ends its process at import, past every handler."""

import os

from torch import nn

os._exit(3)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(64, 64)

    def forward(self, x):
        return self.head(x)
