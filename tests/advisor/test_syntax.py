"""Parsing in several threads, with a collector that lets them in on each other; walking a tree."""

from __future__ import annotations

import ast
import gc
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from advisor import syntax

TEXT = "\n".join(f"a{i} = f({i}, [b + {i}, (c, d)])" for i in range(200))


class Knot:
    """Goes to the collector, and lets another thread run then."""

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        time.sleep(0.0005)


@pytest.fixture
def busy_collector():
    thresholds = gc.get_threshold()
    gc.set_threshold(100)
    yield
    gc.set_threshold(*thresholds)


def test_several_threads_parse_at_once(busy_collector) -> None:
    def work(_: int) -> int:
        Knot()
        return len(syntax.module(TEXT).body)

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(work, range(60))) == {200}


def test_an_expression() -> None:
    assert isinstance(syntax.expression("(1, 2)"), ast.Tuple)


def test_nodes_are_those_of_pythons_own_walk_in_its_order() -> None:
    tree = syntax.module(Path(syntax.__file__).read_text(encoding="utf-8"))
    assert syntax.nodes(tree) == list(ast.walk(tree))
    name = syntax.expression("a")
    assert syntax.nodes(name) == list(ast.walk(name))
