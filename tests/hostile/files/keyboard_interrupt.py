"""Raises KeyboardInterrupt at import."""

from torch import nn

raise KeyboardInterrupt


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(64, 64)

    def forward(self, x):
        return self.head(x)
