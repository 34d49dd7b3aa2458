"""docs/estimator.md: what it quotes of other pages is what they say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
_spec = importlib.util.spec_from_file_location("quotes", DOCS / "quotes.py")
assert _spec is not None and _spec.loader is not None
quotes = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(quotes)


def test_quotes_are_what_their_pages_say():
    text = (DOCS / "estimator.md").read_text(encoding="utf-8")
    assert text.count("<!-- rows: ") >= 6
    assert quotes.filled(text) == text, "run `python docs/quotes.py`"


def test_a_quote_without_a_table_is_named():
    with pytest.raises(ValueError, match=r"estimator\.md has no table"):
        quotes.filled("<!-- rows: estimator.md, Nowhere -->\n<!-- end -->")
