"""Hangs in an exit hook. Its model has one wasted bias."""

import atexit
import time

from torch import nn

atexit.register(time.sleep, 1e6)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(16, 16, 3)
        self.norm = nn.BatchNorm2d(16)

    def forward(self, x):
        return self.norm(self.conv(x))
