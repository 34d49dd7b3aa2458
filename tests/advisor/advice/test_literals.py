"""Which numbers a call writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.advice.literals import called, located, numbers
from advisor.graph import Span


@pytest.mark.parametrize(
    ("call", "written"),
    [
        ("nn.Conv2d(64, 60, kernel_size=3, bias=False)", {64, 60, 3}),
        ("stage(Block(64), 60)", {60}),
        ("stage([(1, 16), (6, 24)], width=w * 96)", {1, 16, 6, 24, 96}),
        ("nn.Conv2d(\n        64,\n        60,\n    )", {64, 60}),
        ("self.width", set()),
        ("Block(60.0, '60', True)", set()),
    ],
)
def test_the_numbers_of_a_call_are_its_own(tmp_path: Path, call: str, written: set[int]):
    file = tmp_path / "net.py"
    file.write_text(f"if é:\n    x = {call}\n", encoding="utf-8")
    last = call.split("\n")[-1]
    end = Span(str(file), 2, 9, 2 + call.count("\n"), len(last) + (9 if "\n" not in call else 1))
    assert numbers(end) == written


def test_numbers_are_found_where_they_stand(tmp_path: Path):
    file = tmp_path / "net.py"
    file.write_text('x = f("é", 60,\n  [é, 60], g(60))\n', encoding="utf-8")
    call = Span(str(file), 1, 5, 2, 18)
    assert located(call, 60) == (Span(str(file), 1, 12, 1, 14), Span(str(file), 2, 7, 2, 9))
    assert located(call, 61) == located(call, 6) == ()
    assert called(call) == 'f("é", 60, [é, 60], g(60))'


def test_a_file_that_is_gone_has_none(tmp_path: Path):
    assert numbers(Span(str(tmp_path / "gone.py"), 1, 1, 1, 9)) == frozenset()
