"""A vision transformer configured as in model libraries: dataclasses, partial functions, a table of variants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F


@dataclass
class Variant:
    embed_dim: int = 384
    depth: int = 12
    num_heads: int = 6
    mlp_ratio: float = 4.0
    patch_size: int = 16
    drop_rate: float = 0.1


VARIANTS = {
    "tiny": Variant(embed_dim=192, num_heads=3),
    "small": Variant(),
    "base": Variant(embed_dim=768, num_heads=12),
}


class Mlp(nn.Module):
    def __init__(self, features: int, hidden: int, drop: float, act: Callable[[], nn.Module] = nn.GELU) -> None:
        super().__init__()
        self.fc1 = nn.Linear(features, hidden)
        self.act = act()
        self.drop = nn.Dropout(drop)
        self.fc2 = nn.Linear(hidden, features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2(self.drop(self.act(self.fc1(x))))


class Attention(nn.Module):
    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.head_dim = dim // num_heads
        self.qkv = nn.Linear(dim, dim * 3)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4).unbind(0)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, c))


class Layer(nn.Module):
    def __init__(self, variant: Variant, norm: Callable[[int], nn.Module], drop: float) -> None:
        super().__init__()
        dim = variant.embed_dim
        self.norm1 = norm(dim)
        self.attn = Attention(dim, variant.num_heads)
        self.norm2 = norm(dim)
        self.mlp = Mlp(dim, int(dim * variant.mlp_ratio), drop)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class VisionTransformer(nn.Module):
    def __init__(self, name: str = "small", image: int = 224, classes: int = 1000) -> None:
        super().__init__()
        variant = VARIANTS[name]
        dim = variant.embed_dim
        norm = partial(nn.LayerNorm, eps=1e-6)
        self.embed = nn.Conv2d(3, dim, variant.patch_size, variant.patch_size)
        self.position = nn.Parameter(torch.zeros(1, (image // variant.patch_size) ** 2, dim))
        rates = [variant.drop_rate * i / (variant.depth - 1) for i in range(variant.depth)]
        self.layers = nn.Sequential(*(Layer(variant, norm, rate) for rate in rates))
        self.norm = norm(dim)
        self.head = nn.Linear(dim, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.embed(x).flatten(2).transpose(1, 2) + self.position
        return self.head(self.norm(self.layers(x)).mean(1))
