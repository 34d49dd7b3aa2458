"""Which number carries a width: arithmetic as real networks write it, worked out by hand."""

from __future__ import annotations

import pytest

from advisor.advice.carrier import carrier, editable
from advisor.graph import Graph, Span
from advisor.numbers import Literal, Numbers, Step
from tests.graphs import GraphBuilder

FILE = "net.py"


class Table:
    """Numbers by hand. A term is a number (a literal of its own, each on a line of its own) or ``(fn, *terms)``; one
    term object is one step, however often it is used."""

    def __init__(self) -> None:
        self.literals: list[Literal] = []
        self.steps: list[Step] = []
        self.layers: dict[str, dict[str, int]] = {}

    def literal(self, value: int | float, file: str = FILE) -> int:
        line = len(self.literals) + 1
        self.literals.append(Literal(Span(file, line, 1, line, 1 + len(str(value))), value))
        return self._add(Step("literal", value, (len(self.literals) - 1,)))

    def of(self, fn: str, value: int | float, *args: int) -> int:
        return self._add(Step(fn, value, args))

    def divisible(self, step: int, value: float, divisor: int, rounded: int) -> int:
        """``max(divisor, int(v + divisor / 2) // divisor * divisor)``."""
        by = self.steps[divisor].value
        half = self.of("truediv", by / 2, divisor, self._add(Step("constant", 2)))
        whole = self.of("int", int(value + by / 2), self.of("add", value + by / 2, step, half))
        times = self.of("floordiv", int(value + by / 2) // by, whole, divisor)
        return self.of("max", rounded, divisor, self.of("mul", rounded, times, divisor))

    def _add(self, step: Step) -> int:
        self.steps.append(step)
        return len(self.steps) - 1

    def numbers(self) -> Numbers:
        made = Numbers(tuple(self.literals), tuple(self.steps), self.layers)
        made.check()
        return made


def chain(table: Table, **steps: int) -> Graph:
    """A convolution a path, each as wide as its step."""
    b = GraphBuilder()
    x = b.input((1, 8, 8, 8))
    for path, step in steps.items():
        x = b.conv(x, int(table.steps[step].value), 3, path=path)
        table.layers[path] = {"out_channels": step}
    return b.build(x)


def value(
    table: Table, graph: Graph, *producers: int, width: int | None = None, file: str = FILE
) -> int | float | None:
    """The value of the literal that carries the width of the ``producers`` (default: all)."""
    keys = producers or tuple(op.key for op in graph.ops)
    made = width or graph.shape(graph.by_key[keys[0]].outputs[0])[1]
    found = carrier(table.numbers(), graph, keys, made, file)
    if found is None:
        return None
    assert found.span == table.literals[found.literal].span
    return table.literals[found.literal].value


def test_the_literal_that_is_the_width():
    t = Table()
    graph = chain(t, a=t.literal(64))
    found = carrier(t.numbers(), graph, [0], 64, FILE)
    assert found is not None and found.exact and found.followed and found.span.line == 1


def test_a_divisor_of_the_same_value_carries_nothing():
    t = Table()
    divisor, row = t.literal(8), t.literal(8)
    graph = chain(t, a=t.divisible(t.of("mul", 8.0, row, t.literal(1.0)), 8.0, divisor, 8))
    found = carrier(t.numbers(), graph, [0], 8, FILE)
    assert found is not None and found.literal == 1, "the row's 8 and not the one that it is rounded to"


def test_a_table_s_width_and_not_its_expansion_nor_a_multiplier():
    t = Table()
    expand, row, width_mult, divisor = t.literal(6), t.literal(24), t.literal(1.0), t.literal(8)
    scaled = t.divisible(t.of("mul", 24.0, row, width_mult), 24.0, divisor, 24)
    hidden = t.of("int", 144, t.of("round", 144, t.of("mul", 144, scaled, expand)))
    graph = chain(t, a=scaled, b=hidden)
    assert value(t, graph, 0) == 24
    assert value(t, graph, 1) == 24


def test_a_wider_network_s_width_that_no_literal_is():
    t = Table()
    row, width_mult, divisor = t.literal(32), t.literal(1.25), t.literal(8)
    graph = chain(t, a=t.divisible(t.of("mul", 40.0, row, width_mult), 40.0, divisor, 40))
    found = carrier(t.numbers(), graph, [0], 40, FILE)
    assert found is not None and found.literal == 0 and not found.exact


def test_a_ratio_by_which_a_width_is_squeezed_is_no_carrier():
    t = Table()
    channels, reduction = t.literal(64), t.literal(16)
    assert value(t, chain(t, a=t.of("floordiv", 4, channels, reduction))) == 64


def test_of_two_that_are_the_width_the_one_that_fewer_layers_read():
    """ResNet's ``planes * (base_width / 64)``: the call's 64, not the default of 64 that all layers are scaled by."""
    t = Table()
    base, planes, wide = t.literal(64), t.literal(64), t.literal(128)
    share = t.of("truediv", 1.0, base, t.literal(64.0))
    first = t.of("int", 64, t.of("mul", 64.0, planes, share))
    graph = chain(t, a=first, b=t.of("int", 128, t.of("mul", 128.0, wide, share)))
    found = carrier(t.numbers(), graph, [0], 64, FILE)
    assert found is not None and found.literal == 1
    assert value(t, graph, 1) == 128


def test_the_literal_that_most_producers_of_the_group_depend_on():
    t = Table()
    stem, stage = t.literal(64), t.literal(64)
    graph = chain(t, stem=stem, a=stage, b=stage)
    found = carrier(t.numbers(), graph, [0, 1, 2], 64, FILE)
    assert found is not None and found.literal == 1


def test_a_row_of_the_table_and_not_the_small_number_that_all_of_its_rows_share():
    """Ghost modules: ``oup // ratio * (ratio - 1)``, a residual group of several rows."""
    t = Table()
    ratio, one, rows = t.literal(2), t.literal(1), [t.literal(160) for _ in range(3)]
    half = [t.of("floordiv", 80, row, ratio) for row in rows]
    cheap = [t.of("mul", 80, h, t.of("sub", 1, ratio, one)) for h in half]
    graph = chain(t, **{f"a{n}": step for n, step in enumerate([*half, *cheap])})
    assert value(t, graph) == 160


def test_a_limit_that_is_reached_is_the_width():
    t = Table()
    base, most = t.literal(64), t.literal(512)
    assert value(t, chain(t, a=t.of("min", 512, most, t.of("mul", 1024, base, t.literal(16))))) == 512


def test_what_is_added_counts_less_than_what_is_scaled():
    t = Table()
    offset, growth, layers = t.literal(64), t.literal(32), t.literal(24)
    assert value(t, chain(t, a=t.of("add", 832, offset, t.of("mul", 768, growth, layers)))) == 32


@pytest.mark.parametrize(("factor", "carries"), [(4, False), (0.75, False), (24, True)])
def test_a_factor_of_what_is_no_literal_carries_nothing_unless_it_is_a_count(factor: int | float, carries: bool):
    t = Table()
    other = t._add(Step("constant", 120 if factor < 20 else 6))
    made = t.of("int", int(factor * t.steps[other].value), t.of("mul", 1, t.literal(factor), other))
    assert (value(t, chain(t, a=made)) is not None) == carries


@pytest.mark.parametrize(("n", "carries"), [(1, 16), (2, 180)])
def test_of_two_that_are_added_up_the_one_that_most_of_the_width_comes_from(n: int, carries: int):
    """ReXNet: ``16 + n * 180 / 16`` channels, one and a half times."""
    t = Table()
    first, last = t.literal(16), t.literal(180)
    more = t.of(
        "mul", n * 11.25, t.of("truediv", 11.25, last, t._add(Step("constant", 16.0))), t._add(Step("constant", n))
    )
    wide = t.of("mul", 1.5 * (16 + n * 11.25), t.of("add", 16 + n * 11.25, first, more), t.literal(1.5))
    assert value(t, chain(t, a=t.of("round", round(1.5 * (16 + n * 11.25)), wide))) == carries


def test_what_no_literal_moves_has_no_carrier():
    t = Table()
    fixed = t._add(Step("constant", 64))
    graph = chain(t, a=t.of("min", 64, fixed, t.literal(512)))
    assert value(t, graph) is None
    assert carrier(None, graph, [0], 64) is None
    assert carrier(Numbers(), graph, [0], 64) is None


@pytest.mark.parametrize(("written", "carries"), [(64, True), (32, False)])
def test_a_width_that_was_not_followed_is_carried_by_its_own_value_only(written: int, carries: bool):
    t = Table()
    graph = chain(t, a=t.of("unknown", 64, t.literal(written)))
    found = carrier(t.numbers(), graph, [0], 64, FILE)
    assert (found is not None) == carries
    assert found is None or not found.followed


def test_what_a_person_edits_comes_before_what_a_library_has():
    t = Table()
    package = "/env/lib/site-packages/lib/nets.py"
    library, mine = t.literal(64, package), t.literal(32)
    graph = chain(t, a=t.of("mul", 64, t.of("truediv", 2.0, library, t.literal(32.0, package)), mine))
    assert value(t, graph) == 32
    assert value(t, graph, file="/env/lib/site-packages/lib/other.py") == 64


def test_of_equals_the_one_in_the_audited_file():
    t = Table()
    here, there = t.literal(64), t.literal(64, "blocks.py")
    graph = chain(t, a=t.of("max", 64, here, there))
    for file in (FILE, "blocks.py"):
        found = carrier(t.numbers(), graph, [0], 64, file)
        assert found is not None and found.span.file == file


def test_the_width_of_a_layer_that_computes_its_weight_is_that_of_the_module_that_holds_it():
    t = Table()
    width = t.literal(60)
    b = GraphBuilder()
    made = b.op(
        "conv", [b.input((1, 8, 8, 8))], (1, 60, 8, 8), weights={"weight": b.parameter((60, 8, 3, 3), "body.a.weight")}
    )
    t.layers["body.a"] = {"out_channels": width}
    assert value(t, b.build(made), 0) == 60


def test_what_is_edited():
    mine, lib, other = "/home/net.py", "/env/site-packages/lib/a/b.py", "/env/site-packages/other/c.py"
    assert editable(Span(mine, 1, 1, 1, 2), mine) and editable(Span(mine, 1, 1, 1, 2), lib)
    assert editable(Span(lib, 1, 1, 1, 2), lib.replace("b.py", "d.py"))
    assert not editable(Span(lib, 1, 1, 1, 2), mine) and not editable(Span(lib, 1, 1, 1, 2), other)
