"""Starts a thread that never ends."""

import threading
import time

from torch import nn

threading.Thread(target=time.sleep, args=(1e6,)).start()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 60, 3)

    def forward(self, x):
        return self.conv(x)
