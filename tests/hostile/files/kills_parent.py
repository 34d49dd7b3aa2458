"""Kills its parent, then its own process group.

It does not try ``kill(-1)``: on a system that offers no containment that would end every process of the person who
runs the tests.
"""

import os
import signal

from torch import nn

try:
    os.kill(os.getppid(), signal.SIGKILL)
finally:
    os.killpg(0, signal.SIGKILL)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 60, 3)

    def forward(self, x):
        return self.conv(x)
