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
        self.head = nn.Linear(64, 64)

    def forward(self, x):
        return self.head(x)
