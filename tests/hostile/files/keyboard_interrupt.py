"""Raises KeyboardInterrupt at import."""

from torch import nn

raise KeyboardInterrupt


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 60, 3)

    def forward(self, x):
        return self.conv(x)
