"""How the check of what rules say counts, and that it can be run."""

import random

import pytest

from advisor import packs
from advisor.estimator import SIMULATED
from advisor.estimator.backends import backend_for
from advisor.targets import load

from .verify_rules import ASKED, Said, Tally, asked, page

WRONG = Said("64 saves much", True, 0.1, -0.02, 0.05)


def test_a_warning_is_right_if_its_move_saves_and_a_doubtful_one_is_not_counted():
    said = [WRONG, Said("right", True, 0.1, 0.01, 0.05), Said("doubtful", False, 0.02, -0.02, 0.05)]
    assert Tally("npu-64", "IBN201", 9, said).right == 0.5
    assert [s.held for s in said] == [False, False, True]


def test_what_is_called_free_is_right_if_it_costs_no_more_than_is_said():
    said = [Said("too dear", False, -0.01, -0.05, 0.02), Said("dear", False, -0.01, -0.025, 0.02)]
    assert Tally("npu-64", "CHN102", 9, said).right == 0.5


def test_the_page_names_what_is_not_so():
    table = page([Tally("npu-64", "IBN201", 9, [WRONG], [0.2, 0.001])])
    assert "| npu-64 | `IBN201` | 9 | 1 | 0 | 0 % | -2.0 % | 0 % | 1 |" in table
    assert "64 saves much (in truth -2.0 %, ±5.0 %)" in table


@pytest.mark.parametrize(("code", "count", "drawn"), ASKED, ids=[code for code, *_ in ASKED])
def test_every_rule_can_be_asked(code: str, count: int, drawn):
    target = load("npu-64")
    backend = backend_for(target)
    assert backend is not None and count >= 20
    rule = next(r for r in packs.rules() if r.code == code)
    graphs = [drawn(random.Random(i)) for i in range(3)]
    tally = asked(rule, graphs, target, SIMULATED, backend)
    assert (tally.target, tally.code, tally.models) == ("npu-64", code, 3)
    assert len(tally.said) <= 3
