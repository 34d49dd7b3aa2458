"""Where the numbers of layers come from, by audits of small files in a real worker: a file in, numbers out."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import Any

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


def traced(auditor: Auditor, path: Path, **more: Any) -> Graph:
    events = auditor.run(path, candidate("Net", attempts=[attempt(source="default")]), **more)
    [model] = [e for e in events if e["event"] == "model"]
    assert model["status"] == "ok", model["error"]
    return Graph.from_plain(model["graph"])


def test_places_are_in_code_points_and_of_strings_the_digits(auditor: Auditor) -> None:
    numbers, text = numbers_of(auditor, net("sum(widths)", "é = 'à'; widths = [8, int('ü_24'.split('_')[1])]"))
    assert written(numbers, text, "conv") == "8 24"
    assert [literal.kind for literal in numbers.literals if literal.value == 24] == ["string"]


def test_numbers_of_other_files_of_the_project_are_followed(auditor: Auditor) -> None:
    other = auditor.write("pack/config.py", "WIDTHS = {'wide': 48}\ndef make(c):\n    return int(c * 0.5)\n")
    auditor.write("pack/__init__.py", "")
    path = auditor.write("pack/net.py", HEAD + "from .config import WIDTHS, make\n" + net("make(WIDTHS['wide'])"))
    numbers = traced(auditor, path).numbers
    assert numbers is not None
    step = numbers.step("conv", "out_channels")
    assert step is not None
    spans = sorted(numbers.literals[i].span for i in numbers.reaches(step))
    assert [(s.file, s.line, s.column, s.end_column) for s in spans] == [
        (str(other), 1, 19, 21),
        (str(other), 3, 20, 23),
    ]


def test_statement_by_statement_too(auditor: Auditor) -> None:
    body = "raise ValueError('at import')\nWIDTHS = [8, 40]\n" + net("WIDTHS[1]")
    numbers, text = numbers_of(auditor, body)
    assert written(numbers, text, "conv") == "40"


def test_an_unsaved_text_has_its_own_numbers(auditor: Auditor) -> None:
    path = auditor.write("net.py", HEAD + net("24"))
    unsaved = "\n\n" + HEAD + net("56")
    numbers = traced(auditor, path, buffers={str(path): unsaved}).numbers
    assert numbers is not None and written(numbers, unsaved, "conv") == "56"


def test_places_and_layers_are_those_of_a_trace_without(auditor: Auditor) -> None:
    body = net("make(16)", "make = lambda c: int(\n            max(c, 8)\n        )")
    path = auditor.write(
        "net.py", HEAD + body.replace("return self.conv(x)", "return self.conv(x).mean((2, 3)) * 2 + 1")
    )
    followed, plain = traced(auditor, path), traced(auditor, path, numbers=False)
    assert followed.numbers is not None and plain.numbers is None
    assert {**followed.to_plain(), "numbers": None} == {**plain.to_plain(), "numbers": None}


def test_the_root_of_what_runs_sees_plain_types(auditor: Auditor) -> None:
    setup = "assert type(width) is int and type(width) in (int, str) and width is 24 and not isinstance(width, str)"
    numbers, text = numbers_of(auditor, net("width", setup, ", width=24"))
    assert written(numbers, text, "conv") == "24"


def test_names_of_functions_may_mean_something_else(auditor: Auditor) -> None:
    more = "@staticmethod\n    def build(max, int, type):\n        return max(int('5'), type)"
    numbers, text = numbers_of(
        auditor, net("self.build(lambda a, b: a + b, lambda s: len(s) * 8, 16)", more=more, setup="pass")
    )
    assert sorted(written(numbers, text, "conv").split()) == ["16", "8"]


@pytest.mark.parametrize(
    "made", ["torch.zeros(dim)", "0.1 * torch.ones((dim))", "torch.randn([dim]).abs()", "torch.full((dim,), 0.5)"]
)
def test_sizes_of_parameters_that_a_module_makes_itself(auditor: Auditor, made: str) -> None:
    body = f"""
    class Scale(nn.Module):
        def __init__(self, dim):
            super().__init__()
            self.gamma = nn.Parameter({made})
            self.beta = nn.Parameter(self.gamma.clone())

        def forward(self, x):
            return x * self.gamma[:, None, None] + self.beta[:, None, None]

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.scale = nn.Conv2d(3, 24, 3), Scale(24)

        def forward(self, x):
            return self.scale(self.conv(x))
    """
    numbers, text = numbers_of(auditor, body)
    assert written(numbers, text, "scale", "gamma", 0) == "24"
    assert numbers.step("scale", "beta", 0) is None


def test_what_is_scripted_and_what_describes_stays_as_it_is(auditor: Auditor) -> None:
    body = '''
    @torch.jit.script
    def scale(x: torch.Tensor, by: int = 2) -> torch.Tensor:
        """Twice 8_16."""
        return x * by

    class Kind:
        __slots__ = ("a1", "a2")
        width: int = 24

        def __init__(self):
            """Of 1_2."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            assert (Kind.__init__.__doc__, __name__[:0]) == ("Of 1_2.", "")
            match (8, 16):
                case (8, b):
                    width = b
            self.conv = nn.Conv2d(3, width + Kind.width, 3)

        def forward(self, x):
            return scale(self.conv(x))
    '''
    numbers, text = numbers_of(auditor, body)
    assert sorted(written(numbers, text, "conv").split()) == ["16", "24"]
