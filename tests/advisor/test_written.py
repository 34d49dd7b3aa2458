"""Where a live model's layers are written, for every way of writing one that the reader knows."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from advisor import live, written


class Net(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.maybe = nn.Conv2d(c, c, 1, padding=0) if c > 2 else None  # 漢字 before nothing
        self.a, self.b = nn.Conv2d(c, c, 2, padding=1), nn.Conv2d(c, c, 3)
        self.many = nn.ModuleList([nn.Conv2d(c, c, 4) for _ in range(2)])
        for i in range(2):
            setattr(self, f"s{i}", nn.Conv2d(c, c, 5))
        local = nn.Conv2d(c, c, 6)
        self.x = local
        é = "größe"; self.wide = nn.Conv2d(c, c, 7)  # fmt: skip # noqa: E702, F841
        self.row = nn.Sequential(nn.Conv2d(c, c, 8), nn.ReLU())
        self.add_module("named", nn.Conv2d(c, c, 9))
        self.make()

    def make(self) -> None:
        self.late = nn.Conv2d(60, 60, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for m in self.children():
            for layer in m if isinstance(m, nn.ModuleList) else [m]:
                x = layer(x)
        return x


@pytest.fixture(scope="module")
def sites() -> dict[str, str]:
    model = Net(60)
    graph, _ = live.trace(model, (1, 60, 80, 80))
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    found = {}
    for path, module in written.with_creation_sites(graph, model).modules.items():
        if module.created:
            span = module.created[0]
            assert (span.file, span.line) == (__file__, span.end_line)
            found[path] = lines[span.line - 1][span.column - 1 : span.end_column - 1]
    return found


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("maybe", "nn.Conv2d(c, c, 1, padding=0)"),
        ("a", "nn.Conv2d(c, c, 2, padding=1)"),
        ("b", "nn.Conv2d(c, c, 3)"),
        ("many.1", "nn.Conv2d(c, c, 4)"),
        ("s1", "nn.Conv2d(c, c, 5)"),
        ("x", "nn.Conv2d(c, c, 6)"),
        ("wide", "nn.Conv2d(c, c, 7)"),
        ("row.0", "nn.Conv2d(c, c, 8)"),
        ("row.1", "nn.ReLU()"),
        ("named", "nn.Conv2d(c, c, 9)"),
        ("late", "nn.Conv2d(60, 60, 10)"),
    ],
)
def test_a_layer_stands_on_the_expression_that_made_it(sites: dict[str, str], path: str, text: str) -> None:
    assert sites[path] == text


def test_the_model_is_defined_where_its_constructor_begins() -> None:
    span = written.definition(Net(60))
    assert span is not None
    assert Path(span.file).read_text(encoding="utf-8").splitlines()[span.line - 1].strip().startswith("def __init__")
