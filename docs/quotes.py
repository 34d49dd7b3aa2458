"""Fills the quotes of docs/estimator.md: ``python docs/quotes.py``.

Between ``<!-- rows: PAGE, HEADING -->`` and ``<!-- end -->`` stand the tables of that page, under the heading that
begins so (all of them without one). ``| WORD`` behind it keeps the tables whose head has the word.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

DOCS = Path(__file__).parent
PAGE = DOCS / "estimator.md"
_QUOTE = re.compile(
    r"(?P<mark><!-- rows: (?P<page>[\w.-]+)(?:, (?P<heading>[^|>]*?))?(?: \| (?P<word>[^>]*?))? -->\n)"
    r".*?(?=<!-- end -->)",
    re.DOTALL,
)


def filled(text: str) -> str:
    """The page's text with every quote as its page has it now. Raises ValueError where there is no such table."""
    return _QUOTE.sub(_quoted, text)


def _quoted(found: re.Match[str]) -> str:
    lines = (DOCS / found["page"]).read_text(encoding="utf-8").splitlines()
    tables = ["\n".join(t) for t in _tables(lines, found["heading"] or "") if (found["word"] or "") in t[0]]
    if not tables:
        raise ValueError(f"{found['page']} has no table for {found['mark'].strip()}")
    return found["mark"] + "\n\n".join(tables) + "\n"


def _tables(lines: list[str], heading: str) -> Iterator[list[str]]:
    inside, table = not heading, list[str]()
    for line in [*lines, ""]:
        if line.startswith("#"):
            inside = not heading or line.lstrip("# ").startswith(heading)
        if inside and line.startswith("|"):
            table.append(line)
        elif table:
            yield table
            table = []


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.exit(0)
