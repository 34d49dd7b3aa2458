"""Starts a thread that never ends. Its model has one wasted bias."""

import threading
import time

from torch import nn

threading.Thread(target=time.sleep, args=(1e6,)).start()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(16, 16, 3)
        self.norm = nn.BatchNorm2d(16)

    def forward(self, x):
        return self.norm(self.conv(x))
