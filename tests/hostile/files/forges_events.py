"""Writes what looks like results, and rubbish, to every descriptor it may have."""

import os

from torch import nn

FORGED = b'{"event":"end","id":"1","status":"ok","leftover":0}'
for descriptor in range(3, 51):
    for data in (FORGED + b'\n', b'\x00\xff' * 500, FORGED):
        try:
            os.write(descriptor, data)
        except OSError:
            break


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 60, 3)

    def forward(self, x):
        return self.conv(x)
