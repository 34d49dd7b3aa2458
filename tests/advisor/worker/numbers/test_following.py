"""Where the numbers of layers come from, by audits of small files in a real worker: a file in, numbers out."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from advisor.graph import Graph
from advisor.numbers import Numbers
from advisor.plan import Plans
from advisor.session import Session

from ..audits import Auditor, attempt, candidate

HEAD = """
import math
import re
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from torch import nn


def _make_divisible(v, divisor=8):
    new = max(divisor, int(v + divisor / 2) // divisor * divisor)
    return new + divisor if new < 0.9 * v else new


"""


def numbers_of(auditor: Auditor, body: str) -> tuple[Numbers, str]:
    """The numbers of ``Net``, whose file is ``HEAD`` and ``body``, and that file's text."""
    text = HEAD + textwrap.dedent(body)
    path = auditor.write("net.py", text)
    events = auditor.run(path, candidate("Net", attempts=[attempt(source="default")]))
    [model] = [e for e in events if e["event"] == "model"]
    assert model["status"] == "ok", model["error"]
    numbers = Graph.from_plain(model["graph"]).numbers
    assert numbers is not None
    return numbers, text


def written(numbers: Numbers, text: str, path: str, attribute: str = "out_channels", index: int | None = None) -> str:
    """What the literals that a layer's number depends on are in the text, in order, each with its line's beginning."""
    step = numbers.step(path, attribute, index)
    assert step is not None
    lines = text.split("\n")
    spans = sorted(numbers.literals[i].span for i in numbers.reaches(step))
    assert all(s.line == s.end_line for s in spans)
    return " ".join(lines[s.line - 1][s.column - 1 : s.end_column - 1] for s in spans)


NET = """
class Net(nn.Module):
    {more}
    def __init__(self{parameters}):
        super().__init__()
        {setup}
        self.conv = nn.Conv2d(3, {width}, 3)

    def forward(self, x):
        return self.conv(x)
"""


def net(width: str, setup: str = "pass", parameters: str = "", more: str = "") -> str:
    return NET.format(width=width, setup=setup, parameters=parameters, more=more)


@pytest.mark.parametrize(
    ("body", "literals", "value"),
    [
        (net("24"), "24", 24),
        (net("width", parameters=", width=40"), "40", 40),
        (net("width", parameters=", *, width=40"), "40", 40),
        (net("a * b - c", "a, b, c = 4, 16, 8"), "4 16 8", 56),
        (net("100 - 36"), "100 36", 64),
        (net("2 ** 5 + (1 << 3)"), "2 5 1 3", 40),
        (net("int(32 * 1.5)"), "32 1.5", 48),
        (net("int(round(31.7))"), "31.7", 32),
        (net("math.ceil(30.5) + math.floor(8.5)"), "30.5 8.5", 39),
        (net("int(math.sqrt(4096))"), "4096", 64),
        (net("max(16, 8) + min(9, 7) + abs(1 - 3)"), "16 8 9 7 1 3", 25),
        (net("sum([8, 16, 24])"), "8 16 24", 48),
        (net("_make_divisible(16 * 1.3, 4)"), "2 16 1.3 4", 20),
        (net("self.rows[1][2]", more="rows = [[1, 16, 8], [6, 24, 12]]"), "12", 12),
        (net("widths['b']", "widths = {'a': 16, 'b': 48}"), "48", 48),
        (net("{1: 16, 2: 48}[2]"), "48", 48),
        (net("widths[-1]", "widths = [c * 2 for c in (8, 16)]"), "2 16", 32),
        (net("w", "for _, w in enumerate([8, 40]): pass"), "40", 40),
        (net("divmod(70, 8)[0] * 4"), "70 8 4", 32),
        (net("self.width()", more="def width(self): return 20"), "20", 20),
        (net("make(24)", "make = lambda c: c * 2"), "2 24", 48),
        (net("partial(_make_divisible, divisor=16)(30)"), "2 30 16", 32),
        (
            "@dataclass\nclass C:\n    width: int = 24\n    more: tuple = (8, 16)\n" + net("C().width + C().more[1]"),
            None,
            40,
        ),
        (net("[int(c) for c in '16_32_48'.split('_')][1]"), "32", 32),
        (net("list(map(int, '16,32,48'.split(',')))[2]"), "48", 48),
        (net("int(re.match(r'c(\\d+)', 'c40_k3').group(1))"), "40", 40),
        (net("int(re.split(r'(\\d.*)', 'c40')[1])"), "40", 40),
        (net("int(re.findall(r'[a-z]\\d+', 'k3_c24')[1][1:])"), "24", 24),
        (net("int(re.compile(r'\\d+').search('x24').group())"), "24", 24),
        (net("int(float('0.25') * 128)"), "0.25 128", 32),
        (net("int(np.ceil(30 * 1.1 / 8) * 8)"), "30 1.1 8 8", 40),
        (net("np.round(40.4).astype(int)"), "40.4", 40),
    ],
)
def test_a_width_is_followed_through(auditor: Auditor, body: str, literals: str | None, value: int) -> None:
    numbers, text = numbers_of(auditor, body)
    step = numbers.step("conv", "out_channels")
    assert step is not None and numbers.steps[step].value == value
    if literals is not None:
        assert sorted(written(numbers, text, "conv").split()) == sorted(literals.split())


def test_other_literals_give_other_widths_as_the_code_would(auditor: Auditor) -> None:
    numbers, _ = numbers_of(auditor, net("_make_divisible(24 * 1.5, 8) // 2", parameters=""))
    step = numbers.step("conv", "out_channels")
    assert step is not None and numbers.steps[step].value == 20
    [base] = [i for i, literal in enumerate(numbers.literals) if literal.value == 24]
    assert [numbers.evaluate(step, {base: v}) for v in (24, 32, 40)] == [20, 24, 32]


PICKY = NET.format(more="", parameters=", width=24", setup="assert width.__class__ is int, 'no int'", width="width")


def test_code_that_takes_no_other_numbers_works_without(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(HEAD + PICKY)
    with Session(Plans({"targets": ["npu-64"], "python": sys.executable})) as session:
        report = session.file(path)
    [found] = [m for m in report.models if m.name == "Net"]
    assert found.status == "ok" and found.graph is not None and found.graph.numbers is None
    assert any("AssertionError: no int" in note for note in found.notes)
