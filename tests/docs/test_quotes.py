"""What pages quote of other pages is what these say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
_spec = importlib.util.spec_from_file_location("quotes", DOCS / "quotes.py")
assert _spec is not None and _spec.loader is not None
quotes = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(quotes)


@pytest.mark.parametrize(("page", "least"), [("estimator.md", 6), ("fixes.md", 2)])
def test_quotes_are_what_their_pages_say(page, least):
    assert page in quotes.PAGES
    text = (DOCS / page).read_text(encoding="utf-8")
    assert text.count("<!-- rows: ") >= least
    assert quotes.filled(text) == text, "run `python docs/quotes.py`"


def test_a_quote_without_a_table_is_named():
    with pytest.raises(ValueError, match=r"estimator\.md has no table"):
        quotes.filled("<!-- rows: estimator.md, Nowhere -->\n<!-- end -->")
