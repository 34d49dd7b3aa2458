"""Edits: in the client's positions and the document's own line ends."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from advisor.daemon.lsp.documents import Elsewhere, Opened
from advisor.daemon.lsp.edits import glob_of, inserted
from advisor.daemon.lsp.texts import Codec, Encoding
from advisor.fixes.comments import Ignore, Insertion, Written
from advisor.graph import Span


def document(text: str, encoding: Encoding = "utf-16") -> Opened:
    return Opened("file:///net.py", Path("/net.py"), 4, text, Elsewhere(Codec(encoding), lambda _: None))


def test_line_ends_of_the_document_are_kept() -> None:
    opened = document("x = 1\r\ny = f(2)  # noqa\r\n")
    insertion = Written(opened.path, opened.text).insertions([Ignore(Span("/net.py", 2, 5, 2, 9), "CHN101")])[0]
    assert insertion is not None
    version, (edit,) = inserted(opened, insertion)["file:///net.py"]
    assert (version, edit.range.start.line, edit.new_text) == (4, 1, "# advisor: ignore[CHN101]\r\n")


@pytest.mark.parametrize(("encoding", "character"), [("utf-8", 9), ("utf-16", 7), ("utf-32", 6)])
def test_columns_are_the_clients(encoding: Encoding, character: int) -> None:
    (edit,) = inserted(document("x = '🙂'\n", encoding), Insertion(1, 7, "a"))["file:///net.py"][1]
    assert edit.range.start == edit.range.end
    assert edit.range.start.character == character


def test_globs_match_the_file_that_they_are_made_of_and_no_pattern() -> None:
    assert glob_of(Path("/p/nets/a.py"), Path("/p")) == "nets/a.py"
    odd = glob_of(Path("/p/a[1]*?.py"), Path("/p"))
    assert odd is not None
    assert fnmatchcase("a[1]*?.py", odd)
    assert not fnmatchcase("a1xy.py", odd)
    assert glob_of(Path("/elsewhere/a.py"), Path("/p")) is None
