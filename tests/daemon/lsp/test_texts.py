from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types

from advisor.daemon.lsp.texts import ENCODINGS, Codec, cleaned, edited, split

UNITS = {"utf-8": lambda s: len(s.encode()), "utf-16": lambda s: len(s.encode("utf-16-le")) // 2, "utf-32": len}
TEXTS = st.text(alphabet="ab\n\r\f\u2028é😀 ", max_size=30)


def test_only_the_protocols_line_ends_end_lines():
    assert split("a\x0cb\u2028c\x85d\re\r\nf\n\ng") == ("a\x0cb\u2028c\x85d\r", "e\r\n", "f\n", "\n", "g")
    assert split("") == () and split("a\n") == ("a\n",)


def test_half_a_surrogate_pair_becomes_a_character_that_can_be_sent():
    assert cleaned("a\ud83d😀").encode() == "a\ufffd😀".encode()


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(text=TEXTS, data=st.data())
def test_edits_replace_what_the_client_means(encoding, text, data):
    """Against an oracle: offsets in code points, converted by Python's own encoders."""
    lines, codec = split(text), Codec(encoding)
    low = data.draw(st.integers(0, len(text)))
    high = data.draw(st.integers(low, len(text)))

    def position(offset: int) -> types.Position:
        before = split(text[:offset] + "x")  # the line that the offset stands on is the last
        row, head = len(before) - 1, before[-1][:-1]
        if offset and text[offset - 1 : offset + 1] == "\r\n":
            row, head = row - 1, before[-2][:-1]  # between the two is the end of the line
        return types.Position(row, UNITS[encoding](head))

    if "\r\n" in (text[max(0, low - 1) : low + 1], text[max(0, high - 1) : high + 1]):
        return
    new = data.draw(TEXTS)
    change = types.TextDocumentContentChangePartial(range=types.Range(position(low), position(high)), text=new)
    after = edited(lines, change, codec)
    assert "".join(after) == text[:low] + new + text[high:]
    assert after == split("".join(after))


@pytest.mark.parametrize(("encoding", "column"), [("utf-8", 4), ("utf-16", 2), ("utf-32", 1)])
def test_a_position_behind_an_astral_character(encoding, column):
    codec = Codec(encoding)
    assert codec.position(("😀x\n",), 1, 2) == types.Position(0, column)
    assert codec.points("😀x\n", column) == 1
    assert codec.points("😀x\n", 99) == 2


def test_positions_beyond_the_text_are_its_end():
    codec = Codec("utf-16")
    assert codec.position(("ab\n", "c"), 7, 3) == types.Position(1, 1)
    assert codec.position(("ab\n",), 7, 3) == types.Position(1, 0)
    assert codec.position((), 1, 1) == types.Position(0, 0)
    end = types.Range(types.Position(9, 9), types.Position(9, 9))
    change = types.TextDocumentContentChangePartial(range=end, text="d")
    assert edited(("ab\n", "c"), change, codec) == ("ab\n", "cd")
    assert edited(("ab\n",), change, codec) == ("ab\n", "d")
