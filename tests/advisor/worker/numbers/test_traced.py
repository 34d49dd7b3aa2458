"""Traced numbers are the plain numbers in all but their history."""

from __future__ import annotations

import copy
import json
import math
import operator
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from advisor.graph import Span
from advisor.numbers import Literal as Written
from advisor.numbers import Numbers
from advisor.worker.numbers.calls import call
from advisor.worker.numbers.reading import Reader
from advisor.worker.numbers.traced import TRACED, Literal, of_literal, plain

FILE = "net.py"
INTS = st.integers(-1000, 1000)
FLOATS = st.floats(-1000, 1000, allow_nan=False)
NUMBERS = INTS | FLOATS
OPERATORS = (
    *(operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, divmod),
    *(operator.pow, operator.lshift, operator.rshift, operator.and_, operator.or_, operator.xor),
    *(operator.eq, operator.lt, operator.ge, max, min, math.pow, round),
)


def written(value: float, line: int = 1) -> Any:
    return of_literal(Literal(FILE, (line, 0, line, 1), value))


def outcome(function: Any, *args: Any) -> Any:
    """What a call gives or raises, with its type."""
    try:
        found = function(*args)
    except Exception as e:
        return type(e)
    parts = found if isinstance(found, tuple) else (found,)
    return [(repr(p), type(plain(p))) for p in parts]


@given(st.sampled_from(OPERATORS), NUMBERS, NUMBERS)
def test_arithmetic_is_that_of_plain_numbers(function: Any, a: float, b: float) -> None:
    if function in (operator.pow, operator.lshift):
        a, b = a, max(min(b, 9), -9)
    expected = outcome(function, a, b)
    assert outcome(function, written(a), b) == expected
    assert outcome(function, a, written(b)) == expected
    assert outcome(function, written(a), written(b)) == expected
    assert outcome(lambda *args: call(function, *args), written(a), written(b)) == expected


@given(NUMBERS, st.sampled_from([abs, operator.neg, operator.pos, round, math.ceil, math.floor, math.trunc]))
def test_so_are_functions_of_one_number(a: float, function: Any) -> None:
    assert outcome(function, written(a)) == outcome(function, a)


@given(NUMBERS, st.sampled_from([int, float, bool, str, repr, hash, math.sqrt, math.log2, "{:.3f}".format, json.dumps]))
def test_so_are_conversions(a: float, function: Any) -> None:
    assert outcome(function, written(a)) == outcome(function, a)
    assert outcome(lambda v: call(function, v), written(a)) == outcome(function, a)


@given(NUMBERS)
def test_they_are_copied_with_and_pickled_without_their_history(a: float) -> None:
    number = written(a)
    assert copy.copy(number) is copy.deepcopy([number])[0] is number
    assert type(pickle.loads(pickle.dumps(number))) is type(a)
    assert call(type, number) is type(a) and isinstance(number, type(a))
    assert {number: 1}[a] == {a: 1}[number] == 1


def test_libraries_take_them() -> None:
    width, half = written(8), written(0.5)
    assert np.array([width, 2]).dtype == np.array([8, 2]).dtype and float(np.float64(2) * half) == 1.0
    assert torch.zeros(width, 2).shape == (8, 2) and (torch.ones(2) * half).tolist() == [0.5, 0.5]
    assert torch.tensor(width).dtype == torch.int64 and torch.tensor([half]).dtype == torch.float32
    assert [*range(width)][-1] == 7 and [0] * width == [0] * 8 and "abc"[written(1)] == "b"
    array, seven = np.ones(2, np.float32), np.float32(7)
    for found in (width * array, array * half, np.add(array, half), np.where(array > half, half, array), seven * width):
        assert found.dtype == np.float32
    assert type(half * np.float64(2)) is type(np.float64(2) * half) is np.float64
    scripted = torch.jit.script(nn.Conv2d(3, width, written(3), padding=written(1)))
    assert scripted(torch.zeros(1, 3, 4, 4)).shape == (1, 8, 4, 4)


def table(value: Any) -> tuple[Numbers, int | None]:
    layer = nn.Identity()
    vars(layer)["width"] = value
    found = Reader(lambda _: True).table({"layer": layer})
    if found is None:
        return Numbers(), None
    numbers = Numbers.from_plain(json.loads(json.dumps(found)))
    return numbers, numbers.step("layer", "width")


@given(st.lists(st.tuples(st.sampled_from("+-*/m"), NUMBERS), min_size=1, max_size=12), NUMBERS, NUMBERS)
def test_the_steps_say_what_the_code_would_give(steps: list[tuple[str, float]], first: float, other: float) -> None:
    seen: list[float] = []

    def run(value: Any) -> Any:
        for fn, operand in steps:
            seen.append(value)
            if fn == "m":
                value = call(max, value, operand)
            else:
                by = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.floordiv}[fn]
                value = by(value, operand)
        return value

    try:
        expected = [run(first), run(other)]
    except ArithmeticError:
        return
    numbers, step = table(run(written(first)))
    if step is None:
        assert any(not math.isfinite(v) or abs(v) >= 1 << 63 for v in (*seen, *expected))
        return
    [literal] = numbers.literals
    assert literal == Written(Span(FILE, 1, 1, 1, 2), first)
    assert numbers.steps[step].value == expected[0]
    assert numbers.evaluate(step, {0: other}) == expected[1]


def test_what_cannot_be_written_down_is_left_out() -> None:
    assert table(written(10) ** 30) == (Numbers(), None)
    assert table(written(1e308) * 10) == (Numbers(), None)


def test_a_long_loop_is_followed_without_recursion() -> None:
    value = written(1)
    for _ in range(5000):
        value = value + 1
    numbers, step = table(value)
    assert step is not None and numbers.evaluate(step, {0: 3}) == 5003


def test_a_layers_forward_gets_plain_numbers() -> None:
    layer = nn.Conv2d(3, written(8), written(3))
    reader = Reader(lambda _: True)
    reader.take(layer)
    assert all(type(v) not in TRACED for v in (layer.out_channels, *layer.kernel_size))
    found = reader.table({"": layer})
    assert found is not None and found["layers"][""].keys() == {"out_channels", "kernel_size"}


@pytest.mark.parametrize("owned", [True, False])
def test_numbers_of_other_peoples_files_are_constants(owned: bool) -> None:
    layer = nn.Conv2d(3, written(8) * 2, 3)
    assert (Reader(lambda _: owned).table({"": layer}) is not None) == owned
