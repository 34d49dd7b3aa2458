from __future__ import annotations

import random

import pytest

from advisor.daemon.lsp.moved import changes, shifted, through
from advisor.daemon.lsp.texts import split
from advisor.daemon.view import View
from advisor.findings import Related
from advisor.graph import Span

from .views import finding, span, view

TEXT = "import torch.nn as nn\n\nclass Net:\n    a = nn.Conv2d(3, 17)\n    b = nn.ReLU()\n"
FILE = "/x/net.py"
CONV, RELU = "nn.Conv2d(3, 17)", "nn.ReLU()"


def moved(was: View, old: str, new: str) -> View:
    return through(was, changes(split(old), split(new)))


def words(text: str, at: Span) -> str:
    """What stands at a span of one line."""
    return text.split("\n")[at.line - 1][at.column - 1 : at.end_column - 1]


def test_what_stands_before_stays_and_what_stands_behind_shifts():
    new = TEXT.replace("    b", "\n\n    b")
    was = view(FILE, TEXT, places=(CONV, RELU), models=("Net",))
    now = moved(was, TEXT, new)
    assert [words(new, p.span) for p in now.places] == [CONV, RELU]
    assert [p.span.line for p in now.places] == [4, 7]
    assert words(new, now.models[0].span) == "Net"
    assert was.places[1].span.line == 5  # the old view is another one


def test_edit_on_the_same_line_shifts_columns():
    new = TEXT.replace("    a =", "    first =")
    assert [words(new, p.span) for p in moved(view(FILE, TEXT, places=(CONV, RELU)), TEXT, new).places] == [CONV, RELU]


def test_a_layer_that_is_typed_in_stretches_and_its_finding_goes():
    new = TEXT.replace("17)", "176)")
    was = view(FILE, TEXT, places=(CONV,), findings=(finding(FILE, TEXT, CONV), finding(FILE, TEXT, RELU)))
    now = moved(was, TEXT, new)
    assert words(new, now.places[0].span) == "nn.Conv2d(3, 176)"
    assert [words(new, f.span) for f in now.findings] == [RELU]


def test_a_layer_that_was_deleted_goes():
    new = TEXT.replace(f"    a = {CONV}\n", "")
    now = moved(view(FILE, TEXT, places=(CONV, RELU)), TEXT, new)
    assert [words(new, p.span) for p in now.places] == [RELU]


def test_edits_far_apart_leave_what_is_between():
    """What a formatter does: something at the top, something at the end."""
    new = "# top\n" + TEXT + "# end\n"
    assert [words(new, p.span) for p in moved(view(FILE, TEXT, places=(CONV, RELU)), TEXT, new).places] == [CONV, RELU]


def test_places_in_other_files_stay():
    elsewhere = Span("/x/other.py", 9, 1, 9, 5)
    related = finding(FILE, TEXT, RELU, related=[Related(elsewhere, "there"), Related(span(FILE, TEXT, CONV), "here")])
    now = moved(view(FILE, TEXT, findings=(related,)), TEXT, "\n" + TEXT)
    assert [r.span.line for r in now.findings[0].related] == [9, 5]


@pytest.mark.parametrize("seed", range(20))
def test_words_that_no_edit_touches_are_found_again(seed):
    """Random edits of lines: a word of a line that no edit touched stands where its span says."""
    rng = random.Random(seed)
    lines = [f"word{i} = {'x' * rng.randrange(5)}\n" for i in range(40)]
    lines_of, old = list(lines), "".join(lines)
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(lines))
        match rng.randrange(3):
            case 0:
                lines.insert(at, f"new{rng.random()}\n")
            case 1:
                del lines[at]
            case _:
                lines[at] = "é" + lines[at].replace("=", "==\n=")
    new = "".join(lines)
    steps = changes(split(old), split(new))
    for i in range(40):
        at = shifted(span(FILE, old, f"word{i} "), steps)
        if at is not None:
            assert words(new, at) == f"word{i} "
        else:
            assert lines_of[i] not in lines


@pytest.mark.parametrize("lines", [300, 2_000])
def test_lines_that_are_all_alike_are_not_compared_one_by_one(lines):
    """Tables of equal rows would take seconds; the whole region counts as one edit then."""
    row = "        [6, 96, 1, 1],\n"
    old = (row,) * lines + ("end\n",)
    new = (row, *(piece for _ in range(lines - 1) for piece in (f"{row} x\n", row)), f"{row} x\n", "end\n")[1:]
    steps = changes(old, new)
    assert len(steps) == 1
    assert shifted(Span(FILE, lines + 1, 1, lines + 1, 4), steps) == Span(FILE, 2 * lines, 1, 2 * lines, 4)
