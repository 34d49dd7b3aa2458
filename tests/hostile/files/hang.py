"""Never returns from its import, and ignores SIGTERM."""

import signal

from torch import nn

signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    pass


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(64, 64)

    def forward(self, x):
        return self.head(x)
