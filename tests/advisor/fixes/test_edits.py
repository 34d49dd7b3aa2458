"""Edits: outside of their spans nothing changes, and what cannot be made together says where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.fixes.edits import Conflict, Edit, MisplacedEdit, apply, by_file, cut, merged
from advisor.graph import Span

FILE = "net.py"


def at(line: int, column: int, end_line: int, end_column: int, text: str = "", file: str = FILE) -> Edit:
    return Edit(Span(file, line, column, end_line, end_column), text)


def test_spans_are_replaced_and_empty_ones_insert() -> None:
    text = "a = 60\nb = f(a)\n"
    edits = [at(2, 8, 2, 8, ", 3"), at(1, 5, 1, 7, "64"), at(3, 1, 3, 1, "end\n")]
    assert apply(text, edits) == "a = 64\nb = f(a, 3)\nend\n"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends_are_those_of_the_text(newline: str) -> None:
    text = newline.join(["é = 1", "b\x0c = 2\x0b", ""])
    assert apply(text, [at(2, 1, 2, 1, "x\n")]) == newline.join(["é = 1", "x", "b\x0c = 2\x0b", ""])


def test_columns_are_code_points() -> None:
    assert apply("'𝒳é' , 60", [at(1, 8, 1, 10, "64")]) == "'𝒳é' , 64"
    assert cut("'𝒳é' , 60", Span(FILE, 1, 8, 1, 10)) == "60"


def test_equal_edits_count_once_and_insertions_at_one_place_keep_their_order() -> None:
    text = "import a\n"
    first, second = at(2, 1, 2, 1, "import b\n"), at(2, 1, 2, 1, "import c\n")
    assert apply(text, [first, second, first]) == "import a\nimport b\nimport c\n"


@pytest.mark.parametrize(
    "other",
    [at(1, 5, 1, 7, "48"), at(1, 6, 1, 6, "0"), at(1, 1, 1, 6, "c = "), at(1, 7, 2, 2, ""), at(1, 1, 3, 1, "")],
)
def test_edits_that_share_a_character_conflict_and_say_so(other: Edit) -> None:
    one = at(1, 5, 1, 7, "64")
    if other.span[1:3] == (1, 7):  # it begins where the other ends
        assert merged([one], [other]) == (one, other)
        return
    with pytest.raises(Conflict, match=r"net\.py:1 would become both '"):
        merged([one], [other])
    with pytest.raises(Conflict):
        apply("a = 60\nb\n", [one, other])


def test_edits_of_several_files_do_not_meet() -> None:
    here, there = at(1, 1, 1, 2, "x"), at(1, 1, 1, 3, "y", "other.py")
    assert by_file(merged([there], [here])) == {FILE: (here,), "other.py": (there,)}


@pytest.mark.parametrize("edit", [at(4, 1, 4, 1), at(1, 8, 1, 8), at(0, 1, 1, 1), at(1, 1, 2, 9)])
def test_a_place_that_the_text_does_not_have_is_refused(edit: Edit) -> None:
    with pytest.raises(MisplacedEdit, match=r"net\.py has no line"):
        apply("a = 60\nb\n", [edit])


@given(st.text(alphabet="ab é\n\r"), st.data())
def test_what_is_outside_of_the_spans_stays(text: str, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(begin, len(text)))
    before = text[:begin]
    if before.endswith("\r") or (end < len(text) and text[end] == "\n" and text[:end].endswith("\r")):
        return  # a place between the two characters of one line end has no line and column

    def place(offset: int) -> tuple[int, int]:
        lines = text[:offset].replace("\r\n", "\n").replace("\r", "\n").split("\n")
        return len(lines), len(lines[-1]) + 1

    edited = apply(text, [at(*place(begin), *place(end), "NEW")])
    assert edited == f"{text[:begin]}NEW{text[end:]}"
