"""The solver: literals for wanted widths, and the widths that literals come to."""

from __future__ import annotations

from typing import Any

from advisor.fixes.solve import Solution, Solver
from advisor.graph import Graph, Span
from advisor.numbers import FUNCTIONS, Literal, Number, Numbers, Step
from tests.graphs import GraphBuilder


class Table:
    """Numbers built by hand: literals on lines of their own, and what is computed of them."""

    def __init__(self) -> None:
        self.literals: list[Literal] = []
        self.steps: list[Step] = []
        self.layers: dict[str, dict[str, Any]] = {}

    def literal(self, value: Number, line: int = 0) -> int:
        line = line or len(self.literals) + 1
        self.literals.append(Literal(Span("net.py", line, 1, line, 3), value))
        return self._step("literal", value, len(self.literals) - 1)

    def step(self, fn: str, *args: int, value: Number | None = None) -> int:
        made = Numbers((), (*self.steps, Step(fn, 0, args)))
        known = made.evaluator({})  # nothing is written: the values are those of the steps
        found = value if value is not None else FUNCTIONS[fn](*(known(a) for a in args))
        return self._step(fn, found, *args)

    def _step(self, fn: str, value: Number, *args: int) -> int:
        self.steps.append(Step(fn, value, args))
        return len(self.steps) - 1

    def conv(self, path: str, cin: int | None, cout: int | None, **more: int) -> None:
        self.layers[path] = {
            k: v for k, v in {"in_channels": cin, "out_channels": cout, **more}.items() if v is not None
        }

    def solver(self, graph: Graph, usable: Any = lambda literal: True) -> Solver:
        numbers = Numbers(tuple(self.literals), tuple(self.steps), self.layers)
        numbers.check()
        return Solver(graph, numbers, usable)


def first(solutions: Any) -> Solution | None:
    return next(iter(solutions), None)


def chain(*widths: int) -> Graph:
    """3 → widths… by 3×3 convolutions c0, c1, … with a norm n0 behind the first."""
    b = GraphBuilder()
    x = b.input((1, 3, 32, 32))
    for i, width in enumerate(widths):
        x = b.conv(x, width, 3, path=f"c{i}")
        if i == 0:
            x = b.bn(x, path="n0")
    return b.build()


def test_every_literal_of_a_group_is_set() -> None:
    t = Table()
    t.conv("c0", t.literal(3), t.literal(60))
    t.layers["n0"] = {"num_features": t.literal(60)}
    t.conv("c1", t.literal(60), t.literal(32))
    graph = chain(60, 32)
    key = graph.ops[0].key
    found = first(t.solver(graph).exactly({key: 64}))
    assert found is not None
    assert found.written == {1: 64, 2: 64, 3: 64} and found.widths == {key: 64}


def test_a_number_that_was_not_followed_is_left_to_the_traced_graph() -> None:
    t = Table()
    t.conv("c0", None, t.literal(60))
    t.conv("c1", t.step("unknown", 0, value=60), None)
    found = first(t.solver(chain(60, 32)).exactly({0: 64}))
    assert found is not None and found.written == {0: 64}


def test_a_group_whose_numbers_nobody_knows_has_no_solution() -> None:
    t = Table()
    t.conv("c1", None, t.literal(32))
    solver = t.solver(chain(60, 32))
    assert first(solver.exactly({0: 64})) is None and first(solver.following({0: 64})) is None


def test_a_shared_literal_takes_the_other_group_along_and_says_so() -> None:
    t = Table()
    shared = t.literal(60)
    t.conv("c0", None, shared)
    t.conv("c1", shared, shared)
    graph = chain(60, 60, 10)
    t.conv("c2", shared, None)
    solver = t.solver(graph)
    other = graph.ops[2].key
    assert first(solver.exactly({0: 64})) is None
    found = first(solver.following({0: 64}))
    assert found is not None and found.written == {0: 64} and dict(found.widths) == {0: 64, other: 64}


def test_a_literal_that_also_sets_what_no_width_may_change_is_not_touched() -> None:
    t = Table()
    three = t.literal(3)
    t.conv("c0", three, t.literal(60), kernel_size=three)
    t.conv("c1", t.step("mul", three, t.literal(20)), None)
    found = first(t.solver(chain(60, 32)).following({0: 120}))
    assert found is not None and found.written == {1: 120, 2: 40}


