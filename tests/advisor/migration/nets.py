"""Small networks as functions of their widths: migrated weights are held against networks built with other numbers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def _norm(width: int) -> nn.Module:
    return nn.BatchNorm2d(width)


class Residual(nn.Module):
    def __init__(self, trunk: int = 8, middle: int = 6) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, trunk, 3, padding=1)
        self.a, self.na = nn.Conv2d(trunk, middle, 3, padding=1, bias=False), _norm(middle)
        self.b, self.nb = nn.Conv2d(middle, trunk, 3, padding=1, bias=False), _norm(trunk)
        self.head = nn.Linear(trunk, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = torch.sigmoid(x + self.nb(self.b(torch.relu(self.na(self.a(x))))))
        return self.head(x.mean((2, 3)))


class Concat(nn.Module):
    """Two branches joined, one depthwise, and joined again with a skip: offsets in between."""

    def __init__(self, left: int = 6, right: int = 4) -> None:
        super().__init__()
        self.left = nn.Conv2d(3, left, 1)
        self.right = nn.Conv2d(3, right, 1)
        self.each = nn.Conv2d(left + right, left + right, 3, padding=1, groups=left + right)
        self.norm = _norm(left + right)
        self.mix = nn.Conv2d(2 * left + right, 7, 1)

    def forward(self, x: Tensor) -> Tensor:
        left = F.softplus(self.left(x))
        y = self.norm(self.each(torch.cat([left, self.right(x)], 1)))
        return self.mix(torch.cat([y, left], 1)).mean((2, 3))


class Grouped(nn.Module):
    """A grouped convolution, halves of its channels added, flattened into a linear layer."""

    def __init__(self, width: int = 8, groups: int = 2) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 1)
        self.grouped = nn.Conv2d(width, width, 3, padding=1, groups=groups)
        self.head = nn.Linear(width // 2 * 16, 5)

    def forward(self, x: Tensor) -> Tensor:
        a, b = torch.relu(self.grouped(F.adaptive_avg_pool2d(self.stem(x), 4))).chunk(2, 1)
        return self.head((a + b).flatten(1))


class Gated(nn.Module):
    """Squeeze and excite, a transposed convolution and a pixel shuffle."""

    def __init__(self, width: int = 8, squeezed: int = 4, up: int = 4) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.reduce, self.expand = nn.Conv2d(width, squeezed, 1), nn.Conv2d(squeezed, width, 1)
        self.up = nn.ConvTranspose2d(width, up, 2, stride=2)
        self.before = nn.Conv2d(up, 4 * up, 1)
        self.out = nn.Conv2d(up, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = x * torch.sigmoid(self.expand(torch.relu(self.reduce(x.mean((2, 3), keepdim=True)))))
        return self.out(F.pixel_shuffle(self.before(self.up(x)), 2)).mean((2, 3))


class Multiplied(nn.Module):
    """A depthwise convolution with two filters a channel."""

    def __init__(self, width: int = 6) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 1)
        self.each = nn.Conv2d(width, 2 * width, 3, padding=1, groups=width)
        self.out = nn.Conv2d(2 * width, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(torch.tanh(self.each(self.stem(x)))).mean((2, 3))


class Tokens(nn.Module):
    """A transformer block over patches with a token and positions; ``norm`` is applied before attention and head."""

    def __init__(self, width: int = 8, head: int = 4, hidden: int = 12, heads: int = 2, norm: bool = False) -> None:
        super().__init__()
        self.heads, self.head_width = heads, head
        self.patches = nn.Conv2d(3, width, 8, 8)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.positions = nn.Parameter(torch.randn(1, 17, width))
        self.norm = nn.LayerNorm(width) if norm else nn.Identity()
        self.query, self.key, self.value = (nn.Linear(width, heads * head) for _ in range(3))
        self.project = nn.Linear(heads * head, width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.classes = nn.Linear(width, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.positions
        y = self.norm(x)
        q, k, v = (
            f(y).reshape(*x.shape[:2], self.heads, self.head_width).transpose(1, 2)
            for f in (self.query, self.key, self.value)
        )
        weights = (q @ k.transpose(-2, -1) * 0.5).softmax(-1)
        x = x + self.project((weights @ v).transpose(1, 2).flatten(2))
        x = x + self.down(F.gelu(self.up(self.norm(x))))
        return self.classes(x[:, 0])


class Fused(nn.Module):
    """Attention whose queries, keys and values are one layer; torch divides by the square root of a head's width, or
    the forward does (``own``)."""

    def __init__(self, head: int = 4, heads: int = 2, own: bool = False, split: bool = False) -> None:
        super().__init__()
        self.heads, self.head_width, self.own, self.split = heads, head, own, split
        self.embed = nn.Linear(12, 8)
        self.qkv = nn.Linear(8, 3 * heads * head)
        self.project = nn.Linear(heads * head, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x.flatten(2).transpose(1, 2).reshape(x.shape[0], -1, 12))
        shape = (*x.shape[:2], self.heads, self.head_width)
        if self.split:
            q, k, v = (part.reshape(shape).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        else:
            q, k, v = self.qkv(x).reshape(*x.shape[:2], 3, self.heads, self.head_width).permute(2, 0, 3, 1, 4).unbind(0)
        if self.own:
            x = ((q * self.head_width**-0.5) @ k.transpose(-2, -1)).softmax(-1) @ v
        else:
            x = F.scaled_dot_product_attention(q, k, v)
        return self.project(x.transpose(1, 2).flatten(2)).mean(1)


class Recurrent(nn.Module):
    def __init__(self, width: int = 6, hidden: int = 5) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, width)
        self.rnn = nn.LSTM(width, hidden, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * hidden, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.rnn(self.embed(x))[0]).mean(1)


class Tied(nn.Module):
    """The embedding's weight is the head's too."""

    def __init__(self, width: int = 6) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, width)
        self.mix = nn.Linear(width, width)
        self.head = nn.Linear(width, 11, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.mix(self.embed(x)))).mean(1)


class Normed(nn.Module):
    """A normalisation over groups of channels."""

    def __init__(self, width: int = 8, groups: int = 2) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.norm = nn.GroupNorm(groups, width)
        self.out = nn.Conv2d(width, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(torch.relu(self.norm(self.stem(x)))).mean((2, 3))


class Attended(nn.Module):
    """Attention over channels: mean and largest of all channels."""

    def __init__(self, width: int = 6) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.gate = nn.Conv2d(2, 1, 3, padding=1)
        self.out = nn.Conv2d(width, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        seen = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)
        return self.out(x * torch.sigmoid(self.gate(seen))).mean((2, 3))


IMAGE = (2, 3, 32, 32)


def settled(model: nn.Module, seed: int = 0) -> nn.Module:
    """``model`` in eval mode with random norms."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm)):
            for tensor in (*module.parameters(recurse=False), *module.buffers(recurse=False)):
                if tensor.is_floating_point():
                    tensor.data = torch.rand(tensor.shape, generator=generator) + 0.5
    return model.eval()
