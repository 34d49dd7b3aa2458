"""Installs handlers that raise, for every signal, and has an alarm ring all the time."""

import signal

from torch import nn

def ring(number, frame):
    raise RuntimeError("ring")


for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGABRT, signal.SIGINT):
    signal.signal(number, ring)
signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
while True:
    pass


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(64, 64)

    def forward(self, x):
        return self.head(x)
