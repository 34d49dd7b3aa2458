"""Files are edited in memory by whatever path leads to them."""

from __future__ import annotations

import pytest

from advisor.fixes.edits import Edit
from advisor.fixes.overlay import Overlay
from advisor.fixes.writing import WriteError
from advisor.graph import Span


def test_a_file_and_a_link_to_it_are_one(tmp_path):
    file, link = tmp_path / "net.py", tmp_path / "link.py"
    file.write_bytes(b"a = 60\r\nb = 60\r\n")
    link.symlink_to(file)
    overlay = Overlay()
    overlay.now = overlay.after([Edit(Span(str(link), 1, 5, 1, 7), "64")])
    overlay.now = overlay.after([Edit(Span(str(file), 2, 5, 2, 7), "48")])
    assert overlay.text(str(link)) == overlay.text(str(file)) == "a = 64\r\nb = 48\r\n"
    texts = overlay.texts()
    assert texts.get(link) == texts.get(file) == "a = 64\r\nb = 48\r\n"
    (rewrite,) = overlay.rewrites()
    assert (rewrite.original.path, rewrite.original.data) == (file, b"a = 60\r\nb = 60\r\n")


def test_what_was_only_looked_at_or_changed_back_is_not_written(tmp_path):
    file, other = tmp_path / "net.py", tmp_path / "other.py"
    file.write_text("a = 60\n")
    other.write_text("b = 60\n")
    overlay = Overlay()
    assert overlay.text(str(other)) == "b = 60\n"
    span = Span(str(file), 1, 5, 1, 7)
    overlay.now = overlay.after([Edit(span, "64")])
    overlay.now = overlay.after([Edit(span, "60")])
    assert overlay.rewrites() == []


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(WriteError, match=r"gone\.py: cannot be read"):
        Overlay().text(str(tmp_path / "gone.py"))
