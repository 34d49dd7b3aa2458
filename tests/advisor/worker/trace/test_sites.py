"""Creation sites are exact source spans; constructor arguments are captured; odd classes come to no harm."""

from __future__ import annotations

import copy
import linecache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from advisor import live
from advisor.worker.trace.frames import expression_at
from advisor.worker.trace.sites import Observer


def text(span: list[Any]) -> str:
    """The source under a one-line span."""
    file, line, column, end_line, end_column = span
    assert line == end_line
    return linecache.getline(file, line)[column - 1 : end_column - 1]


class Block(nn.Module):
    def __init__(self, width: int, *sizes: int, bias: bool = False, **extra: Any) -> None:
        super().__init__()
        self.naïve, self.conv = "ü", nn.Conv2d(3, width, 1, bias=bias)
        self.norm = helper(width)


def helper(width: int) -> nn.Module:
    return nn.BatchNorm2d(width)


class Scaled(nn.Conv2d):
    def __init__(self, width: int) -> None:
        super().__init__(width, width, 1)


class Hostile(nn.Module):
    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared")

    def __setattr__(self, name: str, value: Any) -> None:
        raise AssertionError("written to")


def test_chain_from_the_expression_outwards() -> None:
    with Observer() as observer:
        block = Block(8)
    assert [text(s) for s in observer.sites(block.conv)[:2]] == ["nn.Conv2d(3, width, 1, bias=bias)", "Block(8)"]
    assert [text(s) for s in observer.sites(block.norm)[:3]] == [
        "nn.BatchNorm2d(width)",
        "helper(width)",
        "Block(8)",
    ]


def test_subclass_is_created_where_it_is_called() -> None:
    with Observer() as observer:
        scaled = Scaled(4)
    assert text(observer.sites(scaled)[0]) == "Scaled(4)"


def test_columns_are_code_points() -> None:
    with Observer() as observer:
        made = ("äöü", nn.ReLU())[1]
    assert text(observer.sites(made)[0]) == "nn.ReLU()"


def test_captured_arguments_build_the_class_again() -> None:
    with Observer() as observer:
        for width in (4, 8, 16, 32):
            Block(width, bias=True, depth=2)
        Block(4, 1, 2)
    args, kwargs = observer.captured[Block][1]
    assert (args, kwargs) == ((), {"width": 8, "bias": True, "depth": 2})
    assert len(observer.captured[Block]) == 3
    assert nn.Conv2d not in observer.captured
    assert Block(*args, **kwargs).conv.out_channels == 8


def test_captured_variadic_arguments() -> None:
    with Observer() as observer:
        Block(4, 1, 2)
    assert observer.captured[Block] == [((4, 1, 2), {"bias": False})]


def test_copies_were_created_where_their_original_was() -> None:
    with Observer() as observer:
        layer = Block(8)
        clones = [copy.deepcopy(layer) for _ in range(2)]
        encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 2, enable_nested_tensor=False)
    assert observer.sites(clones[1].conv) == observer.sites(layer.conv)
    first = encoder.layers[1]
    assert text(observer.sites(first)[0]) == "nn.TransformerEncoderLayer(8, 2, 16)"


def test_odd_classes_are_left_alone() -> None:
    with Observer() as observer:
        module = Hostile()
    assert text(observer.sites(module)[0]) == "Hostile()"


def test_nothing_is_recorded_outside() -> None:
    original = nn.Module.__init__
    with Observer() as observer:
        pass
    assert nn.Module.__init__ is original
    assert observer.sites(nn.ReLU()) == []


def test_graph_modules_carry_their_sites() -> None:
    with Observer() as observer:
        model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU())
    graph, _ = live.trace(model, torch.empty((1, 3, 4, 4), device="meta"), observer=observer)
    site = graph.site(graph.ops[0])
    assert site is not None
    assert text(list(site)) == "nn.Conv2d(3, 4, 1)"


def test_expression_without_column_tables(tmp_path: Path) -> None:
    source = tmp_path / "net.py"
    source.write_text("import x\nname = 'é'; layer = x.Conv(\n    3, 4,\n)\ny = a + b\n", encoding="utf-8")
    file = str(source)
    assert expression_at(file, 2) == [file, 2, 21, 4, 2]
    assert expression_at(file, 5) == [file, 5, 5, 5, 10]
    assert expression_at(file, 1) == [file, 1, 1, 1, 9]
