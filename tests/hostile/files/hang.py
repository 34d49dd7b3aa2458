"""Never returns from its import, and ignores SIGTERM."""

import signal

from torch import nn

signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    pass


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 60, 3)

    def forward(self, x):
        return self.conv(x)