def test_the_ratio_of_a_block_is_left_alone_where_the_width_itself_will_do() -> None:
    t = Table()
    width, ratio = t.literal(16), t.literal(6)
    t.conv("c0", None, t.step("mul", width, ratio))
    t.conv("c1", t.step("mul", width, ratio), None)
    found = first(t.solver(chain(96, 32)).exactly({0: 192}))
    assert found is not None and found.written == {0: 32}


def test_the_nearest_width_that_the_arithmetic_reaches() -> None:
    t = Table()
    hidden = t.step("mul", t.literal(10), t.literal(6))
    t.conv("c0", None, hidden)
    t.conv("c1", hidden, None)
    solver = t.solver(chain(60, 32))
    assert first(solver.exactly({0: 64})) is None
    near = [s.widths[0] for s in solver.near(0, 64)]
    assert set(near[:3]) == {96, 80, 48} and 60 not in near  # it is 60, and even widths come first


def test_literals_that_may_not_be_changed_are_not() -> None:
    t = Table()
    t.conv("c0", None, t.literal(60))
    assert first(t.solver(chain(60, 32), lambda literal: False).exactly({0: 64})) is None


def test_one_place_that_is_read_twice_is_one_literal() -> None:
    t = Table()
    t.conv("c0", None, t.literal(60, line=7))
    t.conv("c1", t.literal(60, line=7), None)
    found = first(t.solver(chain(60, 32)).exactly({0: 64}))
    assert found is not None and found.written == {0: 64} and found.widths == {0: 64}


def test_several_groups_are_set_together() -> None:
    t = Table()
    t.conv("c0", None, t.literal(60))
    t.conv("c1", t.literal(60), t.literal(30))
    t.conv("c2", t.literal(30), None)
    graph = chain(60, 30, 10)
    found = first(t.solver(graph).exactly({0: 64, graph.ops[2].key: 32}))
    assert found is not None and found.written == {0: 64, 1: 64, 2: 32, 3: 32}


def test_what_several_edits_come_to() -> None:
    t = Table()
    hidden = t.step("mul", t.literal(10), t.literal(6))
    t.conv("c0", None, hidden)
    t.conv("c1", hidden, t.literal(32))
    solver = t.solver(chain(60, 32))
    assert solver.widths({0: 16, 1: 4}) == {0: 64}
    t.conv("c1", t.literal(60), t.literal(32))
    assert t.solver(chain(60, 32)).widths({0: 16}) is None  # the second layer's own 60 disagrees


# ---- concatenations


def _joined(one: int, other: int) -> Graph:
    b = GraphBuilder()
    x = b.input((1, 3, 32, 32))
    left, right = b.conv(x, one, 3, path="c0"), b.conv(x, other, 3, path="c1")
    return b.build(b.conv(b.op("concat", [left, right], (1, one + other, 32, 32), dim=1), 10, path="c2"))


def test_the_rest_of_a_whole_follows_the_part_that_changes() -> None:
    t = Table()
    part, whole = t.literal(24), t.literal(176)
    t.conv("c0", None, part)
    t.conv("c1", None, t.step("sub", whole, part))
    t.conv("c2", whole, None)
    solver = t.solver(_joined(24, 152))
    assert first(solver.exactly({0: 16})) is None
    found = first(solver.following({0: 16}))
    assert found is not None and found.written == {0: 16} and dict(found.widths) == {0: 16, 1: 160}


def test_the_part_that_no_number_sets_is_what_is_left_of_the_whole() -> None:
    t = Table()
    t.conv("c0", None, t.literal(24))
    t.conv("c2", t.literal(176), None)
    assert t.solver(_joined(24, 152)).widths({1: 184}) == {1: 160}


def test_parts_that_nobody_tells_apart_change_in_proportion() -> None:
    t = Table()
    t.conv("c2", t.step("mul", t.literal(88), t.literal(2)), None)
    assert t.solver(_joined(44, 132)).widths({0: 44}) == {0: 22, 1: 66}
