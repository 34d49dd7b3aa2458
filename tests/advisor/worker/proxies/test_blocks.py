from __future__ import annotations

import pytest
import torch
from torch import nn

from advisor.worker.proxies.blocks import blocks
from advisor.worker.proxies.rig import Inputs, Unscorable

from .networks import Net, Residual, images, made


def test_blocks_are_the_stem_with_its_norm_and_each_residual_block_but_not_the_head():
    assert blocks(made(Net, 8, 3), images()) == [("stem", "norm", "act"), ("blocks.0",), ("blocks.1",), ("blocks.2",)]


def test_a_plain_networks_layers_are_grouped_with_what_follows_them():
    layers = nn.Sequential(
        *(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.LazyLinear(5)),
    )
    layers(images().args[0])
    assert blocks(layers, images()) == [("0", "1", "2"), ("3", "4", "5")]


def test_one_residual_block_makes_its_class_blocks_everywhere():
    class Block(nn.Module):
        def __init__(self, inner: int, outer: int) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.Conv2d(inner, 16, 1), nn.ReLU(), nn.Conv2d(16, outer, 1))
            self.residual = inner == outer

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.layers(x) if self.residual else self.layers(x)

    model = nn.Sequential(nn.Sequential(Block(3, 8), Block(8, 8)))
    assert blocks(model, images()) == [("0.0",), ("0.1",)]


def test_an_identity_in_a_list_of_blocks_is_one():
    model = nn.Sequential(nn.Sequential(Residual(3), nn.Identity(), Residual(3)))
    assert blocks(model, images()) == [("0.0",), ("0.1",), ("0.2",)]


def test_a_network_without_layers_has_no_blocks():
    with pytest.raises(Unscorable, match="no convolution or linear layer"):
        blocks(nn.Sequential(nn.ReLU()), Inputs((torch.ones(2, 3),), {}))
