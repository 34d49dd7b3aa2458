"""What can be named where a module was built: its simple values, of objects too, and nobody's code runs for it."""

from __future__ import annotations

from collections import namedtuple
from types import SimpleNamespace
from typing import Any

from torch import nn

from advisor.worker.trace.sites import Observer

Row = namedtuple("Row", "width stride")


class Block(nn.Module):
    def __init__(self, *arguments: Any) -> None:
        super().__init__()


class Shy:
    def __init__(self) -> None:
        self.kept = 4

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError("asked")


class Stage(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.width = 24
        self._hidden = 1
        config, row, block_args, shy = SimpleNamespace(kernel=3), Row(16, 2), {"se": None, "kind": "ir"}, Shy()
        step, blocks = 2, []
        for i, stride in enumerate((1, 2)):
            blocks.append(Block(config, row, block_args, shy, i, stride))
        self.blocks = nn.ModuleList(blocks)
        self.listed = nn.Sequential(*[Block(step, j) for j in range(2)])
        self.conv = nn.Conv2d(1, 1, 1)


def test_values_of_names_and_of_what_they_hold() -> None:
    with Observer(scoped=True) as observer:
        stage = Stage()
    scope = observer.scope(stage.blocks[1])
    expected = {
        "i": 1,
        "stride": 2,
        "self.width": 24,
        "config.kernel": 3,
        "len(blocks)": 1,
        "row.width": 16,
        "row.stride": 2,
    }
    assert expected.items() <= scope.items()
    assert {"block_args['se']": None, "block_args['kind']": "ir"}.items() <= scope.items()
    assert not [name for name in scope if "_hidden" in name]
    assert scope["shy.kept"] == 4  # read without asking it


def test_a_comprehension_sees_what_is_around_it() -> None:
    with Observer(scoped=True) as observer:
        stage = Stage()
    scope = observer.scope(stage.listed[1])
    assert (scope["j"], scope["step"], scope["self.width"]) == (1, 2, 24)


def test_only_what_was_asked_for() -> None:
    with Observer(scoped=True) as observer:
        stage = Stage()
    assert observer.scope(stage.conv) == {}  # torch's own: nobody chooses between their classes
    with Observer() as observer:
        stage = Stage()
    assert observer.scope(stage.blocks[0]) == {}


def test_a_number_that_carries_more_is_plain() -> None:
    class Traced(int):
        def __int__(self) -> int:
            raise AssertionError("asked")

    def build() -> tuple[nn.Module, Observer]:
        width = Traced(7)
        with Observer(scoped=True) as observer:
            return Block(width), observer

    block, observer = build()
    assert type(observer.scope(block)["width"]) is int
    assert observer.scope(block)["width"] == 7
