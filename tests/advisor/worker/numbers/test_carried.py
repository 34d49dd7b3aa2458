"""Numbers of constructor attempts keep the place they were read off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from advisor.numbers import Numbers
from advisor.worker.numbers.carried import compiled
from advisor.worker.numbers.loading import following, unfollowed
from advisor.worker.numbers.traced import TracedInt

from ..audits import Auditor, attempt, candidate

NET = """\
from torch import nn
class Net(nn.Module):
    def __init__(self, width, mult=1, kinds=()):
        super().__init__()
        self.conv = nn.Conv2d(3, width * mult, 1)

    def forward(self, x):
        return self.conv(x)
"""


@pytest.fixture
def train(tmp_path: Path) -> str:
    path = tmp_path / "train.py"
    path.write_text('# é\n"é", 60, 0.5, "s4_c60"\n', encoding="utf-8")
    return str(path)


def site(line: int, column: int, length: int, file: str) -> list[Any]:
    return [file, line, column, line, column + length]


def value(text: str, *sites: list[Any] | None) -> Any:
    with following(lambda file: file.endswith("train.py")):
        return eval(compiled(text, "eval", sites), {})


def test_a_number_stands_where_the_request_says(train: str):
    found = value("[60, True, 2]", site(2, 6, 2, train), None)
    assert found == [60, True, 2] and [type(n) for n in found] == [TracedInt, bool, int]
    literal = found[0].step[1]
    assert (literal.span(), literal.value) == ((train, 2, 6, 2, 8), 60)


def test_arithmetic_on_the_way_is_followed(train: str):
    assert value("int(60 * 0.5)", site(2, 6, 2, train), site(2, 10, 3, train)).step[0] == "int"


def test_digits_of_a_string_stand_in_it(train: str):
    text = value("'s4_c60'", site(2, 15, 8, train))
    assert int(text.split("_c")[1]) == 60
    assert text.split("_c")[1].at == (train, 2, 19 + 1)


@pytest.mark.parametrize(
    ("text", "sites"),
    [
        ("[60, 2]", [site(2, 6, 2, "train.py")]),  # places of another text
        ("60", [site(2, 6, 2, "other.py")]),  # a file that is not followed
        ("60", [None]),
    ],
)
def test_without_a_place_a_number_is_a_number(text: str, sites: list[Any]):
    found = value(text, *sites)
    assert type(found[0] if isinstance(found, list) else found) is int


def test_nothing_is_traced_where_numbers_are_not_followed(train: str):
    with following(lambda _: True), unfollowed():
        assert type(eval(compiled("60", "eval", [site(2, 6, 2, train)]))) is int


@pytest.mark.parametrize("literal", [True, False])
def test_a_call_sites_number_is_the_layers(auditor: Auditor, tmp_path: Path, literal: bool):
    file = str(tmp_path / "net.py")
    places = {"args": [[site(9, 11, 2, file)]], "kwargs": {"mult": [site(9, 20, 1, file)]}, "setup": []}
    told = {**attempt("30", literal=literal), "kwargs": {"mult": "2"}, "places": places}
    event = auditor.audit(NET + "net = Net(30, mult=2)\n", candidate("Net", attempts=[told]))["Net"]
    numbers = Numbers.from_plain(event["graph"]["numbers"])
    step = numbers.step("conv", "out_channels")
    assert step is not None
    reached = [numbers.literals[i] for i in numbers.reaches(step)]
    assert sorted((n.span[1:], n.value) for n in reached) == [((9, 11, 9, 13), 30), ((9, 20, 9, 21), 2)]
    assert numbers.evaluate(step, {next(i for i in numbers.reaches(step) if numbers.literals[i].value == 30): 32}) == 64
