"""Pieces of strings know where they stand, and are the plain strings in all else."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.worker.numbers.calls import call
from advisor.worker.numbers.strings import TracedStr, placed

TEXTS = st.text("a1_ ,.xé2", max_size=12)


def stands(piece: Any, text: str) -> bool:
    """Whether a piece is where it says it is; plain strings say nothing."""
    if not isinstance(piece, TracedStr):
        return True
    start = len(text.encode()[: piece.at[2]].decode())
    return text[start : start + len(piece)] == piece


@given(TEXTS, st.sampled_from([None, "_", ", ", "a1"]), st.integers(-1, 2))
def test_pieces_of_a_split(text: str, sep: str | None, most: int) -> None:
    whole = placed(text, ("net.py", 1, 0))
    for name in ("split", "rsplit"):
        pieces = getattr(whole, name)(sep, most)
        assert pieces == getattr(text, name)(sep, most)
        assert all(stands(p, text) for p in pieces)


@given(TEXTS, st.integers(-14, 14), st.none() | st.integers(-14, 14))
def test_slices_and_characters(text: str, start: int, stop: int | None) -> None:
    whole = placed(text, ("net.py", 1, 0))
    assert whole[start:stop] == text[start:stop] and stands(whole[start:stop], text)
    assert [*whole] == [*text] and all(stands(c, text) for c in whole)
    if -len(text) <= start < len(text):
        assert whole[start] == text[start] and stands(whole[start], text)
    else:
        with pytest.raises(IndexError):
            whole[start]


@given(TEXTS)
def test_what_is_cut_off(text: str) -> None:
    whole = placed(text, ("net.py", 1, 0))
    for name, *args in (("strip",), ("lstrip",), ("rstrip", "a_"), ("removeprefix", "a"), ("removesuffix", "1")):
        assert getattr(whole, name)(*args) == getattr(text, name)(*args)
        assert stands(getattr(whole, name)(*args), text)
    for name in ("partition", "rpartition"):
        assert getattr(whole, name)("_") == getattr(text, name)("_")
        assert all(stands(p, text) for p in getattr(whole, name)("_"))


@given(TEXTS, st.sampled_from([r"(\d.*)", r"[a-z]\d", r"(a)|(\d+)", r"_", r"(?P<k>[ax])(?P<n>\d+)", r""]))
def test_regular_expressions(text: str, pattern: str) -> None:
    whole = placed(text, ("net.py", 1, 0))
    for function, args in (
        (re.split, (pattern, whole)),
        (re.findall, (pattern, whole)),
        (re.compile(pattern).findall, (whole,)),
    ):
        found = call(function, *args)
        assert found == function(*args[:-1], text)
        pieces = [p for group in found for p in (group if isinstance(group, tuple) else (group,)) if p]
        assert all(stands(p, text) for p in pieces)
    match, same = call(re.search, pattern, whole), re.search(pattern, text)
    assert (match is None) == (same is None)
    if match is not None and same is not None:
        assert (match.group(), match.groups(), match.groupdict()) == (same.group(), same.groups(), same.groupdict())
        assert match.span() == same.span() and stands(match.group(), text)


@pytest.mark.parametrize(
    ("text", "kind", "span"),
    [("12", int, (0, 2)), (" 12 ", int, (1, 3)), ("0.25", float, (0, 4)), ("1e3", float, (0, 3)), ("7", float, (0, 1))],
)
def test_a_number_is_its_digits(text: str, kind: type, span: tuple[int, int]) -> None:
    found = call(kind, placed(text, ("net.py", 3, 10)))
    [_, literal] = found.step
    assert found == kind(text) and literal.kind == "string"
    assert (literal.line, literal.column - 10, literal.end_column - 10) == (3, *span)


@pytest.mark.parametrize("text", ["-3", "1_0", "x", ""])
def test_other_texts_are_read_as_ever(text: str) -> None:
    whole = placed(text, ("net.py", 1, 0))
    try:
        assert type(call(int, whole)) is int and call(int, whole) == int(text)
    except ValueError:
        with pytest.raises(ValueError):
            int(text)


def test_they_are_copied_with_and_pickled_without_their_place() -> None:
    whole = placed("a1", ("net.py", 1, 0))
    assert copy.deepcopy(whole) is whole and type(pickle.loads(pickle.dumps(whole))) is str
    assert type(whole + "b") is str and type(f"{whole}") is str and {whole: 1}["a1"] == 1
    assert call(type, whole) is str and getattr(re, placed("match", ("net.py", 1, 0))) is re.match
