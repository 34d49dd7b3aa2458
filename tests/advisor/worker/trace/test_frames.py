"""Call sites as exact spans, over several lines too."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from advisor import live


class Chains(nn.Module):
    def forward(self, x):
        y = (
            x.reshape(
                1,
                3,
                -1,
            )
            .sum(1)
            .softmax(-1)
        )
        return y, x.permute(0, 2, 3, 1).mean(1)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no columns: the line's expression stands there")
def test_a_method_chain_begins_where_its_expression_begins() -> None:
    graph, _ = live.trace(Chains(), torch.empty(1, 3, 4, 4, device="meta"))
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    found = {}
    for op in graph.ops:
        assert op.call is not None
        text = "\n".join(lines[op.call.line - 1 : op.call.end_line])[op.call.column - 1 :]
        cut = len(lines[op.call.end_line - 1]) - op.call.end_column + 1
        found[op.op] = "".join(text[: len(text) - cut].split())
    assert found["reshape"] == "x.reshape(1,3,-1,)"
    assert found["softmax"] == "x.reshape(1,3,-1,).sum(1).softmax(-1)"
    assert found["permute"] == "x.permute(0,2,3,1)"


class Nested(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU()), nn.Tanh())

    def forward(self, x):
        return self.inner(x)


class Outer(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(Nested())

    def forward(self, x):
        x = self.body(x)
        x = x + 1
        return self.body(x)


def test_ops_inside_containers_stand_where_user_code_calls_the_container() -> None:
    graph, _ = live.trace(Outer(), torch.empty(1, 3, 4, 4, device="meta"))
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    calls = [op.call for op in graph.ops]
    inner, between = ["return self.inner(x)"] * 3, ["x = x + 1"]
    assert [lines[c.line - 1].strip() for c in calls if c is not None] == [*inner, *between, *inner]
    modules = [op.path for op in graph.ops]
    assert modules == ["body.0.inner.0.0", "body.0.inner.0.1", "body.0.inner.1", "", *modules[:3]]
