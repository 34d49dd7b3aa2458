"""A small network trained on scikit-learn's digits, narrowed and trained on: what selection by importance keeps."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from advisor import migrate_state_dict

EPOCHS = 12
TRAINED = 1347
BATCH = 32


class Net(nn.Module):
    """Four convolutions, one of them depthwise, with norms, a residual addition and a concatenation."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.wide = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.each = nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.mix = nn.Sequential(nn.Conv2d(2 * width, 2 * width, 1), nn.BatchNorm2d(2 * width), nn.ReLU())
        self.head = nn.Linear(2 * width * 4, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = x + self.wide(x)
        x = torch.cat([x, torch.relu(self.norm(self.each(x)))], 1)
        x = F.max_pool2d(self.mix(F.max_pool2d(x, 2)), 2)
        return self.head(x.flatten(1))


@dataclass(frozen=True)
class Narrowed:
    """Accuracies in percent."""

    width: str
    before: float
    narrowed: float
    trained: float
    random: float
    random_trained: float


def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images and labels, for training and for testing."""
    from sklearn.datasets import load_digits

    data = load_digits()
    order = torch.randperm(len(data.target), generator=torch.Generator().manual_seed(0))
    x = (torch.tensor(data.images, dtype=torch.float32)[:, None] / 16)[order]
    y = torch.tensor(data.target)[order]
    return x[:TRAINED], y[:TRAINED], x[TRAINED:], y[TRAINED:]


def train(model: nn.Module, x: Tensor, y: Tensor, epochs: int, seed: int, rate: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(model.parameters(), rate)
    model.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(x), generator=generator).split(BATCH):
            optimiser.zero_grad()
            F.cross_entropy(model(x[batch]), y[batch]).backward()
            optimiser.step()
    model.eval()


def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    with torch.no_grad():
        return 100 * float((model(x).argmax(1) == y).float().mean())


def narrowed(wide: int = 32, narrow: tuple[int, ...] = (24, 16), seed: int = 0) -> list[Narrowed]:
    """The trained network at each narrower width."""
    x, y, test_x, test_y = digits()
    torch.manual_seed(seed)
    model = Net(wide)
    train(model, x, y, EPOCHS, seed, 2e-3)
    before = accuracy(model, test_x, test_y)
    out = []
    for width in narrow:
        results: list[float] = []
        for shuffled in (False, True):
            torch.manual_seed(seed + 1)
            new = Net(width).eval()
            state = migrate_state_dict(model.state_dict(), model, new, (1, 1, 8, 8)).state
            if shuffled:
                state = _at_random(model, wide, width)
            new.load_state_dict(state)
            results.append(accuracy(new, test_x, test_y))
            train(new, x, y, 1, seed, 1e-3)
            results.append(accuracy(new, test_x, test_y))
        out.append(Narrowed(f"{wide} → {width}", before, *results))
    return out


def _at_random(model: nn.Module, wide: int, width: int) -> dict[str, Tensor]:
    """The state dict with channels chosen at random, the same ones wherever they are tied."""
    generator = torch.Generator().manual_seed(7)
    kept = torch.randperm(wide, generator=generator)[:width].sort().values
    both = torch.randperm(2 * wide, generator=generator)[: 2 * width].sort().values
    doubled = torch.cat([kept, kept + wide])
    flat = (both[:, None] * 4 + torch.arange(4)).flatten()
    state: dict[str, Tensor] = {}
    for name, value in model.state_dict().items():
        if name.startswith("mix"):
            value = value[both] if value.dim() else value
            value = value[:, doubled] if value.dim() > 1 else value
        elif name == "head.weight":
            value = value[:, flat]
        elif not name.startswith("head") and value.dim():
            value = value[kept]
            value = value[:, kept] if name == "wide.0.weight" else value
        state[name] = value
    return state
