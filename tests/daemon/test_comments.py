"""Questions for comments arrive at an analyst as they were asked."""

from __future__ import annotations

import pytest

from advisor.daemon import comments
from advisor.fixes.comments import Ask, Ignore, Tell
from advisor.graph import Span

FILE = "/net.py"


@pytest.mark.parametrize("asked", [Ignore(Span(FILE, 1, 2, 3, 4), "CHN101"), Tell(Span(FILE, 1, 2, 3, 4), True, "x")])
def test_a_question_arrives_as_it_was(asked: Ask) -> None:
    assert comments.ask(FILE, comments.plain(asked)) == asked


@pytest.mark.parametrize(
    "given", [None, [], ["Ignore", [1, 2, 3], "X"], ["Ignore", [0, 1, 1, 1], "X"], ["No", [1] * 4]]
)
def test_what_is_no_question_is_refused(given: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        comments.ask(FILE, given)
