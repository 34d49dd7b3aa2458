"""The widths of ``nn.MultiheadAttention``: one number sets them all."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from advisor import live
from advisor.channels import analyse
from advisor.equivalence import equivalent
from advisor.graph import Graph
from advisor.moves import MoveError, SetWidth


class Attending(nn.Module):
    """Tokens of 12 numbers and a memory of 6; ``memory_width`` of 0 attends to the tokens themselves."""

    def __init__(self, width: int = 32, memory_width: int = 0) -> None:
        super().__init__()
        self.embed = nn.Linear(12, width)
        self.remember = nn.Linear(6, memory_width) if memory_width else None
        other = memory_width or None
        self.attention = nn.MultiheadAttention(width, 4, batch_first=True, kdim=other, vdim=other)
        self.head = nn.Linear(width, 5)

    def forward(self, x: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
        x = self.embed(x)
        memory = x if self.remember is None else self.remember(memory)
        return self.head(self.attention(x, memory, memory, need_weights=False)[0])


def graph(width: int = 32, memory_width: int = 0) -> Graph:
    tensors = tuple(torch.empty(1, length, features, device="meta") for length, features in ((9, 12), (7, 6)))
    return live.trace(Attending(width, memory_width), tensors)[0]


def test_self_attention_has_one_width() -> None:
    groups = analyse(graph()).groups
    assert [(g.width, g.multiple, bool(g.pinned)) for g in groups] == [(32, 4, False), (5, 1, True)]


def test_another_width_is_what_the_module_of_that_width_is() -> None:
    key = analyse(graph()).groups[0].key
    assert equivalent(SetWidth(key, 48).apply(graph()), graph(48)) == []
    with pytest.raises(MoveError):
        SetWidth(key, 50).apply(graph())


def test_a_memory_of_its_own_width_changes_alone() -> None:
    traced = graph(memory_width=20)
    trunk, memory, _ = analyse(traced).groups
    assert trunk.pinned and not memory.pinned
    assert equivalent(SetWidth(memory.key, 24).apply(traced), graph(memory_width=24)) == []
