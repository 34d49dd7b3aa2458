"""Exceptions of user code as text that can be shown anywhere."""

from __future__ import annotations

import pytest

from advisor.worker.oneline import LONGEST, one_line
from advisor.worker.problems import describe


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("size mismatch:\n\tgot 3,\r\n  expected 4\n", "size mismatch: got 3, expected 4"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("\ud800 naïve ✓", "\\ud800 naïve ✓"),
        ("right\u202eto left", "right\\u202eto left"),
    ],
)
def test_what_does_not_print_is_escaped(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_long_text_is_cut() -> None:
    assert len(one_line("x" * 10_000_000)) == len(one_line("\n" * LONGEST + "\x1b" * 10_000)) == LONGEST


def test_a_described_exception_is_one_line_whatever_it_says() -> None:
    strange = type("Strange\x1b]", (ValueError,), {})
    said = describe(strange("first\nsecond\x07"))
    assert (said["type"], said["message"]) == ("Strange\\x1b]", "first second\\x07")


def test_an_exception_that_cannot_be_printed_says_so() -> None:
    class Unprintable(Exception):
        def __str__(self) -> str:
            raise SystemExit

    assert "SystemExit" in describe(Unprintable())["message"]
