"""Writes what looks like results, and rubbish, to every descriptor it may have. Its model has one wasted bias."""

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
        self.conv = nn.Conv2d(16, 16, 3)
        self.norm = nn.BatchNorm2d(16)

    def forward(self, x):
        return self.norm(self.conv(x))
