"""The table of a model's numbers: what other literals would give, and its plain form."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from advisor.graph import Graph, GraphError, Span
from advisor.numbers import FUNCTIONS, Literal, Numbers, NumbersError, Step

NUMBERS = Numbers(
    literals=(Literal(Span("net.py", 3, 5, 3, 7), 24), Literal(Span("net.py", 4, 1, 4, 4), 1.5, "string")),
    steps=(
        Step("literal", 24, (0,)),
        Step("literal", 1.5, (1,)),
        Step("mul", 36.0, (0, 1)),
        Step("constant", 8),
        Step("int", 36, (2,)),
        Step("unknown", 40, (4, 3)),
        Step("floordiv", 4, (4, 3)),
    ),
    layers={"conv": {"out_channels": 4, "kernel_size": (None, 6)}, "head": {"in_features": 5, "out_features": 3}},
)


def test_other_literals_give_other_numbers() -> None:
    assert [NUMBERS.evaluate(4, {0: v}) for v in (24, 30, 31)] == [36, 45, 46]
    assert NUMBERS.evaluate(6, {0: 32, 1: 2.0}) == 8
    value = NUMBERS.evaluator({1: 3.0})
    assert (value(2), value(4), value(3)) == (72.0, 72, 8)


def test_what_was_not_followed_is_not_known_unless_nothing_of_it_changes() -> None:
    assert NUMBERS.evaluate(5, {0: 32}) is None
    assert NUMBERS.evaluate(5, {}) == 40


def test_what_cannot_be_computed_is_not_known() -> None:
    by_zero = Numbers(NUMBERS.literals, (Step("literal", 24, (0,)), Step("floordiv", 1, (0, 0))), {})
    assert by_zero.evaluate(1, {0: 0}) is None


def test_a_step_of_thousands_is_worked_out() -> None:
    steps = [Step("literal", 1, (0,)), *(Step("add", i + 2, (i, 0)) for i in range(5000))]
    numbers = Numbers(NUMBERS.literals, tuple(steps), {"conv": {"out_channels": 5000}})
    assert numbers.evaluate(5000, {0: 2}) == 10002
    assert numbers.readers == {0: (("conv", "out_channels", 0),)}


def test_steps_of_layers() -> None:
    assert NUMBERS.step("conv", "out_channels") == NUMBERS.step("conv", "out_channels", 0) == 4
    assert [NUMBERS.step("conv", "kernel_size", i) for i in (0, 1, 2)] == [None, 6, None]
    assert (
        NUMBERS.step("conv", "groups") is NUMBERS.step("other", "groups") is NUMBERS.step("conv", "kernel_size") is None
    )
    assert NUMBERS.reaches(4) == {0, 1}
    assert NUMBERS.readers[1] == (("conv", "out_channels", 0), ("conv", "kernel_size", 1), ("head", "in_features", 0))


def test_the_plain_form_goes_through_json_and_graphs() -> None:
    plain = json.loads(json.dumps(NUMBERS.to_plain()))
    assert Numbers.from_plain(plain) == NUMBERS
    graph = Graph([], {}, {}, (), (), numbers=NUMBERS)
    assert Graph.from_plain(json.loads(json.dumps(graph.to_plain()))).numbers == NUMBERS
    assert graph.replace().numbers is None


@pytest.mark.parametrize(
    "change",
    [
        {"steps": [["add", 1, 0, 0]]},
        {"steps": [["literal", 1, 7]]},
        {"steps": [["exec", 1]]},
        {"layers": {"conv": {"out_channels": 99}}},
        {"literals": [[5, 1, 1, 1, 2, 3, "number"]]},
        {"files": None},
    ],
)
def test_anything_else_is_refused(change: dict[str, Any]) -> None:
    plain = {**NUMBERS.to_plain(), **change}
    with pytest.raises(NumbersError):
        Numbers.from_plain(plain)
    with pytest.raises(GraphError):
        Graph.from_plain({**Graph([], {}, {}, (), ()).to_plain(), "numbers": plain})


def test_every_function_is_that_of_its_name() -> None:
    assert FUNCTIONS["round"](2.5) == 2 and FUNCTIONS["round"](2.345, 2) == round(2.345, 2)
    assert FUNCTIONS["sum"](1, 2, 3) == 6 and FUNCTIONS["sqrt"](16) == math.sqrt(16)
    assert FUNCTIONS["lshift"](1, 4) == 16 and FUNCTIONS["max"](1, 3, 2) == 3
