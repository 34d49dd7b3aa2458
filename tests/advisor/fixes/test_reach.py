"""Which models edits may change."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from advisor.fixes.edits import Edit
from advisor.fixes.proposal import Sources
from advisor.fixes.reach import reached
from advisor.graph import Span
from advisor.plan import Plans
from advisor.session import Session

TEXT = textwrap.dedent("""\
    import functools

    import torch.nn as nn

    ACTS = {"a": nn.ReLU}
    LINEAR = functools.partial(nn.Linear, 4)
    WIDTH = 60


    def act(name):
        return ACTS[name]


    class Block(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.conv = nn.Conv2d(3, width, 3)

        def forward(self, x):
            return self.conv(x).relu()


    class Narrow(nn.Module):
        def __init__(self):
            super().__init__()
            self.block = Block(WIDTH)
            self.act = act("a")()

        def forward(self, x):
            return self.act(self.block(x))


    class Wide(nn.Module):
        def __init__(self):
            super().__init__()
            self.block = Block(128)

        def forward(self, x):
            return self.block(x)


    def known(model):
        return model


    @known
    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 64, 3)

        def forward(self, x):
            return self.conv(x)
    """)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    file = tmp_path_factory.mktemp("reach") / "net.py"
    file.write_text(TEXT, encoding="utf-8")
    with Session(Plans({"targets": ["ethos-u85-1024"]})) as session:
        yield session.file(file)


@pytest.mark.parametrize(
    ("old", "models"),
    [
        ("60", {"Narrow"}),
        ("self.conv(x).relu()", {"Narrow", "Wide"}),
        ("Block(128)", {"Wide"}),
        ("ACTS[name]", {"Narrow", "Wide", "Plain"}),  # nobody was seen to run it
        ("nn.ReLU", {"Narrow", "Wide", "Plain"}),  # of a table
        ("", set()),
    ],
)
def test_what_edits_may_change(report, old, models):
    lines = TEXT.split("\n")
    line = (
        next((i for i, text in enumerate(lines) if old in text), 0) if old else lines.index("class Narrow(nn.Module):")
    )
    column = lines[line].index(old) + 1
    edit = Edit(Span(report.file, line + 1, column, line + 1, column + len(old)), "other")
    (everyone,) = ({m.name for m in report.models if m.name != "Block"},)
    assert everyone == {"Narrow", "Wide", "Plain"}
    assert {m.name for m in reached([edit], report.models, Sources()) if m.name != "Block"} == models


@pytest.mark.parametrize(
    ("before", "models"),
    [
        (")\nWIDTH = 60", {"Narrow", "Wide", "Plain"}),  # an argument more of a call in no definition
        ("\n\nimport torch", set()),  # another line behind the statement
        ("WIDTH = 60", set()),
        ("@known", set()),
        ("class Plain", {"Plain"}),  # behind its decorator
        ("        x = x", set()),
    ],
)
def test_what_insertions_may_change(report, before, models):
    above = TEXT.partition(before)[0] if before in TEXT else TEXT
    line, column = above.count("\n") + 1, len(above) - above.rfind("\n")
    text = "\nimport os" if before.startswith("\n") else "other"
    edit = Edit(Span(report.file, line, column, line, column), text)
    assert {m.name for m in reached([edit], report.models, Sources()) if m.name != "Block"} == models


def test_a_file_of_settings_reaches_all(report):
    edit = Edit(Span(str(Path(report.file).with_name("widths.yaml")), 1, 1, 1, 3), "64")
    assert len(reached([edit], report.models, Sources())) == len(report.models)
