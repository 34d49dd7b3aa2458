"""What edits really came to, read off the traced graph."""

from __future__ import annotations

from advisor.fixes.observed import widths
from advisor.graph import Graph
from advisor.moves import SetWidth, Together
from tests.graphs import GraphBuilder


def _chain(first: int, second: int, out: int = 10, kernel: int = 1) -> Graph:
    b = GraphBuilder()
    x = b.bn(b.conv(b.input((1, 3, 8, 8)), first, 3, path="a"), path="n")
    return b.build(b.conv(b.conv(x, second, kernel, path="b"), out, path="c"))


def test_widths_that_changed_make_the_move() -> None:
    base = _chain(60, 30)
    assert widths(base, _chain(64, 30)) is not None
    found = widths(base, _chain(64, 32))
    assert found is not None and found[0] == Together((SetWidth(0, 64), SetWidth(2, 32)))
    one = widths(base, _chain(48, 30))
    assert one is not None and one[0] == SetWidth(0, 48)


def test_what_widths_alone_do_not_explain_makes_none() -> None:
    base = _chain(60, 30)
    assert widths(base, base) is None
    assert widths(base, _chain(64, 30, out=12)) is None  # the model's output is no free width
    assert widths(base, _chain(64, 30, kernel=3)) is None


def test_layers_that_are_gone_say_nothing() -> None:
    b = GraphBuilder()
    assert widths(_chain(60, 30), b.build(b.conv(b.input((1, 3, 8, 8)), 10, 3, path="a"))) is None
